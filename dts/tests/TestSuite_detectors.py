# SPDX-License-Identifier: BSD-3-Clause
"""An uplink whose link is up and leads nowhere is found out, by neighbours and by BFD."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.l2 import ARP, Ether

from api.bfd_router import BfdRouter
from api.detectors import (DeadEnd, bfd_routers, detector, detector_macs, fault, last_switch)
from api.lab import BLUE, Hypervisor, Lab, vm_addresses, vm_mac
from api.protected_failover import protected_traffic
from api.protected_pair import ProtectedPair
from api.traffic import assert_pings, wait_ping
from api.under_failover import OneSide, wait_encapsulated
from api.wire import Wire
from framework.process import wait_until


@pytest.fixture(scope="class", params=["ipv4", "ipv6"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """hv1 that probes its next hops, and a Linux peer on switch A."""
    with Lab(ipv6=request.param == "ipv6") as lab:
        peer = lab.peer("peer1", 11)
        hv1 = lab.hypervisor("hv1", 1)
        hv1.main.settings.update({"failover.neighbour_target": "nexthops",
                                  "failover.neighbour_interval_ms": "50"})
        hv1.tenant("blue", BLUE, [peer.vtep])
        hv1.vm("blue", "near", 1, "veth")
        peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep])
        lab.start()
        assert_pings(hv1.vms["near"], peer.vms["far"].ip)
        yield lab


@pytest.fixture
def hv1(lab: Lab) -> Iterator[Hypervisor]:
    """Both uplinks lead to the peer, p0 is active."""
    hypervisor = lab.hypervisors[0]
    peer = lab.peers["peer1"]

    def well() -> bool:
        return all(detector(hypervisor, uplink)["neighbours"] == {
            "failed": False, "targets": [{"address": peer.vtep, "answers": True, "missed": 0}]}
            for uplink in hypervisor.uplinks)

    wait_until(well, "both uplinks reach the peer", 10)
    if hypervisor.shell.active_uplink() != "p0":
        hypervisor.shell.run("failover switch")
    yield hypervisor


class TestNeighbours:
    """`failover.neighbour_target = nexthops`"""

    def test_dead_switch(self, lab: Lab, hv1: Hypervisor) -> None:
        """A dead switch behind a live carrier is left for the other.

        Steps:
            * The port of p0 forwards nothing any more; then it does again.
        Verify:
            * p1 takes over because of the probe; VMs reach each other; p0 still has its link.
            * p0 becomes usable again, and nothing moves back by itself.
        """
        near, far = hv1.vms["near"], lab.peers["peer1"].vms["far"]
        with DeadEnd(lab.switches[0], "hv1"):
            hv1.shell.wait_active("p1")
            assert last_switch(hv1) == ("p0", "p1", "probe failed", "probe")
            uplink = hv1.shell.json("show uplink")["uplinks"][0]
            assert uplink["link_up"] and uplink["fault"] == "probe failed"
            wait_ping(near, far.ip)
            assert_pings(near, far.ip)
        wait_until(lambda: fault(hv1, "p0") is None, "p0 is usable again", 10)
        assert hv1.shell.active_uplink() == "p1"

    def test_dead_backup(self, lab: Lab, hv1: Hypervisor) -> None:
        """A backup that leads nowhere is known before it is needed.

        Steps:
            * The port of p1 forwards nothing; ask for a switch; pull p0's cable.
        Verify:
            * The request is refused with the reason; with p0 gone too none is active, and p0 is
              taken again when it is back.
        """
        with DeadEnd(lab.switches[1], "hv1"):
            wait_until(lambda: fault(hv1, "p1") == "probe failed", "p1 is found out", 10)
            assert hv1.shell.active_uplink() == "p0"
            refused = hv1.shell.run("failover switch", check=False)
            assert refused.status != 0 and "p1: probe failed" in refused.output
            lab.switches[0].pull("hv1")
            try:
                wait_until(lambda: hv1.shell.json("show uplink")["active"] is None, "none is active")
            finally:
                lab.switches[0].plug("hv1")
            hv1.shell.wait_active("p0")

    def test_probes_draw_no_traffic(self, lab: Lab, hv1: Hypervisor) -> None:
        """What the detectors send tells nobody that the underlay's addresses are elsewhere.

        Steps:
            * Capture by both cables while probes go out, for many of them.
        Verify:
            * The switches know the underlay's MAC behind p0 only, and each detector's own behind its
              own uplink; the peer's neighbour table has the vtep at the underlay's MAC.
            * Nothing is dropped because of them, and no probe names the vtep as its sender.
        """
        near, far = hv1.vms["near"], lab.peers["peer1"].vms["far"]
        assert_pings(near, far.ip)
        macs = detector_macs(hv1)
        before = hv1.shell.drops()
        with Wire(lab.switches[1].namespace, "hv1") as wire:
            frames: list[Ether] = []

            def enough() -> bool:
                frames.extend(wire.drain())
                return len([frame for frame in frames if frame.src == macs[1]]) >= 20

            wait_until(enough, "probes by p1", 10)
        assert not [frame for frame in frames if frame.src == hv1.underlay_mac]
        senders = {frame[ARP].psrc for frame in frames if ARP in frame and frame.src == macs[1]}
        assert senders <= {"0.0.0.0"}
        assert lab.switches[0].port_of(hv1.underlay_mac) == "hv1"
        assert lab.switches[1].port_of(hv1.underlay_mac) == "trunk"
        assert lab.switches[0].port_of(macs[0]) == "hv1"
        assert lab.switches[1].port_of(macs[1]) == "hv1"
        peer = lab.peers["peer1"]
        neighbours = peer.namespace.ip_json("neigh", "show", hv1.vtep)
        assert [entry["lladdr"] for entry in neighbours] == [hv1.underlay_mac]
        assert set(hv1.shell.drops().since(before)) <= {"backup-uplink"}


needs_frr = pytest.mark.skipif(not Path("/usr/lib/frr/bfdd").exists(),
                               reason="FRR's bfdd is not installed")


@needs_frr
class TestBfd:
    """`uplink.NAME.bfd_peer` against FRR"""

    @pytest.mark.parametrize("ipv6", [False, True], ids=["ipv4", "ipv6"])
    def test_frr(self, ipv6: bool) -> None:
        """Sessions with a router on each switch come up, and tell of a dead switch.

        Steps:
            * A router with FRR's bfdd on each switch, a session by each uplink.
            * The port of p0 forwards nothing; then it does again; the router on switch B is shut
              down by its operator.
        Verify:
            * Both ends say that both sessions are up, at the agreed intervals.
            * p1 takes over because of BFD; FRR too has lost the session; p0 becomes usable again.
            * A neighbour's operator is no failure: nothing moves (RFC 5882 section 3.2).
        """
        with Lab(ipv6=ipv6) as lab:
            hv1 = lab.hypervisor("hv1", 1)
            hv1.main.settings["failover.bfd_interval_ms"] = "50"
            routers = bfd_routers(lab, hv1)
            lab.start()
            self.check_up(hv1, routers)
            hv1.shell.wait_active("p0")
            with DeadEnd(lab.switches[0], "hv1"):
                hv1.shell.wait_active("p1")
                assert last_switch(hv1) == ("p0", "p1", "bfd down", "bfd")
                assert fault(hv1, "p0") == "bfd down"
                routers[0].wait_status("down")
            wait_until(lambda: fault(hv1, "p0") is None, "p0 is usable again", 10)
            routers[1].configure("shutdown")
            wait_until(lambda: detector(hv1, "p1")["bfd"]["remote_state"] == "AdminDown",
                       "the router's operator is heard", 10)
            assert fault(hv1, "p1") is None
            assert hv1.shell.active_uplink() == "p1"

    def test_stopped(self) -> None:
        """A process that is stopped tells its BFD neighbours so, who need not miss it first.

        Steps:
            * A session with FRR by each uplink; stop the process.
        Verify:
            * FRR says of both that the other end's operator took them down.
        """
        with Lab() as lab:
            hv1 = lab.hypervisor("hv1", 1)
            hv1.main.settings["failover.bfd_interval_ms"] = "300"
            routers = bfd_routers(lab, hv1, interval_ms=300)
            lab.start()
            for router in routers:
                router.wait_status("up")
            hv1.close_process()
            for router in routers:
                router.wait_status("down")
                session = router.session()
                assert session["remote-diagnostic"] == "administratively down", session
                assert session["diagnostic"] == "neighbor signaled session down", session

    @staticmethod
    def check_up(hv1: Hypervisor, routers: list[BfdRouter]) -> None:
        for index, router in enumerate(routers):
            uplink = f"p{index}"
            router.wait_status("up")
            wait_until(lambda u=uplink: detector(hv1, u)["bfd"]["state"] == "Up", "up here too", 10)
            # The slower end decides; three of the other's packets missing, and it is lost.
            wait_until(lambda u=uplink: detector(hv1, u)["bfd"]["transmit_interval_us"] == 60_000,
                       "the agreed interval", 10)
            bfd = detector(hv1, uplink)["bfd"]
            assert bfd["detection_time_us"] == 180_000
            assert bfd["peer_mac"] == router.namespace.mac("eth0")
            assert bfd["discarded"] == {}, bfd


class TestUnderTraffic:
    """A switch dies behind a live carrier while traffic is under way."""

    # A busy machine must not take a neighbour for lost.
    _PROBES = {"neighbour_interval_ms": "100", "neighbour_missed_max": "4"}

    @pytest.mark.parametrize("how", ["any", "all", pytest.param("bfd", marks=needs_frr)])
    @pytest.mark.parametrize("ipv6", [False, True], ids=["ipv4", "ipv6"])
    def test_dead_switch(self, how: str, ipv6: bool) -> None:
        """Traffic goes on by the other uplink, whoever found the dead one out.

        Steps:
            * Streams each way, TCP, and listeners of a tenant with the same addresses. The uplinks
              are watched by probes of which `any` must be answered (one never is), by probes that
              `all` must, or by BFD with FRR.
            * The port of p0 forwards nothing any more.
        Verify:
            * p1 takes over because of that; p0 has its link still, and no packet of a tenant leaves
              by it any more.
            * What was lost was lost until then, nothing came twice or to the other tenant, TCP lives.
        """
        def prepare(side: OneSide) -> None:
            lab, settings = side.lab, side.hv1.main.settings
            if how == "bfd":
                settings["failover.bfd_interval_ms"] = "100"
                bfd_routers(lab, side.hv1, interval_ms=100)
                return
            other = lab.peer("peer2", 12).vtep if how == "all" else lab.address(99)
            settings |= {"failover.neighbour_target": [side.peer.vtep, other],
                         "failover.neighbour_needed": how}

        failed = ("bfd down", "bfd") if how == "bfd" else ("probe failed", "probe")
        with OneSide(ipv6, prepare, **self._PROBES) as side:
            hv1 = side.hv1
            wait_until(lambda: [fault(hv1, uplink) for uplink in hv1.uplinks] == [None, None],
                       "both uplinks lead somewhere", 10)
            if how == "bfd":
                wait_until(lambda: all(detector(hv1, uplink)["bfd"]["state"] == "Up"
                                       for uplink in hv1.uplinks), "both sessions are up", 10)
            if hv1.shell.active_uplink() != "p0":
                hv1.shell.run("failover switch")
            with side.travellers() as travellers:
                # Both streams have begun.
                wait_encapsulated(hv1, 500)
                wait_until(lambda: hv1.shell.tenant("blue").decap_packets >= 500, "both ways", 20)
                with DeadEnd(side.lab.switches[0], "hv1"):
                    hv1.shell.wait_active("p1", 10)
                    assert last_switch(hv1) == ("p0", "p1", *failed)
                    uplink = hv1.shell.json("show uplink")["uplinks"][0]
                    assert uplink["link_up"] and uplink["fault"] == failed[0], uplink
                    side.assert_silent(0)
                    for report in travellers.finish(f"dead switch, {how}"):
                        assert 0 < report.lost <= report.lost_in_silence + 50, report

    def test_protected(self) -> None:
        """Nothing of a protected tenant is in clear when a dead switch is left for the other.

        Steps:
            * Two hypervisors with ESP between them, of which one probes its next hops; its port on
              switch A forwards nothing any more, under streams and TCP.
        Verify:
            * It leaves p0 because of the probe; all lives, nothing comes twice, nothing is in clear
              on either switch, no SA refuses a packet.
        """
        with ProtectedPair() as pair:
            hv1 = pair.near.hypervisor
            hv1.main.settings |= {f"failover.{key}": value for key, value in self._PROBES.items()}
            hv1.main.settings["failover.neighbour_target"] = "nexthops"
            pair.start_for_failover()
            wait_until(lambda: all(fault(hv1, uplink) is None for uplink in hv1.uplinks)
                       and all(detector(hv1, uplink)["neighbours"]["targets"]
                               for uplink in hv1.uplinks), "both uplinks reach the other end", 10)
            with protected_traffic(pair, "dead switch"), DeadEnd(pair.lab.switches[0], "hv1"):
                hv1.shell.wait_active("p1", 10)
                assert last_switch(hv1) == ("p0", "p1", "probe failed", "probe")
