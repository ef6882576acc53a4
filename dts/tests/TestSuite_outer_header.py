# SPDX-License-Identifier: BSD-3-Clause
"""The outer header, octet by octet: what we send, and what we refuse to take."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from api.bench import Bench, unicast
from api.config import Value
from api.lab import BLUE, RED, vm_mac
from api.wire import Wire, has, outer, vxlan
from framework.process import wait_until

FAR = "02:dd:00:00:00:01"
FAMILIES = pytest.mark.parametrize("bench", ["ipv4", "ipv6"], indirect=True, scope="class")


def make_bench(ipv6: bool, settings: dict[str, Value]) -> Bench:
    """Blue drops inner VLAN tags, red passes them; FAR is a static entry behind the vtep."""
    bench = Bench(stations=1, ipv6=ipv6, settings=settings)
    for tenant, vni, vlan in (("blue", BLUE, "drop"), ("red", RED, "pass")):
        config = bench.hv.tenant(tenant, vni, bench.vteps, inner_vlan=vlan)
        config.fdb.append(f"{FAR} vtep {bench.vteps[0]}")
        bench.raw_vm(tenant, f"{tenant}1", 1, kind="tap")
        bench.raw_vm(tenant, f"{tenant}2", 2, kind="veth")
    return bench


@pytest.fixture(scope="class")
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """With the settings of the class, or the defaults."""
    settings = getattr(request.cls, "settings", {})
    with make_bench(request.param == "ipv6", settings) as bench:
        bench.start()
        yield bench


def inner_ip(ipv6: bool, dscp: int = 0, ecn: int = 0) -> Packet:
    octet = dscp << 2 | ecn
    return (IPv6(src="fd00::1", dst="fd00::9", tc=octet, hlim=33) if ipv6
            else IP(src="10.0.0.1", dst="10.0.0.9", tos=octet, ttl=33))


def traffic_class(packet: Packet) -> int:
    """The DSCP and ECN octet of the outermost IP header."""
    return packet[IPv6].tc if packet.getlayer(1).name == "IPv6" else packet[IP].tos


def sent_by(bench: Bench, body: Packet, marker: bytes, vm: str = "blue1") -> Packet:
    """What the station hears when this VM sends `body` to FAR."""
    bench.drain()
    bench.wires[vm].send(Ether(src=bench.hv.vms[vm].mac, dst=FAR) / body)
    return bench.expect_at(bench.vteps[0], RED if vm.startswith("red") else BLUE, marker)[0]


def udp_checksum_right(frame: Packet) -> bool:
    """The outer UDP checksum is what scapy computes."""
    again = frame.copy()
    del again[UDP].chksum
    return Ether(bytes(again))[UDP].chksum == frame[UDP].chksum


@FAMILIES
class TestOuterHeader:
    """What is sent, with the default settings."""

    def test_fields(self, bench: Bench) -> None:
        """Every field of the outer headers.

        Steps:
            * Send a datagram from a VM to a station behind the vtep.
        Verify:
            * MACs are the underlay's and the next hop's, addresses the vteps'.
            * TTL 64, don't-fragment set (IPv4), destination port 4789, source port 49152 or more,
              lengths exact, checksums right: UDP zero over IPv4 and computed over IPv6.
            * VXLAN flags 0x08, the VNI, all reserved bits zero; the inner frame unchanged.
        """
        body = inner_ip(False) / UDP(sport=5, dport=6) / b"fields"
        frame = sent_by(bench, body, b"fields")
        station = bench.stations[bench.vteps[0]]
        assert (frame.src, frame.dst) == (bench.hv.underlay_mac, station.mac)
        ip = frame.getlayer(1)
        assert (ip.src, ip.dst) == (bench.hv.vtep, station.address)
        inner = Ether(src=vm_mac(1), dst=FAR) / body
        if bench.lab.ipv6:
            assert (ip.version, ip.hlim, ip.fl, ip.nh) == (6, 64, ip.fl, 17)
            assert ip.plen == 16 + len(inner)
            assert frame[UDP].chksum != 0 and udp_checksum_right(frame)
        else:
            assert (ip.version, ip.ihl, ip.ttl, ip.flags, ip.frag) == (4, 5, 64, "DF", 0)
            assert ip.len == 36 + len(inner)
            assert IP(bytes(ip)).chksum == IP(bytes(without_checksum(ip))).chksum
            assert frame[UDP].chksum == 0
        assert frame[UDP].dport == 4789
        assert 49152 <= frame[UDP].sport
        assert frame[UDP].len == 16 + len(inner)
        assert bytes(frame[UDP].payload)[:8] == bytes([8, 0, 0, 0]) + BLUE.to_bytes(3) + b"\0"
        assert bytes(frame[VXLAN].payload) == bytes(inner)

    def test_source_port_entropy(self, bench: Bench) -> None:
        """The source port spreads flows and keeps each flow together.

        Steps:
            * Send 128 TCP flows that differ in one port, twice; and 64 that differ in an IPv6
              address; and fragments of one datagram.
        Verify:
            * The same flow has the same source port each time.
            * At least a hundred of the 128 are distinct.
        """
        def ports(bodies: list[Packet]) -> list[int]:
            bench.drain()
            bench.wires["blue1"].send(*(Ether(src=vm_mac(1), dst=FAR) / body for body in bodies))
            frames = bench.expect_at(bench.vteps[0], BLUE, b"entropy", len(bodies))
            return [frame[UDP].sport for frame in frames]

        flows = [inner_ip(False) / TCP(sport=1000 + n, dport=80) / b"entropy" for n in range(128)]
        first, second = ports(flows), ports(flows)
        assert first == second
        assert len(set(first)) >= 100
        six = [IPv6(src="fd00::1", dst=f"fd00::{n + 1:x}") / UDP(sport=1, dport=2) / b"entropy"
               for n in range(64)]
        assert ports(six) == ports(six)
        assert len(set(ports(six))) >= 50
        pieces = [IP(src="10.0.0.1", dst="10.0.0.9", id=7, flags="MF" if n < 3 else 0, frag=n * 8,
                     proto=17) / (bytes([n] * 57) + b"entropy") for n in range(4)]
        assert len(set(ports(pieces))) == 1

    @pytest.mark.parametrize("inner_ipv6", [False, True], ids=["inner-ipv4", "inner-ipv6"])
    @pytest.mark.parametrize("dscp", [0, 10, 46, 63])
    @pytest.mark.parametrize("ecn", [0, 1, 2, 3])
    def test_dscp_and_ecn_copied(self, bench: Bench, inner_ipv6: bool, dscp: int,
                                 ecn: int) -> None:
        """DSCP is inherited and ECN copied (RFC 6040, normal mode).

        Steps:
            * Send a datagram with this DSCP and ECN.
        Verify:
            * The outer header has the same.
        """
        frame = sent_by(bench, inner_ip(inner_ipv6, dscp, ecn) / UDP() / b"marks", b"marks")
        assert traffic_class(frame) == dscp << 2 | ecn

    def test_not_ip(self, bench: Bench) -> None:
        """A frame that is not IP has DSCP and ECN zero outside.

        Steps:
            * Send an ARP packet, and a frame of an unknown type.
        Verify:
            * The outer octet is zero; the frames arrive unchanged.
        """
        for body in (ARP(pdst="10.0.0.9") / b"not IP", Raw(b"not IP" + bytes(60))):
            frame = sent_by(bench, body, b"not IP")
            assert traffic_class(frame) == 0

    # Of a tag on a veth, net_af_packet hands over all but its type: an 802.1ad one passes as 802.1Q.
    @pytest.mark.parametrize("tag,vm", [(Dot1Q(vlan=5, prio=3), "1"), (Dot1AD(vlan=5), "1"),
                                        (Dot1Q(vlan=5, prio=3), "2")],
                             ids=["tap-802.1Q", "tap-802.1ad", "veth-802.1Q"])
    def test_inner_vlan(self, bench: Bench, tag: Packet, vm: str) -> None:
        """Tagged frames are dropped or passed whole, as the tenant says (RFC 7348 section 6.1).

        Steps:
            * Send a tagged frame from a VM, and inside VXLAN to a VM: in blue and in red.
        Verify:
            * Blue counts inner-vlan and nobody hears it; in red it arrives, the tag unchanged.
        """
        body = tag / inner_ip(False) / UDP() / b"tagged"
        blue, red = f"blue{vm}", f"red{vm}"
        before = bench.shell.tenant("blue")
        bench.drain()
        bench.wires[blue].send(Ether(src=bench.hv.vms[blue].mac, dst=FAR) / body)
        wait_until(lambda: bench.shell.tenant("blue").since(before).drops["inner-vlan"] == 1,
                   "inner-vlan drop of a VM's frame")
        bench.send_at(bench.vteps[0], BLUE, Ether(src=FAR, dst=bench.hv.vms[blue].mac) / body)
        wait_until(lambda: bench.shell.tenant("blue").since(before).drops["inner-vlan"] == 2,
                   "inner-vlan drop of a frame inside VXLAN")
        bench.barrier("blue", BLUE)
        assert bench.places_that_heard(b"tagged") == set()
        frame = sent_by(bench, body, b"tagged", red)
        assert bytes(frame[VXLAN].payload) == bytes(
            Ether(src=bench.hv.vms[red].mac, dst=FAR) / body)
        bench.drain()
        inner = Ether(src=FAR, dst=bench.hv.vms[red].mac) / body
        bench.send_at(bench.vteps[0], RED, inner)
        assert bytes(bench.expect_at(red, RED, b"tagged")[0]) == bytes(inner)


def without_checksum(ip: Packet) -> Packet:
    again = ip.copy()
    del again.chksum
    return again


@FAMILIES
class TestFixedOuterHeader:
    """What is sent when the config says otherwise."""

    settings = {"underlay.ttl": 17, "underlay.dscp": 46, "underlay.df": False,
                "underlay.udp_checksum": "computed", "underlay.source_ports": "50000-50003"}

    def test_fields(self, bench: Bench) -> None:
        """The fields that can be set.

        Steps:
            * With TTL 17, DSCP 46, don't-fragment off, computed checksum and four source ports,
              send 64 flows with DSCP 10 and ECN 1.
        Verify:
            * Each field is as set; ECN is copied all the same; all four ports are used, no other (with
              a NIC: its own, which take their place).
        """
        bench.drain()
        bench.wires["blue1"].send(*(
            Ether(src=vm_mac(1), dst=FAR) / inner_ip(False, 10, 1) / TCP(sport=n) / b"fixed"
            for n in range(1, 65)))
        frames = bench.expect_at(bench.vteps[0], BLUE, b"fixed", 64)
        ports = {frame[UDP].sport for frame in frames}
        if bench.hv.card is None:
            assert ports == {50000, 50001, 50002, 50003}
        else:
            assert len(ports) > 32 and min(ports) >= 0xC000
        for frame in frames:
            assert traffic_class(frame) == 46 << 2 | 1
            assert frame[UDP].chksum != 0 and udp_checksum_right(frame)
            if bench.lab.ipv6:
                assert frame.getlayer(1).hlim == 17
            else:
                assert (frame.getlayer(1).ttl, frame.getlayer(1).flags) == (17, 0)

    def test_every_length(self, bench: Bench) -> None:
        """The computed checksum holds for every length.

        Steps:
            * Send datagrams of 0 to 64 octets more than the marker, odd ones too, and of 1472.
        Verify:
            * Every outer UDP checksum is right.
        """
        for length in (*range(65), 1466):
            body = inner_ip(False) / UDP() / (b"length" + bytes([255] * length))
            assert udp_checksum_right(sent_by(bench, body, b"length"))


class TestZeroChecksumOverIpv6:
    """Zero UDP checksums over IPv6, sent and taken (RFC 6935, RFC 6936)."""

    def test_zero(self) -> None:
        """`udp_checksum = zero` and `udp6_zero_checksum = accept`.

        Steps:
            * Send from a VM; send VXLAN with a zero checksum to the VM.
        Verify:
            * The first leaves with a zero checksum; the second arrives.
        """
        settings = {"underlay.udp_checksum": "zero", "underlay.udp6_zero_checksum": "accept"}
        with make_bench(True, settings) as bench:
            bench.start()
            body = inner_ip(False) / UDP() / b"zero sum"
            assert sent_by(bench, body, b"zero sum")[UDP].chksum == 0
            station = bench.stations[bench.vteps[0]]
            station.wire.send(bench.encapsulated(
                station, BLUE, unicast(FAR, vm_mac(1), b"zero in"), checksum=0))
            bench.expect_at("blue1", BLUE, b"zero in")


#: RFC 6040 section 4.2: inner (rows) by outer (columns) ECN; None: dropped.
NOT_ECT, ECT1, ECT0, CE = 0, 1, 2, 3
DECAP = {
    NOT_ECT: {NOT_ECT: NOT_ECT, ECT0: NOT_ECT, ECT1: NOT_ECT, CE: None},
    ECT0: {NOT_ECT: ECT0, ECT0: ECT0, ECT1: ECT1, CE: CE},
    ECT1: {NOT_ECT: ECT1, ECT0: ECT1, ECT1: ECT1, CE: CE},
    CE: {NOT_ECT: CE, ECT0: CE, ECT1: CE, CE: CE},
}


@FAMILIES
class TestTaken:
    """What is taken from the underlay, and what the VM gets."""

    @pytest.mark.parametrize("inner_ipv6", [False, True], ids=["inner-ipv4", "inner-ipv6"])
    @pytest.mark.parametrize("inside", DECAP)
    @pytest.mark.parametrize("outside", DECAP)
    def test_ecn(self, bench: Bench, inner_ipv6: bool, inside: int, outside: int) -> None:
        """ECN on the way in, by the table of RFC 6040.

        Steps:
            * Send VXLAN with these ECN marks inside and outside.
        Verify:
            * The VM gets the mark of the table with a right header checksum and the DSCP it had,
              or the packet is counted as ecn-invalid.
        """
        station = bench.stations[bench.vteps[0]]
        ip = outer(station.address, bench.hv.vtep)
        if bench.lab.ipv6:
            ip.tc = 10 << 2 | outside
        else:
            ip.tos = 10 << 2 | outside
        frame = Ether(src=FAR, dst=vm_mac(1)) / inner_ip(inner_ipv6, 46, inside) / UDP() / b"ecn"
        before = bench.shell.tenant("blue")
        bench.drain()
        station.wire.send(vxlan(bench.outer_ether(station), ip, BLUE, frame))
        expected = DECAP[inside][outside]
        if expected is None:
            wait_until(lambda: bench.shell.tenant("blue").since(before).drops["ecn-invalid"] == 1,
                       "ecn-invalid drop")
            bench.barrier("blue", BLUE)
            assert bench.places_that_heard(b"ecn") == set()
            return
        got = bench.expect_at("blue1", BLUE, b"ecn")[0]
        assert traffic_class(got) == 46 << 2 | expected
        if not inner_ipv6:
            assert got[IP].chksum == IP(bytes(without_checksum(got[IP]))).chksum

    def test_ecn_needs_ip(self, bench: Bench) -> None:
        """A frame that is not IP has no ECN to spoil: it passes though the outer says CE.

        Steps:
            * Send an ARP packet inside VXLAN marked CE.
        Verify:
            * It arrives unchanged.
        """
        station = bench.stations[bench.vteps[0]]
        ip = outer(station.address, bench.hv.vtep)
        setattr(ip, "tc" if bench.lab.ipv6 else "tos", CE)
        frame = Ether(src=FAR, dst=vm_mac(1)) / ARP() / b"congested ARP"
        bench.drain()
        station.wire.send(vxlan(bench.outer_ether(station), ip, BLUE, frame))
        assert bytes(bench.expect_at("blue1", BLUE, b"congested ARP")[0]) == bytes(frame)

    @pytest.mark.parametrize("what", ["reserved", "source port", "checksum", "padding", "ttl",
                                      "df", "flow label"])
    def test_harmless(self, bench: Bench, what: str) -> None:
        """What the RFCs tell a receiver to ignore is ignored.

        Steps:
            * Send VXLAN with reserved bits set, with source port 1, with a right UDP checksum, with
              octets after the IP packet, with TTL 1, without don't-fragment, with a flow label.
        Verify:
            * The VM gets the inner frame unchanged.
        """
        station = bench.stations[bench.vteps[0]]
        ip = outer(station.address, bench.hv.vtep)
        source_port, tail = 55555, b""
        header = VXLAN(flags=0x08, vni=BLUE)
        match what:
            case "reserved":
                header = Raw(b"\xff" * 4 + BLUE.to_bytes(3) + b"\xff")
            case "source port":
                source_port = 1
            case "padding":
                tail = b"\xee" * 20
            case "ttl":
                setattr(ip, "hlim" if bench.lab.ipv6 else "ttl", 1)
            case "flow label" if bench.lab.ipv6:
                ip.fl = 0xABCDE
            case "df" if not bench.lab.ipv6:
                ip.flags = "DF"
        frame = unicast(FAR, vm_mac(1), what.encode())
        udp = UDP(sport=source_port, dport=4789)
        if what != "checksum" and not bench.lab.ipv6:
            udp.chksum = 0
        packet = bench.outer_ether(station) / ip / udp / header / Raw(bytes(frame))
        bench.drain()
        station.wire.send(bytes(packet) + tail)
        got = bytes(bench.expect_at("blue1", BLUE, what.encode())[0])
        # Whether a NIC takes away what stands behind the outer packet, a card has to tell.
        assert got == bytes(frame) or bench.hv.card is not None and got == bytes(frame) + tail


MARK = b"malformed"


def raw_vxlan(bench: Bench) -> bytearray:
    """A good packet to the VM, as octets to spoil."""
    station = bench.stations[bench.vteps[0]]
    return bytearray(bytes(bench.encapsulated(
        station, BLUE, unicast(FAR, vm_mac(1), MARK))))


def patched(at: int, value: int, width: int = 2) -> Callable[[Bench], bytes]:
    """`value` at octet `at` behind the Ethernet header."""
    def spoil(bench: Bench) -> bytes:
        data = raw_vxlan(bench)
        data[14 + at:14 + at + width] = value.to_bytes(width)
        return bytes(data)
    return spoil


def repaired(at: int, value: int, width: int = 2) -> Callable[[Bench], bytes]:
    """The same with the IPv4 header checksum made right again."""
    def spoil(bench: Bench) -> bytes:
        frame = Ether(patched(at, value, width)(bench))
        header = bytearray(bytes(frame)[14:34])
        header[10:12] = b"\0\0"
        total = sum(int.from_bytes(header[i:i + 2]) for i in range(0, 20, 2))
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        data = bytearray(bytes(frame))
        data[14 + 10:14 + 12] = (total ^ 0xFFFF).to_bytes(2)
        return bytes(data)
    return spoil


def cut(length: int) -> Callable[[Bench], bytes]:
    """Only so many octets of it."""
    return lambda bench: bytes(raw_vxlan(bench))[:length]


def inner_cut(length: int) -> Callable[[Bench], bytes]:
    """Whole outer headers, an inner frame of so many octets."""
    def build(bench: Bench) -> bytes:
        station = bench.stations[bench.vteps[0]]
        inner = bytes(unicast(FAR, vm_mac(1), MARK))[:length]
        return bytes(bench.encapsulated(station, BLUE, Raw(inner)))
    return build


def short_udp(octets: int) -> Callable[[Bench], bytes]:
    """A right UDP datagram to the VXLAN port with only so many octets in it."""
    def build(bench: Bench) -> bytes:
        station = bench.stations[bench.vteps[0]]
        return bytes(bench.outer_ether(station) / outer(station.address, bench.hv.vtep)
                     / UDP(sport=5, dport=4789) / Raw(b"\x08" + bytes(octets - 1)))
    return build


def wrong_checksum(bench: Bench) -> bytes:
    station = bench.stations[bench.vteps[0]]
    frame = unicast(FAR, vm_mac(1), MARK)
    good = Ether(bytes(bench.encapsulated(station, BLUE, frame)))
    del good[UDP].chksum
    right = Ether(bytes(good))[UDP].chksum
    return bytes(bench.encapsulated(station, BLUE, frame, checksum=right % 0xFFFF + 1))


def no_flag(flags: int) -> Callable[[Bench], bytes]:
    """VXLAN flags without the I bit."""
    def build(bench: Bench) -> bytes:
        station = bench.stations[bench.vteps[0]]
        return bytes(bench.encapsulated(station, BLUE, unicast(FAR, vm_mac(1), MARK), flags=flags))
    return build


def to_other_mac(bench: Bench) -> bytes:
    data = raw_vxlan(bench)
    data[0:6] = bytes.fromhex("020000009999")
    return bytes(data)


def zero_checksum6(bench: Bench) -> bytes:
    station = bench.stations[bench.vteps[0]]
    return bytes(bench.encapsulated(station, BLUE, unicast(FAR, vm_mac(1), MARK), checksum=0))


#: What is wrong -> (families, how to build it, the reason it is counted under).
IPV4, IPV6, BOTH = {"ipv4"}, {"ipv6"}, {"ipv4", "ipv6"}
MALFORMED: dict[str, tuple[set[str], Callable[[Bench], bytes], str]] = {
    "version 5": (BOTH, patched(0, 0x55, 1), "outer-malformed"),
    "header length 16": (IPV4, repaired(0, 0x44, 1), "outer-malformed"),
    "60 octets of header in a packet of 59": (IPV4, patched(0, 0x4F00003B, 4), "outer-malformed"),
    "total length 19": (IPV4, repaired(2, 19), "outer-malformed"),
    "total length over the frame": (IPV4, repaired(2, 1400), "outer-malformed"),
    "payload length over the frame": (IPV6, patched(4, 1400), "outer-malformed"),
    "cut in the IP header": (BOTH, cut(14 + 15), "outer-malformed"),
    "header checksum": (IPV4, patched(10, 0x1234), "outer-ip-checksum"),
    "UDP length 7": (BOTH, patched(24, 7), "outer-udp-length"),
    "UDP length over the packet": (BOTH, patched(24, 9000), "outer-udp-length"),
    "UDP without a VXLAN header": (BOTH, short_udp(4), "outer-udp-length"),
    "UDP checksum": (BOTH, wrong_checksum, "outer-udp-checksum"),
    "zero UDP checksum": (IPV6, zero_checksum6, "outer-udp6-zero-checksum"),
    "no flags": (BOTH, no_flag(0), "vxlan-flags"),
    "all flags but I": (BOTH, no_flag(0xF7), "vxlan-flags"),
    "inner frame of 0 octets": (BOTH, inner_cut(0), "frame-too-short"),
    "inner frame of 13 octets": (BOTH, inner_cut(13), "frame-too-short"),
    "to another MAC": (BOTH, to_other_mac, "not-for-us"),
}


@FAMILIES
class TestMalformed:
    """Everything that can be wrong with a VXLAN packet has a name and a counter."""

    @pytest.mark.parametrize("what", MALFORMED)
    def test_malformed(self, bench: Bench, what: str) -> None:
        """A malformed packet is dropped under its own reason.

        Steps:
            * Send the packet to the vtep three times, then a good one.
        Verify:
            * The reason is counted three times at the uplink, and no other is. (What is for another
              MAC does not come in by a NIC.)
            * No VM hears it; the good one arrives.
        """
        families, build, reason = MALFORMED[what]
        if ("ipv6" if bench.lab.ipv6 else "ipv4") not in families:
            pytest.skip("the other family's header")
        if bench.lab.ipv6 and what.startswith("UDP length"):
            build = patched(44, 7 if what.endswith("7") else 9000)
        station = bench.stations[bench.vteps[0]]
        packet = build(bench)
        before = bench.shell.port("p0")
        bench.drain()
        # A NIC takes no frames for other MACs.
        count = 0 if reason == "not-for-us" and bench.hv.card else 3
        station.wire.send(packet, packet, packet)
        wait_until(lambda: bench.shell.port("p0").since(before).drops[reason] >= count,
                   f"{count} {reason}; {bench.shell.port('p0').since(before)}")
        station.wire.send(bench.encapsulated(station, BLUE, unicast(FAR, vm_mac(1), b"a good one")))
        bench.expect_at("blue1", BLUE, b"a good one")
        assert bench.shell.port("p0").since(before).drops == ({reason: count} if count else {})
        assert bench.places_that_heard(MARK) == set()

    def test_fragments(self, bench: Bench) -> None:
        """Fragments that do not tell what they belong to are Linux's business.

        Steps:
            * Send a first and a later fragment (IPv6) of a VXLAN packet.
        Verify:
            * Each is passed to Linux, none is decapsulated: no VM hears anything.
        """
        station = bench.stations[bench.vteps[0]]
        if not bench.lab.ipv6:
            pytest.skip("net_af_packet has the kernel put fragments of IPv4 together")
        frame = unicast(FAR, vm_mac(1), MARK)
        packets = [bytes(bench.outer_ether(station)
                         / IPv6(src=station.address, dst=bench.hv.vtep)
                         / IPv6ExtHdrFragment(nh=17, offset=offset, m=1, id=7)
                         / UDP(sport=5, dport=4789) / VXLAN(flags=8, vni=BLUE) / frame)
                   for offset in (0, 3)]
        before = bench.shell.port("p0")
        bench.drain()
        with Wire(bench.hv.namespace, bench.hv.host_port) as linux:
            station.wire.send(*packets)
            linux.expect(has(MARK), "the fragments", len(packets))
        bench.barrier("blue", BLUE)
        assert bench.shell.port("p0").since(before).drops == {}
        assert bench.places_that_heard(MARK) == set()


class TestFragments:
    """Fragments of IPv4, on TAP uplinks, which hand them over as they are."""

    def test_fragments(self) -> None:
        """VXLAN is not taken in fragments (RFC 7348 section 4.3).

        Steps:
            * Send a first fragment of a VXLAN packet three times, then a later one, then a good
              packet.
        Verify:
            * The first ones are counted as outer-fragment; the later one, which does not tell what
              it belongs to, is passed to Linux; no VM hears either, and the good one arrives.
        """
        with Bench(stations=1, mtu=1500, uplink_kind="tap") as bench:
            bench.hv.tenant("blue", BLUE, bench.vteps)
            bench.raw_vm("blue", "blue1", 1)
            bench.start()
            station = bench.stations[bench.vteps[0]]
            before = bench.shell.port("p0")
            first, later = repaired(6, 0x2000)(bench), repaired(6, 0x0010)(bench)
            with Wire(bench.hv.namespace, bench.hv.host_port) as linux:
                station.wire.send(first, first, first, later)
                linux.expect(has(MARK), "the later fragment")
            station.wire.send(bench.encapsulated(
                station, BLUE, unicast(FAR, vm_mac(1), b"a good one")))
            bench.expect_at("blue1", BLUE, b"a good one")
            assert bench.shell.port("p0").since(before).drops == {"outer-fragment": 3}
            assert bench.places_that_heard(MARK) == set()
