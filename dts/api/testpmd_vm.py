# SPDX-License-Identifier: BSD-3-Clause
"""Virtual machines behind vhost-user and virtio-user ports.

dpdk-testpmd stands for the virtual machine's virtio device: on one side it is the other end of our
port, on the other a TAP in the VM's namespace, so that a whole Linux stack talks through it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from api.config import VmPortConfig
from api.vm import Vm
from framework.namespace import Namespace
from framework.process import Background, wait_until

TESTPMD = "dpdk-testpmd"


class TestpmdVm(Vm):
    """A VM behind a socket.

    Attributes:
        kind: "vhost-user" (our port is net_vhost, testpmd has net_virtio_user) or "virtio-user"
            (our port is net_virtio_user, testpmd has net_vhost).
    """

    __test__ = False  # no test class, whatever its name

    def __init__(self, name: str, mac: str, addresses: list[str], kind: str,
                 mtu: int = 1500) -> None:
        super().__init__(name, mac, addresses, kind, mtu)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.namespace.name}-"))
        self.socket = self.folder / "virtio.sock"
        self.testpmd: Background | None = None

    def port_config(self, macs: list[str] | None = None) -> VmPortConfig:
        device = (f"net_vhost_{self.name},iface={self.socket}" if self.kind == "vhost-user" else
                  f"net_virtio_user_{self.name},path={self.socket},server=0,mac={self.mac}")
        return VmPortConfig(self.name, device, [self.mac] if macs is None else macs)

    def start_testpmd(self) -> None:
        """Starts the far end of the port and configures the VM's interface."""
        device = (f"net_virtio_user_far,path={self.socket},mac={self.mac}"
                  if self.kind == "vhost-user" else f"net_vhost_far,iface={self.socket}")
        cores = f"0-{(os.cpu_count() or 1) - 1}"
        self.testpmd = self.namespace.start(
            TESTPMD, "--no-huge", "-m", "256", "--no-pci", "--no-telemetry",
            f"--file-prefix={self.namespace.name}", "--lcores", f"0@{cores},1@{cores}",
            f"--vdev={device}", f"--vdev=net_tap_vm,iface={self.interface}", "--",
            "--forward-mode=io", "--auto-start", "--total-num-mbufs=4096", "--stats-period=3600",
            name="testpmd")
        # Starting its port, testpmd gives the TAP a MAC of its own: what is set before is lost.
        self.testpmd.wait_for_text("io packet forwarding - ports=2", 20)
        self._configure()

    def _alive(self) -> bool:
        return self.testpmd is not None and self.testpmd.running

    def stop_testpmd(self) -> None:
        if self.testpmd is not None:
            self.testpmd.stop()
            self.testpmd = None

    def before_start(self, hypervisor: Namespace) -> None:
        if self.kind == "virtio-user":
            self.start_testpmd()

    def after_start(self, hypervisor: Namespace) -> None:
        if self.kind == "vhost-user":
            wait_until(self.socket.exists, "our vhost socket")
            self.start_testpmd()
        wait_until(lambda: self.namespace.carrier(self.interface), f"carrier in VM {self.name}")

    def delete(self) -> None:
        self.stop_testpmd()
        super().delete()
        shutil.rmtree(self.folder, ignore_errors=True)
