# SPDX-License-Identifier: BSD-3-Clause
"""Failovers of two hypervisors with ESP between them, and what is under way meanwhile."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator

from api.lab import Hypervisor
from api.protected_pair import ClearWatch, ProtectedPair
from api.traffic import assert_pings
from api.under_failover import Travellers, assert_leaves_by_one
from framework.process import wait_until


class Mover:
    """Failovers of two hypervisors in turn, each time another way, by a pulled cable or by hand."""

    def __init__(self, pair: ProtectedPair) -> None:
        self._pair = pair
        self._turns = itertools.cycle(itertools.product((self.pull, self.by_hand), pair.ends))

    @property
    def _hypervisors(self) -> list[Hypervisor]:
        return [end.hypervisor for end in self._pair.ends]

    def next(self) -> None:
        move, end = next(self._turns)
        move([end.hypervisor])

    def both(self) -> None:
        """The cables of both at once."""
        self.pull(self._hypervisors)

    def pull(self, hypervisors: list[Hypervisor]) -> None:
        old = {h: h.uplinks.index(h.shell.active_uplink()) for h in hypervisors}
        for h in hypervisors:
            h.lab.switches[old[h]].pull(h.name)
        for h in hypervisors:
            h.shell.wait_active(h.uplinks[1 - old[h]])
        for h in hypervisors:
            h.lab.switches[old[h]].plug(h.name)
        self._pair.wait_links()

    @staticmethod
    def by_hand(hypervisors: list[Hypervisor]) -> None:
        for h in hypervisors:
            h.shell.run("failover switch")


@contextlib.contextmanager
def protected_traffic(pair: ProtectedPair, what: str) -> Iterator[Mover]:
    """Travellers of the protected tenant for as long as it lasts. At the end each end sends by its
    active uplink alone, all have lived, nothing was in clear, and no SA has refused a packet."""
    near, far = pair.near, pair.far
    with ClearWatch(pair) as watch:
        with Travellers(near.vm, far.vm, near.red, far.red) as travellers:
            yield Mover(pair)
            for end in pair.ends:
                active = end.hypervisor.shell.active_uplink()
                assert_leaves_by_one(end.hypervisor, end.hypervisor.uplinks.index(active))
            for one, other in ((near.vm, far.vm), (far.vm, near.vm), (near.red, far.red)):
                assert_pings(one, other.ip)
            travellers.finish(what)
        watch.assert_red_only()
    for end in pair.ends:
        faults = end.hypervisor.shell.json("show ipsec stats")
        assert not any(count for way in ("outbound", "inbound")
                       for count in faults[way]["faults"].values()), faults
