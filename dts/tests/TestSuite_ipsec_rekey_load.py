# SPDX-License-Identifier: BSD-3-Clause
"""New keys every second under load: no packet is lost, none is in clear.

What one worker can do at most is tests/bench/rekey_bench.cpp's.

`--rekeys N` sets for how many seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from api.protected_pair import ClearWatch, ProtectedPair
from api.traffic import NumberedStream, StreamReport, assert_pings, ping, wait_ping
from framework.process import note, wait_until

#: Packets per second and direction, the fastest first.
_RATES = (16000, 12000, 8000, 6000, 4000, 3000, 2000, 1000, 500, 250)
_YARDSTICK_SECONDS = 3
#: Longer round trips under load say that queues grow, and that they would overflow in the end.
_LONGEST_ROUND_TRIP_MS = 100


@pytest.fixture(params=["ipv4", "ipv6"])
def pair(request: pytest.FixtureRequest) -> Iterator[ProtectedPair]:
    # TAPs all the way: they lose nothing as long as their queues are long enough.
    with ProtectedPair(ipv6=request.param == "ipv6", kind="tap") as pair:
        for end in (pair.near, pair.far):
            # Long queues on a loaded machine hold packets for longer than the usual five seconds.
            end.hypervisor.main.settings["ipsec.rekey_grace"] = 20
        pair.start()
        for end in (pair.near, pair.far):
            for vm in (end.vm, end.red):
                vm.namespace.ip("link", "set", "eth0", "txqueuelen", "100000")
        yield pair


class Load:
    """Streams both ways at one rate, for as long as the context lasts."""

    def __init__(self, pair: ProtectedPair, rate: int) -> None:
        near, far = pair.near.vm, pair.far.vm
        self.streams = [NumberedStream(near, far, per_second=rate, port=7000),
                        NumberedStream(far, near, per_second=rate, port=7001)]
        self.start = time.monotonic()

    def wait(self, seconds: float) -> None:
        """Until so many seconds after the start."""
        wait_until(lambda: time.monotonic() >= self.start + seconds, "time passes", seconds + 5)

    def finish(self) -> tuple[float, list[StreamReport]]:
        """How long it lasted, and what became of both streams."""
        seconds = time.monotonic() - self.start
        return seconds, [stream.finish() for stream in self.streams]

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in self.streams:
            stream.close()


def full_load(pair: ProtectedPair) -> int:
    """The fastest rate that goes on for ever without rekeying: nothing is lost, the senders keep it,
    and queues do not grow."""
    for rate in _RATES:
        with Load(pair, rate) as load:
            load.wait(_YARDSTICK_SECONDS)
            pings = ping(pair.near.vm, pair.far.vm.ip, wait=5)
            seconds, reports = load.finish()
        note(f"{rate} a second: {pings.average_ms} ms, {reports}")
        if (all(report.lost == 0 and report.sent > 0.9 * rate * seconds for report in reports)
                and pings.lost == 0 and pings.average_ms < _LONGEST_ROUND_TRIP_MS):
            return rate
    raise AssertionError("packets are lost at every rate, without rekeying")


@pytest.mark.alone
class TestRekeyUnderLoad:
    """Make before break, seen from end to end."""

    def test_nothing_is_lost(self, pair: ProtectedPair, request: pytest.FixtureRequest,
                             record_property) -> None:
        """Every second both ends change all keys while numbered packets go both ways.

        Steps:
            * Find the fastest rate at which nothing is lost as things are.
            * At half that rate, since others may use the machine too, rekey both ends once a second.
        Verify:
            * Every packet arrived, once; each generation of SAs carried packets and refused none;
              nothing of the tenant was in clear on either switch. (A NIC's receive queues are
              short: what it had no buffer for on a busy machine, it has counted.)
        """
        rekeys = request.config.getoption("--rekeys")
        near, far = pair.near, pair.far
        wait_ping(near.vm, far.vm.ip)
        rate = full_load(pair) // 2
        drops = [end.hypervisor.shell.drops() for end in (near, far)]
        missed = self.missed(pair)
        with ClearWatch(pair) as watch, Load(pair, rate) as load:
            for rekey in range(rekeys):
                load.wait(rekey + 1)
                pair.rekey()
                wait_until(lambda: self.all_carry(pair), "packets by each new SA", 15)
            load.wait(rekeys + 1)
            seconds, reports = load.finish()
            assert_pings(near.red, far.red.ip)
            watch.assert_red_only()
        summary = (f"{rekeys} rekeys in {seconds:.1f} s at {rate} packets a second each way: "
                   f"{reports}")
        note(summary)
        record_property("summary", summary)
        print(summary)
        missed = self.missed(pair) - missed
        assert missed == 0 or near.hypervisor.card is not None, (missed, summary)
        assert sum(report.lost for report in reports) <= missed, (missed, summary)
        assert [report.duplicates for report in reports] == [0, 0], summary
        assert all(report.sent > 0.8 * rate * seconds for report in reports), summary
        for end in (near, far):
            faults = end.hypervisor.shell.json("show ipsec stats")
            assert not any(count for way in ("outbound", "inbound")
                           for count in faults[way]["faults"].values())
        for end, before in zip((near, far), drops):
            dropped = set(end.hypervisor.shell.drops().since(before))
            assert dropped <= {"backup-uplink", "transmit-full"}, dropped

    @staticmethod
    def missed(pair: ProtectedPair) -> int:
        """Packets for which a port had no room, coming or going, at both ends."""
        shells = [end.hypervisor.shell for end in (pair.near, pair.far)]
        return sum(port["rx_missed"] for shell in shells
                   for port in shell.json("show port stats all")) + sum(
                       shell.drops()["transmit-full"] for shell in shells)

    @staticmethod
    def all_carry(pair: ProtectedPair) -> bool:
        """Whether each SA that is in use has had packets, at both ends."""
        return all(sa["packets"] > 0 for end in (pair.near, pair.far)
                   for sa in end.hypervisor.shell.json("show ipsec sa")
                   if sa["state"] == "active")
