# SPDX-License-Identifier: BSD-3-Clause
"""Time and packets lost while traffic moves from one uplink to the other."""

from __future__ import annotations

import re
import struct
import time
from datetime import datetime

import pytest
from scapy.layers.inet import UDP
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet

from api.config import TenantConfig
from card import analysis
from card.answers import Answer, question
from card.bed import FAR_IP, Bed, Pair, Prepare
from card.hypervisor import Hypervisor
from card.traffic import NumberedStream, wait_ping
from framework.process import wait_until

_KEEP_UP = ("the link stayed up: the firmware may keep it (`mlxconfig -d PCI set "
            "KEEP_ETH_LINK_UP_P1=0 KEEP_ETH_LINK_UP_P2=0`, power-cycle), or `cables` of the YAML "
            "file should say `switch`")
SWITCHES = 100


def many_tenants(bed: Bed, count: int) -> Prepare:
    """Tenants without guests, with an fdb entry each, over as many next hops as there are."""
    def prepare(hypervisor: Hypervisor) -> None:
        remotes = bed.addresses_beyond(0, 200)
        for number in range(count - 1):
            remote = remotes[number % len(remotes)]
            hypervisor.tenants.append(TenantConfig(
                f"t{number}", (bed.nodes.vni + 1 + number) % 16777215 or 1, hypervisor.vtep,
                [remote], fdb=[f"02:cc:00:00:{number >> 8:02x}:{number & 255:02x} vtep {remote}"]))
        hypervisor.main.next_hops += [f"{remote} 02:ee:00:00:00:{number:02x}"
                                      for number, remote in enumerate(remotes)]
    return prepare if count > 1 else lambda _: None


class Unplugged:
    """The cable between the first ports, out for as long as the context lasts."""

    def __init__(self, bed: Bed, pair: Pair) -> None:
        index = 1 if bed.nodes.cables[0] == "direct" else 0
        self.pair = pair
        self.host = bed.hosts[index]
        self.interface = bed.ports[index].interfaces[0]

    def __enter__(self) -> None:
        self.undo = self.host.defer("ip", "link", "set", "dev", self.interface, "up")
        self.host.run("ip", "link", "set", "dev", self.interface, "down")
        try:
            wait_until(self._lost, "the loss of the link is seen", 5, interval=0.05)
        except AssertionError:
            self.undo.now()
            pytest.skip(_KEEP_UP)

    def _lost(self) -> bool:
        uplinks = self.pair.a.shell.json("show uplink")["uplinks"]
        return not next(uplink for uplink in uplinks if uplink["name"] == "p0")["link_up"]

    def __exit__(self, *_: object) -> None:
        self.undo.now()


class TestLinkLoss:
    """The cable of the active uplink is pulled."""

    @pytest.mark.parametrize("many", [False, True], ids=["one-tenant", "many-tenants"])
    @question("How long from the loss of the link to the first packet on the other port, with one "
              "tenant and with 1000?", reference="docs/hardware-path.md, Failover")
    def test_gap(self, bed: Bed, answer: Answer, many: bool, tenants: int) -> None:
        """The gap in two numbered streams.

        Steps:
            * Between guests 2000 numbered datagrams a second, both ways.
            * Take the first port's link down at the second host (behind a switch: at the first).
            * Wait until both hosts use the second uplink and guests reach each other; let it run.
        Verify:
            * Longest gap, what was lost in it, and the order, are written down; nothing came twice.
        """
        count = tenants if many else 1
        with bed.pair(many_tenants(bed, count)) as pair:
            wait_ping(pair.far, pair.one.ip)
            before = pair.a.seen("one")
            with NumberedStream(pair.one, pair.far) as out, \
                    NumberedStream(pair.far, pair.one, port=7001) as back:
                time.sleep(1)  # of stream, to compare with
                with Unplugged(bed, pair):
                    pair.a.shell.wait_active("p1", 20)
                    # Behind a switch the second host has lost nothing, and both reach each other.
                    if bed.nodes.cables[0] == "direct":
                        pair.b.shell.wait_active("p1", 20)
                    wait_ping(pair.one, pair.far.ip)
                    time.sleep(1)  # the same on the other uplink
                    results = out.finish(), back.finish()
                    after = pair.a.seen("one")
        by_software = after.software_rx - before.software_rx
        bed.by_nic(results[0].sent, by_software)
        answer.figure("tenants", count)
        answer.figure("by software", by_software)
        answer.figure("there", results[0])
        answer.figure("back", results[1])
        assert all(result.duplicates == 0 for result in results), results
        answer.measured_only(f"gaps of {results[0].gap_ms:.0f} and {results[1].gap_ms:.0f} ms with "
                             f"{count} tenants")

    @question("How long does it take to learn that a link is gone?",
              assumed="less than failover.poll_interval_ms (10 ms) and some more",
              reference="docs/configuration.md, failover")
    def test_learning_of_loss(self, bed: Bed, answer: Answer) -> None:
        """The kernel's news of the lost carrier, against Sallyport's log.

        Steps:
            * `ip -ts monitor link` on the first host; take the link down as above.
            * Compare the time of the first line without carrier with that of Sallyport's line.
        Verify:
            * The difference is below 50 ms.
        """
        with bed.pair() as pair:
            host, interface = bed.hosts[0], bed.ports[0].interfaces[0]
            with host.start("env", "TZ=UTC", "ip", "-ts", "-o", "monitor", "link", "dev",
                            interface) as monitor:
                with Unplugged(bed, pair):
                    pair.a.shell.wait_active("p1", 20)
                kernel = re.search(r"^\[([\d:T.-]+)\](?!.*LOWER_UP).*", monitor.text(), re.M)
            assert pair.a.sallyport is not None
            ours = re.findall(r"^(\S+ \S+) .*uplink p0: link down", pair.a.sallyport.log(), re.M)
            zone = host.run("date", "+%z").stdout.strip()
        assert kernel and ours, (monitor.text(), ours)
        when = datetime.fromisoformat(kernel[1] + "+00:00")
        seen = datetime.strptime(ours[-1] + zone, "%Y-%m-%d %H:%M:%S.%f%z")
        late = (seen - when).total_seconds() * 1000
        answer.figure("ms after the kernel", f"{late:.1f}")
        answer.assumed_is(late < 50, f"{late:.1f} ms after the kernel")


class TestSwitch:
    """The uplinks change while both are whole."""

    @question("Does a rule change its uplink without a gap?",
              assumed="yes: no packet is lost, and none goes by both",
              reference="docs/hardware-path.md, Failover", costs_traffic=True)
    def test_switch(self, bed: Bed, answer: Answer) -> None:
        """A hundred changes under a numbered stream.

        Steps:
            * The guest sends 1000 numbered datagrams a second to a station behind the second host,
              which captures on both ports; `failover switch` a hundred times.
        Verify:
            * Each number comes once, by one of the ports. The order is written down.
        """
        def number(packet: Packet) -> int | None:
            if not analysis.is_vxlan(packet, bed.nodes.vni) or UDP not in packet[VXLAN].payload:
                return None
            udp = packet[VXLAN].payload[UDP]
            return struct.unpack("!Q", bytes(udp.payload)[:8])[0] if udp.dport == 7300 else None

        with bed.bench() as bench:
            with bench.station.capture(0, "udp", "port", "4789", name="switch") as first, \
                    bench.station.capture(1, "udp", "port", "4789", name="switch") as second:
                before = bench.a.seen("one")
                sender = bench.one.start("python3", bench.a.host.agent("numbered.py"), "send",
                                         FAR_IP, "7300", "1000", name="send")
                first.expect(lambda packet: number(packet) is not None, "the stream", 1)
                for _ in range(SWITCHES):
                    bench.a.shell.run("failover switch")
                sender.stop()
                sent = int(sender.text().split()[-1])
                time.sleep(1)  # the last ones may be lost, so there is nothing to wait for
                arrivals = sorted((int(packet.time * 1_000_000_000), found)
                                  for capture in (first, second) for packet in capture.packets()
                                  if (found := number(packet)) is not None)
                ports = [sum(number(packet) is not None for packet in capture.packets())
                         for capture in (first, second)]
            by_software = bench.a.seen("one").software_rx - before.software_rx
        result = analysis.stream(sent, arrivals)
        bed.by_nic(sent, by_software)
        answer.figure("stream", result)
        answer.figure("by software", by_software)
        answer.figure("by p0 and p1", ports)
        answer.assumed_is(result.lost == 0 and result.duplicates == 0,
                          f"in {SWITCHES} changes: {result}")


class TestOrder:
    """Software forwards, then hardware."""

    @question("By how much are first packets overtaken when the NIC takes over a flow?",
              assumed="by no more than the CPU's queue is long, once for each station",
              reference="docs/hardware-path.md, What stays in software")
    def test_first_packets(self, bed: Bed, answer: Answer) -> None:
        """A station that the CPU forgets and learns again under a stream.

        Steps:
            * 4000 numbered datagrams a second between guests; `fdb del` of the sender's MAC on
              the first host, 20 times.
        Verify:
            * Nothing is lost or comes twice; at most 20 bursts are overtaken, each by at most 1024.
        """
        with bed.pair() as pair:
            wait_ping(pair.far, pair.one.ip)
            with NumberedStream(pair.one, pair.far, per_second=4000) as stream:
                for _ in range(20):
                    pair.a.shell.run(f"fdb del blue {pair.one.mac}", check=False)
                    wait_until(lambda: pair.a.shell.fdb_entry("blue", pair.one.mac) is not None,
                               "the station is learned again", 5)
                result = stream.finish()
        answer.figure("stream", result)
        answer.assumed_is(result.lost == 0 and result.duplicates == 0 and result.latest_by <= 1024,
                          str(result))
