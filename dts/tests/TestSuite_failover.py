# SPDX-License-Identifier: BSD-3-Clause
"""Two uplinks, one active: the cable is pulled, the other takes over, the underlay is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr
from scapy.layers.l2 import ARP
from scapy.packet import Packet

from api.lab import BLUE, Hypervisor, Lab, vm_addresses, vm_mac
from api.linux_peer import LinuxVm
from api.traffic import (OUTAGE_MS, IperfServer, NumberedStream, assert_pings, parse_iperf, ping,
                         wait_ping)
from api.vm import Vm
from api.wire import Wire, is_vxlan
from framework.process import wait_until


@pytest.fixture(scope="class", params=["ipv4", "ipv6"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """hv1 with VM `near` on both switches, a Linux peer with VM `far` on switch A."""
    with Lab(ipv6=request.param == "ipv6") as lab:
        peer = lab.peer("peer1", 11)
        hv1 = lab.hypervisor("hv1", 1)
        hv1.tenant("blue", BLUE, [peer.vtep])
        hv1.vm("blue", "near", 1, "veth")
        peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep])
        lab.start()
        yield lab


@pytest.fixture
def hv1(lab: Lab) -> Iterator[Hypervisor]:
    """Both uplinks whole, p0 active; whole again after the case."""
    hypervisor = lab.hypervisors[0]

    def mend() -> None:
        for switch in lab.switches:
            switch.plug("hv1")
        for uplink in hypervisor.uplinks:
            hypervisor.shell.run(f"set uplink {uplink} up")
        wait_until(lambda: all(uplink["link_up"] for uplink in
                               hypervisor.shell.json("show uplink")["uplinks"]), "links are up")
        if hypervisor.shell.active_uplink() != "p0":
            hypervisor.shell.run("failover switch")
        hypervisor.shell.wait_active("p0")

    mend()
    yield hypervisor
    mend()


@pytest.fixture
def near(hv1: Hypervisor) -> Vm:
    return hv1.vms["near"]


@pytest.fixture
def far(lab: Lab) -> LinuxVm:
    return lab.peers["peer1"].vms["far"]


def is_announcement(hypervisor: Hypervisor) -> Callable[[Packet], bool]:
    """Matches gratuitous ARP or unsolicited NA for the hypervisor's vtep."""
    vtep, mac = hypervisor.vtep, hypervisor.underlay_mac

    def match(frame: Packet) -> bool:
        if ARP in frame:
            return (frame[ARP].psrc == frame[ARP].pdst == vtep and frame[ARP].hwsrc == mac
                    and frame.dst == "ff:ff:ff:ff:ff:ff")
        return (ICMPv6ND_NA in frame and frame[ICMPv6ND_NA].tgt == vtep
                and frame[ICMPv6ND_NA].S == 0 and frame[ICMPv6ND_NA].O == 1
                and frame[ICMPv6NDOptDstLLAddr].lladdr == mac
                and frame.dst == "33:33:00:00:00:01")
    return match


class TestFailover:
    """Each way of losing the active uplink."""

    def test_cable_pulled(self, lab: Lab, hv1: Hypervisor, near: Vm, far: LinuxVm) -> None:
        """A pulled cable costs a short, measured outage.

        Steps:
            * Send a numbered stream of a thousand datagrams a second each way.
            * Pull the cable of the active uplink; wait until the other is active.
        Verify:
            * Both streams go on after an outage below the bound, and nothing comes twice.
            * What was lost, was lost in that outage, but for what a busy machine loses now and then.
            * The far switch has learned the vtep's MAC at the new place.
            * The record tells who saw it, and all that happened, in its order.
        """
        wait_ping(near, far.ip)
        with NumberedStream(near, far, port=7000) as out, \
                NumberedStream(far, near, port=7001) as back:
            wait_until(lambda: ping(near, far.ip, count=20).lost == 0, "a quiet start")
            lab.switches[0].pull("hv1")
            hv1.shell.wait_active("p1")
            assert lab.switches[0].port_of(hv1.underlay_mac) in (None, "trunk")
            wait_until(lambda: ping(near, far.ip, count=20).lost == 0, "a quiet end")
            reports = out.finish(), back.finish()
        for report in reports:
            assert report.silence_ms < OUTAGE_MS, reports
            assert report.duplicates == 0, reports
            assert report.received > 0 and report.lost <= report.lost_in_silence + 50, reports
        assert lab.switches[1].port_of(hv1.underlay_mac) == "hv1"
        assert lab.switches[0].port_of(hv1.underlay_mac) == "trunk"
        uplinks = {u["name"]: u for u in hv1.shell.json("show uplink")["uplinks"]}
        assert not uplinks["p0"]["link_up"] and uplinks["p1"]["active"]
        record = hv1.shell.json("show failover history")[-1]
        in_nic = hv1.card is not None and not lab.ipv6
        assert (record["from"], record["to"], record["reason"], record["seen_by"]) == (
            "p0", "p1", "link down", "kernel carrier")
        steps = [record[f"{step}_us"] for step in ("decided", "software_switched", "announced")]
        assert None not in steps and steps == sorted(steps), record
        for first in (record["first_sent_us"], record["first_received_us"]):
            # With a NIC the software path may have seen none.
            assert in_nic and first is None or first >= record["software_switched_us"], record
        assert (record["hardware_updated_us"] is None) == (hv1.card is None), record
        assert record["sas_moved_us"] is None

    def test_cable_back(self, lab: Lab, hv1: Hypervisor, near: Vm, far: LinuxVm) -> None:
        """The old uplink's return moves nothing; then the other is pulled, and it takes over.

        Steps:
            * Pull the cable of p0, put it back; then pull the one of p1.
        Verify:
            * p1 stays active when p0 comes back; p0 takes over when p1 goes; pings pass each time.
        """
        lab.switches[0].pull("hv1")
        hv1.shell.wait_active("p1")
        assert_pings(near, far.ip)
        lab.switches[0].plug("hv1")
        wait_until(lambda: hv1.shell.json("show uplink")["uplinks"][0]["link_up"], "p0 has carrier")
        assert_pings(near, far.ip)
        assert hv1.shell.active_uplink() == "p1"
        lab.switches[1].pull("hv1")
        hv1.shell.wait_active("p0")
        assert_pings(near, far.ip)

    def test_both_down_and_back(self, lab: Lab, hv1: Hypervisor, near: Vm, far: LinuxVm) -> None:
        """With both cables out nothing is active; the first to return carries the traffic.

        Steps:
            * Pull both cables; ping; put back p1's; ping.
        Verify:
            * No uplink is active, the ping is counted as no-active-uplink.
            * After the return p1 is active and pings pass.
        """
        assert_pings(near, far.ip)
        lab.switches[0].pull("hv1")
        lab.switches[1].pull("hv1")
        hv1.shell.wait_active(None)
        before = hv1.shell.drops()
        assert ping(near, far.ip, count=3, wait=0.2).received == 0
        assert hv1.shell.drops().since(before)["no-active-uplink"] >= 3
        lab.switches[1].plug("hv1")
        hv1.shell.wait_active("p1")
        assert_pings(near, far.ip)

    def test_administrative(self, hv1: Hypervisor, near: Vm, far: LinuxVm) -> None:
        """`set uplink NAME down` works like a pulled cable, `up` like its return.

        Steps:
            * Set p0 down, then up; then p1 down.
        Verify:
            * p1 takes over, stays, and p0 takes over; pings pass each time.
        """
        hv1.shell.run("set uplink p0 down")
        assert hv1.shell.active_uplink() == "p1"
        assert_pings(near, far.ip)
        hv1.shell.run("set uplink p0 up")
        assert hv1.shell.active_uplink() == "p1"
        hv1.shell.run("set uplink p1 down")
        assert hv1.shell.active_uplink() == "p0"
        assert_pings(near, far.ip)

    def test_switch_on_request(self, lab: Lab, hv1: Hypervisor, near: Vm, far: LinuxVm) -> None:
        """`failover switch` makes the other active, and is refused when that is not usable.

        Steps:
            * Run it with a numbered stream under way, twice; then with p1's cable pulled.
        Verify:
            * Each of the first two makes the other active and loses next to nothing.
            * The third fails with a reason and changes nothing.
        """
        wait_ping(near, far.ip)
        with NumberedStream(near, far) as stream:
            hv1.shell.run("failover switch")
            assert hv1.shell.active_uplink() == "p1"
            assert_pings(near, far.ip)
            hv1.shell.run("failover switch")
            assert hv1.shell.active_uplink() == "p0"
            assert_pings(near, far.ip)
            report = stream.finish()
        assert report.silence_ms < OUTAGE_MS and report.duplicates == 0, report
        lab.switches[1].pull("hv1")
        wait_until(lambda: not hv1.shell.json("show uplink")["uplinks"][1]["link_up"],
                   "p1 has lost its carrier")
        refused = hv1.shell.run("failover switch", check=False)
        assert refused.status != 0 and "p1" in refused.output
        assert hv1.shell.active_uplink() == "p0"

    def test_announced(self, lab: Lab, hv1: Hypervisor, near: Vm, far: LinuxVm) -> None:
        """The vtep's address is announced from the new uplink, as often as configured.

        Steps:
            * Listen on switch B's port; pull the cable of p0.
        Verify:
            * Three gratuitous ARP requests (IPv4) or unsolicited neighbour advertisements with the
              override flag (IPv6) for the vtep arrive there, with the underlay's MAC.
            * They come before the first VXLAN packet could mislead the switch: all frames there
              carry the underlay's MAC as source.
        """
        assert_pings(near, far.ip)
        with Wire(lab.switches[1].namespace, "hv1") as wire:
            lab.switches[0].pull("hv1")
            hv1.shell.wait_active("p1")
            frames = wire.expect(is_announcement(hv1), "three announcements", 3)
            assert len(frames) == 3
            assert_pings(near, far.ip)
            assert {frame.src for frame in wire.drain() if UDP in frame} <= {hv1.underlay_mac}

    def test_old_uplink_silent(self, lab: Lab, hv1: Hypervisor, near: Vm, far: LinuxVm) -> None:
        """After a switch nothing leaves by the old uplink.

        Steps:
            * `failover switch`; ping; listen on switch A's port.
        Verify:
            * No VXLAN packet leaves there; it all leaves by switch B's.
        """
        wait_ping(near, far.ip)
        hv1.shell.run("failover switch")
        with Wire(lab.switches[0].namespace, "hv1") as old, \
                Wire(lab.switches[1].namespace, "hv1") as new:
            assert_pings(near, far.ip)
            assert [frame for frame in new.drain() if is_vxlan()(frame)]
            assert not [frame for frame in old.drain() if is_vxlan()(frame)]

    def test_tcp_survives(self, lab: Lab, hv1: Hypervisor, near: Vm, far: LinuxVm) -> None:
        """A TCP connection outlives a pulled cable in either direction.

        Steps:
            * Run iperf3 for four seconds from the VM, then to it; pull the active uplink's cable
              once data flows.
        Verify:
            * iperf3 ends well, and data went on after the switch.
        """
        wait_ping(near, far.ip)
        with IperfServer(far):
            for options in ((), ("-R",)):
                active = hv1.shell.active_uplink()
                index = hv1.uplinks.index(active)
                before = hv1.shell.tenant("blue")
                client = near.namespace.start("iperf3", "-c", far.ip, "-t", "4", "--json", *options)
                wait_until(lambda b=before: hv1.shell.tenant("blue").since(b).encap_packets > 1000,
                           "data flows")
                lab.switches[index].pull("hv1")
                hv1.shell.wait_active(hv1.uplinks[1 - index])
                after = hv1.shell.tenant("blue")
                done = parse_iperf(client.wait_ok(30))
                client.stop()
                assert done.octets > 1_000_000
                more = hv1.shell.tenant("blue").since(after)
                assert more.encap_packets > 100 and more.decap_packets > 100
                lab.switches[index].plug("hv1")
                wait_until(lambda i=index: hv1.shell.json("show uplink")["uplinks"][i]["link_up"],
                           "the cable is back")


class TestAnnouncements:
    """`failover.announce_count` and `failover.announce_interval_ms`"""

    @pytest.mark.parametrize("ipv6", [False, True], ids=["ipv4", "ipv6"])
    def test_count_and_spacing(self, ipv6: bool) -> None:
        """As many as configured are sent, as far apart.

        Steps:
            * With `announce_count = 5` and `announce_interval_ms = 50`, pull the cable of p0 and listen
              on switch B's port.
        Verify:
            * Five announcements of the vtep come and no sixth, 50 ms apart by the kernel's time stamps.
        """
        with Lab(ipv6=ipv6) as lab:
            hv1 = lab.hypervisor("hv1", 1)
            hv1.main.settings |= {"failover.announce_count": 5, "failover.announce_interval_ms": 50}
            lab.start()
            hv1.shell.wait_active("p0")
            with Wire(lab.switches[1].namespace, "hv1") as wire:
                lab.switches[0].pull("hv1")
                hv1.shell.wait_active("p1")
                match = is_announcement(hv1)
                times = [float(frame.time) for frame in
                         wire.expect(match, "five announcements", 5)]
                with pytest.raises(AssertionError, match="not within"):
                    wire.expect(match, "a sixth", timeout=0.5)
            assert len(times) == 5
            gaps = [after - before for before, after in zip(times, times[1:])]
            # One that is late does not delay the next: by the sum none is early, and the shortest
            # gap is no later than a busy machine makes it.
            assert times[-1] - times[0] > 4 * 0.05 - 0.02, gaps
            assert min(gaps) < 0.09, gaps


class TestPrimary:
    """`failover.primary`"""

    def test_primary(self) -> None:
        """The named uplink is active when both are up at the start.

        Steps:
            * Start with `failover.primary = p1`; pull its cable and put it back.
        Verify:
            * p1 is active at the start; p0 takes over, and stays.
        """
        with Lab() as lab:
            hv1 = lab.hypervisor("hv1", 1)
            hv1.main.settings["failover.primary"] = "p1"
            lab.start()
            hv1.shell.wait_active("p1")
            lab.switches[1].pull("hv1")
            hv1.shell.wait_active("p0")
            lab.switches[1].plug("hv1")
            wait_until(lambda: hv1.shell.json("show uplink")["uplinks"][1]["link_up"],
                       "p1 has its carrier")
            assert hv1.shell.active_uplink() == "p0"

    def test_preempt(self) -> None:
        """`failover.preempt = always` brings the traffic back to the primary, after `updelay_ms`.

        Steps:
            * Pull the primary's cable and put it back.
        Verify:
            * The primary is active again, by preemption.
        """
        with Lab() as lab:
            hv1 = lab.hypervisor("hv1", 1)
            hv1.main.settings.update({"failover.preempt": "always", "failover.updelay_ms": "300",
                                      "failover.hold_down_ms": "0"})
            lab.start()
            hv1.shell.wait_active("p0")
            lab.switches[0].pull("hv1")
            hv1.shell.wait_active("p1")
            lab.switches[0].plug("hv1")
            hv1.shell.wait_active("p0")
            record = hv1.shell.json("show failover history")[-1]
            assert (record["reason"], record["seen_by"]) == ("preempted", "timer")

    @pytest.mark.software_only("a card comes whole or not at all")
    @pytest.mark.parametrize("missing", [0, 1])
    def test_started_without_device(self, missing: int) -> None:
        """A process that starts while one uplink's device is missing uses the other, and says so.

        Steps:
            * Give the interface of one uplink another name, start; ping the vtep from a peer.
            * Give it its name back; restart the process.
        Verify:
            * The other one is active, pings are answered; `show uplink` and the log tell of the one
              that is missing; a switch is refused with what to do.
            * After the restart both are there.
        """
        with Lab() as lab:
            peer = lab.peer("peer1", 11)
            hv1 = lab.hypervisor("hv1", 1)
            interface, other = f"up{missing}", hv1.uplinks[1 - missing]
            hv1.namespace.ip("link", "set", interface, "down")
            hv1.namespace.ip("link", "set", interface, "name", "elsewhere")
            lab.start()
            hv1.shell.wait_active(other)
            uplink = hv1.shell.json("show uplink")["uplinks"][missing]
            assert (uplink["present"], uplink["fault"], uplink["link_source"]) == (
                False, "removed", "no device"), uplink
            wait_until(lambda: peer.namespace.run("ping", "-c1", "-W1", hv1.vtep,
                                                  check=False).status == 0, "the vtep answers")
            refused = hv1.shell.run("failover switch", check=False)
            assert refused.status != 0 and "restart the process" in refused.output
            assert "starting with the other uplink alone" in hv1.sallyport.log()
            hv1.close_process()
            hv1.namespace.ip("link", "set", "elsewhere", "name", interface)
            hv1.namespace.ip("link", "set", interface, "up")
            hv1.start_process()
            wait_until(lambda: all(u["present"] and u["link_up"] for u in
                                   hv1.shell.json("show uplink")["uplinks"]), "both are there")

    def test_started_without_carrier(self) -> None:
        """A process that starts with its primary's cable out uses the other.

        Steps:
            * Pull p0's cable, start; ping the vtep from a peer.
        Verify:
            * p1 is active, pings are answered.
        """
        with Lab() as lab:
            peer = lab.peer("peer1", 11)
            hv1 = lab.hypervisor("hv1", 1)
            lab.switches[0].pull("hv1")
            lab.start()
            hv1.shell.wait_active("p1")
            wait_until(lambda: peer.namespace.run("ping", "-c1", "-W1", hv1.vtep,
                                                  check=False).status == 0, "the vtep answers")


class TestRemoval:
    """An uplink whose device is gone"""

    @pytest.mark.software_only("a card's ports go when the card says so, not with an interface")
    @pytest.mark.parametrize("ipv6", [False, True], ids=["ipv4", "ipv6"])
    def test_device_gone(self, ipv6: bool) -> None:
        """The other uplink takes over for good, and the process ends well.

        Steps:
            * Delete the interface of the active uplink under the running process.
            * Make one of the same name, with a cable to the same switch.
        Verify:
            * p1 is active, p0 is gone by `show uplink`; pings between the VMs pass.
            * The new interface is not taken for the old one.
        """
        with Lab(ipv6=ipv6) as lab:
            peer = lab.peer("peer1", 11)
            hv1 = lab.hypervisor("hv1", 1)
            hv1.tenant("blue", BLUE, [peer.vtep])
            near = hv1.vm("blue", "near", 1, "veth")
            far = peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep])
            lab.start()
            assert_pings(near, far.ip)

            def uplink() -> dict:
                return hv1.shell.json("show uplink")["uplinks"][0]

            hv1.namespace.ip("link", "del", "up0")
            hv1.shell.wait_active("p1")
            wait_until(lambda: not uplink()["present"], "p0 is gone")
            assert uplink()["fault"] == "removed"
            wait_ping(near, far.ip)
            assert_pings(near, far.ip)
            lab.switches[0].connect("again", hv1.namespace, "up0", hv1.underlay_mac)
            assert_pings(near, far.ip)
            assert not uplink()["present"] and hv1.shell.active_uplink() == "p1"
            refused = hv1.shell.run("failover switch", check=False)
            assert refused.status != 0 and "p0: removed" in refused.output
