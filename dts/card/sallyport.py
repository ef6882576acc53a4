# SPDX-License-Identifier: BSD-3-Clause
"""Sallyport on a host: its generated files, its start, its shell and its end."""

from __future__ import annotations

import itertools
import shlex
from pathlib import PurePosixPath

from api.config import MainConfig, TenantConfig
from api.shell import Shell
from card.host import Host, Process
from card.nodes import HostConfig
from card.ports import CardPorts
from framework.process import Result, wait_until

_count = itertools.count(1)


class RemoteShell(Shell):
    """sallyport-shell, run on the host."""

    def __init__(self, host: Host, client: str, socket: str) -> None:
        self.host = host
        self.client = client
        self.path = socket

    def run(self, command: str, check: bool = True, timeout: float = 30.0) -> Result:
        return self.host.run(self.client, "--socket", self.path, *shlex.split(command),
                             check=check, timeout=timeout)

    def script(self, path: str, timeout: float = 600.0) -> Result:
        """Commands from a file of the host."""
        return self.host.run(self.client, "--socket", self.path, "--script", path,
                             timeout=timeout)


class RemoteSallyport:
    """One process, from `start` to `close`."""

    def __init__(self, host: Host, config: HostConfig, ports: CardPorts, main: MainConfig,
                 tenants: list[TenantConfig]) -> None:
        self.host = host
        self.config = config
        self.ports = ports
        self.main = main
        self.tenants = tenants
        # Short: a Unix socket's path has at most 107 octets.
        self.folder = f"{host.folder}/s{next(_count)}"
        self.main_file = f"{self.folder}/sallyport.conf"
        self.process: Process | None = None
        self.shell = RemoteShell(host, config.shell_client, f"{self.folder}/shell.sock")
        self._log = ""

    def write_config(self) -> None:
        """The main file and all tenants' files."""
        tenants = PurePosixPath(self.folder, "tenants.d")
        text = self.main.text(PurePosixPath(self.shell.path), tenants)  # type: ignore[arg-type]
        self.host.put(self.main_file, text)
        self.host.run("mkdir", "-p", str(tenants))
        for tenant in self.tenants:
            self.write_tenant(tenant)

    def write_tenant(self, tenant: TenantConfig, folder: str = "tenants.d") -> str:
        """One tenant's file; returns its path."""
        return self.host.put(f"{self.folder}/{folder}/{tenant.name}.conf", tenant.text())

    def check_config(self) -> Result:
        """`sallyport -- --check-config` on the files as written last."""
        return self.host.run(self.config.sallyport, "--", "--check-config", "--config",
                             self.main_file, check=False)

    def start(self, timeout: float = 120.0) -> RemoteSallyport:
        """Starts it and waits until its shell answers.

        Raises:
            AssertionError: it ended before; the message has its log.
        """
        self.write_config()
        self.process = self.host.start(self.config.sallyport, *self.ports.eal, "--", "--config",
                                       self.main_file, name="sallyport")
        wait_until(self._answers, f"sallyport answers on {self.host.name}", timeout, interval=0.1)
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        if self.shell.run("show version", check=False).status == 0:
            return True
        if self.process.status() is not None:
            raise AssertionError(f"sallyport on {self.host.name} ended with "
                                 f"{self.process.status()}:\n{self.process.text()[-6000:]}")
        return False

    def log(self) -> str:
        """What it has written."""
        return self.process.text() if self.process is not None else self._log

    def close(self) -> None:
        """Ends it, and checks that it ended well.

        Raises:
            AssertionError: it did not; the message has its log.
        """
        if self.process is None:
            return
        status = self.process.stop(timeout=60)
        self._log = self.process.text()
        self.process = None
        if status != 0:
            raise AssertionError(f"sallyport on {self.host.name} ended with {status}:\n"
                                 f"{self._log[-6000:]}")
