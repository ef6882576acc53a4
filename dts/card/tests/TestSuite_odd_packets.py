# SPDX-License-Identifier: BSD-3-Clause
"""Packets from the underlay that are not as they should be: the NIC takes none that software drops.

What the tables' integrity match refuses goes to the CPU, which counts why it is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, PadN
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from api.shell import Drops
from card.answers import Answer, question
from card.bed import FAR, FAR_IP, Bed, Bench

COPIES = 50
GOOD = 20
MARKER = b"sallyport card question "

Build = Callable[[Bench, Packet], Packet | bytes]


@dataclass
class Outcome:
    """What became of some frames."""

    sent: int
    delivered: list[Packet]
    by_software: int
    drops: Drops

    def __str__(self) -> str:
        return (f"{len(self.delivered)} of {self.sent} delivered, {self.by_software} of them by "
                f"software; drops {dict(self.drops)}")


def inner(bench: Bench) -> Packet:
    return (Ether(src=FAR, dst=bench.one.mac) / IP(src=FAR_IP, dst=bench.one.ip)
            / UDP(sport=9, dport=7200) / MARKER)


def outer(bench: Bench, body: Packet, **oddities: object) -> Packet:
    """A VXLAN packet as it should be, but for the oddities."""
    return bench.station.vxlan(bench.a.underlay_mac(), bench.a.vtep, bench.a.blue.vni, body,
                               **oddities)


def _is_good(packet: Packet) -> bool:
    return bytes(packet).endswith(b"good")


def send(bed: Bed, bench: Bench, frame: Packet | bytes, name: str,
         by_nic: bool = True) -> Outcome:
    """Sends good frames, to see that the NIC has them; then copies of the odd one; then good ones
    again: when these are there, the odd ones would be too.

    Args:
        by_nic: nothing is answered where the CPU forwards the good ones.
    """
    good = outer(bench, inner(bench) / b"good", checksum=0)
    start = bench.a.seen("one").software_tx
    with bench.guest_capture("udp", "port", "7200") as guest:
        bench.station.send(0, good, times=GOOD)
        guest.expect(_is_good, "good packets", GOOD)
        before, drops = bench.a.seen("one").software_tx, bench.a.shell.drops()
        if by_nic:
            bed.by_nic(GOOD, before - start)
        bench.station.send(0, frame, times=COPIES)
        bench.station.send(0, good, times=GOOD)
        guest.expect(_is_good, f"good packets after {name}", 2 * GOOD, timeout=10)
        delivered = [packet for packet in guest.packets() if not _is_good(packet)]
    after = bench.a.seen("one").software_tx
    # As many of the good ones as before.
    return Outcome(COPIES, delivered, max(0, (after - before) - (before - start)),
                   bench.a.shell.drops().since(drops))


def udp_length(change: int) -> Build:
    def build(bench: Bench, body: Packet) -> Packet:
        return outer(bench, body, udp_length=len(body) + 16 + change)
    return build


DROPPED = [
    pytest.param(udp_length(-4), "outer-udp-length", id="udp-too-short"),
    pytest.param(udp_length(-len(MARKER) - 40), "outer-udp-length", id="udp-much-too-short"),
    pytest.param(udp_length(4), "outer-udp-length", id="udp-too-long"),
]


class TestIntegrity:
    """What `l4_ok` and `l4_csum_ok` of rte_flow's integrity item mean to the NIC."""

    @pytest.mark.parametrize("build,reason", DROPPED)
    @question("Does l4_ok mean that the UDP length is the IP payload's?",
              assumed="yes: another length misses, and software drops and counts it",
              reference="docs/hardware-path.md, Questions for a card", costs_traffic=True)
    def test_udp_length(self, bed: Bed, answer: Answer, build: Build, reason: str) -> None:
        """UDP lengths that do not fit.

        Steps:
            * The second host sends 50 VXLAN packets with such a UDP length, then good ones.
        Verify:
            * None reaches the guest, all are counted as dropped for their length.
        """
        with bed.bench() as bench:
            outcome = send(bed, bench, build(bench, inner(bench)), reason)
        answer.figure("drops", dict(outcome.drops))
        answer.assumed_is(not outcome.delivered and outcome.drops[reason] == COPIES, str(outcome))

    @pytest.mark.parametrize("checksum", ["zero", "computed"])
    @question("Does l4_csum_ok hold for a zero UDP checksum, and for a computed one?",
              assumed="both: they reach the guest without the CPU",
              reference="docs/hardware-path.md, Questions for a card")
    def test_good_checksum(self, bed: Bed, answer: Answer, checksum: str) -> None:
        """The two right checksums over IPv4.

        Steps:
            * The second host sends 50 VXLAN packets with that checksum, then good ones.
        Verify:
            * All reach the guest; the CPU sees none.
        """
        with bed.bench() as bench:
            frame = outer(bench, inner(bench), checksum=0 if checksum == "zero" else None)
            outcome = send(bed, bench, frame, checksum, by_nic=False)
        answer.figure("by software", outcome.by_software)
        assert len(outcome.delivered) == COPIES, outcome
        answer.assumed_is(outcome.by_software == 0, str(outcome))

    @question("Is a wrong UDP checksum found?",
              assumed="yes: it misses, and software drops and counts it",
              reference="docs/hardware-path.md, Tables: group 1", costs_traffic=True)
    def test_wrong_checksum(self, bed: Bed, answer: Answer) -> None:
        """A checksum that is neither zero nor right.

        Steps:
            * The second host sends 50 VXLAN packets with it, then good ones.
        Verify:
            * None reaches the guest, all are counted as dropped for it.
        """
        with bed.bench() as bench:
            frame = outer(bench, inner(bench), checksum=0x1234)
            outcome = send(bed, bench, frame, "wrong checksum")
        answer.assumed_is(not outcome.delivered
                          and outcome.drops["outer-udp-checksum"] == COPIES, str(outcome))


class TestHeaders:
    """What stands beside and between the outer headers."""

    @question("Does decapsulation cut off octets behind the outer packet?",
              assumed="yes", reference="docs/hardware-path.md, Questions for a card",
              costs_traffic=True)
    def test_trailing_octets(self, bed: Bed, answer: Answer) -> None:
        """Ethernet padding behind the outer IP packet.

        Steps:
            * The second host sends 50 VXLAN packets with 20 octets behind them, then good ones.
            * Capture at the guest.
        Verify:
            * The guest gets all, each as long as it was sent.
        """
        with bed.bench() as bench:
            body = inner(bench)
            frame = bytes(outer(bench, body)) + b"\xee" * 20
            outcome = send(bed, bench, frame, "trailing octets")
        sizes = sorted({len(packet) for packet in outcome.delivered})
        answer.figure("octets sent", len(body))
        answer.figure("octets captured", sizes)
        answer.figure("by software", outcome.by_software)
        answer.assumed_is(len(outcome.delivered) == COPIES and sizes == [len(body)],
                          f"{len(outcome.delivered)} delivered, of {sizes} octets")

    @pytest.mark.parametrize("header", ["hop-by-hop", "destination-options"])
    @question("Is an outer IPv6 packet with an extension header taken for VXLAN?",
              assumed="no: software hands it to Linux, and so the NIC must miss",
              reference="docs/hardware-path.md, Questions for a card", costs_traffic=True)
    def test_extension_header(self, bed: Bed, answer: Answer, header: str) -> None:
        """An extension header between outer IPv6 and UDP.

        Steps:
            * Over IPv6: the second host sends 50 VXLAN packets with it, then good ones.
        Verify:
            * None reaches the guest.
        """
        kind = IPv6ExtHdrHopByHop if header == "hop-by-hop" else IPv6ExtHdrDestOpt
        with bed.bench(ipv6=True) as bench:
            frame = outer(bench, inner(bench), extension=kind(options=[PadN(optdata=bytes(4))]),
                          checksum=0)
            outcome = send(bed, bench, frame, header)
        answer.assumed_is(not outcome.delivered, str(outcome))

    @pytest.mark.parametrize("kind", ["options", "fragment", "checksum"])
    @question("Do outer IPv4 headers that the tables leave out miss?",
              assumed="yes: options are for software to take, fragments and wrong header checksums "
                      "for it to drop", reference="docs/hardware-path.md, Tables: group 1",
              costs_traffic=True)
    def test_ipv4_header(self, bed: Bed, answer: Answer, kind: str) -> None:
        """Outer IPv4 headers out of the ordinary.

        Steps:
            * The second host sends 50 VXLAN packets with options, as first fragments, or with a
              wrong header checksum, then good ones.
        Verify:
            * Software sees all of them: it delivers none of the last two, and counts why.
        """
        if kind == "fragment":
            bed.need_card("their uplinks put fragments together")
        with bed.bench() as bench:
            frame = outer(bench, inner(bench))
            if kind == "options":
                frame[IP].options = b"\x01\x01\x01\x00"
            elif kind == "fragment":
                frame[IP].flags = "MF"
            else:
                frame[IP].chksum = 0x1234
            outcome = send(bed, bench, frame, kind)
        reason = {"fragment": "outer-fragment", "checksum": "outer-ip-checksum"}.get(kind)
        if reason is None:
            right = outcome.by_software == len(outcome.delivered)
        else:
            right = not outcome.delivered and outcome.drops[reason] == COPIES
        answer.assumed_is(right, str(outcome))
