# SPDX-License-Identifier: BSD-3-Clause
"""What the NIC makes of packets that are as they should be."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet

from card import analysis
from card.answers import Answer, question
from card.bed import FAR, FAR_IP, Bed
from card.hypervisor import Hypervisor, Seen
from card.traffic import NumberedStream, ping, wait_ping
from framework.process import wait_until

HARDWARE_PATH = "docs/hardware-path.md"
#: Ethernet, IPv4, UDP and VXLAN; over IPv6 20 more.
OVERHEAD = 50
MARKER = b"sallyport card question "
UDP_PORT = 7100


def _ipv4(mac: str, address: str, **fields: object) -> Packet:
    return Ether(src=mac, dst=FAR) / IP(src=address, dst=FAR_IP, **fields)


def _ipv6(mac: str) -> Packet:
    return Ether(src=mac, dst=FAR) / IPv6(src="fd00::1", dst="fd00::9")


#: A frame of each kind of flow, from a guest's MAC and address.
KINDS: dict[str, Callable[[str, str], Packet]] = {
    "udp": lambda mac, ip: _ipv4(mac, ip) / UDP(sport=1111, dport=UDP_PORT) / MARKER,
    "tcp": lambda mac, ip: _ipv4(mac, ip) / TCP(sport=1111, dport=80) / MARKER,
    "icmp": lambda mac, ip: _ipv4(mac, ip) / ICMP(id=7) / MARKER,
    "sctp": lambda mac, ip: _ipv4(mac, ip, proto=132) / b"\x04\x57\x00\x50" / MARKER,
    "gre": lambda mac, ip: _ipv4(mac, ip, proto=47) / bytes(4) / MARKER,
    "fragment": lambda mac, ip: _ipv4(mac, ip, proto=17, flags="MF", frag=100) / MARKER,
    "ipv6-udp": lambda mac, ip: _ipv6(mac) / UDP(sport=1111, dport=UDP_PORT) / MARKER,
    "ipv6-options": lambda mac, ip: (_ipv6(mac) / IPv6ExtHdrDestOpt()
                                     / UDP(sport=1111, dport=UDP_PORT) / MARKER),
}


def settled(hypervisor: Hypervisor, port: str, enough: int, direction: str) -> Seen:
    """Counters, when those of the NIC have caught up: they are up to half a second behind."""
    def ready() -> Seen | None:
        seen = hypervisor.seen(port)
        nic = seen.nic_rx if direction == "rx" else seen.nic_tx
        software = seen.software_rx if direction == "rx" else seen.software_tx
        return seen if (nic if nic is not None else software) >= enough else None
    return wait_until(ready, f"{port} of {hypervisor.host.name} counts {enough}", 10, interval=0.2)


class TestEncapsulation:
    """From a guest to the wire."""

    @pytest.mark.parametrize("family", ["ipv4", "ipv6"])
    @question("Are outer lengths and the IPv4 checksum filled in after encapsulation?",
              assumed="yes: the header that Sallyport gives has zeros there",
              reference=f"{HARDWARE_PATH}, Tables", costs_traffic=True)
    def test_outer_lengths(self, bed: Bed, answer: Answer, family: str) -> None:
        """Lengths of the outer headers.

        Steps:
            * The guest sends 200 UDP datagrams of many sizes to a station behind the second host,
              which captures them.
        Verify:
            * Every outer IP and UDP length, and every IPv4 checksum, is right.
        """
        with bed.bench(ipv6=family == "ipv6") as bench, \
                bench.station.capture(0, "udp", "port", "4789", name=f"lengths-{family}") as wire:
            before = bench.a.seen("one")
            for size in (0, 18, 100, 512, 1000, 1472):
                ping(bench.one, FAR_IP, count=33, interval=0.005, size=size)
            packets = [packet for packet in wire.expect(
                lambda packet: analysis.is_vxlan(packet, bed.nodes.vni), "VXLAN", 190)]
            faults = sorted({fault for packet in packets
                             for fault in analysis.outer_faults(bytes(packet))})
            seen = bench.a.seen("one").software_rx - before.software_rx
        answer.figure("packets", len(packets))
        answer.figure("by software", f"{analysis.software_share(len(packets), seen):.0%}")
        bed.by_nic(len(packets), seen)
        answer.figure("UDP checksums", sorted({packet[UDP].chksum for packet in packets}))
        answer.assumed_is(not faults, "; ".join(faults[:5]) or "all are right")

    @question("Does encapsulation, then a jump to the uplink table, then a port work in one pass?",
              assumed="yes: the CPU sees none of a known flow's packets",
              reference=f"{HARDWARE_PATH}, Tables")
    def test_one_pass(self, bed: Bed, answer: Answer) -> None:
        """Who forwards a flow between two hosts that know its stations.

        Steps:
            * 4000 numbered datagrams, both ways, after both stations are known.
            * Compare what the CPUs of both hosts saw with what was sent.
        Verify:
            * All arrive; neither CPU sees more than a hundredth of them.
        """
        with bed.pair() as pair:
            wait_ping(pair.far, pair.one.ip)
            before = pair.a.seen("one"), pair.b.seen("far")
            with NumberedStream(pair.one, pair.far) as out, \
                    NumberedStream(pair.far, pair.one, port=7001) as back:
                wait_until(lambda: len(out.receiver.text()) > 0, "a stream", 10)
                ping(pair.one, pair.far.ip, count=100)
                there, here = out.finish(), back.finish()
            after = pair.a.seen("one"), pair.b.seen("far")
        sent = there.sent + here.sent + 200  # with the pings and their answers
        by_software = sum(later.software_rx - earlier.software_rx
                          for earlier, later in zip(before, after))
        share = analysis.software_share(sent, by_software)
        answer.figure("there", there)
        answer.figure("back", here)
        answer.figure("by software", f"{share:.1%}")
        assert there.received and here.received, (there, here)
        answer.assumed_is(share < 0.01, f"{by_software} of {sent} went by the CPU")

    @question("Does traffic leave by p1, though all rules are made on p0?",
              assumed="yes", reference="docs/hardware.md, What it is",
              costs_traffic=True)
    def test_leaves_by_second_uplink(self, bed: Bed, answer: Answer) -> None:
        """The second uplink, which has no rules of its own.

        Steps:
            * `failover switch`; the guest pings a station behind the second host a hundred times.
            * The second host captures on both ports.
        Verify:
            * All come by the second port, none by the first, and the CPU sees none of them.
        """
        with bed.bench() as bench:
            bench.a.shell.run("failover switch")
            bench.a.shell.wait_active("p1")
            before = bench.a.seen("one")
            with bench.station.capture(0, "udp", "port", "4789", name="second") as first, \
                    bench.station.capture(1, "udp", "port", "4789", name="second") as second:
                ping(bench.one, FAR_IP, count=100, interval=0.005)
                came = len(second.expect(analysis.is_vxlan, "VXLAN on p1", 1))
                came = len([p for p in second.packets() if analysis.is_vxlan(p, bed.nodes.vni)])
                astray = len([p for p in first.packets() if analysis.is_vxlan(p, bed.nodes.vni)])
            by_software = bench.a.seen("one").software_rx - before.software_rx
        answer.figure("by software", f"{analysis.software_share(100, by_software):.0%}")
        bed.by_nic(100, by_software)
        answer.assumed_is(came == 100 and not astray,
                          f"{came} of 100 came by p1, {astray} by p0")

    @question("Are frames dropped whose encapsulated length exceeds a VF's MTU?",
              assumed="no: the limit is the port's", reference="docs/hardware.md, MTU",
              costs_traffic=True)
    def test_full_size(self, bed: Bed, answer: Answer) -> None:
        """Full-sized packets between guests.

        Steps:
            * `ping -M do -s 1472` between guests with an MTU of 1500, with the underlay's 1600.
        Verify:
            * All are answered.
        """
        with bed.pair() as pair:
            before = pair.a.seen("one")
            result = ping(pair.one, pair.far.ip, count=100, size=1472, options=("-M", "do"))
            bed.by_nic(100, pair.a.seen("one").software_rx - before.software_rx)
        answer.assumed_is(result.lost == 0, f"{result.lost} of {result.sent} lost")

    @pytest.mark.parametrize("kind", KINDS)
    @question("Do software and hardware give a flow the same UDP source port?",
              assumed="yes where `show eswitch` says that it is agreed; otherwise it changes once, "
                      "when the NIC takes the flow",
              reference=f"{HARDWARE_PATH}, The UDP source port")
    def test_source_port(self, bed: Bed, answer: Answer, kind: str) -> None:
        """The entropy of the outer header.

        Steps:
            * The guest, of which nothing is known yet, sends 2000 frames of one flow in two
              seconds to a station behind the second host, which captures.
            * UDP goes on with 64 more flows.
        Verify:
            * The flow's ports in their order: one, or two with one change.
        """
        if kind == "fragment":
            bed.need_card("their VFs put fragments together")
        with bed.bench(lambda a: a.blue.fdb.pop()) as bench:
            agreed = bench.a.shell.json("show eswitch").get("udp_source_port") == "nic"
            before = bench.a.seen("one")
            with bench.station.capture(0, "udp", "port", "4789", name=f"port-{kind}") as wire:
                flow = KINDS[kind](bench.one.mac, bench.one.ip)
                bench.frames_from(bench.one, [flow], times=2000, per_second=1000)
                if kind == "udp":
                    bench.one.run("python3", bench.a.host.agent("flows.py"), "many", FAR_IP, "64")
                time.sleep(0.5)  # what is lost cannot be waited for
                packets = [p for p in wire.packets() if analysis.is_vxlan(p, bed.nodes.vni)]
            by_software = bench.a.seen("one").software_rx - before.software_rx
        whole = bytes(flow)[14:]
        ports = analysis.source_ports(p for p in packets if whole in bytes(p))
        others = {p[UDP].sport for p in packets if UDP in p[VXLAN].payload
                  and p[VXLAN].payload[UDP].dport >= 20000}
        answer.figure("agreed", agreed)
        answer.figure("ports in order", ports[:10])
        answer.figure("by software", by_software)
        if others:
            answer.figure("ports of 64 flows", len(others))
        assert ports, "nothing was captured"
        changes = len(ports) - 1
        answer.assumed_is(changes == 0 if agreed or not bed.hardware else changes <= 1,
                          f"{len({port for port, _ in ports})} ports, {changes} changes; "
                          f"{'' if agreed else 'not '}agreed")


class TestDecapsulation:
    """From the wire to a guest."""

    @question("Does COUNT behind DECAP count octets with the outer headers, or without?",
              reference="docs/commands.md, JSON: \"perhaps with their outer headers\"")
    def test_counted_octets(self, bed: Bed, answer: Answer) -> None:
        """What `show port stats` says of what the NIC delivered.

        Steps:
            * The second host sends 1000 VXLAN packets with inner frames of 542 octets.
            * Divide what the NIC's counter of delivered octets grew by through its packets.
        Verify:
            * The result is the inner frame's size, or that and the outer headers.
        """
        bed.need_card("there is no counter to look at")
        with bed.bench() as bench:
            inner = (Ether(src=FAR, dst=bench.one.mac) / IP(src=FAR_IP, dst=bench.one.ip)
                     / UDP(sport=9, dport=UDP_PORT) / bytes(500))
            frame = bench.station.vxlan(bench.a.underlay_mac(), bench.a.vtep, bed.nodes.vni, inner)
            before = bench.a.seen("one")
            bench.station.send(0, frame, times=1000)
            after = settled(bench.a, "one", (before.nic_tx or 0) + 1000, "tx")
        packets = (after.nic_tx or 0) - (before.nic_tx or 0)
        octets = (after.nic_tx_bytes or 0) - (before.nic_tx_bytes or 0)
        what = analysis.counted_octets(octets, packets, len(inner), OVERHEAD)
        answer.figure("octets a packet", f"{octets / max(1, packets):.1f}")
        answer.measured_only(f"{what} (inner {len(inner)}, outer {len(inner) + OVERHEAD})")


class TestOtherWays:
    """What does not go through the tenants' tables."""

    @question("Does a packet that the CPU sends on an uplink pass group 0 untouched?",
              assumed="yes: group 0 matches the uplinks as origins, and the CPU is none",
              reference=f"{HARDWARE_PATH}, Tables", costs_traffic=True)
    def test_cpu_sends(self, bed: Bed, answer: Answer) -> None:
        """The host's own packets by `sallyport0`.

        Steps:
            * The host asks by ARP for the second host's address, with each uplink active.
            * The second host captures on both ports.
        Verify:
            * The request comes by the active uplink, and by it alone.
        """
        said = []
        with bed.bench(lambda a: a.main.next_hops.clear()) as bench:
            for active in (0, 1):
                bed.use(bench.a, f"p{active}")
                with bench.station.capture(0, "arp") as first, \
                        bench.station.capture(1, "arp") as second:
                    bench.a.host.run("ip", "neigh", "flush", "dev", "sallyport0", check=False)
                    bench.a.host.run("ping", "-c", "2", "-W", "1", bench.remote, check=False)
                    heard = [sum(ARP in packet and packet[ARP].op == 1
                                 and packet[ARP].pdst == bench.remote
                                 for packet in capture.packets()) for capture in (first, second)]
                answer.figure(f"with p{active} active, requests on p0 and p1", heard)
                said.append(heard[active] > 0 and heard[1 - active] == 0)
        answer.assumed_is(all(said), f"p0: {said[0]}, p1: {said[1]}")

    @question("What happens to a VF whose representor nobody starts?",
              assumed="its packets reach nobody", reference="docs/hardware.md, Device arguments",
              costs_traffic=True)
    def test_unnamed_vf(self, bed: Bed, answer: Answer) -> None:
        """A VF that is in no tenant's file.

        Steps:
            * A guest on a VF that Sallyport does not know pings, and sends frames to the first
              guest and to the second host.
            * Capture on both ports of the second host, and at the first guest.
        Verify:
            * Nothing of it comes anywhere.
        """
        bed.need_vfs(3)
        with bed.bench(lambda a: a.guest("stray", 2, "10.0.0.3/24", named=False)) as bench:
            stray = bench.a.guests["stray"]
            from_stray = ("ether", "src", stray.mac)
            with bench.station.capture(0, *from_stray) as first, \
                    bench.station.capture(1, *from_stray) as second, \
                    bench.guest_capture(*from_stray) as guest:
                ping(stray, bench.one.ip, count=5)
                bench.frames_from(stray, [
                    Ether(src=stray.mac, dst=mac) / IP(src=stray.ip, dst=FAR_IP) / UDP() / b"stray"
                    for mac in (bench.one.mac, *bench.station.macs, "ff:ff:ff:ff:ff:ff")])
                ping(bench.one, FAR_IP, count=20)
                heard = {name: len(capture.packets()) for name, capture in
                         (("p0", first), ("p1", second), ("guest", guest))}
        answer.assumed_is(not any(heard.values()), f"heard: {heard}")

    @question("Do inner headers of a tenant with another UDP port than 4789 stay in software?",
              assumed="yes, with a reason, and traffic passes",
              reference=f"{HARDWARE_PATH}, What stays in software")
    def test_other_udp_port(self, bed: Bed, answer: Answer) -> None:
        """A tenant with `udp_port = 4790`.

        Steps:
            * Both guests ping each other; ask `show fdb` where the rows are.
        Verify:
            * All is answered; no row of the tenant is in hardware.
        """
        def prepare(hypervisor: Hypervisor) -> None:
            hypervisor.blue.settings["udp_port"] = 4790
        with bed.pair(prepare) as pair:
            result = ping(pair.one, pair.far.ip, count=50)
            rows = pair.a.shell.json("show fdb blue")
        reasons = sorted({str(row["why_in_software"]) for row in rows
                          if row["why_in_software"]})
        answer.figure("reasons", reasons)
        in_hardware = sum(bool(row["in_hardware"]) for row in rows if row["vtep"])
        assert result.lost == 0, result.output
        answer.assumed_is(in_hardware == 0, f"{in_hardware} rows in hardware, nothing lost")
