# SPDX-License-Identifier: BSD-3-Clause
"""Flooding: to every other VM port and to every remote vtep once, and never back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.bench import BROADCAST, Bench, unicast
from api.lab import BLUE, RED
from framework.process import wait_until

VMS = ("vm1", "vm2", "vm3")
UNKNOWN = "02:dd:00:00:00:01"


@pytest.fixture(scope="class", params=["ipv4", "ipv6"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Blue with three VMs and four remote vteps; red with one VM and two of these vteps."""
    with Bench(stations=4, ipv6=request.param == "ipv6") as bench:
        bench.hv.tenant("blue", BLUE, bench.vteps)
        bench.hv.tenant("red", RED, bench.vteps[:2])
        for number, name in enumerate(VMS, 1):
            bench.raw_vm("blue", name, number)
        bench.raw_vm("red", "red1", 1)
        bench.start()
        yield bench


class TestFlooding:
    """Head-end replication and local copies."""

    @pytest.mark.parametrize("destination", [BROADCAST, "01:00:5e:00:00:05", "33:33:00:00:00:05",
                                             UNKNOWN],
                             ids=["broadcast", "ipv4-multicast", "ipv6-multicast", "unknown"])
    @pytest.mark.parametrize("origin", ["vm", "vtep"])
    def test_flood(self, bench: Bench, destination: str, origin: str) -> None:
        """Each frame is heard once wherever it must be, and nowhere else.

        Steps:
            * Send fifty numbered frames, from a VM or inside VXLAN of a remote vtep.
        Verify:
            * From a VM: every other VM and every remote vtep of the tenant hears each once.
            * From a vtep: every VM hears each once, no vtep does.
            * The sender hears nothing; the other tenant hears nothing.
            * The tenant counts fifty flooded frames.
        """
        place = "vm2" if origin == "vm" else bench.vteps[1]
        source = bench.hv.vms["vm2"].mac if origin == "vm" else "02:dd:00:00:00:02"
        listeners = ({"vm1", "vm3", *bench.vteps} if origin == "vm" else set(VMS))
        markers = [b"flood number %03d." % n for n in range(50)]
        before = bench.shell.tenant("blue")
        bench.drain()
        bench.send_at(place, BLUE, *(unicast(source, destination, marker) for marker in markers))
        for listener in sorted(listeners):
            bench.expect_at(listener, BLUE, markers[-1])
        flooded = bench.shell.tenant("blue").since(before).flooded_packets
        bench.barrier("blue", BLUE)
        for marker in markers:
            assert bench.places_that_heard(marker) == listeners
            for listener in listeners:
                assert len(bench.frames_at(listener, marker)) == 1
        assert flooded == 50

    @pytest.mark.parametrize("origin", ["vm", "vtep"])
    def test_link_local_protocols(self, bench: Bench, origin: str) -> None:
        """Frames of link-local protocols (LLDP, LACP, STP) are not forwarded.

        Steps:
            * Send a frame to 01:80:c2:00:00:00 and to 01:80:c2:00:00:0e.
        Verify:
            * Both are counted as reserved-multicast and nobody hears them.
        """
        place = "vm1" if origin == "vm" else bench.vteps[0]
        source = bench.hv.vms["vm1"].mac if origin == "vm" else "02:dd:00:00:00:02"
        before = bench.shell.tenant("blue")
        bench.drain()
        bench.send_at(place, BLUE, unicast(source, "01:80:c2:00:00:00", b"link-local"),
                      unicast(source, "01:80:c2:00:00:0e", b"link-local"))
        wait_until(lambda: bench.shell.tenant("blue").since(before).drops["reserved-multicast"]
                   == 2, "two reserved-multicast drops")
        bench.barrier("blue", BLUE)
        assert bench.places_that_heard(b"link-local") == set()

    def test_known_again(self, bench: Bench) -> None:
        """Flooding of unknown unicast ends once the station has spoken.

        Steps:
            * Let the unknown station speak at vm3, send to it from vm1.
        Verify:
            * Only vm3 hears the frame; nothing is flooded.
        """
        bench.shell.run(f"fdb add blue {UNKNOWN} port vm3")
        before = bench.shell.tenant("blue")
        bench.drain()
        bench.wires["vm1"].send(unicast(bench.hv.vms["vm1"].mac, UNKNOWN, b"known again"))
        bench.expect_at("vm3", BLUE, b"known again")
        assert bench.shell.tenant("blue").since(before).flooded_packets == 0
        bench.barrier("blue", BLUE)
        assert bench.places_that_heard(b"known again") == {"vm3"}
        bench.shell.run(f"fdb del blue {UNKNOWN}")


class TestNobodyToFloodTo:
    """A tenant with one VM and no remote vtep."""

    def test_nobody(self) -> None:
        """A broadcast with no other listener is counted, not lost silently.

        Steps:
            * Send a broadcast from the only VM of a tenant without remote vteps.
        Verify:
            * It is counted as flood-no-target.
        """
        with Bench(stations=1) as bench:
            bench.hv.tenant("lonely", BLUE)
            vm = bench.raw_vm("lonely", "vm1", 1)
            bench.start()
            before = bench.shell.tenant("lonely")
            bench.wires["vm1"].send(unicast(vm.mac, BROADCAST, b"anybody?"))
            wait_until(lambda: bench.shell.tenant("lonely").since(before).drops["flood-no-target"]
                       == 1, "flood-no-target drop")


class TestTwoWorkers:
    """The same with the ports spread over two workers."""

    def test_flood(self) -> None:
        """Copies cross from the worker that received to those that own the output ports.

        Steps:
            * Two workers; send two hundred numbered broadcasts from each of four VMs in turn.
        Verify:
            * Every other VM and both vteps hear each exactly once.
        """
        names = ("vm1", "vm2", "vm3", "vm4")
        with Bench(stations=2, workers=2) as bench:
            bench.hv.tenant("blue", BLUE, bench.vteps)
            for number, name in enumerate(names, 1):
                bench.raw_vm("blue", name, number)
            bench.start()
            bench.drain()
            for name in names:
                markers = [b"%s says %03d." % (name.encode(), n) for n in range(200)]
                for marker in markers:
                    bench.wires[name].send(unicast(bench.hv.vms[name].mac, BROADCAST, marker))
                listeners = {*names, *bench.vteps} - {name}
                for listener in sorted(listeners):
                    bench.expect_at(listener, BLUE, b" says ", 200)
                bench.barrier("blue", BLUE)
                for marker in markers:
                    assert bench.places_that_heard(marker) == listeners
                    assert all(len(bench.frames_at(listener, marker)) == 1
                               for listener in listeners)
                bench.drain()
