# SPDX-License-Identifier: BSD-3-Clause
"""A hypervisor that we did not write, whose kernel has ESP: what an operator would type there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from api import qemu_peer, uml_peer
from api.linux_peer import LinuxPeer
from api.qemu_peer import QemuPeer
from api.security import ENCAPSULATION_PORT, VXLAN_PORT, Sa, SaPair
from api.uml_peer import GuestNamespace, UmlPeer
from framework.process import wait_until


@dataclass(frozen=True)
class SaCounters:
    """What Linux says of a security association (`ip -s xfrm state`).

    Attributes:
        replayed: dropped by the anti-replay window.
        failed: dropped for a wrong ICV.
        sent: the last sequence number that it sent, 64 bits with ESN.
        received: the highest one that it received.
    """

    octets: int
    packets: int
    too_old: int
    replayed: int
    failed: int
    sent: int
    received: int


def _state_id(sa: Sa) -> list[str]:
    return ["src", sa.source, "dst", sa.destination, "proto", "esp", "spi", f"{sa.spi:#x}"]


def _algorithm(sa: Sa) -> list[str]:
    bits = str(sa.cipher.icv_size * 8)
    if not sa.cipher.auth_key_size:
        return ["aead", sa.cipher.xfrm, f"0x{sa.key.hex()}", bits]
    return ["auth-trunc", "hmac(sha256)", f"0x{sa.auth_key.hex()}", bits,
            "enc", sa.cipher.xfrm, f"0x{sa.key.hex()}"]


def _start(sa: Sa) -> list[str]:
    """Where its numbers begin, for the sender and for the receiver alike."""
    if not sa.first:
        return []
    low, high = str(sa.first & 0xffffffff), str(sa.first >> 32)
    words = ["replay-seq", low, "replay-oseq", low]
    return words + (["replay-seq-hi", high, "replay-oseq-hi", high] if sa.esn else [])


def _add_state(sa: Sa) -> list[str]:
    words = ["xfrm", "state", "add", *_state_id(sa), "reqid", str(sa.reqid),
             "mode", "tunnel" if sa.tunnel else "transport",
             "replay-window", str(sa.window), *_start(sa)]
    if sa.esn:
        words += ["flag", "esn"]
    if sa.udp:
        port = str(ENCAPSULATION_PORT)
        words += ["encap", "espinudp", port, port, "::" if sa.ipv6 else "0.0.0.0"]
    return words + _algorithm(sa)


def _add_policies(pair: SaPair, port: int | None) -> list[list[str]]:
    ports = [] if port is None else ["dport", str(port)]
    return [["xfrm", "policy", "add", "src", sa.source, "dst", sa.destination, "proto", "udp",
             *ports, "dir", direction, *_template(sa)]
            for direction, sa in (("out", pair.out), ("in", pair.into))]


def _template(sa: Sa) -> list[str]:
    return ["tmpl", "src", sa.source, "dst", sa.destination, "proto", "esp",
            "reqid", str(sa.reqid), "mode", "tunnel" if sa.tunnel else "transport"]


def _counters(text: str) -> SaCounters:
    # Up to 32 packets of window have a context of their own, without high halves.
    numbers = {name: int(value, 16) for name, value in re.findall(
        r"\b(o?seq(?:-hi)?) 0x([0-9a-f]+)", text[text.index("anti-replay"):])}
    found = re.search(r"lifetime current:\s+(\d+)\(bytes\), (\d+)\(packets\)(?s:.*)"
                      r"stats:\s+replay-window (\d+) replay (\d+) failed (\d+)", text)
    assert found is not None, text
    return SaCounters(*map(int, found.groups()),
                      numbers.get("oseq-hi", 0) << 32 | numbers["oseq"],
                      numbers.get("seq-hi", 0) << 32 | numbers["seq"])


def why_not() -> str | None:
    """Why no kernel with ESP can be had here; None: it can."""
    reason = uml_peer.why_not()
    if reason is None or (other := qemu_peer.why_not()) is None:
        return None
    return f"{reason}; {other}"


def _kind_of_guest() -> type[UmlPeer]:
    return UmlPeer if uml_peer.why_not() is None else QemuPeer


_FLUSH = [["xfrm", "policy", "flush"], ["xfrm", "state", "flush"]]


class XfrmPeer(LinuxPeer):
    """A LinuxPeer in a guest: its VMs and its tenants' VXLAN devices are made in the same way.

    `guest` is the guest (also as `namespace`); `guest.space` is the namespace of its TAP.
    """

    namespace: UmlPeer

    def __init__(self, name: str, vtep: str, prefix_length: int, mtu: int = 1600,
                 mac: str = "02:00:00:00:0b:00", kind: type[UmlPeer] | None = None) -> None:
        """`kind` of guest: by default what runs here, User-Mode Linux first."""
        self.guest = (kind or _kind_of_guest())(name, mac, (f"{vtep}/{prefix_length}",), mtu)
        super().__init__(name, vtep, prefix_length, mtu, self.guest)
        self._listening: set[str] = set()

    def cabled(self) -> None:
        """Its card has had address and MTU from the start."""

    def vm_namespace(self, name: str) -> GuestNamespace:
        return GuestNamespace(self.guest, name)

    # States and policies.

    def add_state(self, *sas: Sa) -> None:
        """`ip xfrm state add`: from then on they may be received by; Linux sends by the newest."""
        self._listen(sas)
        self._batch(*map(_add_state, sas))

    def delete_state(self, *sas: Sa) -> None:
        self._batch(*(["xfrm", "state", "delete", *_state_id(sa)] for sa in sas))

    def add_policies(self, pair: SaPair, port: int | None = VXLAN_PORT) -> None:
        """What goes to the port of VXLAN must be protected, both ways.

        `port`: None for all UDP, which takes in what is encapsulated already.
        """
        self._batch(*_add_policies(pair, port))

    def protect(self, pair: SaPair, alone: bool = False) -> None:
        """Both states, then both policies; `pair` is seen from here.

        `alone`: all others go.
        """
        self._listen((pair.into, pair.out))
        self._batch(*(_FLUSH if alone else []), _add_state(pair.into), _add_state(pair.out),
                    *_add_policies(pair, VXLAN_PORT))

    def unprotect(self) -> None:
        """All states and policies away."""
        self._batch(*_FLUSH)

    def _batch(self, *commands: list[str]) -> None:
        """`ip` with each of these, in one go: a process in the guest costs tens of milliseconds."""
        self.guest.run("ip", "-batch", "-", stdin="".join(f"{' '.join(words)}\n"
                                                          for words in commands))

    def _listen(self, sas: Iterable[Sa]) -> None:
        """The sockets by which the kernel knows that UDP to port 4500 is ESP; an IKE daemon's else.
        They stay as long as the guest."""
        for family in {"6" if sa.ipv6 else "4" for sa in sas if sa.udp} - self._listening:
            self._listening.add(family)
            # SOL_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP.
            self.guest.start(
                "socat", "-u", f"UDP{family}-RECV:{ENCAPSULATION_PORT},setsockopt-listen=17:100:i2"
                + (",ipv6only=1" if family == "6" else ""), "OPEN:/dev/null")
            wait_until(lambda: self.guest.run("ss", "-Hlnu", f"-{family}").stdout,
                       f"a socket on port {ENCAPSULATION_PORT}", interval=0.1)

    # Counters.

    def counters(self, sa: Sa) -> SaCounters:
        """Of this state now; KeyError: there is none."""
        return self.all_counters()[sa.spi]

    def all_counters(self) -> dict[int, SaCounters]:
        """Of all states, by SPI, at one time."""
        text = self.guest.ip("-s", "xfrm", "state").stdout
        states = re.split(r"^src .*\n\s+proto esp spi 0x(\w+)", text, flags=re.M)[1:]
        return {int(spi, 16): _counters(rest) for spi, rest in zip(states[::2], states[1::2])}

    def drops(self) -> dict[str, int]:
        """/proc/net/xfrm_stat: what the kernel dropped for IPsec's sake; only what is not 0."""
        lines = self.guest.run("cat", "/proc/net/xfrm_stat").stdout.splitlines()
        counts = {words[0]: int(words[1]) for words in map(str.split, lines) if len(words) == 2}
        return {name: count for name, count in counts.items() if count}
