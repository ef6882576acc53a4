# SPDX-License-Identifier: BSD-3-Clause
"""A whole virtual machine: Linux in qemu behind a vhost-user port, with its defaults untouched."""

from __future__ import annotations

import shutil

from api import guest_image
from api.testpmd_vm import TestpmdVm
from framework.namespace import Namespace
from framework.process import Background, wait_until

QEMU = "qemu-system-x86_64"


def why_not() -> str | None:
    """Why a guest cannot be had here; None: it can."""
    if shutil.which(QEMU) is None:
        return f"{QEMU} is not installed (dts/setup.sh packages guest)"
    return guest_image.why_not("guest")


class GuestVm(TestpmdVm):
    """Linux in qemu, software emulation; it answers pings and runs `iperf3 -s`.

    Its virtio device offers all that our port's driver offers, and Linux takes all of it: partial
    checksums, and segments of up to 64 KB where they are on offer.
    """

    def __init__(self, name: str, mac: str, addresses: list[str], mtu: int = 1500) -> None:
        super().__init__(name, mac, addresses, "vhost-user", mtu)
        self.qemu: Background | None = None

    def after_start(self, hypervisor: Namespace) -> None:
        wait_until(self.socket.exists, "our vhost socket")
        image = guest_image.guest_folder("guest")
        words = " ".join(f"sally.address={address}" for address in self.addresses)
        self.qemu = self.namespace.start(
            QEMU, "-accel", "tcg", "-machine", "q35,memory-backend=memory", "-m", "256",
            "-object", "memory-backend-memfd,id=memory,size=256M,share=on",
            "-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-serial", "stdio",
            "-chardev", f"socket,id=port,path={self.socket}",
            "-netdev", "vhost-user,id=net,chardev=port",
            # Interrupt vectors crash this release of qemu under software emulation.
            "-device", f"virtio-net-pci,netdev=net,mac={self.mac},vectors=0",
            "-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd"),
            "-append", f"console=ttyS0 quiet panic=-1 {words}", name="qemu")
        self.qemu.wait_for_text("guest is up", 120)

    def delete(self) -> None:
        if self.qemu is not None:
            self.qemu.stop()
        super().delete()
