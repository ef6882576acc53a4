# SPDX-License-Identifier: BSD-3-Clause
"""An uplink whose link is up and leads nowhere is found out, by neighbours and by BFD."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.l2 import ARP, Ether

from api.bfd_router import BfdRouter
from api.lab import BLUE, Hypervisor, Lab, vm_addresses, vm_mac
from api.traffic import assert_pings, wait_ping
from api.wire import Wire
from framework.namespace import Switch
from framework.process import wait_until


class DeadEnd:
    """The switch's port forwards nothing, though its link stays up; well again at the end."""

    def __init__(self, switch: Switch, port: str) -> None:
        self._switch = switch
        self._port = port

    def __enter__(self) -> DeadEnd:
        self._switch.namespace.ip("link", "set", self._port, "nomaster")
        return self

    def __exit__(self, *_: object) -> None:
        self._switch.namespace.ip("link", "set", self._port, "master", "bridge")


def detector(hypervisor: Hypervisor, uplink: str) -> dict:
    """What `show detector` says of it."""
    return next(one for one in hypervisor.shell.json("show detector") if one["uplink"] == uplink)


def fault(hypervisor: Hypervisor, uplink: str) -> str | None:
    """Why it is not usable."""
    return next(one["fault"] for one in hypervisor.shell.json("show uplink")["uplinks"]
                if one["name"] == uplink)


def last_switch(hypervisor: Hypervisor) -> tuple[str | None, str | None, str, str]:
    record = hypervisor.shell.json("show failover history")[-1]
    return record["from"], record["to"], record["reason"], record["seen_by"]


def detector_macs(hypervisor: Hypervisor) -> list[str]:
    return [detector(hypervisor, uplink)["mac"] for uplink in hypervisor.uplinks]


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


@pytest.mark.skipif(not Path("/usr/lib/frr/bfdd").exists(), reason="FRR's bfdd is not installed")
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
            routers = []
            for index, switch in enumerate(lab.switches):
                local, remote = lab.address(5 + index), lab.address(251 + index)
                hv1.main.settings.update({f"uplink.p{index}.bfd_local": local,
                                          f"uplink.p{index}.bfd_peer": remote})
                router = BfdRouter(f"router{index}", switch, f"02:00:00:00:fb:0{index}", remote,
                                   lab.prefix_length, local, interval_ms=60)
                lab._deletions.append(router.delete)
                routers.append(router)
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
