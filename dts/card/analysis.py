# SPDX-License-Identifier: BSD-3-Clause
"""What measurements say. Pure functions: the hosts are not needed to test them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scapy.layers.inet import UDP
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet


@dataclass(frozen=True)
class Stream:
    """What became of a numbered stream."""

    sent: int
    received: int
    duplicates: int
    #: Longest time between two arrivals, and the numbers that are missing in it.
    gap_ms: float
    lost_in_gap: int
    #: Arrivals after one with a higher number, and by how many numbers the worst was late.
    reordered: int
    latest_by: int

    @property
    def lost(self) -> int:
        return self.sent - self.received

    def __str__(self) -> str:
        return (f"{self.sent} sent, {self.lost} lost, {self.duplicates} twice, "
                f"{self.reordered} out of order (by {self.latest_by} at most), "
                f"longest gap {self.gap_ms:.1f} ms with {self.lost_in_gap} lost in it")


def stream(sent: int, arrivals: Sequence[tuple[int, int]]) -> Stream:
    """From arrivals (nanoseconds, number) in the order in which they came."""
    numbers = [number for _, number in arrivals]
    present = set(numbers)
    gap, missing = 0, 0
    for (before, first), (after, second) in itertools.pairwise(arrivals):
        if after - before > gap:
            # What overtook the gap's edges is not lost.
            gap = after - before
            missing = sum(number not in present for number in range(first + 1, second))
    highest, late, latest_by = -1, 0, 0
    seen: set[int] = set()
    for number in numbers:
        if number < highest and number not in seen:
            late += 1
            latest_by = max(latest_by, highest - number)
        seen.add(number)
        highest = max(highest, number)
    return Stream(sent, len(present), len(numbers) - len(present), gap / 1e6, missing, late,
                  latest_by)


def parse_arrivals(text: str) -> list[tuple[int, int]]:
    """Reads what numbered.py's receiver prints.

    Raises:
        ValueError: the last line is missing, so that the rest may be too.
    """
    lines = text.splitlines()
    if not lines or lines[-1] != "end":
        raise ValueError("the receiver did not print all of its arrivals")
    arrivals = []
    for line in lines:
        words = line.split()
        if len(words) == 2:
            arrivals.append((int(words[0]), int(words[1])))
    return arrivals


def is_vxlan(packet: Packet, vni: int | None = None, port: int = 4789) -> bool:
    """Whether this is a VXLAN packet, of this tenant if one is given."""
    return (UDP in packet and packet[UDP].dport == port and VXLAN in packet
            and (vni is None or packet[VXLAN].vni == vni))


def source_ports(packets: Iterable[Packet]) -> list[tuple[int, int]]:
    """Outer UDP source ports in the order of their use: (port, packets in a row)."""
    return [(port, len(list(group))) for port, group in
            itertools.groupby(packet[UDP].sport for packet in packets)]


def _ipv4_sum(header: bytes) -> int:
    total = sum(int.from_bytes(header[i:i + 2], "big") for i in range(0, len(header), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def outer_faults(frame: bytes) -> list[str]:
    """What is wrong with lengths and checksums of a VXLAN packet's outer headers."""
    faults = []
    ipv6 = frame[12:14] == b"\x86\xdd"
    if not ipv6 and frame[12:14] != b"\x08\x00":
        return [f"EtherType 0x{frame[12:14].hex()} is neither IPv4's nor IPv6's"]
    packet = frame[14:]
    header = 40 if ipv6 else (packet[0] & 0x0f) * 4
    total = int.from_bytes(packet[4:6] if ipv6 else packet[2:4], "big") + (40 if ipv6 else 0)
    name = "IPv6 payload length" if ipv6 else "IPv4 total length"
    # A short frame is padded to 60 octets.
    if total > len(packet) or (total < len(packet) and len(frame) > 60):
        faults.append(f"{name} says {total} octets, and {len(packet)} there")
    if not ipv6 and _ipv4_sum(packet[:header]) != 0xffff:
        faults.append("IPv4 header checksum is wrong")
    udp_length = int.from_bytes(packet[header + 4:header + 6], "big")
    if udp_length != total - header:
        faults.append(f"UDP length is {udp_length}, and the IP payload {total - header}")
    return faults


def counted_octets(octets: int, packets: int, inner: int, overhead: int) -> str:
    """Which frames a counter counts: "inner", "outer" (with the outer headers) or "neither".

    Args:
        inner: octets of each inner frame, without FCS.
        overhead: what the outer headers add.
    """
    if packets == 0:
        return "neither"
    each = octets / packets
    for name, size in (("inner", inner), ("outer", inner + overhead)):
        # A counter may count the FCS as well; a stray ARP may be among many.
        if abs(each - size) <= 4.5:
            return name
    return "neither"


def software_share(sent: int, seen_by_software: int) -> float:
    """The part of the packets that the CPU saw, 0 to 1."""
    return min(1.0, max(0, seen_by_software) / sent) if sent else 0.0


def relative_error(wanted: float, measured: float) -> float:
    """How far a measured rate is from the one that was wanted, as part of it."""
    return (measured - wanted) / wanted
