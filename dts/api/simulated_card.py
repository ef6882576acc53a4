# SPDX-License-Identifier: BSD-3-Clause
"""The simulated ConnectX-6 Dx of a hypervisor (docs/mlx5sim.md).

Its uplinks and VFs are attached to interfaces of the hypervisor's namespace: what arrives there
comes in by the port, and what leaves the port goes out there. So the same cables carry the same
frames as without a card.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from api import debian13

PCI = "0000:03:00.0"


def _more(variable: str, option: str) -> str:
    """A sanitizer's options of ours with one more, for `env`; the last one of a name counts."""
    return f"{variable}={':'.join(filter(None, [os.environ.get(variable), option]))}"


class SimulatedCard:
    """What is said of a card before its process starts, and to it while that runs."""

    #: Representors and uplinks are ports of DPDK, which has room for 32 with the host port.
    most_vfs = 28

    #: VFs for VMs that come when the process runs: their interfaces come then too.
    spare_vfs = 2

    def __init__(self, uplinks: tuple[str, ...]) -> None:
        """`uplinks`: interfaces of p0 and p1."""
        self._attached = {f"p{index}": name for index, name in enumerate(uplinks)}
        self._vfs = 0
        self._spare: list[tuple[str, str]] = []
        #: Other keys of the topology.
        self.settings: dict[str, str] = {}
        self._control: Path | None = None

    def add_vf(self, interface: str) -> str:
        """A VF at this interface, before the process starts; what a config file calls it."""
        assert self._vfs < self.most_vfs, "the card is full"
        name = f"pf0vf{self._vfs}"
        self._vfs += 1
        self._attached[name] = interface
        return name

    def take_spare(self) -> tuple[str, str]:
        """One that nobody has yet, while the process runs, and its interface."""
        return self._spare.pop()

    def topology(self) -> str:
        """The file."""
        if not self._spare:
            names = [f"late{self._vfs + number}" for number in range(self.spare_vfs)]
            self._spare = [(self.add_vf(name), name) for name in names]
        keys = {"pci": PCI, "pf0.vfs": str(self._vfs), **self.settings,
                **{f"{port}.attach": name for port, name in self._attached.items()}}
        return "".join(f"{key} = {value}\n" for key, value in keys.items())

    def environment(self, folder: Path) -> list[str]:
        """Words for `env` before the process; `folder` is where its files are."""
        topology = folder / "card.conf"
        topology.write_text(self.topology())
        self._control = folder / "card.sock"
        words = [f"MLX5SIM_TOPOLOGY={topology}", f"MLX5SIM_CONTROL={self._control}",
                 f"PATH={debian13.SOURCE}/tests/mlx5sim/programs:/usr/sbin:/usr/bin"]
        if debian13.is_sanitized():
            # The simulator has to see who calls, and so comes before the sanitizer's own functions.
            words += [_more("ASAN_OPTIONS", "verify_asan_link_order=0"),
                      _more("LSAN_OPTIONS", f"suppressions={debian13.SOURCE}/tests/lsan.supp"),
                      _more("UBSAN_OPTIONS", f"suppressions={debian13.SOURCE}/tests/ubsan.supp")]
        return [*words, f"LD_PRELOAD={debian13.BUILD / debian13.SIMULATOR}"]

    def command(self, text: str) -> None:
        """To the card: a fault of docs/mlx5sim.md."""
        assert self._control is not None, "not started"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(text.encode(), str(self._control))
