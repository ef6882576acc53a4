# SPDX-License-Identifier: BSD-3-Clause
"""From nothing to rules in the NIC."""

from __future__ import annotations

import re
import time

import pytest

from api.config import TenantConfig, VmPortConfig
from card.answers import Answer, question
from card.bed import Bed
from card.testpmd import Testpmd
from card.traffic import NumberedStream, iperf, iperf_server, ping

#: docs/hardware.md, Releases of DPDK.
LOSE_SECOND_UPLINK = ("23.11.7", "24.11.5", "24.11.6", "25.11.1", "25.11.2", "26.03")


class TestPorts:
    """Which ports the driver makes, by testpmd alone."""

    @pytest.mark.parametrize("representors,expected", [
        pytest.param("pf[0,1]vf[{vfs}]", "both, but on releases that lose the second",
                     id="pf0-first"),
        pytest.param("pf[1,0]vf[{vfs}]", "both, on every release", id="pf1-first"),
        pytest.param("pf[0,1]", "both, but on releases that lose the second", id="without-vfs")])
    @question("Which orders of the PFs bring both uplinks?",
              assumed="pf[1,0] on every release, pf[0,1] on all but those that lose the second, "
                      "with VFs or without",
              reference="docs/hardware.md, Releases of DPDK", costs_traffic=True)
    def test_uplinks(self, bed: Bed, answer: Answer, representors: str, expected: str) -> None:
        """Uplinks by the order of the PFs in the device arguments.

        Steps:
            * testpmd with `representor=` in that order; `show port summary all`.
        Verify:
            * `_p0` and `_p1` are there.
        """
        bed.need_card("testpmd has nothing to open")
        testpmd = Testpmd(bed.hosts[0], bed.nodes.hosts[0])
        if testpmd.missing():
            pytest.skip(testpmd.missing())
        vfs = ",".join(str(vf) for vf in bed.nodes.hosts[0].vfs)
        text = testpmd.run(["show port summary all"], representors.format(vfs=vfs))
        pci = re.escape(bed.nodes.hosts[0].pci)
        uplinks = sorted(set(re.findall(rf"{pci}_(p[01])\b", text)))
        release = testpmd.release()
        answer.figure("DPDK", release)
        answer.figure("ports", re.findall(rf"{pci}\S*", text))
        assert uplinks, f"no uplink at all:\n{text[-3000:]}"
        loses = release in LOSE_SECOND_UPLINK and not representors.startswith("pf[1,0]")
        answer.assumed_is(uplinks == (["p0"] if loses else ["p0", "p1"]),
                          f"{' and '.join(uplinks)}; assumed: {expected}")


class TestStart:
    """Sallyport's own start."""

    @question("Is p0 the transfer proxy, whatever the order of the PFs?",
              assumed="yes", reference="docs/hardware.md, Releases of DPDK", costs_traffic=True)
    def test_proxy(self, bed: Bed, answer: Answer) -> None:
        """The port through which rules are made.

        Steps:
            * Start Sallyport, which chooses the order by DPDK's release; `show eswitch`.
        Verify:
            * `proxy` is p0, and rules are in the NIC.
        """
        bed.need_card("there is no E-Switch")
        with bed.bench() as bench:
            eswitch = bench.a.shell.json("show eswitch")
            log = bench.a.sallyport.log() if bench.a.sallyport else ""
        answer.figure("device arguments", re.findall(r"\S*representor=\S+", log)[:2])
        answer.figure("rules", eswitch["created"])
        answer.assumed_is(eswitch["proxy"] == "p0" and eswitch["created"] > 0,
                          f"proxy {eswitch['proxy']}, {eswitch['created']} rules made")

    @question("Does the card have a million counters, and what does that cost at the start?",
              assumed="yes", reference="docs/hardware.md, Flow engine")
    def test_counters(self, bed: Bed, answer: Answer) -> None:
        """The default limits, which ask for about a million counters.

        Steps:
            * Start Sallyport with the default limits, then with the smallest; time both.
        Verify:
            * It starts. The times are written down.
        """
        seconds = {}
        for name, limits in (("default", {}),
                             ("least", {"limits.fdb_entries": 64, "limits.tunnels": 64})):
            hypervisor = bed.hypervisor(0)
            hypervisor.main.settings |= limits
            start = time.monotonic()
            try:
                hypervisor.start()
                seconds[name] = time.monotonic() - start
                eswitch = hypervisor.shell.json("show eswitch")
            finally:
                hypervisor.close()
            answer.figure(f"seconds with {name} limits", f"{seconds[name]:.1f}")
            answer.figure(f"counters with {name} limits", eswitch.get("counters"))
        answer.assumed_is("default" in seconds, "it starts with the default limits after "
                                                f"{seconds['default']:.1f} s")

    @question("May a representor be probed while the others forward?",
              assumed="yes: a tenant that comes later costs the others nothing",
              reference="docs/hardware.md, Device arguments", costs_traffic=True)
    def test_later_tenant(self, bed: Bed, answer: Answer) -> None:
        """A tenant whose VF was not named at the start.

        Steps:
            * During a numbered stream between guests of blue: `tenant add`, `tenant del`, and
              `tenant add` of a tenant with a VF of its own.
        Verify:
            * The commands succeed; the stream loses nothing.
        """
        bed.need_vfs(2)
        with bed.pair() as pair:
            a = pair.a
            late = TenantConfig("green", bed.nodes.vni + 1, a.vtep, [pair.b.vtep], vm_ports=[
                VmPortConfig("late", a.ports.vf_device(bed.nodes.hosts[0].vfs[1]))])
            assert a.sallyport is not None
            path = a.sallyport.write_tenant(late, "late.d")
            words = []
            with NumberedStream(pair.one, pair.far) as stream:
                for command in (f"tenant add {path}", "tenant del green", f"tenant add {path}"):
                    words.append(a.shell.run(command, check=False).output.strip())
                    ping(pair.one, pair.far.ip, count=20)
                result = stream.finish()
            tenants = {tenant["name"] for tenant in a.shell.json("show tenant all")}
        answer.figure("stream", result)
        assert "green" in tenants, words
        answer.assumed_is(result.lost == 0, f"{result.lost} of {result.sent} lost")


class TestRoce:
    """RDMA beside the multiport E-Switch."""

    @question("Does RoCE on beside multiport cost VM throughput?",
              reference="docs/hardware.md, Firmware: ROCE_CONTROL")
    def test_throughput(self, bed: Bed, answer: Answer, seconds: int) -> None:
        """Throughput with RoCE as it is; the report's facts say how. Run it with each setting.

        Steps:
            * `iperf3 -P 8` between guests. To change the setting: `mlxconfig -d PCI set
              ROCE_CONTROL=1` (off) or 2 (on), and a power-cycle.
        Verify:
            * The rate is written down.
        """
        bed.need("iperf3")
        with bed.pair() as pair, iperf_server(pair.far):
            transfer = iperf(pair.one, pair.far, "-P", "8", seconds=seconds)
        answer.figure("Gbit/s", f"{transfer.bits_per_second / 1e9:.2f}")
        answer.figure("retransmits", transfer.retransmits)
        answer.measured_only(f"{transfer.bits_per_second / 1e9:.2f} Gbit/s with 8 streams")
