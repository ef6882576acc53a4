# SPDX-License-Identifier: BSD-3-Clause
"""Packets and rules a second."""

from __future__ import annotations

import json
import time

import pytest

from card import analysis, pktgen
from card.answers import Answer, question
from card.bed import Bed
from card.hypervisor import Hypervisor
from card.traffic import iperf_json, iperf_server, wait_ping
from framework.process import wait_until

#: Octets of an Ethernet, IPv4 and UDP header.
HEADERS = 42


class TestPackets:
    """From guest to guest, through both cards."""

    @pytest.mark.parametrize("mtu", [1500, 1023])
    @question("How many packets a second go through the groups, and what do the length patterns "
              "of an MTU of 1500 cost against the single one of 1023?",
              reference="docs/hardware-path.md, Length")
    def test_packet_rate(self, bed: Bed, answer: Answer, mtu: int, seconds: int) -> None:
        """Small frames from the kernel's pktgen in a guest.

        Steps:
            * pktgen sends 60-octet frames to the other guest, in whose kernel they are counted,
              and by the vm port's counters.
        Verify:
            * The rates are written down. A single guest may not send as much as the NIC can take.
        """
        reason = pktgen.missing(bed.hosts[0])
        if reason:
            pytest.skip(reason)

        def prepare(hypervisor: Hypervisor) -> None:
            hypervisor.blue.settings["mtu"] = mtu
        with bed.pair(prepare, mtu=mtu) as pair:
            wait_ping(pair.far, pair.one.ip)
            before = pair.a.seen("one")
            sent, received, took = pktgen.run(pair.one, pair.far, seconds)
            after = pair.a.seen("one")
        by_software = after.software_rx - before.software_rx
        answer.figure("sent a second", f"{sent / took:.0f}")
        answer.figure("received a second", f"{received / took:.0f}")
        answer.figure("by software", f"{analysis.software_share(sent, by_software):.1%}")
        answer.measured_only(f"{received / took / 1e6:.2f} Mpps with an MTU of {mtu}")


class TestRules:
    """The flow queue."""

    @question("How many rules a second, and how full may a table get?",
              reference="docs/hardware.md, Flow engine")
    def test_rule_rate(self, bed: Bed, answer: Answer, rules: int) -> None:
        """Many static fdb entries.

        Steps:
            * `limits.fdb_entries` as many as there will be; a script of `fdb add` lines up to 50,
              90 and 100 % of them; wait until `show eswitch` has them all.
        Verify:
            * The rate of each part is written down; every row is in hardware.
        """
        def prepare(hypervisor: Hypervisor) -> None:
            hypervisor.main.settings["limits.fdb_entries"] = max(64, rules + 8)
        with bed.bench(prepare) as bench:
            shell, done = bench.a.shell, 0
            for percent in (50, 90, 100):
                upto = rules * percent // 100
                path = bench.a.host.put(f"fdb-{percent}.txt", "".join(
                    f"fdb add blue 02:e0:{n >> 24 & 255:02x}:{n >> 16 & 255:02x}:"
                    f"{n >> 8 & 255:02x}:{n & 255:02x} vtep {bench.remote}\n"
                    for n in range(done, upto)))
                before = shell.json("show eswitch").get("entries_in_hardware") or 0
                start = time.monotonic()
                shell.script(path)
                accepted = time.monotonic() - start
                if bed.hardware:
                    wait_until(lambda: shell.json("show eswitch")["entries_in_hardware"]
                               >= before + (upto - done) * 99 // 100, "rules in the NIC", 120)
                took = time.monotonic() - start
                answer.figure(f"to {percent} %: rows a second by the shell",
                              f"{(upto - done) / accepted:.0f}")
                answer.figure(f"to {percent} %: rows a second in the NIC",
                              f"{(upto - done) / took:.0f}" if bed.hardware else "no NIC")
                done = upto
            eswitch = shell.json("show eswitch")
        in_hardware = eswitch.get("entries_in_hardware")
        answer.figure("entries in hardware", in_hardware)
        answer.figure("stranded", eswitch.get("stranded"))
        answer.figure("fullest tables", sorted(
            ((table["rules"], table["size"], table["name"]) for table in eswitch["tables"] or []),
            reverse=True)[:3])
        answer.measured_only(f"{rules} rows; {in_hardware} entries in hardware")


class TestMeter:
    """The vm port's rate, kept by the NIC's meter."""

    @pytest.mark.parametrize("rate", ["100M", "1G"])
    @question("Does a vm port's rate hold in the NIC, and does it count frames without FCS?",
              assumed="yes, within 5 %", reference="docs/hardware-path.md, Tables: police")
    def test_rate(self, bed: Bed, answer: Answer, rate: str, seconds: int) -> None:
        """A guest that sends twice what it may.

        Steps:
            * `rate` of the first guest's vm port; iperf3 sends UDP at twice that rate, with
              payloads of 1400 octets, to the other guest.
        Verify:
            * What arrives, with Ethernet, IP and UDP headers, is the rate, give or take 5 %.
        """
        bed.need("iperf3")
        complaint = bed.refuses(rate=rate)
        if complaint:
            pytest.skip(f"this Sallyport knows no rate of a vm port: {complaint}")
        wanted = float(rate[:-1]) * {"M": 1e6, "G": 1e9}[rate[-1]]
        with bed.pair(rate=rate) as pair, iperf_server(pair.far):
            before = pair.a.seen("one")
            # The first two seconds have the burst, and do not count.
            text = iperf_json(pair.one, pair.far, "-u", "-b", f"{2 * wanted:.0f}", "-l", "1400",
                              "-O", "2", seconds=seconds)
            after = pair.a.seen("one")
        total = json.loads(text)["end"]["sum"]
        arrived = total["packets"] - total["lost_packets"]
        measured = arrived * (1400 + HEADERS) * 8 / total["seconds"]
        error = analysis.relative_error(wanted, measured)
        offered = total["packets"] * (1400 + HEADERS) * 8 / total["seconds"]
        bed.by_nic(total["packets"], after.software_rx - before.software_rx)
        answer.figure("offered Mbit/s", f"{offered / 1e6:.1f}")
        answer.figure("arrived Mbit/s", f"{measured / 1e6:.1f}")
        answer.figure("by software", after.software_rx - before.software_rx)
        if offered < 1.2 * wanted:
            pytest.skip(f"the guest sent only {offered / 1e6:.0f} Mbit/s")
        answer.assumed_is(abs(error) <= 0.05, f"{error:+.1%} of {rate}")
