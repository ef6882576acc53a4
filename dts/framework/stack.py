# SPDX-License-Identifier: BSD-3-Clause
"""A Linux network stack, wherever it is: a namespace of this machine, or a guest."""

from __future__ import annotations

import abc
import ipaddress
import json

from framework.process import Result, Running


class Stack(abc.ABC):
    """Commands run inside, and what is done with them everywhere.

    Attributes:
        label: how messages call it.
        name: how `ip` calls it, where it is a namespace.
    """

    label: str
    name: str

    @abc.abstractmethod
    def run(self, *command: str, check: bool = True, timeout: float = 30.0,
            stdin: str | None = None) -> Result:
        """Runs a command inside, to its end."""

    @abc.abstractmethod
    def start(self, *command: str, name: str = "") -> Running:
        """Starts a command inside, beside the test."""

    @abc.abstractmethod
    def ip(self, *arguments: str, check: bool = True) -> Result:
        """`ip` with these arguments, inside."""

    @abc.abstractmethod
    def sysctl(self, path: str, value: int | str) -> None:
        """Writes /proc/sys/`path` as it is seen inside."""

    @abc.abstractmethod
    def delete(self) -> None:
        """Ends what still runs inside and removes it."""

    def ip_json(self, *arguments: str) -> list[dict]:
        """`ip -json -details` with these arguments, inside."""
        return json.loads(self.ip("-json", "-details", *arguments).stdout or "[]")

    def has_link(self, interface: str) -> bool:
        return self.ip("link", "show", "dev", interface, check=False).status == 0

    def mac(self, interface: str) -> str:
        return self.ip_json("link", "show", "dev", interface)[0]["address"]

    def carrier(self, interface: str) -> bool:
        return "LOWER_UP" in self.ip_json("link", "show", "dev", interface)[0]["flags"]

    def add_address(self, interface: str, address: str) -> None:
        """Gives an interface an address ("10.0.0.1/24", "fd00::1/64"), usable at once."""
        if ipaddress.ip_interface(address).version == 6:
            self.ip("addr", "add", address, "dev", interface, "nodad")
        else:
            self.ip("addr", "add", address, "dev", interface)

    def plain_offloads(self, interface: str) -> None:
        """Whole checksums and wire-sized segments, as a wire carries them.

        A veth hands its peer half-finished checksums and segments of 64 KB, which no wire does and
        a packet socket cannot mend.
        """
        self.run("ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off",
                 "gro", "off", "tx-udp_tnl-segmentation", "off",
                 "tx-udp_tnl-csum-segmentation", "off", check=False)
