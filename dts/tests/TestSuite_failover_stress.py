# SPDX-License-Identifier: BSD-3-Clause
"""Failovers at the worst of times: with both ends, in a rekey, a reload, a flood, and a thousand.

`--failovers N` sets how many there are under load, `--flap-seconds N` for how long a link flaps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.lab import Hypervisor
from api.protected_failover import protected_traffic
from api.protected_pair import ProtectedPair
from api.shell import Shell, TenantCounters
from api.traffic import NumberedStream, assert_pings
from api.under_failover import OneSide, flap, storm, wait_encapsulated, wait_flooded
from api.wire import Wire
from framework.process import note, wait_until


def switches_of(shell: Shell) -> int:
    """How many there were since the start."""
    return shell.json("show uplink")["switches"]


def accounted(counters: TenantCounters) -> bool:
    """Whether what a tenant's one VM has sent, and what came for it, is all somewhere."""
    return (counters.rx_packets + counters.decap_packets
            == counters.encap_packets + counters.tx_packets + counters.drops.total)


@pytest.fixture(scope="class", params=["ipv4", "ipv6"])
def side(request: pytest.FixtureRequest) -> Iterator[OneSide]:
    with OneSide(ipv6=request.param == "ipv6") as side:
        yield side


class TestFlapping:
    """A link that comes and goes every 50 ms."""

    _HOLD_DOWN_MS = 20

    @pytest.mark.parametrize("ipv6", [False, True], ids=["ipv4", "ipv6"])
    def test_held_down(self, ipv6: bool, request: pytest.FixtureRequest) -> None:
        """The primary flaps: after a few times the traffic stays where it is good.

        Steps:
            * With preemption and a short hold-down, flap p0's link under streams and TCP.
            * Wait for p0's return.
        Verify:
            * The switches are no more than the doubling hold-down allows, and not none.
            * Nothing comes twice or to the other tenant, TCP lives, the old port is silent; after it
              nothing is lost.
        """
        seconds = request.config.getoption("--flap-seconds")
        with OneSide(ipv6, preempt="always", hold_down_ms=str(self._HOLD_DOWN_MS),
                     hold_down_limit_ms="1000") as side:
            with side.travellers() as travellers:
                pulled = flap(side.lab.switches[0], "hv1", seconds)
                switches = switches_of(side.shell)
                # The k-th return waits for 20 ms times 2 to the k-1: more than half a second of link
                # it had never, however late this machine may put a cable out.
                returns = 1 + int(math.log2(500 / self._HOLD_DOWN_MS))
                note(f"{switches} switches by {pulled} times without link")
                assert 1 <= switches <= 1 + 2 * returns < pulled
                side.shell.wait_active("p0", 10)
                side.assert_silent(1)
                travellers.finish(f"held down, flapping for {seconds} s")
            self.assert_flows(side)

    def test_followed(self, request: pytest.FixtureRequest) -> None:
        """Without hold-down the traffic follows the primary each time, and nothing breaks.

        Steps:
            * With preemption and no hold-down, flap p0's link under streams and TCP.
        Verify:
            * It switches there and back, no more than once for each change of the link.
            * Nothing comes twice or to the other tenant, TCP lives, the old port is silent; after it
              nothing is lost.
        """
        seconds = request.config.getoption("--flap-seconds")
        with OneSide(preempt="always", hold_down_ms="0") as side:
            with side.travellers() as travellers:
                pulled = flap(side.lab.switches[0], "hv1", seconds)
                side.shell.wait_active("p0", 10)
                assert pulled / 2 < switches_of(side.shell) <= 2 * pulled
                side.assert_silent(1)
                travellers.finish(f"followed, flapping for {seconds} s")
            self.assert_flows(side)

    @staticmethod
    def assert_flows(side: OneSide) -> None:
        assert_pings(side.near(), side.far().ip)
        assert_pings(side.far(), side.near().ip)


class TestUnderTraffic:
    """A cable is pulled, and something else happens."""

    @pytest.fixture(autouse=True)
    def _whole(self, side: OneSide) -> Iterator[None]:
        yield
        for switch in side.lab.switches:
            switch.plug("hv1")
        side.wait_links()

    def test_both_down_and_back(self, side: OneSide) -> None:
        """With both cables out everything is dropped under its name; with the first one back it flows.

        Steps:
            * Pull both cables under streams and TCP; put back one, then the other.
        Verify:
            * What the VM sends meanwhile is counted as no-active-uplink, nothing of it is flooded,
              nothing leaves. Then all goes on by the one that is back, and TCP has lived.
        """
        with side.travellers() as travellers:
            old = side.pull_active()
            side.lab.switches[1 - old].pull("hv1")
            side.shell.wait_active(None)
            before, dropped_before = side.shell.tenant("blue"), self.without_uplink(side)
            wait_until(lambda: self.without_uplink(side) - dropped_before >= 300,
                       "300 packets are dropped")
            while_down = side.shell.tenant("blue").since(before)
            assert set(while_down.drops) <= {"no-active-uplink"}, while_down
            assert while_down.flooded_packets == 0, while_down
            # A NIC drops them at the very end, encapsulated and counted as such.
            assert while_down.encap_packets == 0 or side.hv1.card is not None, while_down
            side.lab.switches[old].plug("hv1")
            side.shell.wait_active(side.hv1.uplinks[old])
            wait_encapsulated(side.hv1, 300)
            side.plug(1 - old)
            dropped = self.without_uplink(side) - dropped_before
            side.assert_silent(1 - old)
            out, _ = travellers.finish("both down")
            # TCP's are among them, and a few were lost on the cables themselves.
            assert out.lost >= dropped * 0.8, (out, dropped)
        wait_until(lambda: accounted(side.shell.tenant("blue")), "the counters add up")

    @staticmethod
    def without_uplink(side: OneSide) -> int:
        """What of blue's was dropped for want of an uplink; a NIC does not tell whose it was."""
        if side.hv1.card is not None:
            return side.shell.drops()["no-active-uplink"]
        return side.shell.tenant("blue").drops["no-active-uplink"]

    def test_reload(self, side: OneSide) -> None:
        """Failovers while another tenant comes and goes, and a third one's file changes.

        Steps:
            * Remove tenant green and load it again with other contents, over and over, under blue's
              streams and TCP; between the two pull the active cable, or switch by hand.
        Verify:
            * Blue's traffic lives, none of it is red's; the old port is silent.
        """
        green = side.hv1.tenant("green", 300, [side.peer.vtep])
        file = side.hv1.sallyport.write_tenant(green)
        side.shell.run(f"tenant add {file}")
        try:
            with side.travellers() as travellers:
                for turn in range(6):
                    old = side.active()
                    side.shell.run("tenant del green")
                    if turn % 2:
                        side.shell.run("failover switch")
                    else:
                        side.lab.switches[old].pull("hv1")
                    green.fdb = [f"02:cc:00:00:{turn:02x}:{entry:02x} vtep {side.peer.vtep}"
                                 for entry in range(100)]
                    side.hv1.sallyport.write_tenant(green)
                    side.shell.run(f"tenant add {file}")
                    side.shell.wait_active(side.hv1.uplinks[1 - old])
                    assert len(side.shell.fdb("green")) == 100
                    side.plug(old)
                side.assert_silent(old)
                travellers.finish("reload")
        finally:
            side.shell.run("tenant del green")
            del side.hv1.tenants["green"]
        wait_until(lambda: accounted(side.shell.tenant("blue")), "the counters add up")

    def test_flood(self, side: OneSide) -> None:
        """Failovers in the middle of a storm of broadcasts and unknown unicasts from one VM.

        Steps:
            * Let blue's VM send thousands of those a second, beside streams and TCP; pull the active
              cable and put it back, then switch by hand, then both again.
        Verify:
            * The storm goes on by the other uplink, the other tenant hears none of it, the old port
              is silent, nothing of the streams comes twice, TCP lives.
        """
        near, stranger = side.near(), side.far("red")
        marker = b"storm over blue"
        with side.travellers() as travellers, Wire(stranger.namespace, stranger.interface) as ear:
            with storm(near, marker):
                for _ in range(2):
                    old = side.pull_active()
                    wait_flooded(side.hv1, 1000)
                    side.plug(old)
                    side.assert_silent(old)
                    side.shell.run("failover switch")
                    side.assert_silent(1 - old)
            travellers.finish("flood")
            assert not [frame for frame in ear.drain_raw() if marker in frame]


@pytest.fixture(params=["ipv4", "ipv6"])
def pair(request: pytest.FixtureRequest) -> Iterator[ProtectedPair]:
    # What waits in the queues of the old uplink when the new one is used already comes later than
    # what follows it: by more than 64 packets on a busy machine.
    with ProtectedPair(ipv6=request.param == "ipv6", window=4096) as pair:
        pair.start_for_failover()
        yield pair


class TestProtected:
    """Two hypervisors of ours with ESP between them, and a tenant in clear beside."""

    def test_both_ends_at_once(self, pair: ProtectedPair) -> None:
        """Both hypervisors lose their active uplinks in the same moment, and again the others.

        Steps:
            * Under streams and TCP of a protected tenant, pull both active cables, put them back; four
              times.
        Verify:
            * Both have switched each time; all lives, nothing comes twice, nothing is in clear on
              either switch, no SA refuses a packet.
        """
        with protected_traffic(pair, "both ends at once") as mover:
            before = [switches_of(end.hypervisor.shell) for end in pair.ends]
            for _ in range(4):
                mover.both()
            after = [switches_of(end.hypervisor.shell) for end in pair.ends]
            assert after == [count + 4 for count in before]

    def test_in_a_rekey(self, pair: ProtectedPair) -> None:
        """A failover between any two steps of a rekey.

        Steps:
            * Rekey both ends three times; after each of the four steps of each, one end fails over, by
              a pulled cable or by hand.
        Verify:
            * All lives, nothing comes twice, nothing is in clear on either switch, no SA refuses a
              packet, and the last generation of SAs carries the traffic.
        """
        with protected_traffic(pair, "in a rekey") as mover:
            for _ in range(3):
                pair.rekey(mover.next)
            wait_until(lambda: all(self.carry(end.hypervisor, pair) for end in pair.ends),
                       "packets by the last SAs", 10)

    def test_reload(self, pair: ProtectedPair) -> None:
        """Failovers while another tenant comes and goes.

        Steps:
            * On both ends remove tenant green and load it again with other contents, over and over;
              between the two one end fails over, by a pulled cable or by hand.
        Verify:
            * All lives, nothing comes twice, nothing is in clear on either switch, no SA refuses a
              packet.
        """
        files = {}
        for end in pair.ends:
            green = end.hypervisor.tenant("green", 300, [end.remote], mtu=pair.lab.mtu - 200)
            files[end.hypervisor.name] = end.hypervisor.sallyport.write_tenant(green)
            end.hypervisor.shell.run(f"tenant add {files[end.hypervisor.name]}")
        with protected_traffic(pair, "reload") as mover:
            for turn in range(6):
                for end in pair.ends:
                    end.hypervisor.shell.run("tenant del green")
                mover.next()
                for end in pair.ends:
                    green = end.hypervisor.tenants["green"]
                    green.fdb = [f"02:cc:00:00:{turn:02x}:{entry:02x} vtep {end.remote}"
                                 for entry in range(100)]
                    end.hypervisor.sallyport.write_tenant(green)
                    end.hypervisor.shell.run(f"tenant add {files[end.hypervisor.name]}")
                    assert len(end.hypervisor.shell.fdb("green")) == 100

    def test_flood(self, pair: ProtectedPair) -> None:
        """Failovers in the middle of a storm of broadcasts and unknown unicasts.

        Steps:
            * Let blue's VM on hv1 send thousands of those a second; both ends fail over in turn, by
              pulled cables and by hand.
        Verify:
            * The storm goes on each time, none of it is in clear on either switch or reaches the
              other tenant; all else lives, nothing comes twice, no SA refuses a packet.
        """
        marker, stranger = b"storm over blue", pair.far.red
        with protected_traffic(pair, "flood") as mover, \
                Wire(stranger.namespace, stranger.interface) as ear:
            with storm(pair.near.vm, marker):
                for _ in range(4):
                    mover.next()
                    wait_flooded(pair.near.hypervisor, 1000)
            assert not [frame for frame in ear.drain_raw() if marker in frame]

    def test_flapping(self, request: pytest.FixtureRequest) -> None:
        """A link that comes and goes every 50 ms, and is followed each time.

        Steps:
            * With preemption and no hold-down, flap the cable of hv1's p0.
        Verify:
            * It switches there and back; all lives, nothing comes twice, nothing is in clear on
              either switch, no SA refuses a packet.
        """
        with ProtectedPair() as pair:
            hv1 = pair.near.hypervisor
            hv1.main.settings |= {"failover.preempt": "always", "failover.hold_down_ms": "0"}
            pair.start_for_failover()
            with protected_traffic(pair, "flapping"):
                pulled = flap(pair.lab.switches[0], "hv1",
                              request.config.getoption("--flap-seconds"))
                hv1.shell.wait_active("p0", 10)
                assert pulled / 2 < switches_of(hv1.shell) <= 2 * pulled

    @staticmethod
    def carry(hypervisor: Hypervisor, pair: ProtectedPair) -> bool:
        """Whether both SAs of the present generation have had packets there."""
        carried = {int(sa["spi"], 16) for sa in hypervisor.shell.json("show ipsec sa")
                   if sa["state"] == "active" and sa["packets"] > 0}
        return {pair.sas.out.spi, pair.sas.into.spi} <= carried


@pytest.mark.alone
class TestManyFailovers:
    """By hand and by pulled cables in turn, under load."""

    def test_many(self, request: pytest.FixtureRequest) -> None:
        """Nothing is left behind by a great many failovers.

        Steps:
            * Under streams and TCP, `--failovers` times: switch by hand, or pull the active cable and
              put it back once the other is active.
        Verify:
            * Each is counted and recorded; what the VM sent is sent or dropped under a name; by hand
              alone nothing is lost; no descriptor is left open; traffic flows both ways after it. The
              sanitizers, where built in, have nothing to say at the end.
        """
        count = request.config.getoption("--failovers")
        with OneSide() as side:
            files = Path("/proc", str(side.hv1.sallyport.pid()), "fd")
            opened = len(list(files.iterdir()))
            before = switches_of(side.shell)
            with side.travellers() as travellers:
                for turn in range(count // 2):
                    side.plug(side.pull_active())
                    side.shell.run("failover switch")
                side.assert_silent(1 - side.active())
                travellers.finish(f"{count // 2 * 2} failovers")
            assert switches_of(side.shell) == before + count // 2 * 2
            history = side.shell.json("show failover history")
            assert history[-1]["number"] == before + count // 2 * 2
            assert [record["reason"] for record in history[-4:]] == ["link down", "requested"] * 2
            assert all(record["software_switched_us"] is not None for record in history)
            wait_until(lambda: accounted(side.shell.tenant("blue")), "the counters add up")
            # The shell's last connection may be about to end.
            wait_until(lambda: len(list(files.iterdir())) == opened, "all else is closed")
            # A busy machine loses packets by itself, but not each time; a lossy switch would.
            wait_until(lambda: self.lost_by_hand(side) == 0, "fifty switches without a loss", 60)

    @staticmethod
    def lost_by_hand(side: OneSide) -> int:
        """Of streams both ways while fifty times the other uplink is asked for."""
        with NumberedStream(side.near(), side.far(), per_second=2500, port=7000) as out, \
                NumberedStream(side.far(), side.near(), per_second=2500, port=7001) as back:
            for _ in range(50):
                wait_encapsulated(side.hv1, 50)
                side.shell.run("failover switch")
            reports = [out.finish(), back.finish()]
        note(f"by hand: {reports}")
        assert [report.duplicates for report in reports] == [0, 0], reports
        assert all(report.received > 0 for report in reports), reports
        return sum(report.lost for report in reports)
