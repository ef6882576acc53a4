#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How long a failover takes, and what it costs: Sallyport's, and that of Linux's bond.

A numbered stream leaves a VM while cables are pulled. Four clocks look at the same failovers:
Sallyport's own timeline (`show failover history`), the kernel's time of each packet on both
switches' ports, the same at the stream's receiver, and the numbers that are missing there.

    sudo env DTS_BUILD=FOLDER dts/bench/failover_bench.py --out RECORD.json
    docs/failover/plot.py RECORD.json PICTURE.svg

With `--check` it says of each aim whether what was measured meets it, and fails if one does not.

Needs root, for network namespaces; the bond's part needs the guest of dts/tools/make_uml.sh.
"""

from __future__ import annotations

import argparse
import bisect
import contextlib
import json
import math
import os
import platform
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from api import uml_peer  # noqa: E402
from api.lab import BLUE, Hypervisor, Lab, vm_addresses, vm_mac  # noqa: E402
from api.traffic import NumberedStream, Station, StreamReport, wait_ping  # noqa: E402
from bench.bond_guest import BondGuest  # noqa: E402
from bench.wires import Sighting, Tap, taps  # noqa: E402
from framework.namespace import Namespace, remove_leftovers  # noqa: E402
from framework.process import wait_until  # noqa: E402

#: Beside the one that is measured.
_MANY_TENANTS = 4095
_MANY_ENTRIES = 100_000
#: About as many as a tenant's file can hold.
_FILE_ENTRIES = 25_000
#: Of the picture, milliseconds before and after the last packet by the old cable.
_BEFORE_MS, _AFTER_MS = 40, 160
_RECORDED_S = (_AFTER_MS + 20) / 1000


def percentile(values: list[float], percent: int) -> float:
    """The smallest value that so many percent of them do not exceed."""
    return sorted(values)[max(0, math.ceil(percent * len(values) / 100) - 1)]


def summary(values: list[float]) -> dict[str, float]:
    return {"count": len(values), "median": round(statistics.median(values), 1),
            "p99": round(percentile(values, 99), 1), "worst": round(max(values), 1)}


def put_first(spaces: list[Namespace]) -> None:
    """All that runs there, ahead of whatever else shares the machine's cores."""
    for space in spaces:
        for pid in space.run("ip", "netns", "pids", space.name).stdout.split():
            with contextlib.suppress(OSError):
                Path("/proc", pid, "autogroup").write_text("-19")


class Arrivals:
    """What the stream's receiver has seen, in the order of arrival."""

    def __init__(self, file: Path) -> None:
        data = file.read_bytes()
        self.seen = [Sighting(*pair) for pair in struct.iter_unpack("!QQ", data)]

    def between(self, begin_ns: int, end_ns: int) -> tuple[float, int]:
        """The longest gap that ended in this time, microseconds, and how many numbers are missing."""
        first = max(1, bisect.bisect_left(self.seen, begin_ns, key=lambda seen: seen.time_ns))
        gap, lost = 0, 0
        for before, after in zip(self.seen[first - 1:], self.seen[first:]):
            if after.time_ns >= end_ns:
                break
            gap = max(gap, after.time_ns - before.time_ns)
            lost += max(0, after.number - before.number - 1)
        return gap / 1e3, lost


def crossing(old: list[Sighting], new: list[Sighting], begin_ns: int) -> tuple[int, int]:
    """When the last packet left by the old cable, and the first one after it by the new one."""
    first = next(seen.time_ns for seen in new if seen.time_ns > begin_ns)
    last = max(seen.time_ns for seen in old if seen.time_ns < first)
    return last, first


def picture(wires: list[list[Sighting]], zero_ns: int) -> list[list[int]]:
    """Packets by millisecond on each cable around the failover."""
    counts = [[0] * (_BEFORE_MS + _AFTER_MS) for _ in wires]
    for wire, count in zip(wires, counts):
        for seen in wire:
            index = (seen.time_ns - zero_ns) // 1_000_000 + _BEFORE_MS
            if 0 <= index < len(count):
                count[index] += 1
    return counts


class Failovers:
    """Measured ones, one after the other, of either subject."""

    def __init__(self, wires: list[Tap]) -> None:
        self._wires = wires
        self.taken: list[dict] = []
        self._sightings: list[list[list[Sighting]]] = []

    def begin(self) -> None:
        """Forgets what has left by both cables, and lets enough leave to see where one begins."""
        for tap in self._wires:
            tap.drain()
            tap.forget_losses()
        time.sleep(0.1)

    def record(self, old: int, begin_ns: int, begin_is_exact: bool, told: dict) -> None:
        """One has happened; all that left by both cables since `begin` is read.

        `begin_is_exact`: the cable was pulled right then, else some time later.
        """
        wires = [tap.drain() for tap in self._wires]
        for tap in self._wires:
            tap.assert_whole()
        last, first = crossing(wires[old], wires[1 - old], begin_ns)
        wires_us = {"silence_us": (first - last) / 1e3, **(
            {"pull_to_first_us": (first - begin_ns) / 1e3} if begin_is_exact else {})}
        self.taken.append({**told, **wires_us, "last_ns": last})
        self._sightings.append(wires if old == 0 else wires[::-1])

    def finish(self, arrivals: Arrivals, window_ns: int) -> dict:
        """Adds what the receiver saw, and sums up."""
        quiet, zeros = [], [one.pop("last_ns") for one in self.taken]
        for one, last in zip(self.taken, zeros):
            one["stream_gap_us"], one["lost"] = arrivals.between(last, last + window_ns)
            quiet.append(arrivals.between(last - window_ns, last)[0])
        middle = sorted(range(len(self.taken)), key=lambda i: self.taken[i]["silence_us"])[
            len(self.taken) // 2]
        shown = picture(self._sightings[middle], zeros[middle])
        keys = [key for key in self.taken[0] if key.endswith("_us") or key == "lost"]
        sums = {key: summary([one[key] for one in self.taken if one[key] is not None])
                for key in keys}
        return {"summary": sums, "quiet_gap_us": summary(quiet),
                "picture": {"from_ms": -_BEFORE_MS, "old": shown[0], "new": shown[1]},
                "failovers": {key: [one[key] for one in self.taken] for key in self.taken[0]}}


@contextlib.contextmanager
def streaming(near: Station, far: Station, rate: int, port: int = 7000) -> Iterator[
        tuple[NumberedStream, Callable[[], tuple[StreamReport, Arrivals]]]]:
    """A numbered stream, and what ends it and reads all that arrived."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "arrivals")
        with NumberedStream(near, far, per_second=rate, port=port, arrivals=file) as stream:
            def finish() -> tuple[StreamReport, Arrivals]:
                report = stream.finish()
                return report, Arrivals(file)
            yield stream, finish


def add_tenants(hv1: Hypervisor, remote: str) -> None:
    """4,095 more tenants with 100,000 fdb entries between them."""
    each = -(-_MANY_ENTRIES // _MANY_TENANTS)
    for number in range(_MANY_TENANTS):
        entries = min(each, _MANY_ENTRIES - number * each)
        tenant = hv1.tenant(f"tenant{number}", 1000 + number, [remote])
        tenant.fdb = [f"02:bb:{number >> 8:02x}:{number & 255:02x}:00:{entry:02x} vtep {remote}"
                      for entry in range(max(0, entries))]


@contextlib.contextmanager
def sallyport_lab(many: bool, settings: dict | None = None) -> Iterator[tuple[Lab, Hypervisor]]:
    """hv1 with VM `near`, and a Linux peer on switch A with VM `far`."""
    with Lab(memory_mb=1024) as lab:
        peer = lab.peer("peer1", 11)
        hv1 = lab.hypervisor("hv1", 1)
        hv1.main.settings |= settings or {}
        hv1.tenant("blue", BLUE, [peer.vtep])
        if many:
            add_tenants(hv1, peer.vtep)
        hv1.vm("blue", "near", 1, "veth")
        peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep])
        lab.start()
        wait_until(lambda: all(uplink["link_up"] for uplink in
                               hv1.shell.json("show uplink")["uplinks"]), "both links", 30)
        wait_ping(hv1.vms["near"], vm_addresses(3)[0].split("/")[0], 30)
        yield lab, hv1


def measure_sallyport(many: bool, options: argparse.Namespace) -> dict:
    """Cables pulled from under one or from under 4,096 tenants."""
    with sallyport_lab(many) as (lab, hv1):
        near, far = hv1.vms["near"], lab.peers["peer1"].vms["far"]
        counts = [hv1.shell.json("show tenant all"), hv1.shell.json("show fdb")]
        with streaming(near, far, options.rate) as (_, finish), taps(lab.switches, "hv1") as wires:
            if options.first:
                put_first([hv1.namespace, near.namespace, far.namespace])
            failovers = Failovers(wires)
            time.sleep(1)
            for _ in range(options.failovers):
                old = hv1.uplinks.index(hv1.shell.active_uplink())
                failovers.begin()
                begin = lab.switches[old].pull("hv1")
                time.sleep(_RECORDED_S)
                told = hv1.shell.json("show failover history")[-1]
                assert (told["from"], told["reason"]) == (f"p{old}", "link down"), told
                failovers.record(old, begin, True, {
                    key: told[key] for key in ("seen_by", "decided_us", "software_switched_us",
                                               "announced_us", "first_sent_us")})
                lab.switches[old].plug("hv1")
                wait_until(lambda i=old: hv1.shell.json("show uplink")["uplinks"][i]["link_up"],
                           "the cable is back", 30)
            report, arrivals = finish()
        result = failovers.finish(arrivals, 90_000_000)
        return {"tenants": len(counts[0]), "fdb_entries": sum(map(len, counts[1:])),
                "stream": vars(report), **result}


class Asked:
    """An operator's command under way."""

    def __init__(self, hv1: Hypervisor, command: str) -> None:
        client, socket = hv1.shell.client, str(hv1.shell.socket)
        self._process = subprocess.Popen([client, "--socket", socket, *command.split()],
                                         stdout=subprocess.DEVNULL)

    @property
    def answered(self) -> bool:
        return self._process.poll() is not None

    def finish(self) -> None:
        assert self._process.wait(60) == 0, self._process.args

    @classmethod
    def seconds(cls, hv1: Hypervisor, command: str) -> float:
        """How long it takes when nothing else happens."""
        begin = time.monotonic()
        cls(hv1, command).finish()
        return time.monotonic() - begin


def measure_busy(options: argparse.Namespace) -> dict:
    """Cables pulled while the control thread does what takes it longest."""
    with sallyport_lab(False, {"limits.fdb_entries": 2 * _MANY_ENTRIES}) as (lab, hv1):
        vtep, files = lab.peers["peer1"].vtep, []
        for number in range(4):
            big = hv1.tenant(f"big{number}", 300 + number, [vtep])
            big.fdb = [f"02:bb:00:00:{entry >> 8:02x}:{entry & 255:02x} vtep {vtep}"
                       for entry in range(_FILE_ENTRIES)]
            files.append(hv1.sallyport.write_tenant(big))
        for file in files[1:]:
            hv1.shell.run(f"tenant add {file}")
        add = f"tenant add {files[0]}"
        commands = {add: Asked.seconds(hv1, add), "show fdb json": Asked.seconds(hv1, "show fdb json")}
        near, far = hv1.vms["near"], lab.peers["peer1"].vms["far"]
        told: list[dict] = []
        with NumberedStream(near, far, per_second=options.rate) as stream:
            if options.first:
                put_first([hv1.namespace, near.namespace, far.namespace])
            for turn in range(options.failovers):
                command, seconds = list(commands.items())[turn % 2]
                if command == add:
                    hv1.shell.run("tenant del big0")
                old = hv1.uplinks.index(hv1.shell.active_uplink())
                time.sleep(0.1)
                asked = Asked(hv1, command)
                # At another point of its course each time.
                time.sleep(seconds * (0.1 + 0.7 * (turn // 2 * 0.618 % 1)))
                lab.switches[old].pull("hv1")
                in_time = not asked.answered
                asked.finish()
                record = hv1.shell.json("show failover history")[-1]
                assert (record["from"], record["reason"]) == (f"p{old}", "link down"), record
                told.append({"command": command.split()[0], "under_way": in_time, **{
                    key: record[key] for key in ("decided_us", "announced_us", "first_sent_us")}})
                lab.switches[old].plug("hv1")
                wait_until(lambda i=old: hv1.shell.json("show uplink")["uplinks"][i]["link_up"],
                           "the cable is back", 30)
            report = stream.finish()
        counted = [one for one in told if one["under_way"]]
        return {"commands_s": {"tenant add": round(commands[add], 2),
                               "show fdb json": round(commands["show fdb json"], 2)},
                "stream": vars(report),
                "summary": {f"{verb}_{key}": summary([one[key] for one in counted
                                                      if one["command"] == verb])
                            for verb in ("tenant", "show") for key in ("decided_us", "first_sent_us")}
                | {"first_sent_us": summary([one["first_sent_us"] for one in counted])},
                "failovers": {key: [one[key] for one in told] for key in told[0]}}


def measure_by_hand(options: argparse.Namespace) -> dict:
    """`failover switch`, with a stream each way."""
    with sallyport_lab(False) as (lab, hv1):
        near, far = hv1.vms["near"], lab.peers["peer1"].vms["far"]
        before = hv1.shell.drops()
        with NumberedStream(near, far, per_second=options.rate, port=7000) as out, \
                NumberedStream(far, near, per_second=options.rate, port=7001) as back:
            if options.first:
                put_first([hv1.namespace, near.namespace, far.namespace])
            time.sleep(1)
            for _ in range(options.failovers):
                hv1.shell.run("failover switch")
                time.sleep(0.05)
            reports = {"out": vars(out.finish()), "back": vars(back.finish())}
        for report in reports.values():
            report["lost"] = report["sent"] - report["received"]
        return {"switches": options.failovers, **reports,
                "drops": dict(hv1.shell.drops().since(before))}


def measure_bond(miimon_ms: int, options: argparse.Namespace) -> dict:
    """The same stream and cables, with Linux's bond where Sallyport is else."""
    with Lab() as lab, contextlib.ExitStack() as stack:
        peer = lab.peer("peer1", 11)
        bond = BondGuest(lab, 2, peer.vtep, miimon_ms)
        stack.callback(bond.delete)
        far = peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [bond.vtep])
        bond.wait_whole()
        wait_ping(bond, far.ip, 30)
        with streaming(bond, far, options.rate) as (_, finish), \
                taps(lab.switches, bond.port) as wires:
            if options.first:
                put_first([bond.guest.space, bond.namespace, far.namespace])
            failovers = Failovers(wires)
            time.sleep(1)
            for _ in range(options.failovers):
                old = bond.active()
                assert old is not None
                failovers.begin()
                begin = time.time_ns()
                bond.pull(old)
                time.sleep(_RECORDED_S + 2 * miimon_ms / 1000)
                failovers.record(old, begin, False, {})
                bond.plug(old)
                bond.wait_whole()
            report, arrivals = finish()
        return {"miimon_ms": miimon_ms, "stream": vars(report),
                **failovers.finish(arrivals, 250_000_000)}


def machine() -> dict:
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text(
        encoding="utf-8").splitlines() if line.startswith("model name")), "unknown")
    return {"cores": os.cpu_count(), "model": model, "kernel": platform.release()}


_PARTS = {"one": "Sallyport, 1 tenant",
          "many": "Sallyport, 4,096 tenants, 100,000 fdb entries",
          "bond10": "Linux's bond, miimon 10", "bond100": "Linux's bond, miimon 100"}
_COLUMNS = {"first_sent_us": "event to first packet out", "pull_to_first_us": "pull to new cable",
            "silence_us": "silence on the cables", "stream_gap_us": "gap of the stream",
            "lost": "packets lost"}


def cell(part: dict, key: str) -> str:
    """Median and 99th percentile; times in milliseconds."""
    if key not in part["summary"]:
        return "-"
    figures = [part["summary"][key][name] for name in ("median", "p99")]
    if key.endswith("_us"):
        return " / ".join(f"{figure / 1000:.2f}" for figure in figures)
    return " / ".join(f"{figure:g}" for figure in figures)


def tables(record: dict) -> str:
    """What docs/benchmarks.md has."""
    lines = ["| what | failovers | load before | " + " | ".join(_COLUMNS.values())
             + " | longest gap without a failover |", "|---" * (len(_COLUMNS) + 4) + "|"]
    for key, title in _PARTS.items():
        if part := record.get(key):
            quiet = " / ".join(f"{part['quiet_gap_us'][name] / 1000:.2f}"
                               for name in ("median", "p99"))
            lines.append(f"| {title} | {part['summary']['silence_us']['count']} "
                         f"| {part['load_before']} | "
                         + " | ".join(cell(part, column) for column in _COLUMNS) + f" | {quiet} |")
    if "ratio" in record:
        lines.append(f"\nMedian from the event to the first packet, many tenants to one: "
                     f"{record['ratio']}.")
    if busy := record.get("busy"):
        lines.append(busy_text(busy))
    if hand := record.get("hand"):
        lines.append(f"\n`failover switch`, {hand['switches']} times: " + ", ".join(
            f"{hand[way]['lost']} of {hand[way]['sent']} packets lost {way}"
            for way in ("out", "back")) + ".")
    return "\n".join(lines)


def busy_text(busy: dict) -> str:
    lines = ["\n| failover in the middle of | it takes | failovers | event to decision "
             "| event to first packet out |", "|---|---|---|---|---|"]
    for verb, command, entries in (("tenant", "tenant add", "25,000"),
                                   ("show", "show fdb json", "100,000")):
        cells = [cell(busy, f"{verb}_{key}") for key in ("decided_us", "first_sent_us")]
        lines.append(f"| `{command}` of {entries} entries | {busy['commands_s'][command]:g} s "
                     f"| {busy['summary'][f'{verb}_decided_us']['count']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def aims(record: dict) -> list[tuple[str, str, bool]]:
    """Of what was measured: what is to be reached, what was, and whether that is enough."""
    found = []
    for part, title in {**_PARTS, "busy": "Sallyport, busy with 100,000 entries"}.items():
        first = record.get(part, {}).get("summary", {}).get("first_sent_us")
        if first is None:
            continue
        for name, bound in (("median", 1000), ("p99", 3000)):
            found.append((f"{title}: event to first packet out, {name} under {bound} us",
                          f"{first[name]:g} us", first[name] < bound))
    if "ratio" in record:
        found.append(("many tenants to one, ratio of the medians under 1.5", f"{record['ratio']:g}",
                      record["ratio"] < 1.5))
    if hand := record.get("hand"):
        lost = [hand[way]["lost"] for way in ("out", "back")]
        found.append((f"by hand at {record['rate']} packets a second each way, none lost",
                      f"{lost[0]} lost out, {lost[1]} back", lost == [0, 0]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--failovers", type=int, default=100, metavar="N",
                        help="of each kind (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=10_000, metavar="N",
                        help="packets a second (default: %(default)s)")
    parser.add_argument("--parts", default="one,many,busy,hand,bond10,bond100", metavar="LIST",
                        help="what is measured (default: %(default)s)")
    parser.add_argument("--first", action="store_true",
                        help="ahead of whatever else wants the cores, on a shared machine")
    parser.add_argument("--check", action="store_true",
                        help="say which aims are met, and exit with 1 if one is not")
    parser.add_argument("--out", type=Path, metavar="FILE",
                        help="JSON of all that was measured; parts that it has from before stay")
    options = parser.parse_args()
    remove_leftovers()
    record: dict = {}
    if options.out and options.out.exists():
        record = json.loads(options.out.read_text(encoding="utf-8"))
        assert record["rate"] == options.rate, f"{options.out} is of {record['rate']} a second"
    record |= {"machine": machine(), "rate": options.rate}
    measures: dict[str, Callable[[], dict]] = {
        "one": lambda: measure_sallyport(False, options),
        "many": lambda: measure_sallyport(True, options),
        "busy": lambda: measure_busy(options),
        "hand": lambda: measure_by_hand(options),
        "bond10": lambda: measure_bond(10, options),
        "bond100": lambda: measure_bond(100, options),
    }
    for part in options.parts.split(","):
        if part.startswith("bond") and (reason := uml_peer.why_not()):
            print(f"{part} is not measured: {reason}", file=sys.stderr)
            continue
        circumstances = {"date": time.strftime("%Y-%m-%d", time.gmtime()),
                         "load_before": round(os.getloadavg()[0], 2), "first": options.first}
        print(f"measuring: {part}", file=sys.stderr, flush=True)
        record[part] = circumstances | measures[part]()
    if {"one", "many"} <= record.keys():
        medians = [record[part]["summary"]["first_sent_us"]["median"] for part in ("one", "many")]
        record["ratio"] = round(medians[1] / medians[0], 2)
    print(tables(record))
    if options.out:
        # A list of figures is one line.
        text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda found: "[" + " ".join(found[1].split()) + "]",
                      json.dumps(record, indent=1))
        options.out.write_text(text + "\n", encoding="utf-8")
    if options.check:
        checked = aims(record)
        for aim, reached, met in checked:
            print(f"{'met' if met else 'MISSED'}: {aim}: {reached}")
        if not checked or not all(met for _, _, met in checked):
            sys.exit(1)


if __name__ == "__main__":
    main()
