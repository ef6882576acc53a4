# SPDX-License-Identifier: BSD-3-Clause
"""A VM sends no more than its rate and burst, and its neighbours do not feel it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from api.bench import Bench, unicast
from api.lab import BLUE, vm_mac
from framework.process import wait_until

RATE = 800_000
BURST = 20_000
FRAMES = 200
SIZE = 1000


@pytest.fixture(scope="class", params=[1, 2], ids=["one-worker", "two-workers"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """blue1 is limited, blue2 is not; blue3 listens."""
    with Bench(stations=1, workers=request.param) as bench:
        bench.hv.tenant("blue", BLUE, bench.vteps)
        for number in (1, 2, 3):
            bench.raw_vm("blue", f"blue{number}", number)
        limited = bench.hv.tenants["blue"].vm_ports[0]
        limited.settings = {"rate": "800k", "burst": "20k"}
        bench.start()
        yield bench


def flood(bench: Bench, number: int, marker: bytes) -> tuple[int, float]:
    """Sends frames to blue3 as fast as scapy can. Octets that arrived, and the seconds it took."""
    frame = unicast(vm_mac(number), vm_mac(3), marker)
    frame = frame / (b"x" * (SIZE - len(frame)))
    before = bench.shell.port(f"blue{number}")
    begin = time.monotonic()
    bench.wires[f"blue{number}"].send(*[frame] * FRAMES)
    wait_until(lambda: bench.shell.port(f"blue{number}").since(before).rx_packets >= FRAMES,
               "all frames to have been received")
    seconds = time.monotonic() - begin
    bench.barrier("blue", BLUE)
    return len(bench.frames_at("blue3", marker)) * SIZE, seconds


class TestRateLimit:
    """What is dropped is counted, and what arrives conforms."""

    def test_no_more_than_rate_and_burst(self, bench: Bench) -> None:
        """The bucket's own bound: burst, and rate for as long as it took."""
        before = bench.shell.port("blue1")
        arrived, seconds = flood(bench, 1, b"limited")
        assert BURST - SIZE <= arrived <= BURST + seconds * RATE / 8 + SIZE
        dropped = bench.shell.port("blue1").since(before).drops
        assert dropped == {"rate-exceeded": FRAMES - arrived // SIZE}

    def test_the_neighbour_is_free(self, bench: Bench) -> None:
        """All that blue2 sends arrives."""
        arrived, _ = flood(bench, 2, b"free")
        assert arrived == FRAMES * SIZE

    def test_port_info_tells(self, bench: Bench) -> None:
        """In bits per second and octets, as the file has them."""
        limited = bench.shell.json("show port info blue1")
        assert (limited["rate"], limited["burst"]) == (RATE, BURST)
        assert bench.shell.json("show port info blue2")["rate"] is None
