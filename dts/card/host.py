# SPDX-License-Identifier: BSD-3-Clause
"""A host under test: commands, files, processes, and the promise to leave nothing behind.

The promise is kept on the host itself, by a small shell process, the *keeper*. It holds a temporary
folder and waits for its standard input to end: when the run is over, when this process is killed,
or when the connection is lost. Then it ends every process that was started, runs what was
written down as undoing (last things first), and removes the folder.
"""

from __future__ import annotations

import base64
import itertools
import os
import select
import shlex
import subprocess
from pathlib import Path

from card.session import Session, SessionError
from framework.process import (TIME_SCALE, CommandError, Result, journal, note, run,
                               wait_until)

#: Ends the processes whose environment has CARD_RUN=$1 or CARD_RUN=$1/...: found by that alone,
#: so that neither a number used again nor a child that left its group leads astray.
_END_MARKED = """end_marked() {
    for signal in TERM TERM TERM TERM TERM TERM TERM TERM TERM TERM KILL; do
        pids=$(grep -lszE "^CARD_RUN=$1(/|$)" /proc/[0-9]*/environ | cut -d/ -f3)
        [ -n "$pids" ] || return 0
        [ "$signal$told" = TERMyes ] || kill -$signal $pids 2>/dev/null
        told=yes
        sleep 0.2
    done
}
told=
"""

_KEEPER = _END_MARKED + """
trap '' HUP INT TERM PIPE
folder=$(mktemp -d /tmp/sallyport-card.XXXXXX) || exit 1
: > "$folder/undo"
echo "$folder"
cat > /dev/null
end_marked "$folder"
tac "$folder/undo" > "$folder/undo.last-first"
while read -r line; do
    timeout -k 2 20 sh -c "$line" < /dev/null 2>&1
done < "$folder/undo.last-first"
rm -rf "$folder"
echo undone
"""

#: $1 name, the rest is the command. The trap is for the shell alone, which outlives the command to
#: write down its status.
_START = """
folder=$1 name=$2
shift 2
CARD_RUN=$folder/$name setsid sh -c '
    trap : TERM INT
    status=$1
    shift
    "$@"
    echo $? > "$status.new" && mv "$status.new" "$status"
' sh "$folder/$name.status" "$@" > "$folder/$name.log" 2>&1 < /dev/null &
"""

_SIGNAL = """
pids=$(grep -lszE "^CARD_RUN=$1$" /proc/[0-9]*/environ | cut -d/ -f3)
[ -z "$pids" ] || kill -$2 $pids 2>/dev/null
true  # one that has just ended is no failure
"""


class Process:
    """A process that runs on a host beside the test."""

    def __init__(self, host: Host, name: str, shown: str) -> None:
        self.host = host
        self.name = name
        self.shown = shown
        self._log = f"{host.folder}/{name}.log"
        self._status: int | None = None

    def status(self) -> int | None:
        """Its exit status, once it has ended."""
        if self._status is None:
            answer = self.host.run("cat", f"{self.host.folder}/{self.name}.status", check=False,
                                   quiet=True)
            if answer.status == 0:
                self._status = int(answer.stdout)
        return self._status

    def text(self) -> str:
        """All that it has written so far."""
        return self.host.run("cat", self._log, quiet=True).stdout

    def wait(self, timeout: float = 30.0) -> int:
        """Waits for its end and returns the exit status."""
        wait_until(lambda: self.status() is not None, f"{self.shown} ends on {self.host.name}",
                   timeout, interval=0.05)
        assert self._status is not None
        return self._status

    def wait_for_text(self, text: str, timeout: float = 10.0) -> None:
        """Waits until it has written `text`."""
        wait_until(lambda: text in self.text() or self.status() is not None,
                   f"{self.shown} writes {text!r} on {self.host.name}", timeout, interval=0.05)
        if text not in self.text():
            raise CommandError(f"{self.host.name}: {self.shown} ended with {self.status()} "
                               f"without writing {text!r}\n{self.text()}")

    def signal(self, name: str) -> None:
        """Sends a signal ("TERM", "INT") if it still runs."""
        self.host.script(_SIGNAL, f"{self.host.folder}/{self.name}", name)

    def stop(self, signal: str = "TERM", timeout: float = 5.0) -> int | None:
        """Ends it: asks, and kills it if it does not hear. None: it had to be killed."""
        if self.status() is None:
            self.signal(signal)
            try:
                self.wait(timeout)
            except AssertionError:
                note(f"{self.host.name}: {self.shown} did not end, killed")
                self.host.script(_END_MARKED + 'end_marked "$1"',
                                 f"{self.host.folder}/{self.name}")
        return self._status

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Host:
    """One host, from `open` to `close`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.name = session.name
        self.folder = ""
        self._keeper: subprocess.Popen[str] | None = None
        self._count = itertools.count(1)
        self._agents: dict[str, str] = {}

    def open(self) -> Host:
        """Connects.

        Raises:
            SessionError: it cannot be done; with ssh's words.
        """
        command = self.session.keeper_command("sh", "-c", _KEEPER)
        self._keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, errors="replace",
                                        # Ctrl-C is for us, who then close in order.
                                        start_new_session=True)
        self.folder = self._keeper_says(20)
        if not self.folder.startswith("/"):
            self._keeper.kill()
            _, words = self._keeper.communicate()
            self._keeper = None
            self.session.close()
            raise SessionError(f"{self.name} cannot be reached: "
                               f"{' '.join(words.split()) or 'no answer within 20 s'}")
        note(f"{self.name}: folder {self.folder}")
        return self

    def _keeper_says(self, timeout: float) -> str:
        assert self._keeper is not None and self._keeper.stdout is not None
        ready, _, _ = select.select([self._keeper.stdout], [], [], timeout * TIME_SCALE)
        return self._keeper.stdout.readline().strip() if ready else ""

    def run(self, *command: str, check: bool = True, timeout: float = 30.0,
            stdin: str | None = None, quiet: bool = False) -> Result:
        """Runs a command to its end; one that takes too long is ended on the host too.

        Args:
            quiet: not into the journal, for what is asked again and again.

        Raises:
            CommandError: it failed and `check` is set, or it took longer than `timeout` seconds.
            SessionError: the host is not to be reached.
        """
        seconds = timeout * TIME_SCALE
        result = run(*self.session.command("timeout", "-k", "2", f"{seconds:g}", *command),
                     check=False, timeout=timeout + 15, stdin=stdin)
        # What was run there tells more than how it got there.
        journal.pop()
        shown = f"{self.name}: {shlex.join(command)[:500]}"
        if not quiet:
            note(f"{shown}\n  -> {result.status} {result.output.strip()[:1000]}")
        if self.session.failed(result.status):
            raise SessionError(f"{shown}: {result.stderr.strip() or 'the connection is lost'}")
        if result.status in (124, 137):
            raise CommandError(f"still running after {seconds:g} s: {shown}\n{result.output}")
        if check and result.status != 0:
            raise CommandError(f"exit status {result.status}: {shown}\n{result.output[:4000]}")
        return result

    def script(self, text: str, *arguments: str, check: bool = True,
               timeout: float = 30.0) -> Result:
        """Runs a shell script; the arguments are its $1, $2 and so on."""
        return self.run("sh", "-c", text, "sh", *arguments, check=check, timeout=timeout)

    def put(self, path: str, data: str | bytes) -> str:
        """Writes a file; a relative path is one of the temporary folder. Returns its path."""
        path = os.path.join(self.folder, path)
        octets = data.encode() if isinstance(data, str) else data
        # Through a text channel, whatever the octets.
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && base64 -d > "$1"', "sh", path,
                 stdin=base64.b64encode(octets).decode())
        return path

    def get(self, path: str) -> bytes:
        """Reads a file."""
        path = os.path.join(self.folder, path)
        return base64.b64decode(self.run("base64", path, timeout=120, quiet=True).stdout)

    def agent(self, name: str) -> str:
        """Path on the host of one of our scripts that run there."""
        if name not in self._agents:
            text = (Path(__file__).parent / "agent" / name).read_text(encoding="utf-8")
            self._agents[name] = self.put(name, text)
        return self._agents[name]

    def start(self, *command: str, name: str = "") -> Process:
        """Starts a command beside the test."""
        label = f"{name or Path(command[0]).name}-{next(self._count)}"
        process = Process(self, label, shlex.join(command)[:300])
        self.script(_START, self.folder, label, *command)
        return process

    def defer(self, *command: str) -> Undo:
        """Writes down what undoes the next step. It must do no harm when there is nothing to undo.
        """
        return self.defer_script(shlex.join(command))

    def defer_script(self, line: str) -> Undo:
        """The same with a line of shell."""
        assert "\n" not in line
        self.run("sh", "-c", 'cat >> "$1"', "sh", f"{self.folder}/undo", stdin=line + "\n")
        return Undo(self, line)

    def has(self, *tools: str) -> list[str]:
        """Those of the tools that are not there."""
        return [tool for tool in tools
                if self.script('command -v "$1"', tool, check=False).status != 0]

    def close(self) -> None:
        """Undoes everything and disconnects.

        Raises:
            SessionError: the host did not say that all was undone.
        """
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        try:
            try:
                words, complaints = keeper.communicate(timeout=120 * TIME_SCALE)
            except subprocess.TimeoutExpired:
                keeper.kill()
                words, complaints = keeper.communicate()
            note(f"{self.name}: {words.strip()} {complaints.strip()}")
            if not words.endswith("undone\n"):
                raise SessionError(f"{self.name} did not say that all was undone; look at "
                                   f"{self.folder}/undo there\n{words}{complaints}")
        finally:
            self.session.close()

    def __enter__(self) -> Host:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()


class Undo:
    """Something that will be undone at the end of the run, or before."""

    def __init__(self, host: Host, line: str) -> None:
        self.host = host
        self.line = line
        self._done = False

    def now(self) -> None:
        """Undoes it; the end of the run does it again, in vain."""
        if not self._done:
            self._done = True
            self.host.script(self.line, check=False)
