# SPDX-License-Identifier: BSD-3-Clause
"""MAC learning: where a station is, that it moves, that it is forgotten, and who may not teach.

The VMs are packet sockets on TAP ports; two stations with packet sockets play remote vteps.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.bench import Bench, unicast
from api.lab import BLUE
from framework.process import wait_until

X = "02:bb:00:00:00:01"
Y = "02:bb:00:00:00:02"
PORTS = ("vm1", "vm2", "vm3")


@pytest.fixture(scope="class")
def bench() -> Iterator[Bench]:
    """Three VM ports that may send from any MAC, two remote vteps."""
    with Bench(stations=2) as bench:
        bench.hv.tenant("blue", BLUE, bench.vteps)
        for number, name in enumerate(PORTS, 1):
            bench.raw_vm("blue", name, number, macs=["any"])
        bench.start()
        yield bench


class TestMoves:
    """A station is where it was heard last."""

    def test_local_to_remote_and_back(self, bench: Bench) -> None:
        """A MAC moves from a VM port to a remote vtep, to another, and back.

        Steps:
            * Send from MAC X at vm1, then from X inside VXLAN of station 0, of station 1, at vm2.
        Verify:
            * The fdb follows each time, and the tenant counts each move.
            * A frame from vm3 to X arrives at the present place, and there alone.
        """
        before = bench.shell.tenant("blue")
        places = ["vm1", bench.vteps[0], bench.vteps[1], "vm2", "vm1"]
        for step, place in enumerate(places):
            bench.send_at(place, BLUE, unicast(X, Y, b"here I am"))
            bench.shell.wait_fdb("blue", X, place)
            bench.drain()
            marker = b"to X, step %d" % step
            bench.wires["vm3"].send(unicast(Y, X, marker))
            bench.expect_at(place, BLUE, marker)
            bench.barrier("blue", BLUE)
            assert bench.places_that_heard(marker) == {place}
        assert bench.shell.tenant("blue").since(before).moves >= len(places) - 1

    def test_own_place(self, bench: Bench) -> None:
        """A frame to a MAC behind the very port it comes from is dropped.

        Steps:
            * Send from X and Y at vm1, then from X to Y at vm1.
        Verify:
            * The frame is counted as same-port and nobody hears it.
        """
        for mac in (X, Y):
            bench.send_at("vm1", BLUE, unicast(mac, "02:bb:00:00:00:99", b"teach"))
            bench.shell.wait_fdb("blue", mac, "vm1")
        before = bench.shell.drops()
        bench.drain()
        bench.wires["vm1"].send(unicast(X, Y, b"same port"))
        wait_until(lambda: bench.shell.drops().since(before)["same-port"] == 1, "same-port drop")
        bench.barrier("blue", BLUE)
        assert bench.places_that_heard(b"same port") == set()

    def test_from_vtep_to_vtep(self, bench: Bench) -> None:
        """What comes from a remote vtep never goes to a remote vtep.

        Steps:
            * Teach X behind station 0; send to X inside VXLAN from station 1.
        Verify:
            * It is counted as split-horizon and nobody hears it.
        """
        bench.send_at(bench.vteps[0], BLUE, unicast(X, Y, b"teach"))
        bench.shell.wait_fdb("blue", X, bench.vteps[0])
        before = bench.shell.drops()
        bench.drain()
        bench.send_at(bench.vteps[1], BLUE, unicast(Y, X, b"between vteps"))
        wait_until(lambda: bench.shell.drops().since(before)["split-horizon"] == 1,
                   "split-horizon drop")
        bench.barrier("blue", BLUE)
        assert bench.places_that_heard(b"between vteps") == set()

    def test_static_entries_stay(self, bench: Bench) -> None:
        """A static entry neither moves nor lets its MAC be used elsewhere.

        Steps:
            * `fdb add` X behind vm1; send from X at vm2 and inside VXLAN of station 0.
            * `fdb add` Y behind station 1's vtep; send from Y at vm2.
            * Delete both entries, send from X at vm2 again.
        Verify:
            * The entries stay, the frames are counted as source-mac-static, nobody hears them.
            * Once the entry is gone, X is learned at vm2.
        """
        for mac in (X, Y):
            bench.shell.run(f"fdb del blue {mac}", check=False)
        bench.shell.run(f"fdb add blue {X} port vm1")
        bench.shell.run(f"fdb add blue {Y} vtep {bench.vteps[1]}")
        before = bench.shell.drops()
        bench.drain()
        for count, (place, mac) in enumerate(
                (("vm2", X), (bench.vteps[0], X), ("vm2", Y)), 1):
            bench.send_at(place, BLUE, unicast(mac, "02:bb:00:00:00:99", b"impostor"))
            wait_until(lambda n=count: bench.shell.drops().since(before)["source-mac-static"] == n,
                       "source-mac-static drop")
        bench.barrier("blue", BLUE)
        assert bench.places_that_heard(b"impostor") == set()
        entry = bench.shell.fdb_entry("blue", X)
        assert entry is not None and entry.place == "vm1" and not entry.learned
        entry = bench.shell.fdb_entry("blue", Y)
        assert entry is not None and entry.place == bench.vteps[1] and not entry.learned
        bench.shell.run(f"fdb del blue {X}")
        bench.shell.run(f"fdb del blue {Y}")
        bench.send_at("vm2", BLUE, unicast(X, "02:bb:00:00:00:99", b"back again"))
        bench.shell.wait_fdb("blue", X, "vm2")

    def test_static_over_learned(self, bench: Bench) -> None:
        """`fdb add` for a MAC that is learned elsewhere takes its place.

        Steps:
            * Teach X at vm2, `fdb add` X behind vm1, send to X from vm3.
        Verify:
            * Only vm1 hears the frame.
        """
        bench.send_at("vm2", BLUE, unicast(X, Y, b"teach"))
        bench.shell.wait_fdb("blue", X, "vm2")
        bench.shell.run(f"fdb add blue {X} port vm1")
        bench.drain()
        bench.wires["vm3"].send(unicast(Y, X, b"to the static one"))
        bench.expect_at("vm1", BLUE, b"to the static one")
        bench.barrier("blue", BLUE)
        assert bench.places_that_heard(b"to the static one") == {"vm1"}
        bench.shell.run(f"fdb del blue {X}")

    @pytest.mark.parametrize("mac", ["03:00:00:00:00:01", "ff:ff:ff:ff:ff:ff",
                                     "00:00:00:00:00:00"])
    @pytest.mark.parametrize("place", ["vm1", 0])
    def test_impossible_sources(self, bench: Bench, mac: str, place: str | int) -> None:
        """Nobody sends from a multicast MAC or from zero.

        Steps:
            * Send a frame from such a MAC at a VM port, and inside VXLAN.
        Verify:
            * It is counted as source-mac-invalid, not learned, and nobody hears it.
        """
        where = place if isinstance(place, str) else bench.vteps[place]
        before = bench.shell.drops()
        bench.drain()
        bench.send_at(where, BLUE, unicast(mac, Y, b"impossible"))
        wait_until(lambda: bench.shell.drops().since(before)["source-mac-invalid"] == 1,
                   "source-mac-invalid drop")
        bench.barrier("blue", BLUE)
        assert bench.places_that_heard(b"impossible") == set()
        assert bench.shell.fdb_entry("blue", mac) is None


class TestAgeing:
    """Silent stations are forgotten, speaking ones are not."""

    def test_ageing(self) -> None:
        """With an ageing time of a second (three with a NIC, whose counters are half a second old).

        Steps:
            * Teach X and Y at vm1, X's static neighbour by `fdb add`.
            * Go on sending from Y only.
        Verify:
            * X is forgotten while Y and the static entry stay.
            * Once Y falls silent, it is forgotten too.
        """
        with Bench(stations=1) as bench:
            bench.hv.tenant("blue", BLUE, bench.vteps, ageing_time=3 if bench.hv.card else 1)
            bench.raw_vm("blue", "vm1", 1, macs=["any"])
            bench.start()
            static = "02:bb:00:00:00:77"
            bench.shell.run(f"fdb add blue {static} vtep {bench.vteps[0]}")
            for mac in (X, Y):
                bench.send_at("vm1", BLUE, unicast(mac, static, b"teach"))
                bench.shell.wait_fdb("blue", mac, "vm1")

            def only_x_forgotten() -> bool:
                bench.send_at("vm1", BLUE, unicast(Y, static, b"still here"))
                assert bench.shell.fdb_entry("blue", Y) is not None, "Y forgotten while it speaks"
                return bench.shell.fdb_entry("blue", X) is None

            wait_until(only_x_forgotten, "X is forgotten", timeout=10, interval=0.05)
            wait_until(lambda: bench.shell.fdb_entry("blue", Y) is None, "Y is forgotten", 10)
            assert bench.shell.fdb_entry("blue", static) is not None

    def test_no_ageing(self) -> None:
        """`ageing_time = 0`: nothing is forgotten.

        Steps:
            * In one tenant without ageing and one with a second of it, teach a MAC each.
        Verify:
            * When the second tenant has forgotten, the first has not.
        """
        with Bench(stations=1) as bench:
            bench.hv.tenant("keeps", BLUE, bench.vteps, ageing_time=0)
            bench.hv.tenant("forgets", BLUE + 1, bench.vteps, ageing_time=1)
            bench.raw_vm("keeps", "vm1", 1, macs=["any"])
            bench.raw_vm("forgets", "vm2", 2, macs=["any"])
            bench.start()
            for tenant, port in (("keeps", "vm1"), ("forgets", "vm2")):
                bench.wires[port].send(unicast(X, Y, b"teach"))
                bench.shell.wait_fdb(tenant, X, port)
            wait_until(lambda: bench.shell.fdb_entry("forgets", X) is None, "X is forgotten", 10)
            assert bench.shell.fdb_entry("keeps", X) is not None


class TestBounds:
    """One VM cannot fill the table."""

    def test_max_learned(self) -> None:
        """A tenant learns `max_learned` MACs and no more; the other tenant is not touched.

        Steps:
            * With `max_learned = 8`, send from 100 MACs at one port of tenant blue.
            * Send from one MAC in tenant red.
            * Send to an unlearned MAC of blue; delete one learned entry, send from a new MAC.
        Verify:
            * Blue has 8 learned entries and counts what it refused; red learns.
            * Frames to unlearned MACs are flooded: traffic goes on.
            * The freed place is taken by the new MAC.
        """
        with Bench(stations=1) as bench:
            bench.hv.tenant("blue", BLUE, bench.vteps, max_learned=8)
            bench.hv.tenant("red", BLUE + 1, bench.vteps, max_learned=8)
            bench.raw_vm("blue", "vm1", 1, macs=["any"])
            bench.raw_vm("blue", "vm2", 2, macs=["any"])
            bench.raw_vm("red", "vm3", 3, macs=["any"])
            bench.start()
            before = bench.shell.tenant("blue")
            frames = [unicast(f"02:cc:00:00:00:{n:02x}", Y, b"teach") for n in range(100)]
            bench.wires["vm1"].send(*frames)
            wait_until(lambda: bench.shell.tenant("blue").since(before).rx_packets >= 100,
                       "frames taken")
            wait_until(lambda: len([e for e in bench.shell.fdb("blue") if e.learned]) == 8,
                       "eight learned entries")
            wait_until(lambda: bench.shell.tenant("blue").since(before).learn_refused >= 1,
                       "refusals counted")
            bench.wires["vm3"].send(unicast(X, Y, b"teach"))
            bench.shell.wait_fdb("red", X, "vm3")
            bench.drain()
            bench.wires["vm2"].send(unicast("02:cc:00:00:00:50", "02:cc:00:00:00:51", b"flooded"))
            bench.expect_at("vm1", BLUE, b"flooded")
            bench.expect_at(bench.vteps[0], BLUE, b"flooded")
            assert len([e for e in bench.shell.fdb("blue") if e.learned]) == 8
            learned = next(e.mac for e in bench.shell.fdb("blue") if e.learned)
            bench.shell.run(f"fdb del blue {learned}")

            def takes_the_place() -> bool:
                bench.wires["vm1"].send(unicast(X, Y, b"teach"))
                return bench.shell.fdb_entry("blue", X) is not None

            wait_until(takes_the_place, "the freed place is taken", interval=0.05)


class TestLearningOff:
    """`learning = off`: only what the files and the shell say."""

    def test_learning_off(self) -> None:
        """Nothing is learned, and the VM ports' own MACs are static entries.

        Steps:
            * Send from both VMs and from a MAC inside VXLAN.
            * Send to a VM's MAC, and to the MAC that was inside.
        Verify:
            * The fdb holds the two VM MACs as static entries and nothing else.
            * The first frame arrives at that VM alone; the second is flooded.
        """
        with Bench(stations=1) as bench:
            bench.hv.tenant("blue", BLUE, bench.vteps, learning=False)
            one = bench.raw_vm("blue", "vm1", 1)
            two = bench.raw_vm("blue", "vm2", 2)
            bench.start()
            before = bench.shell.tenant("blue")
            bench.wires["vm1"].send(unicast(one.mac, two.mac, b"to vm2"))
            bench.expect_at("vm2", BLUE, b"to vm2")
            bench.send_at(bench.vteps[0], BLUE, unicast(X, one.mac, b"to vm1"))
            bench.expect_at("vm1", BLUE, b"to vm1")
            bench.wires["vm2"].send(unicast(two.mac, X, b"flooded"))
            bench.expect_at("vm1", BLUE, b"flooded")
            bench.expect_at(bench.vteps[0], BLUE, b"flooded")
            assert bench.shell.tenant("blue").since(before).flooded_packets == 1
            assert {(e.mac, e.place, e.learned) for e in bench.shell.fdb("blue")} == {
                (one.mac, "vm1", False), (two.mac, "vm2", False)}


class TestFloodingOff:
    """`flooding = off`: only known unicast passes."""

    @pytest.mark.parametrize("destination", ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:05", Y])
    @pytest.mark.parametrize("place", ["vm1", "station"])
    def test_flooding_off(self, quiet: Bench, destination: str, place: str) -> None:
        """Broadcast, multicast and unknown unicast are dropped, known unicast passes.

        Steps:
            * Send such a frame at a VM port, and inside VXLAN; then one to a known MAC.
        Verify:
            * The first is counted as flooding-off and nobody hears it; the second arrives.
        """
        where = quiet.vteps[0] if place == "station" else place
        source = X if place == "station" else quiet.hv.vms["vm1"].mac
        before = quiet.shell.tenant("blue")
        quiet.drain()
        quiet.send_at(where, BLUE, unicast(source, destination, b"not flooded"))
        wait_until(lambda: quiet.shell.tenant("blue").since(before).drops["flooding-off"] == 1,
                   "flooding-off drop")
        quiet.shell.run(f"fdb add blue {quiet.hv.vms['vm2'].mac} port vm2", check=False)
        quiet.send_at(where, BLUE, unicast(source, quiet.hv.vms["vm2"].mac, b"known"))
        quiet.expect_at("vm2", BLUE, b"known")
        assert quiet.places_that_heard(b"not flooded") == set()

    @pytest.fixture(scope="class")
    def quiet(self) -> Iterator[Bench]:
        """A tenant without flooding, two VM ports, one remote vtep."""
        with Bench(stations=1) as bench:
            bench.hv.tenant("blue", BLUE, bench.vteps, flooding=False)
            bench.raw_vm("blue", "vm1", 1)
            bench.raw_vm("blue", "vm2", 2)
            bench.start()
            yield bench
