# SPDX-License-Identifier: BSD-3-Clause
"""The guest of uml_peer in qemu's software emulation, for where User-Mode Linux does not run.

It shares no folder with the host: what is to be run, and what comes of it, goes over a TCP
connection to a card of its own. See dts/tools/qemu_agent.sh for the other end.
"""

from __future__ import annotations

import base64
import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from api import guest_image
from api.guest_vm import QEMU
from api.uml_peer import UmlPeer, running
from framework.process import Background

_CALL = ("169.254.77.2", 1)


def why_not() -> str | None:
    """Why such a guest cannot be had here; None: it can."""
    if shutil.which(QEMU) is None:
        return f"{QEMU} is not installed (dts/setup.sh packages guest)"
    return guest_image.why_not("qemu")


class QemuPeer(UmlPeer):
    """As its parent, in every respect but speed: some seconds more to boot, and a tenth of the
    throughput."""

    card = "eth0"
    boot_seconds = 90.0
    _why_not = staticmethod(why_not)

    def _boot(self, macs: tuple[str, ...], mtu: int, memory_mb: int) -> None:
        image = guest_image.guest_folder("qemu")
        (self.folder / "share").mkdir()
        self._calls: set[socket.socket] = set()
        self._mtu = mtu
        self._make_tap("control", 1500)
        self.space.sysctl("net/ipv4/conf/control/arp_ignore", 0)
        self.space.ip("address", "add", "169.254.77.1/30", "dev", "control")
        assert len(macs) == 1, "further cards are User-Mode Linux's alone"
        cards = []
        for tap, mac in ((self.tap, macs[0]), ("control", "02:00:00:00:77:02")):
            cards += ["-netdev", f"tap,id={tap},ifname={tap},script=no,downscript=no,vhost=off",
                      "-device", f"virtio-net-pci,netdev={tap},mac={mac},romfile="]
        self.process = Background(
            *self.space.command("setpriv", "--pdeathsig", "KILL"), QEMU, "-accel", "tcg",
            "-machine", "q35", "-m", "256", "-nodefaults", "-no-user-config", "-nographic",
            "-no-reboot", "-serial", "stdio", *cards, "-kernel", str(image / "vmlinuz"),
            "-initrd", str(image / "initrd"), "-append", "console=ttyS0 quiet panic=-1",
            name=f"qemu-{self.label}", directory=self.folder, stdin=True)
        running.append(self)

    def _set_up(self) -> str:
        return f"ip link set {self.card} mtu {self._mtu}\n{super()._set_up()}"

    def order(self, line: str) -> None:
        self.check_alive()
        verb, job, *_ = line.split()
        if verb == "start":
            threading.Thread(target=self._follow, args=(job,), daemon=True).start()
        else:
            for _ in self._call(line):
                pass

    def _call(self, line: str, *parts: bytes) -> Iterator[bytes]:
        """What the guest answers, as it comes."""
        with self.space.entered():
            connection = socket.create_connection(_CALL, timeout=30)
        connection.settimeout(None)
        self._calls.add(connection)
        with connection:
            lines = (line.encode(), *map(base64.b64encode, parts))
            connection.sendall(b"".join(words + b"\n" for words in lines))
            while octets := connection.recv(65536):
                yield octets
        self._calls.discard(connection)

    def _follow(self, job: str) -> None:
        """Starts a job and keeps what comes of it in its folder, the status last."""
        folder = self.folder / "share" / job
        with contextlib.suppress(OSError):  # the guest has gone, which is for others to tell
            self._keep(folder / "stdout", self._call(
                f"start {job}", *((folder / name).read_bytes() for name in ("script", "stdin"))))
            status, _, complaints = b"".join(self._call(f"result {job}")).partition(b"\n")
            (folder / "stderr").write_bytes(complaints)
            (folder / "status").write_bytes(status + b"\n")

    @staticmethod
    def _keep(path: Path, answer: Iterator[bytes]) -> None:
        with path.open("wb", buffering=0) as file:
            for octets in answer:
                file.write(octets)

    def delete(self) -> None:
        for connection in list(getattr(self, "_calls", ())):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().delete()
