# SPDX-License-Identifier: BSD-3-Clause
"""Two hypervisors of ours over the two switches: the whole picture, as in the demo."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from api.lab import BLUE, RED, Lab
from api.traffic import OUTAGE_MS, NumberedStream, assert_pings, tcp, wait_ping
from api.vm import Vm
from framework.process import wait_until


@pytest.fixture(scope="class", params=["ipv4", "ipv6"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Tenants blue and red on both hypervisors, equal addresses; VMs on TAP and veth."""
    with Lab(ipv6=request.param == "ipv6") as lab:
        for number in (1, 2):
            hypervisor = lab.hypervisor(f"hv{number}", number)
            other = lab.address(3 - number)
            for tenant, vni in (("blue", BLUE), ("red", RED)):
                hypervisor.tenant(tenant, vni, [other])
                for index, kind in ((0, "tap"), (1, "veth")):
                    vm = number + 2 * index
                    hypervisor.vm(tenant, f"{tenant}{vm}", vm, kind)
        lab.start()
        yield lab


def vm(lab: Lab, name: str) -> Vm:
    return next(h.vms[name] for h in lab.hypervisors if name in h.vms)


class TestTwoHypervisors:
    """Sallyport against Sallyport."""

    @pytest.mark.parametrize("tenant", ["blue", "red"])
    def test_all_pairs(self, lab: Lab, tenant: str) -> None:
        """Every VM of a tenant reaches every other, across hypervisors and within one.

        Steps:
            * Ping each of the twelve ordered pairs, IPv4 and IPv6.
        Verify:
            * All are answered once, though the other tenant uses the same addresses.
        """
        vms = [vm(lab, f"{tenant}{number}") for number in (1, 2, 3, 4)]
        for one in vms:
            for other in vms:
                if one is not other:
                    assert_pings(one, other.ip, count=3)
                    assert_pings(one, other.ipv6, count=3)

    def test_probe(self, lab: Lab) -> None:
        """`failover probe` counts what its stream lost, each way.

        Steps:
            * Send a stream to the other hypervisor; pull this one's cable in its middle, and put it
              back; end the stream.
        Verify:
            * Most is answered, nothing comes twice, what is missing is told by direction, and the
              longest gap lies between two numbers of the stream.
        """
        hv1 = lab.hypervisors[0]
        hv1.shell.run(f"failover probe {lab.address(2)} rate 1000")

        def answered(least: int) -> Callable[[], bool]:
            return lambda: hv1.shell.json("show failover probe")["received"] > least

        wait_until(answered(500), "500 answers")
        active = hv1.shell.active_uplink()
        lab.switches[int(active[1])].pull("hv1")
        hv1.shell.wait_active("p1" if active == "p0" else "p0")
        before = hv1.shell.json("show failover probe")["received"]
        wait_until(answered(before + 500), "500 more answers")
        lab.switches[int(active[1])].plug("hv1")
        hv1.shell.run("failover probe stop")
        wait_until(lambda: not hv1.shell.json("show failover probe")["running"], "the end")
        report = hv1.shell.json("show failover probe")
        missing = report["lost_there"] + report["lost_back"] + report["unanswered"]
        assert report["received"] + missing == report["sent"] and report["duplicates"] == 0, report
        assert 0 < report["gap"]["after"] < report["gap"]["before"] <= report["sent"], report
        assert hv1.shell.run("failover probe stop", check=False).status != 0

    def test_drill(self, lab: Lab) -> None:
        """`failover drill` switches over and back, and tells what that cost.

        Steps:
            * Run a drill against the other hypervisor; look at the history.
        Verify:
            * Both switches are told, the same uplink is active again, nothing came twice, and the
              VMs reach each other.
            * All that was sent is accounted for, and next to nothing of it was lost.
        """
        hv1 = lab.hypervisors[0]
        wait_until(lambda: all(u["link_up"] for u in hv1.shell.json("show uplink")["uplinks"]),
                   "both links")
        active = hv1.shell.active_uplink()
        hv1.shell.run(f"failover drill {lab.address(2)} rate 1000")
        wait_until(lambda: hv1.shell.json("show failover drill")["state"] != "running",
                   "the end of the drill", timeout=60)
        drill = hv1.shell.json("show failover drill")
        assert drill["state"] == "done", drill
        there, back = drill["switches"]
        assert (there["from"], back["to"]) == (active, active), drill
        for leg in (there, back):
            assert leg["received"] > 0 and leg["duplicates"] == 0, drill
            missing = leg["lost_there"] + leg["lost_back"] + leg["unanswered"]
            assert leg["received"] + missing == leg["sent"] > 1000, drill
            # By hand nothing is lost but what a busy machine loses by itself.
            assert missing <= leg["sent"] / 20, drill
        assert hv1.shell.active_uplink() == active
        assert [r["reason"] for r in hv1.shell.json("show failover history")[-2:]] == [
            "requested", "requested"]
        assert_pings(vm(lab, "blue1"), vm(lab, "blue2").ip)

    @pytest.mark.parametrize("pair", [("blue1", "blue2"), ("red4", "red3"), ("blue1", "blue3")])
    def test_tcp(self, lab: Lab, pair: tuple[str, str]) -> None:
        """TCP within a tenant, across hypervisors (TAP, veth) and within one.

        Steps:
            * Run iperf3 for a second each way.
        Verify:
            * More than a megabyte arrives each time.
        """
        one, other = vm(lab, pair[0]), vm(lab, pair[1])
        wait_ping(one, other.ip)
        assert tcp(one, other).octets > 1_000_000
        assert tcp(other, one).octets > 1_000_000

    @pytest.mark.parametrize("side", [0, 1])
    def test_failover(self, lab: Lab, side: int) -> None:
        """After a cable is pulled on one hypervisor the two are on different switches, and talk.

        Steps:
            * With a numbered stream each way, pull one hypervisor's active cable.
        Verify:
            * Both streams go on after an outage below the bound; the other hypervisor stays on its
              uplink; after the cable is back and a switch on request all is as before.
        """
        one, other = vm(lab, "blue1"), vm(lab, "blue2")
        hypervisor, untouched = lab.hypervisors[side], lab.hypervisors[1 - side]
        wait_ping(one, other.ip)
        with NumberedStream(one, other, port=7000) as out, \
                NumberedStream(other, one, port=7001) as back:
            assert_pings(one, other.ip)
            lab.switches[0].pull(hypervisor.name)
            hypervisor.shell.wait_active("p1")
            assert_pings(one, other.ip)
            reports = out.finish(), back.finish()
        for report in reports:
            assert report.silence_ms < OUTAGE_MS and report.duplicates == 0, reports
        assert untouched.shell.active_uplink() == "p0"
        lab.switches[0].plug(hypervisor.name)
        wait_until(lambda: hypervisor.shell.json("show uplink")["uplinks"][0]["link_up"],
                   "the cable is back")
        hypervisor.shell.run("failover switch")
        assert_pings(one, other.ip)

    def test_vm_migration(self, lab: Lab) -> None:
        """A MAC address that turns up at the other hypervisor is followed.

        Steps:
            * Learn blue1's MAC at hv1; take it down there and use it at hv2 (as a VM that moves).
            * Let it speak at its new place.
        Verify:
            * hv1 has the MAC behind hv2's vtep, and pings to it from hv1's other VM pass.
        """
        hv1, hv2 = lab.hypervisors
        old, friend = vm(lab, "blue1"), vm(lab, "blue3")
        assert_pings(old, friend.ip)
        hv1.shell.wait_fdb("blue", old.mac, "blue1")
        old.namespace.ip("link", "set", "eth0", "down")
        hv2.shell.run("tenant del blue")
        config = hv2.tenants["blue"]
        port = next(p for p in config.vm_ports if p.name == "blue4")
        port.macs = ["any"]
        config.vm_ports = [port]
        path = hv2.sallyport.tenant_file("blue")
        path.write_text(config.text())
        hv2.shell.run(f"tenant add {path}")
        mover = vm(lab, "blue4")
        mover.namespace.ip("link", "set", "eth0", "address", old.mac)
        mover.namespace.ip("addr", "add", old.addresses[0], "dev", "eth0")
        wait_until(lambda: mover.namespace.run(
            "ping", "-c", "1", "-W", "1", "-I", old.ip, friend.ip, check=False).status == 0,
            "the moved VM speaks")
        hv1.shell.wait_fdb("blue", old.mac, hv2.vtep)
        assert_pings(friend, old.ip)
