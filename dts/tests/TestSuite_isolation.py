# SPDX-License-Identifier: BSD-3-Clause
"""Tenants never meet: what one sends is heard in no other, whatever it sends.

Blue and red use the same MAC and IP addresses, on the same hypervisor and behind the same remote
vtep. Every refused packet is counted under a reason of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scapy.layers.inet import ICMP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet

from api.bench import BROADCAST, Bench, unicast
from api.lab import BLUE, RED, vm_mac
from api.wire import Wire, outer, vxlan
from framework.process import wait_until

FOREIGN = 300
OTHER_VTEP = 400
OTHER_PORT = 500
VNI = {"blue": BLUE, "red": RED}
#: Where tenants have stations: two VMs each, and one remote vtep that they share.
VMS = {"blue": ("blue1", "blue2"), "red": ("red1", "red2")}
OUTSIDER = "02:dd:00:00:00:01"
DESTINATIONS = {"unicast-1": vm_mac(1), "unicast-2": vm_mac(2), "broadcast": BROADCAST,
                "multicast": "01:00:5e:00:00:05", "unknown": OUTSIDER}


@pytest.fixture(scope="class", params=["ipv4", "ipv6"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Blue and red alike; two more tenants with another local vtep and another UDP port.

    vteps[0] belongs to both, vteps[1] to blue alone, the stranger to nobody.
    """
    with Bench(stations=2, strangers=1, ipv6=request.param == "ipv6") as bench:
        shared, blue_only = bench.vteps
        second = bench.lab.address(2)
        bench.hv.main.addresses.append(f"{second}/{bench.lab.prefix_length}")
        bench.hv.tenant("blue", BLUE, [shared, blue_only])
        bench.hv.tenant("red", RED, [shared])
        bench.hv.tenant("other-vtep", OTHER_VTEP, [shared]).local_vtep = second
        bench.hv.tenant("other-port", OTHER_PORT, [shared], udp_port=8472)
        for tenant, names in VMS.items():
            for number, name in enumerate(names, 1):
                bench.raw_vm(tenant, name, number)
        bench.start()
        with Wire(bench.hv.namespace, bench.hv.host_port) as host:
            bench.wires["linux"] = host
            yield bench
            del bench.wires["linux"]


def stations_of(bench: Bench, tenant: str) -> list[str]:
    return [*VMS[tenant], bench.vteps[0]]


def settle(bench: Bench) -> None:
    """Everything sent before has been dealt with."""
    for tenant in VMS:
        bench.barrier(tenant, VNI[tenant])


def dropped_at_vm(bench: Bench, tenant: str, port: str, reason: str, count: int,
                  before: tuple) -> None:
    """The reason was counted `count` times, for the tenant and for the port, and no other was."""
    tenant_before, port_before = before
    wait_until(lambda: bench.shell.port(port).since(port_before).drops[reason] >= count,
               f"{count} {reason} at {port}")
    assert bench.shell.port(port).since(port_before).drops == {reason: count}
    assert bench.shell.tenant(tenant).since(tenant_before).drops == {reason: count}


class TestIsolation:
    """Every pair across the two tenants, and every way around."""

    @pytest.mark.parametrize("tenant", ["blue", "red"])
    @pytest.mark.parametrize("kind", DESTINATIONS)
    def test_every_pair(self, bench: Bench, tenant: str, kind: str) -> None:
        """Whatever one tenant sends, no station of the other hears.

        Steps:
            * From each station of a tenant (two VMs, one behind a vtep) send a frame.
        Verify:
            * Stations of the same tenant hear it as they should (so that silence means something).
            * No VM of the other tenant hears it, the vtep hears it with the tenant's VNI only, and
              Linux on the hypervisor does not hear it.
        """
        destination = DESTINATIONS[kind]
        other = "red" if tenant == "blue" else "blue"
        settle(bench)  # every VM's place is known: unicast is not flooded
        for source in stations_of(bench, tenant):
            number = 1 + VMS[tenant].index(source) if source in VMS[tenant] else 9
            if destination == vm_mac(number):
                continue
            marker = f"{source} of {tenant} to {kind}.".encode()
            bench.drain()
            bench.send_at(source, VNI[tenant], unicast(vm_mac(number), destination, marker))
            if kind.startswith("unicast"):
                expected = {VMS[tenant][int(kind[-1]) - 1]}
            else:
                expected = {*VMS[tenant]} - {source}
                if source in VMS[tenant]:
                    expected |= {bench.vteps[0]} | ({bench.vteps[1]} if tenant == "blue" else set())
            for place in sorted(expected):
                bench.expect_at(place, VNI[tenant], marker)
            settle(bench)
            heard = bench.places_that_heard(marker)
            assert heard == expected
            assert not heard & {*VMS[other]}

    @pytest.mark.parametrize("source", [vm_mac(2), OUTSIDER, "underlay", "remote"])
    def test_spoofed_source(self, bench: Bench, source: str) -> None:
        """A VM cannot send from a MAC that is not its own.

        Steps:
            * At red1, send from red2's MAC, from an unused one, from the underlay's MAC and from
              that of a station behind the remote vtep; unicast and broadcast.
        Verify:
            * Each is counted as source-mac-spoofed for the tenant and the port; nobody hears it,
              and the fdb has not moved.
        """
        far = vm_mac(9)
        source = {"underlay": bench.hv.underlay_mac, "remote": far}.get(source, source)
        bench.send_at(bench.vteps[0], RED, unicast(far, vm_mac(1), b"here I am"))
        bench.shell.wait_fdb("red", far, bench.vteps[0])
        settle(bench)
        before = bench.shell.tenant("red"), bench.shell.port("red1")
        bench.drain()
        for destination in (vm_mac(2), BROADCAST, far):
            bench.wires["red1"].send(unicast(source, destination, b"spoofed"))
        dropped_at_vm(bench, "red", "red1", "source-mac-spoofed", 3, before)
        settle(bench)
        assert bench.places_that_heard(b"spoofed") == set()
        assert bench.shell.fdb_entry("red", far).place == bench.vteps[0]
        assert bench.shell.fdb_entry("red", vm_mac(2)).place == "red2"

    @pytest.mark.parametrize("vni", [FOREIGN, 0, 0xFFFFFF, BLUE << 8])
    def test_foreign_vni(self, bench: Bench, vni: int) -> None:
        """A VNI that no tenant has leads nowhere.

        Steps:
            * From a vtep of both tenants send frames to VM MACs and broadcast under such a VNI.
        Verify:
            * Each is counted as vni-unknown; nobody hears it.
        """
        self.refused_from_station(bench, bench.stations[bench.vteps[0]], vni, "vni-unknown")

    def test_stranger(self, bench: Bench) -> None:
        """A source that is no remote vtep of any tenant is not heard.

        Steps:
            * From an unknown vtep send frames under blue's and red's VNI.
        Verify:
            * Each is counted as vtep-unknown; nobody hears it.
        """
        for vni in VNI.values():
            self.refused_from_station(bench, bench.strangers[0], vni, "vtep-unknown")

    def test_vtep_of_the_other_tenant(self, bench: Bench) -> None:
        """A remote vtep of blue alone cannot send under red's VNI.

        Steps:
            * From blue's second vtep send frames under red's VNI.
        Verify:
            * Each is counted as vtep-unknown; nobody hears it.
        """
        self.refused_from_station(bench, bench.stations[bench.vteps[1]], RED, "vtep-unknown")

    def test_other_local_vtep(self, bench: Bench) -> None:
        """A VNI is only taken at its tenant's own local vtep.

        Steps:
            * Send a VNI to the address of another tenant's local vtep, both ways round.
        Verify:
            * Each is counted as vni-wrong-vtep; nobody hears it.
        """
        station = bench.stations[bench.vteps[0]]
        self.refused_from_station(bench, station, OTHER_VTEP, "vni-wrong-vtep")
        self.refused_from_station(bench, station, RED, "vni-wrong-vtep",
                                  destination=bench.lab.address(2))

    def test_other_udp_port(self, bench: Bench) -> None:
        """A VNI is only taken at its tenant's UDP port.

        Steps:
            * Send each tenant's VNI to the other's UDP port.
        Verify:
            * Each is counted as vni-wrong-vtep; nobody hears it.
        """
        station = bench.stations[bench.vteps[0]]
        self.refused_from_station(bench, station, OTHER_PORT, "vni-wrong-vtep")
        self.refused_from_station(bench, station, RED, "vni-wrong-vtep", port=8472)

    @staticmethod
    def refused_from_station(bench: Bench, station, vni: int, reason: str, **fields) -> None:
        """Frames inside VXLAN that must be refused under `reason`, and under no other."""
        settle(bench)
        before = bench.shell.port("p0")
        bench.drain()
        frames = [unicast(vm_mac(9), destination, b"refused")
                  for destination in (vm_mac(1), vm_mac(2), BROADCAST, OUTSIDER)]
        station.wire.send(*(bench.encapsulated(station, vni, frame, **fields) for frame in frames))
        wait_until(lambda: bench.shell.port("p0").since(before).drops[reason] >= len(frames),
                   f"{len(frames)} {reason}")
        assert bench.shell.port("p0").since(before).drops == {reason: len(frames)}
        settle(bench)
        assert bench.places_that_heard(b"refused") == set()

    def test_vxlan_inside_vxlan(self, bench: Bench) -> None:
        """Only the outermost VXLAN header counts.

        Steps:
            * Inside VXLAN of blue send a frame to blue1 that holds VXLAN of red to the vtep.
        Verify:
            * blue1 hears it as it is, nobody else does.
        """
        station = bench.stations[bench.vteps[0]]
        settle(bench)
        bench.drain()
        frame = self.nested(bench, vm_mac(9), vm_mac(1))
        station.wire.send(bench.encapsulated(station, BLUE, frame))
        heard, = bench.expect_at("blue1", BLUE, b"nested")
        assert bytes(heard) == bytes(frame)
        settle(bench)
        assert bench.places_that_heard(b"nested") == {"blue1"}

    @staticmethod
    def nested(bench: Bench, source: str, destination: str) -> Packet:
        """VXLAN of red to our vtep, as a VM may build it."""
        return vxlan(Ether(src=source, dst=destination), outer(bench.vteps[0], bench.hv.vtep), RED,
                     unicast(vm_mac(1), vm_mac(2), b"nested"))

    def test_vxlan_from_a_vm(self, bench: Bench) -> None:
        """A VM cannot speak VXLAN to the hypervisor.

        Steps:
            * At blue1 send VXLAN of red, to the vtep's IP address: to the underlay's MAC, to
              blue2's MAC and broadcast.
        Verify:
            * The first is counted as underlay-mac; the others are heard in blue as they are.
            * No station of red and not Linux hears them.
        """
        settle(bench)
        before = bench.shell.tenant("blue"), bench.shell.port("blue1")
        bench.drain()
        bench.wires["blue1"].send(self.nested(bench, vm_mac(1), bench.hv.underlay_mac))
        dropped_at_vm(bench, "blue", "blue1", "underlay-mac", 1, before)
        settle(bench)
        assert bench.places_that_heard(b"nested") == set()
        bench.wires["blue1"].send(self.nested(bench, vm_mac(1), vm_mac(2)))
        bench.expect_at("blue2", BLUE, b"nested")
        settle(bench)
        assert bench.places_that_heard(b"nested") == {"blue2"}
        bench.drain()
        bench.wires["blue1"].send(self.nested(bench, vm_mac(1), BROADCAST))
        settle(bench)
        assert bench.places_that_heard(b"nested") == {"blue2", *bench.vteps}
        for vtep in bench.vteps:
            frame, = bench.frames_at(vtep, b"nested")
            assert frame[VXLAN].vni == BLUE

    @pytest.mark.parametrize("kind", ["ping", "arp", "tcp-like"])
    def test_underlay_out_of_reach(self, bench: Bench, kind: str) -> None:
        """A VM cannot reach the hypervisor's Linux or anything of the underlay.

        Steps:
            * At blue1 send to the underlay's MAC and broadcast: a ping, an ARP request and a
              datagram for the vtep's address.
        Verify:
            * What is sent to the MAC is counted as underlay-mac.
            * Linux hears nothing, no answer comes back, the vteps hear the broadcast inside VXLAN.
        """
        if bench.lab.ipv6 and kind == "arp":
            pytest.skip("ARP asks for IPv4 addresses; the ping covers IPv6")
        settle(bench)
        target = bench.hv.vtep
        body = {
            "ping": outer(bench.vteps[0], target) / ICMP() / b"reach",
            "arp": ARP(hwsrc=vm_mac(1), psrc=bench.vteps[0], pdst=target) / b"reach",
            "tcp-like": outer(bench.vteps[0], target) / UDP(sport=179, dport=179) / b"reach",
        }[kind]
        before = bench.shell.tenant("blue"), bench.shell.port("blue1")
        bench.drain()
        bench.wires["blue1"].send(Ether(src=vm_mac(1), dst=bench.hv.underlay_mac) / body)
        dropped_at_vm(bench, "blue", "blue1", "underlay-mac", 1, before)
        bench.wires["blue1"].send(Ether(src=vm_mac(1), dst=BROADCAST) / body)
        for place in ("blue2", *bench.vteps):
            bench.expect_at(place, BLUE, b"reach")
        settle(bench)
        assert bench.places_that_heard(b"reach") == {"blue2", *bench.vteps}
        replies = [frame for frame in bench.heard["blue1"]
                   if frame.src in (bench.hv.underlay_mac, bench.hv.namespace.mac("sallyport0"))]
        assert not replies

    def test_control(self, bench: Bench) -> None:
        """What the underlay is for does reach Linux: the silence above means something.

        Steps:
            * From a station ping the vtep.
        Verify:
            * Linux hears it.
        """
        station = bench.stations[bench.vteps[0]]
        bench.drain()
        station.wire.send(bench.outer_ether(station) / outer(station.address, bench.hv.vtep)
                          / UDP(sport=9, dport=9) / b"for Linux")
        bench.expect_at("linux", 0, b"for Linux")

    def test_backup_uplink(self, bench: Bench) -> None:
        """What comes in by the uplink that is not active is not taken.

        Steps:
            * On switch B send VXLAN of blue to the hypervisor's second uplink.
        Verify:
            * It is counted as backup-uplink; nobody hears it.
        """
        station = bench.stations[bench.vteps[0]]
        settle(bench)
        before = bench.shell.port("p1")
        bench.drain()
        with Wire(bench.lab.switches[1].namespace, "hv1") as port:
            port.send(bench.encapsulated(station, BLUE, unicast(vm_mac(9), vm_mac(1), b"backup")))
        wait_until(lambda: bench.shell.port("p1").since(before).drops["backup-uplink"] >= 1,
                   "backup-uplink drop")
        settle(bench)
        assert bench.places_that_heard(b"backup") == set()


class TestSameMacTwice:
    """Equal MACs in both tenants do not disturb each other."""

    def test_places_are_apart(self) -> None:
        """A MAC is learned per tenant.

        Steps:
            * The same MAC speaks at a VM port of blue and behind a vtep in red; then moves in blue.
        Verify:
            * Each fdb has its own place for it, and red's does not move.
        """
        with Bench(stations=2) as bench:
            for tenant, vni in VNI.items():
                bench.hv.tenant(tenant, vni, bench.vteps)
                bench.raw_vm(tenant, f"{tenant}1", 1, macs=["any"])
            bench.start()
            bench.send_at("blue1", BLUE, unicast(OUTSIDER, BROADCAST, b"x"))
            bench.send_at(bench.vteps[0], RED, unicast(OUTSIDER, BROADCAST, b"x"))
            bench.shell.wait_fdb("blue", OUTSIDER, "blue1")
            bench.shell.wait_fdb("red", OUTSIDER, bench.vteps[0])
            bench.send_at(bench.vteps[1], BLUE, unicast(OUTSIDER, BROADCAST, b"x"))
            bench.shell.wait_fdb("blue", OUTSIDER, bench.vteps[1])
            bench.shell.wait_fdb("red", OUTSIDER, bench.vteps[0])


class TestRemovedTenant:
    """A tenant that is gone hears and says nothing."""

    def test_removed(self) -> None:
        """After `tenant del` the VNI is unknown and the others go on.

        Steps:
            * Remove red; send under its VNI from a vtep; ping within blue.
        Verify:
            * vni-unknown is counted, no VM of red hears anything, blue goes on.
        """
        with Bench(stations=1) as bench:
            for tenant, vni in VNI.items():
                bench.hv.tenant(tenant, vni, bench.vteps)
                for number in (1, 2):
                    bench.raw_vm(tenant, f"{tenant}{number}", number, kind="veth")
            bench.start()
            bench.barrier("red", RED)
            bench.shell.run("tenant del red")
            before = bench.shell.drops()
            bench.drain()
            bench.send_at(bench.vteps[0], RED, unicast(OUTSIDER, BROADCAST, b"gone"))
            bench.wires["red1"].send(unicast(vm_mac(1), BROADCAST, b"gone"))
            wait_until(lambda: bench.shell.drops().since(before)["vni-unknown"] == 1,
                       "vni-unknown drop")
            bench.barrier("blue", BLUE)
            assert bench.places_that_heard(b"gone") == set()

