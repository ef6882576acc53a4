# SPDX-License-Identifier: BSD-3-Clause
"""A Linux guest that is an ordinary process (User-Mode Linux): a kernel with what ours has not.

Commands go in by the guest's console, a line each; what is to be run, and what comes of it, are
files in a folder that host and guest share. See dts/tools/uml_agent.sh for the other end.
"""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import signal as signals
import tempfile
import time
from pathlib import Path

from api import guest_image
from framework.namespace import Namespace, make_bridge
from framework.process import (TIME_SCALE, Background, CommandError, Result, Running, note,
                               wait_until)
from framework.stack import Stack

_KILLED = 128 + signals.SIGKILL

#: Guests that were started and not yet deleted: the report of a failed case shows their consoles.
running: list[UmlPeer] = []


def why_not() -> str | None:
    """Why such a guest cannot be had here; None: it can."""
    return guest_image.why_not("uml")


class GuestJob(Running):
    """A script that runs in a guest, as `Background` is a command that runs here."""

    def __init__(self, guest: UmlPeer, number: int, folder: Path, command: tuple[str, ...],
                 name: str) -> None:
        self.guest = guest
        self.number = number
        self.folder = folder
        self.command = command
        self.name = name
        guest.order(f"start {number}")

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    @property
    def stdout(self) -> str:
        return self._read("stdout")

    @property
    def stderr(self) -> str:
        return self._read("stderr")

    def text(self) -> str:
        return self.stdout + self.stderr

    @property
    def status(self) -> int | None:
        """Its exit status, as a shell tells it; None while it runs."""
        text = self._read("status")
        return int(text) if text.endswith("\n") else None

    @property
    def running(self) -> bool:
        return self.status is None and self.guest.alive

    def wait(self, timeout: float = 30.0) -> int:
        deadline = time.monotonic() + timeout * TIME_SCALE
        while (status := self.status) is None:
            self.guest.check_alive()
            if time.monotonic() > deadline:
                raise self.still_running(timeout * TIME_SCALE)
            time.sleep(0.005)
        return status

    def signal(self, number: int) -> None:
        if self.running:
            self.guest.order(f"signal {self.number} {int(number)}")

    def stop(self, number: int = signals.SIGTERM, timeout: float = 5.0) -> int:
        if self.running:
            self.signal(number)
            try:
                self.wait(timeout)
            except CommandError:
                self.signal(signals.SIGKILL)
                self.wait(timeout)
        status = self.status
        return _KILLED if status is None else status


class UmlPeer(Stack):
    """The guest; its card `up0` is the TAP `tap0` in the namespace `space`.

    The constructor returns while the guest boots, so that several boot at once: the first command
    waits until it is up.

    Args:
        mtu: of all cards; it cannot be changed later.
        mac: of the card.
        addresses: of the card, with their prefix lengths.
        more_macs: of further cards, which are `vec1` and so on in the guest, and the TAPs `tap1` and
            so on in `space`.
    """

    underlay = "up0"
    tap = "tap0"
    #: What the guest's kernel calls the card before it is `underlay`.
    card = "vec0"
    boot_seconds = 30.0
    _why_not = staticmethod(why_not)

    def __init__(self, name: str, mac: str, addresses: tuple[str, ...] = (), mtu: int = 1600,
                 memory_mb: int = 160, more_macs: tuple[str, ...] = ()) -> None:
        reason = self._why_not()
        assert reason is None, reason
        self.label = self.name = name
        self.addresses = addresses
        self._numbers = itertools.count(1)
        self._up = False
        self.process: Background | None = None
        self.space = Namespace(name)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.space.name}-"))
        try:
            macs = (mac, *more_macs)
            for number in range(len(macs)):
                self._make_tap(f"tap{number}", mtu)
            self._boot(macs, mtu, memory_mb)
        except BaseException:
            self.delete()
            raise

    def _make_tap(self, tap: str, mtu: int) -> None:
        self.space.ip("tuntap", "add", "dev", tap, "mode", "tap")
        self.space.ip("link", "set", tap, "mtu", str(mtu), "txqueuelen", "10000", "up")
        self.space.mute(tap)

    def _boot(self, macs: tuple[str, ...], mtu: int, memory_mb: int) -> None:
        image = guest_image.guest_folder("uml")
        (self.folder / "share").mkdir()
        self.process = Background(
            # Should we be killed, so is `unshare`, and with it all in its PID namespace. The first
            # process there is a shell: the guest's own signals would not end it in that place.
            *self.space.command("setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork",
                                "--kill-child", "sh", "-c", '"$@"; exit $?', "sh"),
            str(image / "linux"),
            f"mem={memory_mb}M", f"initrd={image / 'initrd'}", f"uml_dir={self.folder}/",
            "umid=guest", "con=null", "ssl=null", "con0=fd:0,fd:1", "quiet",
            *(f"vec{number}:transport=tap,ifname=tap{number},mac={mac},mtu={mtu},depth=128"
              for number, mac in enumerate(macs)),
            f"sally.share={self.folder}/share",
            name=f"uml-{self.label}", directory=self.folder, stdin=True)
        running.append(self)

    # Its life.

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.running

    def check_alive(self) -> None:
        """Raises CommandError, with the console's last words, if the guest has ended."""
        if not self.alive:
            raise CommandError(f"guest {self.label} has ended:\n{self.console()[-3000:]}")

    def console(self) -> str:
        """What the guest's kernel and its first process have written."""
        return self.process.text() if self.process else ""

    def wait_up(self) -> UmlPeer:
        """Returns when the guest takes commands."""
        if not self._up:
            wait_until(lambda: "guest is up" in self.console() or not self.alive,
                       f"guest {self.label} boots\n{self.console()[-3000:]}", self.boot_seconds)
            self.check_alive()
            self._up = True
            self.run_script(self._set_up())
        return self

    def _set_up(self) -> str:
        """The script that makes the card ready."""
        return f"""
            echo 1 >/proc/sys/net/ipv6/conf/{self.card}/addr_gen_mode
            ip link set {self.card} name {self.underlay}
            # Whole checksums and wire-sized segments.
            ethtool -K {self.underlay} tx off tso off gso off gro off
            ip link set {self.underlay} up
            for address in {' '.join(self.addresses)}; do
                ip address add $address dev {self.underlay}
            done
        """

    def order(self, line: str) -> None:
        """One line to the agent."""
        self.check_alive()
        assert self.process is not None and self.process.process.stdin is not None
        self.process.process.stdin.write(f"{line}\n".encode())
        self.process.process.stdin.flush()

    def delete(self) -> None:
        """Kills the guest, whatever it does, and removes all that was made for it."""
        if self in running:
            running.remove(self)
        if self.process is not None:
            # Its helpers, one for each process in the guest, are in the same group; those of a
            # guest that died go with the namespace.
            if self.process.running:
                os.killpg(self.process.process.pid, signals.SIGKILL)
            self.process.process.wait()
            if self.process.process.stdin is not None:
                self.process.process.stdin.close()
            self.process.discard_log()
            note(f"console of {self.label}:\n{self.console()[-3000:]}")
        self.space.delete()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> UmlPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.delete()

    def bridge(self, interface: str) -> None:
        """Joins the card with an interface of `space`: the end of a cable."""
        make_bridge(self.space, "bridge")
        self.space.mute(interface)
        for port in (self.tap, interface):
            self.space.ip("link", "set", port, "master", "bridge")

    # Commands.

    def start_script(self, script: str, name: str = "script", stdin: str | None = None,
                     command: tuple[str, ...] = ()) -> GuestJob:
        """Starts a shell script of any length in the guest, beside the test.

        The files of the host's `folder/share` are below /host there.
        """
        self.wait_up()
        number = next(self._numbers)
        folder = self.folder / "share" / str(number)
        folder.mkdir()
        (folder / "script").write_text(script)
        (folder / "stdin").write_text(stdin or "")
        return GuestJob(self, number, folder, command or ("sh", "-c", script), name)

    def run_script(self, script: str, check: bool = True, timeout: float = 30.0,
                   stdin: str | None = None, command: tuple[str, ...] = ()) -> Result:
        """Runs a shell script in the guest, to its end; with `check`, the first command that fails
        ends it.

        Raises:
            CommandError: it failed and `check` is set, it took longer than `timeout` seconds (it is
                killed then), or the guest has ended.
        """
        job = self.start_script(f"set -e\n{script}" if check else script, stdin=stdin,
                                command=command)
        try:
            status = job.wait(timeout)
        except CommandError:
            job.stop(signals.SIGKILL)
            raise
        result = Result(job.command, status, job.stdout, job.stderr)
        shutil.rmtree(job.folder)
        shown = f"{self.label}: {shlex.join(job.command)}"
        note(f"{shown[:4000]}\n  -> {status} {result.output.strip()[:4000]}")
        if check and status != 0:
            raise CommandError(f"exit status {status}: {shown}\n{result.output[:4000]}")
        return result

    def run(self, *command: str, check: bool = True, timeout: float = 30.0,
            stdin: str | None = None) -> Result:
        return self.run_script(f"exec {shlex.join(command)}", check, timeout, stdin, command)

    def start(self, *command: str, name: str = "") -> GuestJob:
        note(f"{self.label}: started {shlex.join(command)}")
        return self.start_script(f"exec {shlex.join(command)}", name or command[0],
                                 command=command)

    def ip(self, *arguments: str, check: bool = True) -> Result:
        return self.run("ip", *arguments, check=check)

    def sysctl(self, path: str, value: int | str) -> None:
        self.run_script(f"echo {shlex.quote(str(value))} >/proc/sys/{path}")


class GuestNamespace(Stack):
    """A network namespace inside a guest."""

    def __init__(self, guest: UmlPeer, name: str) -> None:
        self.guest = guest
        self.label = name
        self.name = name
        guest.run_script(f"""
            ip netns add {name}
            ip -n {name} link set lo up
            cd /proc/sys/net/ipv6/conf/default
            ip netns exec {name} sh -c 'echo 0 >accept_dad; echo 0 >accept_ra;
                echo 0 >router_solicitations; echo 1 >addr_gen_mode'
        """)

    def command(self, *command: str) -> tuple[str, ...]:
        """The same command, as run inside."""
        return ("ip", "netns", "exec", self.name, *command)

    def run(self, *command: str, check: bool = True, timeout: float = 30.0,
            stdin: str | None = None) -> Result:
        return self.guest.run(*self.command(*command), check=check, timeout=timeout, stdin=stdin)

    def start(self, *command: str, name: str = "") -> GuestJob:
        return self.guest.start(*self.command(*command), name=name or command[0])

    def ip(self, *arguments: str, check: bool = True) -> Result:
        return self.guest.ip("-n", self.name, *arguments, check=check)

    def sysctl(self, path: str, value: int | str) -> None:
        self.run("sh", "-c", f"echo {shlex.quote(str(value))} >/proc/sys/{path}")

    def delete(self) -> None:
        """It goes with its guest."""
