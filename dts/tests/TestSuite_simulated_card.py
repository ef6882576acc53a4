# SPDX-License-Identifier: BSD-3-Clause
"""The NIC forwards, and not the CPU: said by the counters of its rules, and by the CPU's.

Runs with `--nic mlx5sim`: Sallyport under the real mlx5 driver, whose rules the simulated card of
docs/mlx5sim.md executes on real packets.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from api.bench import Bench, unicast
from api.esp import is_esp
from api.keys import KeyFolder
from api.lab import BLUE, RED, Hypervisor, Lab, vm_mac
from api.nic_share import Share, settled_share
from api.security import SaPair
from api.traffic import (Conversation, NumberedStream, Pings, assert_pings, parse_ping, ping, tcp,
                         wait_ping)
from api.vm import Vm
from api.wire import Wire, has, is_raw_vxlan
from framework.process import wait_until

pytestmark = pytest.mark.card_only

GREEN = 300
#: Of a few hundred: questions for neighbours, which Linux asks again and again, and what was under
#: way when a rule came.
FEW = 20


@pytest.fixture(scope="class", params=["ipv4", "ipv6"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """hv1 and hv2, with blue and red in clear and green in ESP on both: VM 1 and 3 on hv1, 2 on hv2."""
    with KeyFolder() as near_keys, KeyFolder() as far_keys, \
            Lab(ipv6=request.param == "ipv6", mtu=1700) as lab:
        pair = SaPair.fresh(lab.address(1), lab.address(2))
        for number, sas, keys in ((1, pair, near_keys), (2, pair.reversed, far_keys)):
            hypervisor, other = lab.hypervisor(f"hv{number}", number), lab.address(3 - number)
            # Over IPv6 the NIC takes part with zero checksums only.
            hypervisor.main.settings |= keys.settings | {
                "underlay.udp_checksum": "zero", "underlay.udp6_zero_checksum": "accept"}
            for tenant, vni in (("blue", BLUE), ("red", RED)):
                hypervisor.tenant(tenant, vni, [other], mtu=1500)
            green = hypervisor.tenant("green", GREEN, [other], protection="ipsec", mtu=1500)
            green.sas = keys.sections(sas, other)
            for tenant in ("blue", "red", "green"):
                for index in (number, number + 2):
                    hypervisor.vm(tenant, f"{tenant}{index}", index, "veth")
        lab.start()
        for tenant in ("blue", "red", "green"):
            for one, other in ((1, 2), (1, 3), (2, 4)):
                acquaint(vm(lab, f"{tenant}{one}"), vm(lab, f"{tenant}{other}"))
        yield lab


def vm(lab: Lab, name: str) -> Vm:
    return next(h.vms[name] for h in lab.hypervisors if name in h.vms)


def acquaint(one: Vm, other: Vm) -> None:
    """Each knows the other's MAC for good, and so do the hypervisors: nobody has to ask."""
    wait_ping(one, other.ip)
    for near, far in ((one, other), (other, one)):
        near.namespace.ip("neigh", "replace", far.ip, "lladdr", far.mac, "dev", near.interface,
                          "nud", "permanent")


def rule_packets(hypervisor: Hypervisor, tenant: str, table: str, mac: str) -> int:
    """What the rules of this table count that name a station of the tenant."""
    rules = [rule for rule in hypervisor.shell.json(f"show flow tenant {tenant}")
             if rule["table"] == table and mac in rule["match"]]
    assert rules and all(rule["state"] == "hardware" for rule in rules), rules
    return sum(rule["packets"] for rule in rules)


class TestCarried:
    """Who forwards what."""

    def test_every_packet_is_counted(self, lab: Lab) -> None:
        """Pings across hypervisors: each rule on their way counts each of them.

        Steps:
            * Between VMs that know each other, with all rules in the NIC, send 300 pings.
        Verify:
            * Each station's rules on both hypervisors have grown by 300, the tenant's NIC counters
              too; neither CPU has seen one.
        """
        hv1, hv2 = lab.hypervisors
        near, far = vm(lab, "blue1"), vm(lab, "blue2")
        places = [(hv1, "vm-station", near), (hv1, "fdb", far), (hv1, "remote-station", far),
                  (hv1, "deliver", near), (hv2, "vm-station", far), (hv2, "fdb", near),
                  (hv2, "remote-station", near), (hv2, "deliver", far)]

        def counts() -> list[int]:
            return [rule_packets(hypervisor, "blue", table, station.mac)
                    for hypervisor, table, station in places]

        shares = [settled_share(h.shell, "blue") for h in lab.hypervisors]
        before = counts()
        assert_pings_only(near, far, 300)
        for hypervisor, share in zip(lab.hypervisors, shares):
            assert settled_share(hypervisor.shell, "blue").since(share) == Share(0, 300, 300, 0, 0)
        assert [now - then for now, then in zip(counts(), before)] == [300] * len(places)

    def test_on_one_hypervisor(self, lab: Lab) -> None:
        """VMs of one hypervisor: the NIC switches, and nothing of it is seen on an uplink.

        Steps:
            * Send 300 pings between two VMs of hv1, of a tenant in clear and of a protected one.
        Verify:
            * The NIC has switched 600, the CPU has seen none, no cable has carried one.
        """
        hv1 = lab.hypervisors[0]
        for tenant in ("blue", "green"):
            before = settled_share(hv1.shell, tenant)
            with Wire(lab.switches[0].namespace, "hv1") as cable:
                assert_pings_only(vm(lab, f"{tenant}1"), vm(lab, f"{tenant}3"), 300)
                assert settled_share(hv1.shell, tenant).since(before) == Share(600, 0, 0, 0, 0)
                assert not any(map(is_raw_vxlan, cable.drain_raw()))

    @pytest.mark.parametrize("pair", [("blue1", "blue2"), ("red2", "red1"), ("blue1", "blue3")])
    def test_tcp(self, lab: Lab, pair: tuple[str, str]) -> None:
        """iperf3 goes through the NIC.

        Steps:
            * Run it for a second.
        Verify:
            * Thousands of packets by the NIC, a few at most by the CPU.
        """
        one, other = vm(lab, pair[0]), vm(lab, pair[1])
        tenant = pair[0][:-1]
        before = [settled_share(h.shell, tenant) for h in lab.hypervisors]
        assert tcp(one, other).octets > 1_000_000
        for hypervisor, then in zip(lab.hypervisors, before):
            share = settled_share(hypervisor.shell, tenant).since(then)
            if hypervisor is lab.hypervisors[0] or pair[1] != "blue3":
                assert share.nic > 1000, share
            assert share.cpu <= FEW, share

    def test_protected(self, lab: Lab) -> None:
        """What has to be in ESP goes by the CPU, and none of it by a rule of the NIC.

        Steps:
            * Send 100 pings between protected VMs across hypervisors, listening on the cable.
        Verify:
            * The CPU has encrypted 100 and opened 100; the NIC has carried none of them; only ESP is
              on the cable.
        """
        hv1 = lab.hypervisors[0]
        before = settled_share(hv1.shell, "green")
        with Wire(lab.switches[0].namespace, "hv1") as cable:
            assert_pings_only(vm(lab, "green1"), vm(lab, "green2"), 100)
            share = settled_share(hv1.shell, "green").since(before)
            frames = cable.drain()
        assert share.nic == 0 and share.cpu_sent == share.cpu_received == 100, share
        assert len([frame for frame in frames if is_esp()(frame)]) == 100
        assert not any(is_raw_vxlan(bytes(frame)) for frame in frames)

    def test_nobody_else_counts(self, lab: Lab) -> None:
        """Equal addresses in two tenants: each tenant's packets are on its own rules.

        Steps:
            * Send 200 pings in red.
        Verify:
            * Blue's counters stand still, the NIC's and the CPU's.
        """
        before = {tenant: settled_share(lab.hypervisors[0].shell, tenant)
                  for tenant in ("blue", "red")}
        assert_pings_only(vm(lab, "red1"), vm(lab, "red2"), 200)
        shares = {tenant: settled_share(lab.hypervisors[0].shell, tenant).since(then)
                  for tenant, then in before.items()}
        assert shares == {"blue": Share(0, 0, 0, 0, 0), "red": Share(0, 200, 200, 0, 0)}

    def test_same_frame_from_both(self, lab: Lab) -> None:
        """A flow that the NIC takes over looks the same on the cable.

        Steps:
            * Take the far station's entry away, so that the CPU floods; send a datagram; put the
              entry back; send it again by the NIC.
        Verify:
            * Both frames are alike but for the outer addresses of a flood, which are the same here:
              every octet of the outer headers, and the UDP source port.
        """
        hv1 = lab.hypervisors[0]
        near, far = vm(lab, "blue1"), vm(lab, "blue2")
        frame = unicast(near.mac, far.mac, b"the same frame")
        with Wire(near.namespace, near.interface) as port, \
                Wire(lab.switches[0].namespace, "hv1") as cable:
            hv1.shell.run(f"fdb del blue {far.mac}", check=False)
            before = settled_share(hv1.shell, "blue")
            port.send(frame)
            by_cpu = cable.expect_one(has(b"the same frame"), "the CPU's frame")
            share = settled_share(hv1.shell, "blue").since(before)
            assert (share.encapsulated, share.cpu_sent) == (0, 1), share
            wait_ping(far, near.ip)
            hv1.shell.wait_fdb("blue", far.mac, hv1.lab.address(2))
            before = settled_share(hv1.shell, "blue")
            cable.drain()
            port.send(frame)
            by_nic = cable.expect_one(has(b"the same frame"), "the NIC's frame")
            share = settled_share(hv1.shell, "blue").since(before)
            assert (share.encapsulated, share.cpu_sent) == (1, 0), share
        assert by_nic[VXLAN].vni == BLUE
        assert by_nic[UDP].sport == by_cpu[UDP].sport
        assert without_flow_label(by_nic) == without_flow_label(by_cpu)


def without_flow_label(frame: Ether) -> bytes:
    """Of IPv6 the flow label is not agreed on (docs/hardware-path.md)."""
    copy = frame.copy()
    if "IPv6" in copy:
        copy["IPv6"].fl = 0
    return bytes(copy)


def pings_only(near: Vm, far: Vm, count: int) -> Pings:
    """So many pings and not one more."""
    result = parse_ping(near.namespace.run("ping", "-n", "-c", str(count), "-i", "0.005", far.ip,
                                           check=False).output)
    assert result.sent == count, result.output
    return result


def assert_pings_only(near: Vm, far: Vm, count: int) -> None:
    """The same, and they are answered. (For the last answer ping waits only as long as for others.)"""
    result = pings_only(near, far, count)
    assert result.duplicates == 0 and result.lost <= 1, result.output


class TestFirstPackets:
    """The CPU learns, the NIC goes on."""

    def test_first_by_cpu(self) -> None:
        """A station that nobody knows yet.

        Steps:
            * From a new station send a datagram to one behind a vtep that is known; then, once its
              entry is in the NIC, a hundred.
        Verify:
            * The first came to the CPU, none of the hundred did; all 101 are on the cable.
        """
        with Bench(stations=1) as bench:
            config = bench.hv.tenant("blue", BLUE, bench.vteps)
            far = "02:dd:00:00:00:01"
            config.fdb.append(f"{far} vtep {bench.vteps[0]}")
            near = bench.raw_vm("blue", "near", 1)
            bench.start()
            before = settled_share(bench.shell, "blue")
            bench.wires["near"].send(unicast(near.mac, far, b"first"))
            bench.expect_at(bench.vteps[0], BLUE, b"first")
            in_nic(bench, near.mac)
            bench.wires["near"].send(*[unicast(near.mac, far, b"then")] * 100)
            bench.expect_at(bench.vteps[0], BLUE, b"then", 100)
            share = settled_share(bench.shell, "blue").since(before)
            assert share == Share(0, 100, 0, 1, 0)

    def test_what_it_does_not_know(self) -> None:
        """Packets that the NIC has no rule for come to the CPU, with the CPU's answers.

        Steps:
            * Send broadcasts, tagged frames, a forged source and ARP beside a station that the NIC
              knows.
        Verify:
            * The CPU has counted each of them under what it is; the NIC none.
        """
        with Bench(stations=1) as bench:
            bench.hv.tenant("blue", BLUE, bench.vteps)
            near, beside = bench.raw_vm("blue", "near", 1), bench.raw_vm("blue", "beside", 2)
            bench.start()
            bench.barrier("blue", BLUE)
            in_nic(bench, near.mac)
            in_nic(bench, beside.mac)
            before, counters = settled_share(bench.shell, "blue"), bench.shell.tenant("blue")
            forged = [unicast("02:66:66:66:66:66", beside.mac, b"forged")] * 10
            floods = [unicast(near.mac, "ff:ff:ff:ff:ff:ff", b"to all")] * 10
            bench.wires["near"].send(*forged, *floods)
            bench.expect_at("beside", BLUE, b"to all", 10)
            share = settled_share(bench.shell, "blue").since(before)
            assert share == Share(0, 0, 0, 20, 0)
            since = bench.shell.tenant("blue").since(counters)
            assert since.drops == {"source-mac-spoofed": 10} and since.flooded_packets == 10
            bench.listen()
            assert not bench.frames_at("beside", b"forged")


def in_nic(bench: Bench, mac: str) -> None:
    """Waits until the NIC has the station's rules."""
    wait_until(lambda: any(entry["mac"] == mac and entry["in_hardware"]
                           for entry in bench.shell.json("show fdb blue")), f"{mac} in the NIC")


@pytest.fixture(scope="class", params=["ipv4", "ipv6"])
def plain_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Two hypervisors with a VM of blue each."""
    with Lab(ipv6=request.param == "ipv6") as lab:
        for number in (1, 2):
            hypervisor = lab.hypervisor(f"hv{number}", number)
            hypervisor.main.settings |= {"underlay.udp_checksum": "zero",
                                         "underlay.udp6_zero_checksum": "accept"}
            hypervisor.tenant("blue", BLUE, [lab.address(3 - number)])
            hypervisor.vm("blue", f"blue{number}", number, "veth")
        lab.start()
        acquaint(vm(lab, "blue1"), vm(lab, "blue2"))
        yield lab


class TestChanges:
    """What the rules do when something changes."""

    def test_failover(self, plain_lab: Lab) -> None:
        """The active uplink's cable is pulled: the NIC's rules follow, and TCP lives.

        Steps:
            * Under a stream and a TCP connection pull the cable; wait for the other uplink.
        Verify:
            * As many rules were updated as there are next hops, and no entry was made anew.
            * TCP lives, nothing came twice; traffic leaves by the other cable, by the NIC and not by
              the CPU.
        """
        lab, hv1 = plain_lab, plain_lab.hypervisors[0]
        near, far = vm(lab, "blue1"), vm(lab, "blue2")
        next_hops = len(hv1.shell.json("show nexthop"))
        with Conversation(near, far) as talk, NumberedStream(near, far) as stream:
            wait_until(lambda: settled_enough(hv1), "the NIC forwards")
            before = hv1.shell.json("show eswitch")
            lab.switches[0].pull("hv1")
            hv1.shell.wait_active("p1")
            wait_until(lambda: hv1.shell.json("show failover history")[-1]["hardware_updated_us"]
                       is not None, "the NIC's rules")
            after = hv1.shell.json("show eswitch")
            with Wire(lab.switches[1].namespace, "hv1") as new:
                wait_until(lambda: any(map(is_raw_vxlan, new.drain_raw())), "by the other cable")
            share = Share.of(hv1.shell, "blue")
            wait_until(lambda: Share.of(hv1.shell, "blue").since(share).encapsulated > 300,
                       "the NIC goes on", 10)
            assert Share.of(hv1.shell, "blue").since(share).cpu_sent <= FEW
            told, report = talk.finish(), stream.finish()
        assert told.failure is None and told.wrong == 0 and told.answered > 0, told
        assert report.duplicates == 0 and report.received > 0, report
        assert after["updated"] - before["updated"] == next_hops, (before, after)
        # from-uplink is another port's rule.
        assert after["created"] - before["created"] <= 1, (before, after)
        record = hv1.shell.json("show failover history")[-1]
        assert record["hardware_refused"] == 0 and record["hardware_rules"] <= next_hops + 2
        lab.switches[0].plug("hv1")
        wait_until(lambda: hv1.shell.json("show uplink")["uplinks"][0]["link_up"], "p0 is back")

    def test_no_way_out(self, plain_lab: Lab) -> None:
        """Both cables are pulled: the NIC drops and counts, and nothing comes to the CPU.

        Steps:
            * Pull both cables, send 100 pings; put the cables back.
        Verify:
            * `show eswitch` has them as no-active-uplink; the CPU has not seen one.
            * Afterwards pings pass, by the NIC.
        """
        lab, hv1 = plain_lab, plain_lab.hypervisors[0]
        near, far = vm(lab, "blue1"), vm(lab, "blue2")
        for switch in lab.switches:
            switch.pull("hv1")
        hv1.shell.wait_active(None)
        share, dropped = settled_share(hv1.shell, "blue"), nic_drops(hv1)
        assert pings_only(near, far, 100).received == 0
        assert settled_share(hv1.shell, "blue").since(share).cpu == 0
        assert nic_drops(hv1)["no-active-uplink"] - dropped["no-active-uplink"] == 100
        for switch in lab.switches:
            switch.plug("hv1")
        wait_until(lambda: hv1.shell.active_uplink() is not None, "an uplink")
        wait_ping(near, far.ip)
        share = settled_share(hv1.shell, "blue")
        assert_pings(near, far.ip, count=50)
        assert settled_share(hv1.shell, "blue").since(share).encapsulated >= 50

    def test_restart(self, plain_lab: Lab) -> None:
        """The process ends, gives the card back, and finds it again.

        Steps:
            * Stop the process (the simulator reports what is left on the card, with status 97), ping,
              start it again, ping.
        Verify:
            * It ends with status 0; nothing passes meanwhile; then the NIC forwards again.
        """
        lab, hv1 = plain_lab, plain_lab.hypervisors[0]
        near, far = vm(lab, "blue1"), vm(lab, "blue2")
        assert_pings(near, far.ip)
        hv1.close_process()
        assert ping(near, far.ip, count=3, wait=0.2).received == 0
        wait_until(lambda: not hv1.namespace.has_link(hv1.host_port), "host port is gone")
        hv1.start_process()
        wait_ping(near, far.ip)
        share = settled_share(hv1.shell, "blue")
        assert_pings(near, far.ip, count=50)
        assert settled_share(hv1.shell, "blue").since(share).encapsulated >= 50


def settled_enough(hypervisor: Hypervisor) -> bool:
    return Share.of(hypervisor.shell, "blue").encapsulated > 300


def nic_drops(hypervisor: Hypervisor) -> dict[str, int]:
    return hypervisor.shell.json("show eswitch")["drops"]


class TestFaults:
    """Faults of the card, with traffic: what docs/hardware-path.md promises."""

    def test_refused_rules(self) -> None:
        """Rules that the card will not take: their traffic goes by the CPU, and comes in later.

        Steps:
            * Let every entry fail; learn the far station, ping; let the entries succeed again.
        Verify:
            * Pings pass by the CPU, and `show fdb` has a reason. Once entries succeed, the
              process comes back to them by itself, and the NIC forwards.
        """
        with Lab() as lab:
            for number in (1, 2):
                hypervisor = lab.hypervisor(f"hv{number}", number)
                hypervisor.tenant("blue", BLUE, [lab.address(3 - number)])
                hypervisor.vm("blue", f"blue{number}", number, "veth")
            lab.start()
            hv1 = lab.hypervisors[0]
            near, far = vm(lab, "blue1"), vm(lab, "blue2")
            hv1.card.command("fail-entries always")
            assert_pings(near, far.ip, count=50)
            row = next(row for row in hv1.shell.json("show fdb blue") if row["mac"] == far.mac)
            assert not row["in_hardware"] and row["why_in_software"], row
            share = settled_share(hv1.shell, "blue")
            assert_pings(near, far.ip, count=50)
            share = settled_share(hv1.shell, "blue").since(share)
            assert share.nic == 0 and share.cpu_sent >= 50, share
            hv1.card.command("fail-entries 0")
            wait_until(lambda: all(row["in_hardware"] for row in hv1.shell.json("show fdb blue")),
                       "the NIC has them", 10)
            share = settled_share(hv1.shell, "blue")
            assert_pings(near, far.ip, count=50)
            assert settled_share(hv1.shell, "blue").since(share).encapsulated >= 50
