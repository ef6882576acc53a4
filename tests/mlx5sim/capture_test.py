#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A card's capabilities are captured, replayed, and what is changed in them shows.

    capture_test.py SIMULATOR SALLYPORT SHELL CASE

CASE is a test of TestCapture; else as product_test.py. MLX5SIM_CAPTURE names the capturing program.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from product_test import SIMULATOR, TOPOLOGIES, ProductTest, enter_namespace

CARD = "pf0.vfs = 8\npf1.vfs = 8\n"


def capture(topology: Path) -> str:
    environment = {**os.environ, "LD_PRELOAD": SIMULATOR, "MLX5SIM_TOPOLOGY": str(topology)}
    return subprocess.run([os.environ["MLX5SIM_CAPTURE"]], env=environment, check=True,
                          capture_output=True, text=True).stdout


def with_word(text: str, row: int, word: int, value: int) -> str:
    """Of the first group, which is that of general capabilities."""
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"0x{row:03x}:"))
    words = lines[at].split()
    words[1 + word] = f"{value:08x}"
    lines[at] = " ".join(words)
    return "\n".join(lines) + "\n"


class TestCapture(ProductTest):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="mlx5sim-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.text = capture(TOPOLOGIES / "complete.conf")

    def replayed(self, text: str, more: str = "") -> Path:
        (self.folder / "captured").write_text(text)
        topology = self.folder / "replay.conf"
        topology.write_text(f"{CARD}{more}capabilities = captured\n")
        return topology

    def test_capture(self) -> None:
        self.assertIn("firmware 22.39.2048\n", self.text)
        self.assertIn("port 1: vport 0xffff of vhca 1, E-Switch of vhca 1, REG_C_0 0x00010000 "
                      "under 0xffff0000\n", self.text)
        # The groups that the driver asks for here.
        groups = [int(line.split()[1], 16) for line in self.text.splitlines()
                  if line.startswith("group ")]
        self.assertEqual(groups, [0x00, 0x01, 0x04, 0x07, 0x08, 0x09, 0x0c, 0x1b, 0x20])
        # What else the topology says of capabilities does not count.
        again = capture(self.replayed(self.text, "log_counters = 3\nfirmware = 1.2.3\n"))
        self.assertEqual(again, self.text)

    def test_replay(self) -> None:
        process = self.start_ready(str(self.replayed(self.text).with_suffix("")))
        self.assertEqual({rule["state"] for rule in process.shell("show flow")}, {"hardware"})
        self.stops_clean(process)

    def test_changed(self) -> None:
        # max_flow_counter_31_16 stands in the upper half of the word at 0x58.
        few = with_word(self.text, 0x40, 6, 0)
        self.assertNotEqual(few, self.text)
        process = self.start(str(self.replayed(few).with_suffix("")))
        self.assertEqual(process.wait(), 1, process.log())
        self.assertIn("the NIC has fewer counters", process.log())


if __name__ == "__main__":
    enter_namespace()
    unittest.main(argv=[sys.argv[0], *(f"TestCapture.{case}" for case in sys.argv[4:])])
