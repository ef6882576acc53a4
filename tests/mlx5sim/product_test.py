#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sallyport itself on the simulated card, under the real mlx5 driver.

    product_test.py SIMULATOR SALLYPORT SHELL CASE

CASE is a test of TestProduct. Runs in a network namespace of its own, which needs root; exit status
77 where there is none.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

from own_namespace import enter_empty_namespace, run

CORES = f"0-{(os.cpu_count() or 1) - 1}"
LCORES = f"0@{CORES},1@{CORES}"
SIMULATOR, SALLYPORT, SHELL = (os.path.abspath(path) for path in sys.argv[1:4])
FOLDER = Path(__file__).resolve().parent
TOPOLOGIES, PROGRAMS = FOLDER / "topologies", FOLDER / "programs"

MAIN = """
eswitch = mlx5
[eswitch]
pci = 0000:03:00.0
[shell]
socket = {folder}/shell
[underlay]
mtu = 1600
host_port = sallyport0
address = 192.0.2.1/24
nexthop = 192.0.2.2 02:00:00:00:00:02
[uplink.p0]
device = pf0
interface = simp0
[uplink.p1]
device = pf1
interface = simp1
[failover]
primary = p0
# The card is a thread that needs a processor too: who waits for it must not take that.
real_time = off
[tenants]
directory = tenants.d
"""

TENANT = """
name = t{number}
vni = {vni}
local_vtep = 192.0.2.1
remote_vtep = 192.0.2.2
mtu = 1500
fdb = 02:01:{high:02x}:{low:02x}:00:01 vtep 192.0.2.2
"""

# The first tenants have a VF each, of one PF after the other.
VM_PORT = """
fdb = 02:02:{high:02x}:{low:02x}:00:01 port vm{number}
[vm_port.vm{number}]
device = {vf}
mac = 02:02:{high:02x}:{low:02x}:00:01
{rate}
"""


def enter_namespace() -> None:
    """A new network namespace with the interfaces that stand for the uplinks' netdevs."""
    enter_empty_namespace()
    for port in ("simp0", "simp1"):
        run("ip", "link", "add", port, "mtu", "1600", "type", "veth", "peer", "name",
            f"{port}-far", "mtu", "1600")
        for end in (port, f"{port}-far"):
            run("ip", "link", "set", end, "up")


class Process:
    """Sallyport with a folder of its own, started on a card of the given topology."""

    def __init__(self, folder: Path, topology: str, tenants: int, settings: str, vms: int,
                 pfs: int, allowed: str) -> None:
        self.folder = folder
        self.write_config(tenants, settings, vms, pfs)
        path = f"{PROGRAMS}:{os.environ['PATH']}"
        self.control = folder / "control"
        environment = {**os.environ, "PATH": path, "MLX5SIM_CONTROL": str(self.control),
                       "LD_PRELOAD": SIMULATOR,
                       "MLX5SIM_TOPOLOGY": str(TOPOLOGIES / f"{topology}.conf")}
        self.log_file = folder / "log"
        with self.log_file.open("w") as log:
            self.process = subprocess.Popen(
                [SALLYPORT, "--no-huge", "-m", "1024", "--no-telemetry", "--lcores", LCORES,
                 f"--file-prefix=mlx5sim{os.getpid()}", "-a", allowed, "--",
                 "--config", str(folder / "main.conf")],
                env=environment, stdout=log, stderr=subprocess.STDOUT)

    def write_config(self, tenants: int, settings: str, vms: int, pfs: int) -> None:
        (self.folder / "main.conf").write_text(MAIN.format(folder=self.folder) + settings)
        (self.folder / "tenants.d").mkdir()
        for number in range(tenants):
            values = {"number": number, "vni": number + 1, "high": number >> 8,
                      "low": number & 255, "rate": "rate = 100M" if number == 1 else "",
                      "vf": f"pf{number % pfs}vf{number // pfs}"}
            text = TENANT.format(**values)
            if number < vms:
                text += VM_PORT.format(**values)
            (self.folder / "tenants.d" / f"t{number}.conf").write_text(text)

    def log(self) -> str:
        return self.log_file.read_text()

    def wait_until_ready(self, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while "is ready" not in self.log():
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}:\n{self.log()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"not ready in {seconds} s:\n{self.log()}")
            time.sleep(0.05)

    def shell(self, command: str) -> Any:
        """What a command of the shell tells."""
        return json.loads(self.do(f"{command} json"))

    def do(self, command: str) -> str:
        """A command of the shell; its output."""
        return self.run_shell(command.split())

    def do_all(self, commands: list[str]) -> None:
        self.run_shell(["--script", "-"], "\n".join(commands) + "\n")

    def run_shell(self, words: list[str], script: str = "") -> str:
        try:
            return subprocess.run([SHELL, "--socket", str(self.folder / "shell"), *words],
                                  check=True, input=script, capture_output=True, text=True).stdout
        except subprocess.CalledProcessError as error:
            error.add_note(error.stderr)
            raise

    def command(self, text: str) -> str:
        """To the card. Returns its answer when it is done."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            address = self.folder / "answer"
            sender.bind(str(address))
            sender.settimeout(30)
            try:
                sender.sendto(text.encode(), str(self.control))
                return sender.recv(4096).decode()
            finally:
                address.unlink()

    def order(self, text: str) -> None:
        """Likewise, and it must be in order."""
        if (answer := self.command(text)) != "ok":
            raise AssertionError(answer)

    def stop(self) -> int:
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        return self.process.wait(60)


class ProductTest(unittest.TestCase):
    process_class = Process

    def start(self, topology: str, tenants: int = 1, settings: str = "", vms: int = 8,
              pfs: int = 2, allowed: str = "0000:00:00.0") -> Process:
        """@param settings: of further sections of the configuration
        @param vms: how many tenants have a VF
        @param pfs: of how many PFs these are
        @param allowed: EAL's option -a"""
        folder = tempfile.TemporaryDirectory(prefix="mlx5sim-")
        self.addCleanup(folder.cleanup)
        process = self.process_class(Path(folder.name), topology, tenants, settings, vms, pfs, allowed)
        self.addCleanup(process.process.kill)
        return process

    def start_ready(self, topology: str, tenants: int = 1, settings: str = "",
                    vms: int = 8) -> Process:
        process = self.start(topology, tenants, settings, vms)
        process.wait_until_ready()
        return process

    def stops_clean(self, process: Process) -> None:
        """97 would say that the driver left something of the card behind."""
        self.assertEqual(process.stop(), 0, process.log())


class TestProduct(ProductTest):
    def all_in_hardware(self, process: Process) -> list[dict[str, Any]]:
        rules = process.shell("show flow")
        self.assertEqual([rule for rule in rules if rule["state"] != "hardware"], [])
        return rules

    def accepts_all_rules(self, tenants: int) -> None:
        process = self.start_ready("complete", tenants)
        rules = self.all_in_hardware(process)
        used = {rule["table"] for rule in rules}
        self.assertLessEqual({"from-uplink", "from-vm", "terminate-ipv4", "peer", "encapsulable",
                              "fits", "remote-station", "vm-station", "deliver", "own-station",
                              "fdb", "uplink"}, used)
        self.assertGreaterEqual(len(rules), 4 * tenants)
        self.stops_clean(process)

    def test_one_tenant(self) -> None:
        """Every table of the program holds a rule, in the driver's eyes too, and all go away."""
        self.accepts_all_rules(1)

    def test_hundred_tenants(self) -> None:
        self.accepts_all_rules(100)

    def test_most_tenants(self) -> None:
        self.accepts_all_rules(4096)

    def test_rate_limit(self) -> None:
        """The second tenant's VM has a rate limit: a meter, and the rules that look at colours."""
        process = self.start_ready("complete", 2)
        self.assertIn("police", {rule["table"] for rule in self.all_in_hardware(process)})
        self.stops_clean(process)

    def fails_over(self, process: Process) -> None:
        """The way out moves by updates of the rules that name an uplink."""
        before = process.shell("show eswitch")
        active = process.shell("show uplink")["active"]
        process.do("failover switch")
        after = process.shell("show eswitch")
        self.assertNotEqual(process.shell("show uplink")["active"], active)
        self.assertGreater(after["updated"], before["updated"])
        self.assertLess(after["updated"] - before["updated"], 10)

    def test_failover(self) -> None:
        process = self.start_ready("complete", 100)
        self.fails_over(process)
        self.all_in_hardware(process)
        self.stops_clean(process)

    def test_life_of_ten_thousand_rules(self) -> None:
        """Two uplinks and all sixteen VFs, from the start of the process to its end."""
        tenants, stations = 16, 320
        times = [time.monotonic()]
        # Buffers for the receive queues of eighteen ports.
        process = self.start_ready("complete", tenants, "[limits]\nbuffers = 65536\n", tenants)
        times.append(time.monotonic())
        process.do_all([f"fdb add t{tenant} 02:03:{tenant:02x}:{number >> 8:02x}:{number & 255:02x}"
                        ":01 vtep 192.0.2.2"
                        for tenant in range(tenants) for number in range(stations)])
        times.append(time.monotonic())
        self.fails_over(process)
        rules = self.all_in_hardware(process)
        self.assertGreaterEqual(len(rules), 10_000)
        self.assertEqual([port["driver"] for port in process.shell("show port info all")
                          if port["tenant"] is not None], ["mlx5_pci"] * tenants)
        times.append(time.monotonic())
        self.stops_clean(process)
        times.append(time.monotonic())
        parts = [f"{end - begin:.1f}" for begin, end in zip(times, times[1:])]
        print(f"{len(rules)} rules in {times[-1] - times[0]:.1f} s: start {parts[0]}, rules "
              f"{parts[1]}, failover and a look at all {parts[2]}, stop {parts[3]}")


if __name__ == "__main__":
    enter_namespace()
    unittest.main(argv=[sys.argv[0], *(f"TestProduct.{case}" for case in sys.argv[4:])])
