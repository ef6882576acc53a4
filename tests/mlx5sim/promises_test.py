#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What Sallyport promises of packets while the card does things wrong: they go by the other way, or
nowhere, and none of a protected tenant in clear.

    promises_test.py SIMULATOR SALLYPORT SHELL CASE

CASE is a test of TestPromises; else as product_test.py.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
import unittest
from collections import Counter
from collections.abc import Callable
from typing import Any

from faults_test import SMALL, STATION, add_station, station
from frames import udp
from own_namespace import run
from product_test import Process, ProductTest, enter_namespace
from wires import Frames

# Of the tenant t0, and of the protected one.
CLEAR_VM, CLEAR_FAR = "02:02:00:00:00:01", "02:01:00:00:00:01"
GREEN_VM, GREEN_FAR = "02:04:00:00:00:01", "02:04:00:00:00:02"
GREEN_VNI = 77
GREEN = """
name = green
vni = {vni}
local_vtep = 192.0.2.1
remote_vtep = 192.0.2.2
mtu = 1400
protection = ipsec
fdb = {far} vtep 192.0.2.2
fdb = {vm} port green
[vm_port.green]
device = pf1vf0
mac = {vm}
[sa.out]
direction = out
remote_vtep = 192.0.2.2
spi = 0x1001
key = {key_out}
[sa.in]
direction = in
remote_vtep = 192.0.2.2
spi = 0x1002
key = {key_in}
"""


class WithGreen(Process):
    def write_config(self, *settings: Any) -> None:
        super().write_config(*settings)
        with (self.folder / "main.conf").open("a") as main:
            main.write(f"[ipsec]\nstate_file = {self.folder}/state\nnew_state_file = on\n")
        file = self.folder / "tenants.d" / "green.conf"
        file.touch(0o600)
        file.write_text(GREEN.format(vni=GREEN_VNI, far=GREEN_FAR, vm=GREEN_VM,
                                     key_out=secrets.token_hex(20), key_in=secrets.token_hex(20)))


def kind_of(frame: bytes) -> str:
    """What a frame on a wire is of: "esp", "vni 1", or "other"."""
    if frame[12:14] != b"\x08\x00":
        return "other"
    if frame[23] == 50:
        return "esp"
    if frame[23] == 17 and frame[36:38] == (4789).to_bytes(2, "big"):
        return f"vni {int.from_bytes(frame[46:49], 'big')}"
    return "other"


def frame(destination: str, source: str) -> bytes:
    return bytes.fromhex((destination + source).replace(":", "")) + udp(200)[12:]


class TestPromises(ProductTest):
    """The card's uplinks and two VFs are attached to veth pairs, at whose far ends this looks."""

    process_class = WithGreen

    def setUp(self) -> None:
        for vm in ("clear", "green"):
            run("ip", "link", "add", vm, "type", "veth", "peer", "name", f"{vm}-far")
            self.addCleanup(run, "ip", "link", "del", vm)
        for name in ("simp0", "simp1", "clear", "green"):
            for end in (name, f"{name}-far"):
                run("ip", "link", "set", end, "addrgenmode", "none", "up")
        os.environ["MLX5SIM_ATTACH"] = "p0=simp0,p1=simp1,pf0vf0=clear,pf1vf0=green"
        self.wires = {name: self.open(f"sim{name}-far") for name in ("p0", "p1")}
        self.vms = {name: self.open(f"{name}-far") for name in ("clear", "green")}
        self.seen: Counter[str] = Counter()

    def open(self, interface: str) -> Frames:
        frames = Frames(interface)
        self.addCleanup(frames.socket.close)
        return frames

    def start_with_green(self, settings: str = "") -> Process:
        process = self.start("complete", 1, settings, vms=1)
        process.wait_until_ready()
        self.passes(process, "p0", clear=CLEAR_FAR, green=GREEN_FAR)
        return process

    def look(self, wire: str) -> Counter[str]:
        """What has come by that wire since the last look."""
        come = Counter(kind_of(each) for each in self.wires[wire].take(1000, 0.1))
        self.seen += come
        return come

    def passes(self, process: Process, wire: str, clear: str | None = None,
               green: str | None = None, seconds: float = 10) -> None:
        """What the VMs send to these stations comes out by that wire before the time is over."""
        wanted = {"vni 1"} if clear else set()
        wanted |= {"esp"} if green else set()
        deadline = time.monotonic() + seconds
        come: set[str] = set()
        while not wanted <= come:
            if time.monotonic() > deadline:
                self.fail(f"of {wanted} came {come} by {wire}:\n{process.log()}")
            if clear:
                self.vms["clear"].send(frame(clear, CLEAR_VM))
            if green:
                self.vms["green"].send(frame(green, GREEN_VM))
            come |= set(self.look(wire))

    def nothing_in_clear(self) -> None:
        for wire in self.wires:
            self.look(wire)
        self.assertGreater(self.seen["esp"], 0)
        self.assertEqual(self.seen[f"vni {GREEN_VNI}"], 0)

    def pull(self, wire: str) -> None:
        run("ip", "link", "set", f"sim{wire}-far", "down")
        self.addCleanup(run, "ip", "link", "set", f"sim{wire}-far", "up")

    def eventually(self, what: Callable[[], bool], process: Process) -> None:
        deadline = time.monotonic() + 30
        while not what():
            if time.monotonic() > deadline:
                self.fail(f"never came true:\n{process.log()}")
            time.sleep(0.05)

    def test_broken_queue_and_cable(self) -> None:
        """The card takes no changes any more when the active uplink's cable is pulled: what the CPU
        carries moves, the protected tenant's packets all of them in ESP."""
        process = self.start_with_green()
        process.order("break-queue")
        add_station(process, "02:03:00:00:00:09")
        self.eventually(lambda: process.shell("show eswitch")["dead"] is not None, process)
        self.passes(process, "p0", clear=CLEAR_FAR, green=GREEN_FAR)
        self.pull("p0")
        self.passes(process, "p1", green=GREEN_FAR)
        self.assertEqual(process.shell("show uplink")["active"], "p1")
        self.nothing_in_clear()
        self.stops_clean(process)

    def test_late_completions_and_cable(self) -> None:
        """Rules that the card is slow with follow, and the traffic with them."""
        process = self.start_with_green()
        process.order("completions late 300")
        self.pull("p0")
        self.passes(process, "p1", clear=CLEAR_FAR, green=GREEN_FAR)
        # What is protected stays in software.
        self.eventually(lambda: {rule["state"] for rule in process.shell("show flow")}
                        - {"software"} == {"hardware"}, process)
        process.order("completions normal")
        self.passes(process, "p1", clear=CLEAR_FAR, green=GREEN_FAR)
        self.nothing_in_clear()
        self.stops_clean(process)

    def test_promised_counters_exhausted(self) -> None:
        """A station for whose rule there is no counter is reached by the CPU."""
        process = self.start_with_green(SMALL)
        process.order("hold-counters on")
        process.do_all([f"fdb add t0 {STATION} vtep 192.0.2.2", f"fdb del t0 {STATION}"] * 2000)
        self.assertFalse(add_station(process)["in_hardware"])
        self.passes(process, "p0", clear=STATION, green=GREEN_FAR)
        process.order("hold-counters off")
        self.eventually(lambda: station(process)["in_hardware"], process)
        self.passes(process, "p0", clear=STATION, green=GREEN_FAR)
        self.nothing_in_clear()
        self.stops_clean(process)

    def test_device_removed(self) -> None:
        """The card is gone: nothing leaves by it, and the process lives until it is stopped."""
        process = self.start_with_green()
        process.order("remove-device")
        self.eventually(lambda: process.shell("show uplink")["active"] is None, process)
        for wire in self.wires:
            self.look(wire)
        for _ in range(50):
            self.vms["clear"].send(frame(CLEAR_FAR, CLEAR_VM))
            self.vms["green"].send(frame(GREEN_FAR, GREEN_VM))
        for wire in self.wires:
            self.assertEqual(self.look(wire), Counter())
        self.nothing_in_clear()
        # Whoever asks for a change is told, and the state stays as it was.
        self.assertEqual({uplink["present"] for uplink in process.shell("show uplink")["uplinks"]},
                         {False})
        self.stops_clean(process)


if __name__ == "__main__":
    enter_namespace()
    unittest.main(argv=[sys.argv[0], *(f"TestPromises.{case}" for case in sys.argv[4:])])
