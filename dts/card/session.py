# SPDX-License-Identifier: BSD-3-Clause
"""How commands get to a host: by ssh, or into a network namespace of this machine that plays it.

A session only says which local command runs a command there; all else is the same for both.
"""

from __future__ import annotations

import shlex
import shutil
import tempfile
from pathlib import Path
from typing import Protocol

from card.nodes import HostConfig
from framework.namespace import Namespace


class SessionError(AssertionError):
    """The host cannot be reached, which is not a command's fault."""


class Session(Protocol):
    """What runs commands on one host."""

    name: str

    def command(self, *command: str) -> tuple[str, ...]:
        """The local command that runs this one there."""

    def keeper_command(self, *command: str) -> tuple[str, ...]:
        """The same for the one command that runs from the beginning to the end."""

    def failed(self, status: int) -> bool:
        """Whether an exit status is the session's own."""

    def close(self) -> None:
        """After the last command."""


class SshSession:
    """OpenSSH's client: one connection, that of the keeper, which all commands share.

    Never asks for anything: keys are in an agent or a file, the host's key is known already.
    """

    def __init__(self, host: HostConfig, *options: str) -> None:
        self.name = host.name
        self._host = host
        self._options = options
        # Nobody else may use the connection: the folder is the user's alone. A Unix socket's path
        # is short.
        self._folder = Path(tempfile.mkdtemp(prefix="card-"))

    def _ssh(self, master: bool) -> list[str]:
        host = self._host
        command = ["ssh", "-T", "-a", "-x", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10",
                   "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=6",
                   "-o", f"ControlPath={self._folder}/%C",
                   "-o", f"ControlMaster={'yes' if master else 'no'}", "-o", "ControlPersist=no",
                   *self._options]
        if host.port is not None:
            command += ["-p", str(host.port)]
        if host.identity is not None:
            command += ["-i", str(host.identity), "-o", "IdentitiesOnly=yes"]
        return [*command, "-l", host.user, "--", host.hostname]

    def _there(self, command: tuple[str, ...]) -> str:
        return shlex.join(("sudo", "-n", *command) if self._host.sudo else command)

    def command(self, *command: str) -> tuple[str, ...]:
        return (*self._ssh(master=False), self._there(command))

    def keeper_command(self, *command: str) -> tuple[str, ...]:
        return (*self._ssh(master=True), self._there(command))

    def failed(self, status: int) -> bool:
        return status == 255

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


class PlayedSession:
    """A network namespace that plays a host. Its files are this machine's."""

    def __init__(self, name: str, namespace: Namespace) -> None:
        self.name = name
        self._namespace = namespace

    def command(self, *command: str) -> tuple[str, ...]:
        # `ip netns exec` would give each command mounts of its own, and a namespace that one
        # makes would not be there for the next.
        return ("nsenter", f"--net={self._namespace.path}", "--", *command)

    def keeper_command(self, *command: str) -> tuple[str, ...]:
        return self.command(*command)

    def failed(self, status: int) -> bool:
        return False

    def close(self) -> None:
        pass
