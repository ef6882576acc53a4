# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's IPsec packet offload beside the multiport E-Switch; Sallyport does not run.

For what Sallyport could build on it later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from card.answers import Answer, question
from card.bed import Bed
from card.host import Host
from card.xfrm import Tunnels, address
from framework.process import CommandError

REFERENCE = "docs/hardware.md, Questions for a card: IPsec"
MTUS = [3900, 3940, 3980, 3984, 3988, 3992, 3996, 4000, 4040, 4080, 4120]
SAS = [1, 100, 250, 500, 1000, 2000, 5000]


@pytest.fixture
def tunnels(bed: Bed) -> Iterator[Tunnels]:
    bed.need_card("IPsec packet offload is a card's")
    interfaces = (bed.ports[0].interfaces[0], bed.ports[1].interfaces[0])
    with Tunnels(bed.hosts, interfaces) as tunnels:
        yield tunnels


def grow(tunnels: Tunnels, count: int) -> None:
    """Skips the case where the first SA is refused already: another one asks that."""
    try:
        tunnels.grow(count)
    except CommandError as refused:
        if tunnels.count == 0:
            pytest.skip(f"the offload is refused: {refused}")
        raise


def received(host: Host, interface: str) -> int:
    """Octets that came in by an interface."""
    text = host.run("ip", "-json", "-s", "link", "show", "dev", interface).stdout
    return json.loads(text)[0]["stats64"]["rx"]["bytes"]


class TestOffload:
    """Accepted or refused, and how fast."""

    @question("Does multiport accept the kernel's xfrm packet offload at all?",
              reference=REFERENCE)
    def test_accepted(self, bed: Bed, answer: Answer, tunnels: Tunnels) -> None:
        """One pair of SAs.

        Steps:
            * `ip xfrm state add ... offload packet dev` on both hosts, with policies; ping.
        Verify:
            * What the kernel says, and whether the ping passes, is written down.
        """
        try:
            tunnels.grow(1)
        except CommandError as refused:
            answer.measured_only(f"refused: {refused}")
            return
        text = bed.hosts[0].run("ping", "-c", "5", "-i", "0.2", "-W", "1", "-I", address(0, 0),
                                address(1, 0), check=False).stdout
        answer.measured_only("accepted; pings " + ("pass" if " 0% packet loss" in text else
                                                   "are lost"))

    @question("Does IPsec throughput hinge on frames of up to 4 KiB?", reference=REFERENCE)
    def test_mtu_sweep(self, bed: Bed, answer: Answer, tunnels: Tunnels, seconds: int) -> None:
        """Throughput by the size of packets.

        Steps:
            * One pair of SAs; iperf3 of 8 streams, with the route's MTU from 3900 to 4120.
        Verify:
            * The rates are written down.
        """
        bed.need("iperf3")
        grow(tunnels, 1)
        a, b = bed.hosts
        most = json.loads(a.run("ip", "-json", "link", "show", "dev",
                                tunnels.interfaces[0]).stdout)[0]["mtu"]
        if most < max(MTUS):
            pytest.skip(f"{tunnels.interfaces[0]} has an MTU of {most}, and {max(MTUS)} is needed")
        rates = {}
        with b.start("iperf3", "-s", "-B", address(1, 0), "--forceflush") as server:
            server.wait_for_text("Server listening")
            for mtu in MTUS:
                a.run("ip", "route", "replace", address(1, 0), "dev", tunnels.interfaces[0],
                      "src", address(0, 0), "mtu", "lock", str(mtu))
                report = json.loads(a.run("iperf3", "-c", address(1, 0), "-P", "8", "-t",
                                          str(seconds), "--json", check=False,
                                          timeout=seconds + 30).stdout)
                rates[mtu] = report["end"]["sum_received"]["bits_per_second"] / 1e9
            a.run("ip", "route", "del", address(1, 0), check=False)
        answer.figure("Gbit/s by MTU", {mtu: f"{rate:.1f}" for mtu, rate in rates.items()})
        answer.measured_only(f"{min(rates.values()):.1f} to {max(rates.values()):.1f} Gbit/s")

    @question("After how many SAs does IPsec throughput collapse?", reference=REFERENCE)
    def test_many_sas(self, bed: Bed, answer: Answer, tunnels: Tunnels, seconds: int) -> None:
        """The same traffic over ever more SAs.

        Steps:
            * 1 to 5000 pairs of SAs; 8 processes send datagrams of 1400 octets over all in turn.
        Verify:
            * What arrives at each step, or is refused, is written down.
        """
        a, b = bed.hosts
        figures: dict[int, str] = {}
        for count in SAS:
            try:
                grow(tunnels, count)
            except CommandError as refused:
                figures[count] = f"refused: {refused}"
                break
            script = a.agent("flows.py")
            targets = a.put("targets", " ".join(address(1, number) for number in range(count)))
            before = received(b, tunnels.interfaces[1])
            a.script(f'for n in 1 2 3 4 5 6 7 8; do python3 {script} spray 9 {seconds} '
                     '$(cat "$1") & done; wait', targets, timeout=seconds + 60)
            octets = received(b, tunnels.interfaces[1]) - before
            figures[count] = f"{octets * 8 / seconds / 1e9:.2f} Gbit/s"
        answer.figure("by SAs", figures)
        answer.measured_only("; ".join(f"{count}: {words}" for count, words in figures.items()))
