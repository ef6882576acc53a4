# SPDX-License-Identifier: BSD-3-Clause
"""The process under test: its files, its start and its end."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

from api import debian13, nic
from api.config import MainConfig, TenantConfig
from api.shell import Shell
from api.simulated_card import SimulatedCard
from framework.namespace import Namespace
from framework.process import Background, Result, note, wait_until

ROOT = Path(__file__).resolve().parents[2]
#: For the driver's tables and queues.
_CARD_MEMORY_MB = 512

#: Processes that were started and not yet closed: the report of a failed case shows their logs.
running: list[Sallyport] = []


def build_folder() -> Path:
    """Where the binaries are: DTS_BUILD, or build/ of the checkout."""
    return Path(os.environ.get("DTS_BUILD", ROOT / "build"))


def binary(name: str) -> str:
    """Path of one of the project's binaries; fails with a sentence where it was not built."""
    build = debian13.build() if nic.simulated() else build_folder()
    for folder in ("app", "dts/tools", "."):
        path = build / folder / name
        if path.exists():
            return debian13.outside(f"{folder}/{name}") if nic.simulated() else str(path)
    raise FileNotFoundError(f"{name} is not in {build}: run dts/setup.sh first")


class Sallyport:
    """One Sallyport in a namespace, with config files of its own in a temporary folder."""

    _count = 0

    def __init__(self, namespace: Namespace, main: MainConfig,
                 tenants: list[TenantConfig] | None = None, workers: int = 1,
                 memory_mb: int = 512, card: SimulatedCard | None = None,
                 before: list[str] | None = None) -> None:
        Sallyport._count += 1
        self.namespace = namespace
        self.main = main
        self.tenants = list(tenants or [])
        self.workers = workers
        self.memory_mb = memory_mb
        self.card = card
        #: A command that becomes the process, with its own options: setpriv(1).
        self.before = list(before or [])
        if card is not None:
            # Sanitized, a worker that wakes every 100 us takes a tenth of a processor for nothing.
            self.main.settings.setdefault("workers.max_sleep_us", 1000)
            # The card is a thread that needs a processor too: who waits for it must not take that.
            self.main.settings.setdefault("failover.real_time", "off")
        self.folder = Path(tempfile.mkdtemp(prefix=f"{namespace.name}-"))
        self.prefix = f"{namespace.name}-{Sallyport._count}"
        self.socket = self.folder / "shell.sock"
        self.main_file = self.folder / "sallyport.conf"
        self.tenants_folder = self.folder / "tenants.d"
        self.process: Background | None = None
        self.shell = Shell(binary("sallyport-shell"), self.socket)

    # Files.

    def tenant_file(self, name: str) -> Path:
        return self.tenants_folder / f"{name}.conf"

    def write_config(self) -> None:
        """Writes the main file and all tenant files."""
        self.tenants_folder.mkdir(exist_ok=True)
        self.main_file.write_text(self.main.text(self.socket, self.tenants_folder))
        for tenant in self.tenants:
            self.write_tenant(tenant)

    def write_tenant(self, tenant: TenantConfig) -> Path:
        """Writes one tenant's file, which nobody else can read where keys are in it."""
        path = self.tenant_file(tenant.name)
        if any(sa.key for sa in tenant.sas):
            path.touch()
            path.chmod(0o600)
        path.write_text(tenant.text())
        return path

    # Life.

    def arguments(self) -> list[str]:
        """The command line: EAL without huge pages or real PCI, lcores that float over the cores."""
        cores = f"0-{(os.cpu_count() or 1) - 1}"
        lcores = ",".join(f"{lcore}@{cores}" for lcore in range(self.workers + 1))
        options = ["--no-huge", f"--file-prefix={self.prefix}", "--lcores", lcores]
        if self.card is None:
            program = [binary("sallyport"), "--no-pci", "-m", str(self.memory_mb)]
        else:
            program = [*debian13.inside("env", *self.card.environment(self.folder),
                                        str(debian13.BUILD / "app" / "sallyport")),
                       "-a", "0000:00:00.0", "-m", str(self.memory_mb + _CARD_MEMORY_MB)]
        return [*self.before, *program, *options, "--", "--config", str(self.main_file)]

    def start(self, ready: bool = True, timeout: float = 20.0) -> Sallyport:
        """Starts the process and waits until its shell answers."""
        self.write_config()
        command = [*self.arguments()]
        name = f"sallyport-{self.namespace.label}"
        self.process = self.namespace.start(*command, name=name)
        running.append(self)
        if ready:
            wait_until(self._answers, f"{name} answers on its shell socket\n{self.log()}", timeout,
                       interval=0.05)
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        if not self.process.running:
            raise AssertionError(
                f"sallyport ended with {self.process.process.returncode}:\n{self.log()}")
        return self.socket.exists() and self.shell.run("show version", check=False).status == 0

    def log(self) -> str:
        """What the process has written."""
        return self.process.text() if self.process else ""

    def pid(self) -> int:
        """The process itself (`ip netns exec` becomes it)."""
        assert self.process is not None
        return self.process.process.pid

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        self.process.signal(signal.SIGTERM)
        status = self.process.wait(20)
        self.process.discard_log()
        return status

    def kill(self) -> None:
        """SIGKILL, as a crash would be, and away with its files."""
        assert self.process is not None
        self.process.signal(signal.SIGKILL)
        self.process.wait(20)
        self.process.discard_log()
        if self in running:
            running.remove(self)
        shutil.rmtree(self.folder, ignore_errors=True)

    def check_config(self, *options: str) -> Result:
        """`sallyport -- --check-config` on the files as written last."""
        return self.namespace.run(binary("sallyport"), "--", "--check-config", "--config",
                                  str(self.main_file), *options, check=False)

    def close(self) -> None:
        """Ends the process, checks that it ended well, and removes its files.

        Raises:
            AssertionError: it had died, ended with another status than 0, or a sanitizer spoke.
        """
        if self in running:
            running.remove(self)
        try:
            if self.process is not None:
                died = not self.process.running and self.process._text is None
                status = self.process.process.returncode if died else None
                if not died and self.process.running:
                    status = self.stop()
                log = self.log()
                self.process.discard_log()
                note(f"log of {self.namespace.label}:\n{log[-6000:]}")
                if died and status != 0:
                    raise AssertionError(f"sallyport had died with status {status}:\n{log[-6000:]}")
                if status not in (None, 0):
                    raise AssertionError(f"sallyport ended with status {status}:\n{log[-6000:]}")
                for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
                    if word in log:
                        raise AssertionError(f"{word} in the log:\n{log[-12000:]}")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
