#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What Sallyport makes of a card that does things wrong, under the real mlx5 driver: what the NIC
will not take stays in software and says why, comes in when it can, and the process lives.

    faults_test.py SIMULATOR SALLYPORT SHELL CASE

CASE is a test of TestFaults; else as product_test.py.
"""

from __future__ import annotations

import subprocess
import sys
import time
import unittest
from collections.abc import Callable
from typing import Any

from product_test import PROGRAMS, TENANT, Process, ProductTest, enter_namespace

STATION = "02:03:00:00:00:01"
# The least that the limits may be: counters are counted by them.
SMALL = """
[limits]
fdb_entries = 64
tunnels = 64
"""
SLOW_POLLING = """
[failover]
poll_interval_ms = 1000
"""
NO_REASON = "the NIC reports an error for the rule, and does not say which"


def station(process: Process, mac: str = STATION) -> dict[str, Any]:
    return next(row for row in process.shell("show fdb") if row["mac"] == mac)


def add_station(process: Process, mac: str = STATION) -> dict[str, Any]:
    process.do(f"fdb add t0 {mac} vtep 192.0.2.2")
    return station(process, mac)


class TestFaults(ProductTest):
    def eventually(self, what: Callable[[], bool], process: Process) -> None:
        deadline = time.monotonic() + 60
        while not what():
            if time.monotonic() > deadline:
                self.fail(f"never came true:\n{process.log()}")
            time.sleep(0.05)

    def heals(self, process: Process, mac: str = STATION) -> None:
        """Nobody asks for it: what was refused is tried again."""
        self.eventually(lambda: station(process, mac)["in_hardware"], process)
        self.assertEqual({rule["state"] for rule in process.shell("show flow")}, {"hardware"})
        self.assertEqual(process.shell("show eswitch")["stranded"], 0)

    def is_in_software(self, row: dict[str, Any], reason: str) -> None:
        self.assertFalse(row["in_hardware"], row)
        self.assertIn(reason, row["why_in_software"])

    def test_answers(self) -> None:
        """The card's control socket says what is wrong with a command, and goes on."""
        process = self.start_ready("complete")
        for command in ("nonsense", "link p7 down", "link p0", "link p0 up by magic", "fail-entries", "fail-entries two",
                        "fail-entries 1 at 0", "refuse-command NONSENSE 1", "refuse-command 1",
                        "refuse-command CREATE_GENERAL_OBJECT 1", "completions", "completions few 0",
                        "hold-counters", "break-queue now", "remove-device p0", "measure p0 1",
                        "measure p0 0 00", "measure p0 1 0g", "measure p7 1 00"):
            self.assertRegex(process.command(command), "^error: '" + command, command)
        self.assertEqual(process.command("fail-entries 0"), "ok")
        for command, status in (("fail-entries 0", 0), ("nonsense", 1)):
            program = subprocess.run([PROGRAMS / "mlx5sim-control", process.control, command])
            self.assertEqual(program.returncode, status, command)
        self.stops_clean(process)

    def test_entry_fails_once(self) -> None:
        """The driver has a second table for what collides in the first, and so nobody sees it."""
        process = self.start_ready("complete")
        process.order("fail-entries 1")
        self.assertTrue(add_station(process)["in_hardware"])
        self.stops_clean(process)

    def test_nth_rule_fails(self) -> None:
        """Of a row's two rules the second fails: the row does without the first too."""
        process = self.start_ready("complete")
        before = len(process.shell("show flow"))
        process.order("fail-entries 2 at 2")
        self.is_in_software(add_station(process), NO_REASON)
        self.heals(process)
        self.assertEqual(len(process.shell("show flow")), before + 2)
        self.assertEqual(process.shell("show eswitch")["refused"], 1)
        self.stops_clean(process)

    def test_rules_always_fail(self) -> None:
        process = self.start_ready("complete")
        before = len(process.shell("show flow"))
        process.order("fail-entries always")
        self.is_in_software(add_station(process), NO_REASON)
        refused = [rule for rule in process.shell("show flow") if rule["state"] != "hardware"]
        self.assertEqual({(rule["state"], rule["reason"]) for rule in refused},
                         {("refused", NO_REASON)})
        process.order("fail-entries 0")
        self.heals(process)
        self.assertEqual(len(process.shell("show flow")), before + 2)
        self.stops_clean(process)

    def test_completions_late(self) -> None:
        process = self.start_ready("complete")
        process.order("completions late 300")
        self.assertTrue(add_station(process)["in_hardware"])
        process.do(f"fdb del t0 {STATION}")
        process.do("failover switch")
        self.assertEqual({rule["state"] for rule in process.shell("show flow")}, {"hardware"})
        # The driver itself waits for no more than 100 ms where it removes its own rules.
        process.order("completions normal")
        self.stops_clean(process)

    def test_completions_few(self) -> None:
        """One at a time, and not a batch's."""
        process = self.start_ready("complete")
        process.order("completions few 1")
        macs = [f"02:03:00:00:01:{number:02x}" for number in range(200)]
        process.do_all([f"fdb add t0 {mac} vtep 192.0.2.2" for mac in macs])
        process.do("failover switch")
        self.assertEqual({rule["state"] for rule in process.shell("show flow")}, {"hardware"})
        process.do_all([f"fdb del t0 {mac}" for mac in macs])
        self.stops_clean(process)

    def test_command_refused_later(self) -> None:
        """The second tenant's MTU needs tables of its own, and the firmware has none left."""
        process = self.start_ready("complete")
        file = process.folder / "late.conf"
        file.write_text(TENANT.format(number=9, vni=99, high=9, low=9).replace("1500", "1400"))
        process.order("refuse-command CREATE_GENERAL_OBJECT RTC always")
        process.do(f"tenant add {file}")
        refused = [rule for rule in process.shell("show flow") if rule["state"] != "hardware"]
        self.assertEqual({rule["table"] for rule in refused}, {"encapsulable", "fits"})
        for rule in refused:
            self.assertRegex(rule["reason"], "^hardware path: the NIC refuses the size or group of "
                             "table .*Remote I/O error", rule)
        process.order("refuse-command CREATE_GENERAL_OBJECT RTC 0")
        self.eventually(lambda: {rule["state"] for rule in process.shell("show flow")}
                        == {"hardware"}, process)
        self.stops_clean(process)

    def is_dead(self, process: Process, reason: str) -> None:
        """No change is taken, which is said; what is there stays, and the process lives."""
        with self.assertRaises(subprocess.CalledProcessError) as refused:
            add_station(process)
        self.assertIn(reason, refused.exception.stderr)
        self.assertIn("restart the process", refused.exception.stderr)
        eswitch = process.shell("show eswitch")
        self.assertEqual(eswitch["dead"], reason)
        self.assertEqual({row["mac"] for row in process.shell("show fdb") if row["in_hardware"]},
                         {"02:01:00:00:00:01", "02:02:00:00:00:01"})
        self.assertNotIn(STATION, {row["mac"] for row in process.shell("show fdb")})
        self.assertIn("hardware path: " + reason, process.log())

    def test_queue_never_completes(self) -> None:
        process = self.start_ready("complete")
        self.assertIsNone(process.shell("show eswitch")["dead"])
        process.order("completions late 4000")
        self.is_dead(process, "the flow queue is dead: no operation finished in 2000 ms")
        process.order("completions normal")
        self.stops_clean(process)

    def test_broken_queue(self) -> None:
        """A completion with an error, and a queue whose requests are flushed from then on."""
        process = self.start_ready("complete")
        process.order("break-queue")
        add_station(process, "02:03:00:00:00:09")
        self.is_dead(process,
                     "the flow queue is dead: fail to create rte flow (Input/output error)")
        process.order("link p0 down")
        self.eventually(lambda: process.shell("show uplink")["active"] == "p1", process)
        self.assertIn("CQE ERR:0x2", process.log())
        self.stops_clean(process)

    def test_counters_exhausted(self) -> None:
        """A counter is free again when the card has told its value, which it does not do."""
        process = self.start_ready("complete", settings=SMALL)
        process.order("hold-counters on")
        process.do_all([f"fdb add t0 {STATION} vtep 192.0.2.2", f"fdb del t0 {STATION}"] * 2000)
        self.is_in_software(add_station(process), "fail to create rte flow")
        process.order("hold-counters off")
        self.heals(process)
        self.stops_clean(process)

    def test_link(self) -> None:
        """The driver's event says that the active uplink's link is gone, and nobody else does."""
        process = self.start_ready("complete")
        process.order("link p0 down by netdev")
        self.eventually(lambda: process.shell("show uplink")["active"] == "p1", process)
        latest = process.shell("show failover history")[-1]
        self.assertEqual((latest["from"], latest["to"]), ("p0", "p1"))
        self.assertEqual((latest["reason"], latest["seen_by"]), ("link down", "driver event"))
        self.assertEqual({rule["state"] for rule in process.shell("show flow")}, {"hardware"})
        self.assertGreater(latest["hardware_rules"], 0)
        process.order("link p1 down")
        self.eventually(lambda: process.shell("show uplink")["active"] is None, process)
        process.order("link p0 up by netdev")
        self.eventually(lambda: process.shell("show uplink")["active"] == "p0", process)
        self.stops_clean(process)

    def test_second_uplinks_link(self) -> None:
        """The driver tells of the second uplink too, which it does only where every port of the card
        asked to be told: it stops at the first one that did not (24.11, mlx5_dev_interrupt_nl_cb).
        Nobody else could have seen it so soon."""
        process = self.start_ready("complete", tenants=2, settings=SLOW_POLLING)
        process.do("failover switch")
        self.assertEqual(process.shell("show uplink")["active"], "p1")
        process.order("link p1 down by netdev")
        self.eventually(lambda: process.shell("show uplink")["active"] == "p0", process)
        latest = process.shell("show failover history")[-1]
        self.assertEqual((latest["from"], latest["to"]), ("p1", "p0"))
        self.assertEqual((latest["reason"], latest["seen_by"]), ("link down", "driver event"))
        self.stops_clean(process)

    def test_port_events(self) -> None:
        """The RDMA device's events tell of both uplinks' links, each under its port's number."""
        process = self.start_ready("complete", settings=SLOW_POLLING)
        for number, uplink in enumerate(process.shell("show uplink")["uplinks"], 1):
            self.assertIn(f"verbs event of port {number} of ", uplink["link_source"])
        for old, new in (("p0", "p1"), ("p1", "p0")):
            process.order(f"link {old} down by rdma")
            self.eventually(lambda to=new: process.shell("show uplink")["active"] == to, process)
            latest = process.shell("show failover history")[-1]
            self.assertEqual((latest["from"], latest["to"]), (old, new))
            self.assertEqual((latest["reason"], latest["seen_by"]), ("link down", "verbs event"))
            process.order(f"link {old} up by rdma")
            self.eventually(lambda: all(uplink["link_up"] for uplink in
                                        process.shell("show uplink")["uplinks"]), process)
        # As a card does it: both ways at once, of which either may be the first.
        process.order("link p0 down")
        self.eventually(lambda: process.shell("show uplink")["active"] == "p1", process)
        latest = process.shell("show failover history")[-1]
        self.assertIn(latest["seen_by"], ("driver event", "verbs event"))
        self.stops_clean(process)

    def test_removed(self) -> None:
        """The card says that it is gone: the process lives to be stopped, and does not let the driver
        close its ports, for which it reads what it has freed."""
        process = self.start_ready("complete")
        process.order("remove-device")
        self.eventually(lambda: process.shell("show uplink")["active"] is None, process)
        self.assertEqual({uplink["present"] for uplink in process.shell("show uplink")["uplinks"]},
                         {False})
        process.shell("show eswitch")
        self.stops_clean(process)
        # The driver's own tables, which go with the ports.
        self.assertNotIn("Cannot destroy table containing matchers", process.log())


if __name__ == "__main__":
    enter_namespace()
    unittest.main(argv=[sys.argv[0], *(f"TestFaults.{case}" for case in sys.argv[4:])])
