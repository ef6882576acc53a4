# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's IPsec packet offload on the uplinks' interfaces, between both hosts."""

from __future__ import annotations

import hashlib
import secrets

from card.host import Host, Undo
from framework.process import CommandError, Result

#: RFC 2544's network, which no host has.
NETWORK = "198.18"


def address(side: int, number: int) -> str:
    """Address `number` of the first or second host, in one network."""
    number += 1
    return f"{NETWORK}.{side * 128 + (number >> 8)}.{number & 255}"


class Tunnels:
    """Transport-mode SAs between the hosts' first ports, SA by SA with addresses of its own."""

    def __init__(self, hosts: tuple[Host, Host], interfaces: tuple[str, str],
                 offload: bool = True) -> None:
        self.hosts = hosts
        self.offload = offload
        self.interfaces = interfaces
        self.count = 0
        self._undo: list[Undo] = []
        self._secret = secrets.token_bytes(32)
        for host, interface in zip(hosts, interfaces):
            if host.run("ip", "xfrm", "state").stdout or host.run("ip", "xfrm", "policy").stdout:
                raise CommandError(f"{host.name} has IPsec of its own (`ip xfrm state`), which "
                                   "would be lost")
            self._undo.append(host.defer("ip", "-4", "addr", "flush", "dev", interface, "to",
                                         f"{NETWORK}.0.0/16"))
            self._undo += [host.defer("ip", "xfrm", kind, "flush")
                           for kind in ("state", "policy")]

    def _key(self, spi: int) -> str:
        """Each SA has its own, the same on both hosts."""
        return "0x" + hashlib.sha256(self._secret + spi.to_bytes(4, "big")).digest()[:20].hex()

    def _lines(self, side: int, numbers: range) -> str:
        interface = self.interfaces[side]
        lines = []
        for number in numbers:
            ours, theirs = address(side, number), address(1 - side, number)
            lines.append(f"addr add {ours}/16 dev {interface}")
            for source, destination, direction, spi in (
                    (ours, theirs, "out", 0x1000 + 2 * number + side),
                    (theirs, ours, "in", 0x1000 + 2 * number + 1 - side)):
                lines.append(
                    f"xfrm state add src {source} dst {destination} proto esp spi {spi} reqid "
                    f"{number + 1} mode transport aead rfc4106(gcm(aes)) {self._key(spi)} 128"
                    + (f" offload packet dev {interface} dir {direction}" if self.offload else ""))
                lines.append(
                    f"xfrm policy add src {source} dst {destination} dir {direction}"
                    + (f" offload packet dev {interface}" if self.offload else "")
                    + f" tmpl src {source} dst {destination} proto "
                    f"esp reqid {number + 1} mode transport")
        return "".join(f"{line}\n" for line in lines)

    def grow(self, count: int) -> None:
        """As many pairs of SAs as that.

        Raises:
            CommandError: the kernel or the driver refuses one; with its words.
        """
        for side, host in enumerate(self.hosts):
            result: Result = host.run("ip", "-batch", "-", check=False, timeout=300,
                                      stdin=self._lines(side, range(self.count, count)))
            if result.status != 0:
                raise CommandError(f"{host.name}: {result.stderr.strip()[:500]}")
        self.count = count

    def close(self) -> None:
        """Takes all of it away."""
        while self._undo:
            self._undo.pop().now()

    def __enter__(self) -> Tunnels:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
