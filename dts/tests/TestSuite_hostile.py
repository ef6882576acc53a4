# SPDX-License-Identifier: BSD-3-Clause
"""Mutated packets by the thousands: nothing breaks, every one is counted, traffic goes on.

`--hostile-packets N` sets how many of each kind, `--hostile-seed` where the sequence starts.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet

from api import nic
from api.esp import EspSender
from api.keys import KeyFolder
from api.lab import BLUE, RED, Lab, Station, vm_addresses, vm_mac
from api.nic_share import settled_share
from api.sallyport import binary
from api.security import SaPair
from api.shell import PortCounters
from api.traffic import assert_pings, tcp
from api.wire import outer, vxlan
from framework.namespace import Namespace
from framework.process import wait_until

pytestmark = pytest.mark.alone

FAR = vm_mac(9)
#: VNI of the tenant that is protected.
GREEN = 300


def inner_frames(destination: str, source: str) -> list[Packet]:
    """Good frames of many kinds."""
    ether = Ether(src=source, dst=destination)
    four, six = IP(src="10.0.0.9", dst="10.0.0.1"), IPv6(src="fd00::9", dst="fd00::1")
    return [
        ether / four / UDP(sport=9, dport=9) / bytes(40),
        ether / four / TCP(sport=9, dport=9, options=[("MSS", 1460)]) / bytes(600),
        ether / four / ICMP() / bytes(1400),
        ether / IP(src="10.0.0.9", dst="10.0.0.1", flags="MF", frag=3) / UDP() / bytes(64),
        ether / six / UDP(sport=9, dport=9) / bytes(40),
        ether / six / TCP(sport=9, dport=9) / bytes(1200),
        ether / six / ICMPv6EchoRequest(data=bytes(32)),
        ether / six / IPv6ExtHdrHopByHop() / UDP() / bytes(40),
        ether / six / IPv6ExtHdrFragment(offset=2) / UDP() / bytes(40),
        ether / Dot1Q(vlan=7) / four / UDP() / bytes(40),
        Ether(src=source, dst="ff:ff:ff:ff:ff:ff") / ARP(pdst="10.0.0.1"),
        Ether(src=source, dst="33:33:00:00:00:01") / six / UDP() / bytes(20),
    ]


def mutate_and_send(space: Namespace, interface: str, frames: list[Packet], count: int,
                    request: pytest.FixtureRequest, spare: int) -> int:
    """Sends `count` mutations of the frames; returns how many went out."""
    option = request.config.getoption
    lines = "".join(bytes(frame).hex() + "\n" for frame in frames)
    rate = option("--hostile-rate")
    result = space.run(
        binary("packet_mutator"), "--interface", interface, "--count", str(count),
        "--seed", str(option("--hostile-seed")), "--rate", str(rate), "--spare", str(spare),
        stdin=lines, timeout=count / rate * 5 + 60)
    return json.loads(result.stdout)["sent"]


@pytest.fixture(scope="class", params=["ipv4", "ipv6"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Blue with VMs on TAP and veth, a Linux peer and a hostile vtep; red too.

    Everything hostile comes by TAPs, uplink and VM ports alike: they lose nothing on the way, and
    hand over fragments as they are, so that the counters must add up to the last packet.
    """
    with KeyFolder() as keys, Lab(ipv6=request.param == "ipv6", mtu=1500) as lab:
        peer = lab.peer("peer1", 11)
        hostile = lab.station("hostile", 21)
        hv1 = lab.hypervisor("hv1", 1, uplink_kind="tap")
        hv1.main.next_hops.append(f"{hostile.address} {hostile.mac}")
        for tenant, vni in (("blue", BLUE), ("red", RED)):
            hv1.tenant(tenant, vni, [peer.vtep, hostile.address], mtu=1430,
                       inner_vlan="pass" if tenant == "red" else "drop", max_learned=64)
        hv1.vm("blue", "tap", 1, "tap", mtu=1430)
        hv1.vm("blue", "veth", 2, "veth", mtu=1430)
        hv1.vm("red", "red1", 1, "tap", mtu=1430)
        hv1.vm("blue", "evil", 5, "tap", macs=["any"], addresses=[])
        hv1.vm("blue", "strict", 6, "tap", addresses=[])
        peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep], mtu=1430)
        green = hv1.tenant("green", GREEN, [hostile.address], protection="ipsec", mtu=1380)
        lab.sas = SaPair.fresh(hv1.vtep, hostile.address)
        green.sas = keys.sections(lab.sas, hostile.address)
        hv1.main.settings |= keys.settings
        hv1.vm("green", "green1", 1, "tap", mtu=1380)
        lab.start()
        for name in ("evil", "strict"):
            hv1.vms[name].namespace.mute("eth0")
            hv1.vms[name].namespace.ip("link", "set", "eth0", "txqueuelen", "100000")
        lab.hostile = hostile
        yield lab


def errors_have_left(lab: Lab) -> None:
    """Waits until no ICMPv6 error of the hypervisor's Linux waits for a neighbour any more.

    Linux answers what is handed to it, and the forged senders resolve to nobody. Until it gives up,
    the answers fill the send buffer of the kernel's ICMPv6 socket, which is one for all namespaces
    of a core: the VMs' stacks, which on real hypervisors have kernels of their own, would answer no
    ping by IPv6 either (Ip6OutDiscards and Icmp6OutErrors in their /proc/net/snmp6).
    """
    def waiting() -> str:
        return lab.hypervisors[0].namespace.ip("-6", "neigh", "show", "nud", "incomplete").stdout
    wait_until(lambda: not waiting(), "no neighbour is being asked for", 20)


def traffic_as_before(lab: Lab) -> None:
    """The VMs that behave talk as if nothing had been."""
    errors_have_left(lab)
    hv1, far = lab.hypervisors[0], lab.peers["peer1"].vms["far"]
    tap, veth = hv1.vms["tap"], hv1.vms["veth"]
    # Within their own tenant the hostile ones may have taught anything, to our fdb and to the VMs'
    # own neighbour tables: what they taught is forgotten.
    for entry in hv1.shell.fdb("blue"):
        if entry.learned:
            hv1.shell.run(f"fdb del blue {entry.mac}", check=False)
    for station in (tap, veth, far):
        station.forget_neighbours()
    for one, other in ((tap, far), (far, tap), (veth, far), (tap, veth)):
        assert_pings(one, other.ip, count=20)
        assert_pings(one, other.ipv6, count=20)
    assert tcp(tap, far).octets > 1_000_000
    assert tcp(far, veth).octets > 1_000_000


class Count:
    """Readings of the counters before and after, and the sums that must hold."""

    def __init__(self, lab: Lab, port: str) -> None:
        self.shell, self.name = lab.hypervisors[0].shell, port
        self.is_uplink = port in lab.hypervisors[0].uplinks
        self.host_port = lab.hypervisors[0].host_port
        if nic.simulated():
            # What the NIC has done before is counted before.
            settled_share(self.shell, "blue")
        self.port = self.shell.port(port)
        self.host = self.shell.port(self.host_port)
        self.by_nic, self.by_cpu = self.decapsulated("nic"), self.decapsulated("counters")
        self.too_long = self.too_long_for_vms()

    def too_long_for_vms(self) -> int:
        """Packets of tenants, decapsulated ones, that the VM's port does not carry."""
        return sum(tenant["drops"]["port-frame-size"]
                   for tenant in self.shell.json("show tenant all"))

    def decapsulated(self, by: str) -> int:
        """Packets of all tenants, by the NIC or the CPU ("counters")."""
        return sum(tenant[by]["decap_packets"] for tenant in self.shell.json("show tenant all")
                   if tenant[by])

    def port_since(self) -> PortCounters:
        return self.shell.port(self.name).since(self.port)

    def received(self) -> int:
        """What came by the port, also what was longer than its buffers: nothing keeps that from
        coming by a cable."""
        port = self.port_since()
        by_nic = self.decapsulated("nic") - self.by_nic if self.is_uplink else 0
        return port.rx_packets + port.rx_errors + by_nic

    def wait_received(self, sent: int) -> None:
        """Until all has come, and no more. With a card a few are missing: Linux drops a frame whose
        VLAN tag is cut, before the card's port has it; and what a rule of the NIC has counted last
        goes with the rule, when a station moves."""
        missing = sent // 10 if nic.simulated() else 0
        wait_until(lambda: self.received() >= sent - missing, f"{sent} packets received", 20)
        port = self.port_since()
        assert port.rx_missed == 0 and port.rx_no_buffer == 0, port
        assert port.rx_errors == 0 or nic.simulated(), port

    def wait_sums(self) -> None:
        """What the CPU received at the uplink = dropped before a tenant + decapsulated + to Linux."""
        def holds() -> bool:
            port, host = self.port_since(), self.shell.port(self.host_port).since(self.host)
            outside = sum(number for reason, number in port.drops.items()
                          if reason in BEFORE_DECAPSULATION)
            outside -= self.too_long_for_vms() - self.too_long
            decapsulated = self.decapsulated("counters") - self.by_cpu
            return port.rx_packets == outside + decapsulated + host.tx_packets
        wait_until(holds, "received = dropped + decapsulated + passed to Linux")


class TestHostile:
    """Packets that nobody would send in good faith."""

    def test_outer(self, lab: Lab, request: pytest.FixtureRequest) -> None:
        """Mutated VXLAN packets from the underlay.

        Steps:
            * Mutate good packets (all kinds inside, a tenant's and foreign VNIs) from the outer
              IP header on, and send them to the vtep.
        Verify:
            * The process lives and a sanitizer, if built in, is silent.
            * Every packet was received at the uplink, and each was either dropped under a named
              reason, decapsulated, or passed to Linux: the sums are equal.
            * Afterwards traffic between the VMs flows as before.
        """
        hv1 = lab.hypervisors[0]
        station: Station = lab.hostile
        number = request.config.getoption("--hostile-packets")
        ether = Ether(src=station.mac, dst=hv1.underlay_mac)
        ip = outer(station.address, hv1.vtep)
        seeds = [vxlan(ether, ip, vni, frame) for frame in inner_frames(vm_mac(1), FAR)
                 for vni in (BLUE, RED, BLUE + 7)]
        traffic_as_before(lab)
        count = Count(lab, "p0")
        sent = mutate_and_send(*hv1.cable_of(0), seeds, number, request, spare=12)
        assert sent == number
        count.wait_received(sent)
        count.wait_sums()
        drops = count.port_since().drops
        assert len(drops) >= 8, drops  # the mutations do reach deep
        traffic_as_before(lab)

    def test_esp(self, lab: Lab, request: pytest.FixtureRequest) -> None:
        """Mutated ESP packets from the underlay.

        Steps:
            * Mutate good ESP packets of a protected tenant's SA from the outer IP header on, and send
              them to the vtep.
        Verify:
            * The process lives and a sanitizer, if built in, is silent.
            * Every packet was received, and each was dropped under a named reason, passed to Linux,
              or opened: no sequence number more than once.
            * Afterwards traffic between the VMs flows as before.
        """
        hv1 = lab.hypervisors[0]
        station: Station = lab.hostile
        number = request.config.getoption("--hostile-packets")
        ether = Ether(src=station.mac, dst=hv1.underlay_mac)
        ip = outer(station.address, hv1.vtep)
        sender = EspSender(lab.sas.into)
        seeds = [sender.protect(vxlan(ether, ip, vni, frame))
                 for frame in inner_frames(vm_mac(1), FAR) for vni in (GREEN, GREEN, BLUE)]
        count = Count(lab, "p0")
        green = hv1.shell.tenant("green")
        sent = mutate_and_send(*hv1.cable_of(0), seeds, number, request, spare=12)
        assert sent == number
        count.wait_received(sent)
        count.wait_sums()
        drops = count.port_since().drops
        assert {"bad-icv", "unknown-spi", "replayed", "esp-malformed"} <= set(drops), drops
        assert hv1.shell.tenant("green").since(green).decap_packets <= len(seeds)
        traffic_as_before(lab)

    @pytest.mark.parametrize("vm", ["evil", "strict"])
    def test_inner(self, lab: Lab, vm: str, request: pytest.FixtureRequest) -> None:
        """Mutated frames from a VM: one that may send from any MAC, one that may not.

        Steps:
            * Mutate good frames of all kinds from their first octet on, and send them at the port.
        Verify:
            * The process lives and a sanitizer, if built in, is silent.
            * Every frame was received at the port and counted for the tenant.
            * Frames dropped for a fault are all counted under named reasons.
            * Learned entries stay within the tenant's bound.
            * Afterwards traffic between the VMs flows as before.
        """
        hv1 = lab.hypervisors[0]
        number = request.config.getoption("--hostile-packets") // 2
        source = hv1.vms[vm]
        seeds = [frame for target in (vm_mac(1), vm_mac(2), vm_mac(3), vm_mac(77))
                 for frame in inner_frames(target, source.mac)]
        random.Random(request.config.getoption("--hostile-seed")).shuffle(seeds)
        traffic_as_before(lab)
        count = Count(lab, vm)
        sent = mutate_and_send(source.namespace, "eth0", seeds, number, request, spare=12)
        count.wait_received(sent)
        assert count.received() <= sent == number
        port = count.port_since()
        expected = {"evil": "source-mac-invalid", "strict": "source-mac-spoofed"}[vm]
        assert port.drops[expected] > 0, port.drops
        assert len([entry for entry in hv1.shell.fdb("blue") if entry.learned]) <= 64
        traffic_as_before(lab)

    def test_noise(self, lab: Lab, request: pytest.FixtureRequest) -> None:
        """Octets without any sense, at both sides.

        Steps:
            * Send random octets of all lengths at the uplink, by the hypervisor's MAC, and at a VM
              port.
        Verify:
            * Every one is received; afterwards traffic flows as before.
        """
        hv1 = lab.hypervisors[0]
        number = request.config.getoption("--hostile-packets") // 10
        dice = random.Random(request.config.getoption("--hostile-seed"))
        for place, space, interface, mac in (("p0", *hv1.cable_of(0), hv1.underlay_mac),
                                             ("evil", hv1.vms["evil"].namespace, "eth0", FAR)):
            count = Count(lab, place)
            seeds = [Ether(src=FAR, dst=mac, type=kind) / dice.randbytes(length)
                     for kind in (0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8, 0x9999)
                     for length in (1, 20, 60, 200, 1400)]
            sent = mutate_and_send(space, interface, seeds, number, request, spare=14)
            count.wait_received(sent)
        traffic_as_before(lab)


#: Reasons for which a packet from the underlay ends before it belongs to a tenant, or before it is
#: counted as decapsulated.
BEFORE_DECAPSULATION = {
    "frame-too-short", "source-mac-invalid", "frame-truncated", "inner-vlan", "backup-uplink",
    "not-for-us", "outer-malformed", "outer-ip-checksum", "outer-fragment", "outer-udp-length",
    "outer-udp-checksum", "outer-udp6-zero-checksum", "vxlan-flags", "vni-unknown",
    "vni-wrong-vtep", "vtep-unknown", "ecn-invalid", "host-port-absent", "port-frame-size",
    "clear-text", "unknown-spi", "selector-mismatch", "bad-icv", "replayed", "outside-window",
    "bad-padding", "dummy", "esp-malformed", "esp-unsuitable-buffer", "lifetime-over",
}
