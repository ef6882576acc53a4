# SPDX-License-Identifier: BSD-3-Clause
"""Commands, background processes and waiting with a deadline.

Everything that is run is written to a journal, which the pytest report shows when a case fails.
"""

from __future__ import annotations

import abc
import collections
import os
import shlex
import signal as signals
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

#: The last things done, oldest first: shown when a case fails.
journal: collections.deque[str] = collections.deque(maxlen=200)

#: Sanitized processes start and stop several times slower than plain ones.
TIME_SCALE = float(os.environ.get("DTS_TIME_SCALE", "1"))


def note(text: str) -> None:
    """Adds a line to the journal."""
    stamp = time.strftime("%H:%M:%S") + f"{time.time() % 1:.3f}"[1:]
    journal.append(f"{stamp} {text}")


class CommandError(AssertionError):
    """A command that had to succeed did not."""


@dataclass(frozen=True)
class Result:
    """What a finished command left behind."""

    command: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """Both streams, for messages and searches."""
        return self.stdout + self.stderr


def _clip(text: str, most: int = 4000) -> str:
    return text if len(text) <= most else text[:most] + f"... ({len(text) - most} more)"


def run(
    *command: str, check: bool = True, timeout: float = 30.0, stdin: str | None = None
) -> Result:
    """Runs a command to its end.

    Raises:
        CommandError: it failed and `check` is set, or it took longer than `timeout` seconds.
    """
    shown = shlex.join(command)
    try:
        done = subprocess.run(
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout * TIME_SCALE,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise CommandError(f"still running after {late.timeout} s: {shown}") from late
    result = Result(command, done.returncode, done.stdout, done.stderr)
    note(f"$ {shown}\n  -> {done.returncode} {_clip(result.output.strip())}")
    if check and done.returncode != 0:
        raise CommandError(f"exit status {done.returncode}: {shown}\n{_clip(result.output)}")
    return result


def wait_until(
    condition: Callable[[], T], what: str, timeout: float = 5.0, interval: float = 0.01
) -> T:
    """Polls `condition` until it returns something true, and returns that.

    Raises:
        AssertionError: the deadline passed; the message says what was waited for.
    """
    deadline = time.monotonic() + timeout * TIME_SCALE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout * TIME_SCALE:g} s: {what}; last: {value!r}")
        time.sleep(interval)


class Running(abc.ABC):
    """Something that was started and runs beside the test.

    Usable as a context manager; `stop` is safe to call twice.
    """

    name: str
    command: tuple[str, ...]

    @property
    @abc.abstractmethod
    def running(self) -> bool: ...

    @abc.abstractmethod
    def text(self) -> str:
        """All that it has written so far."""

    @abc.abstractmethod
    def wait(self, timeout: float = 30.0) -> int:
        """Waits for its end and returns the exit status."""

    @abc.abstractmethod
    def signal(self, number: int) -> None:
        """Sends it a signal, if it runs."""

    @abc.abstractmethod
    def stop(self, number: int = signals.SIGTERM, timeout: float = 5.0) -> int:
        """Ends it: asks, and kills it if it does not hear. Returns the exit status."""

    def wait_ok(self, timeout: float = 30.0) -> str:
        """Waits for its end, demands exit status 0 and returns what it wrote."""
        status = self.wait(timeout)
        if status != 0:
            raise CommandError(
                f"exit status {status}: {shlex.join(self.command)}\n{_clip(self.text())}")
        return self.text()

    def wait_for_text(self, text: str, timeout: float = 5.0) -> None:
        """Waits until it has written `text`."""
        wait_until(lambda: text in self.text() or not self.running,
                   f"{self.name} writes {text!r}", timeout)
        if text not in self.text():
            raise CommandError(f"{self.name} ended without writing {text!r}\n{self.text()}")

    def still_running(self, timeout: float) -> CommandError:
        """The error of one that has not ended in time."""
        return CommandError(f"still running after {timeout:g} s: {shlex.join(self.command)}\n"
                            f"{_clip(self.text())}")

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Background(Running):
    """A process that runs beside the test; its output goes to a file.

    Attributes:
        process: its `stdin` is a pipe where one was asked for; else it reads nothing.
    """

    def __init__(self, *command: str, name: str = "", directory: Path | None = None,
                 environment: dict[str, str] | None = None, stdin: bool = False) -> None:
        self.command = command
        self.name = name or Path(command[0]).name
        handle, path = tempfile.mkstemp(prefix=f"{self.name}-", suffix=".log", dir=directory)
        self.log = Path(path)
        self._keep_log = directory is not None
        self._text: str | None = None
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=handle,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **environment} if environment else None,
            )
        finally:
            os.close(handle)
        note(f"started [{self.process.pid}] {shlex.join(command)}")

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def text(self) -> str:
        if self._text is not None:
            return self._text
        return self.log.read_text(errors="replace")

    def wait(self, timeout: float = 30.0) -> int:
        try:
            status = self.process.wait(timeout * TIME_SCALE)
        except subprocess.TimeoutExpired as late:
            raise self.still_running(late.timeout) from late
        note(f"ended [{self.process.pid}] {self.name} -> {status}")
        return status

    def signal(self, number: int) -> None:
        if self.running:
            self.process.send_signal(number)

    def stop(self, number: int = signals.SIGTERM, timeout: float = 5.0) -> int:
        if self.running:
            self.signal(number)
            try:
                self.process.wait(timeout * TIME_SCALE)
            except subprocess.TimeoutExpired:
                note(f"[{self.process.pid}] {self.name} did not end, killed")
                self.process.kill()
                self.process.wait()
        self.discard_log()
        return self.process.returncode

    def discard_log(self) -> None:
        """Keeps the text, removes the file."""
        if self._text is None:
            self._text = self.text()
            if not self._keep_log:
                self.log.unlink(missing_ok=True)
