#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the simulated card does not know ends the process with its name, and so does what a driver
leaves behind.

    unknown_test.py SIMULATOR ASKING DRIVERS CASE

ASKING is the library of programs/unknown.cpp, DRIVERS the folder of DPDK's. CASE is a test of
TestUnknown.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path

SIMULATOR, ASKING, DRIVERS = (os.path.abspath(path) for path in sys.argv[1:4])
TOPOLOGY = Path(__file__).resolve().parent / "topologies" / "complete.conf"
NETLINK_ROUTE, NETLINK_GENERIC, NETLINK_XFRM, NETLINK_RDMA = 0, 16, 6, 20
RDMA_NL_NLDEV = 5
ALIVE_AT_EXIT = 97


def ask(call: str) -> subprocess.CompletedProcess:
    """A function of the asking library, under the simulator."""
    environment = {**os.environ, "LD_PRELOAD": SIMULATOR, "MLX5SIM_TOPOLOGY": str(TOPOLOGY)}
    return subprocess.run([sys.executable, "-c", f"import ctypes; ctypes.CDLL('{ASKING}').{call}"],
                          env=environment, capture_output=True, text=True, timeout=60)


def symbols(library: Path | str, kind: str) -> set[str]:
    """Without their versions."""
    lines = subprocess.run(["nm", "--dynamic", f"--{kind}-only", "--format=posix", library],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[0].split("@")[0] for line in lines}


class TestUnknown(unittest.TestCase):
    def ends(self, call: str, message: str) -> None:
        with self.subTest(call):
            ended = ask(call)
            self.assertEqual(ended.stderr, f"mlx5sim: {message}\n")
            self.assertEqual(ended.returncode, -signal.SIGABRT)

    def test_commands(self) -> None:
        self.ends("ask_command(0x7ff)", "0x7ff is not simulated")
        # The firmware's LAG, which a driver asks about bonds.
        self.ends("ask_command(0x842)", "0x842 is not simulated")
        self.ends("ask_command(0x904)", "CREATE_SQ is not simulated")
        self.ends("make_object(0x93d)", "0x93d is not simulated")
        self.ends("make_general_object(0x99, 0)", "CREATE_GENERAL_OBJECT 0x99 is not simulated")
        for entry_format in (6, 7, 8):
            self.ends(f"make_general_object(0x41, {entry_format})", "CREATE_GENERAL_OBJECT RTC: the "
                      f"format {entry_format} of entries is not simulated")
        self.ends("enter_flow(0xc)", "SET_FLOW_TABLE_ENTRY: the actions 0xc are not simulated")

    def test_netlink(self) -> None:
        self.ends(f"send_netlink({NETLINK_ROUTE}, 16)", "netlink: RTM_NEWLINK of interface 0 that "
                  "changes the flags 0x0 and has 48 octets of attributes is not simulated")
        for number, name in ((17, "RTM_DELLINK"), (19, "RTM_SETLINK"),
                             (28, "RTM_NEWNEIGH"), (29, "RTM_DELNEIGH"),
                             (22, "the route message 22")):
            self.ends(f"send_netlink({NETLINK_ROUTE}, {number})",
                      f"netlink: {name} is not simulated")
        self.ends(f"send_netlink({NETLINK_XFRM}, 16)", "netlink: protocol 6 is not simulated")
        self.ends(f"send_netlink({NETLINK_GENERIC}, 0x1d)",
                  "netlink: devlink command 0 is not simulated")
        self.ends(f"send_netlink({NETLINK_RDMA}, {RDMA_NL_NLDEV << 10 | 60})",
                  "netlink: RDMA command 60 is not simulated")

    def test_ioctl(self) -> None:
        self.ends("control_interface(0x8916)", "ioctl 0x8916 of simp0 is not simulated")

    def test_functions(self) -> None:
        self.ends("call_function()", "mlx5dv_pp_alloc is not simulated")

    def test_every_function(self) -> None:
        """Whatever DPDK's mlx5 drivers import of libibverbs and libmlx5 is ours, or the real ones
        would be called with structures that are none of theirs."""
        drivers = sorted(Path(DRIVERS).glob("librte_*_mlx5.so"))
        self.assertIn("librte_common_mlx5.so", [driver.name for driver in drivers])
        wanted = {name for driver in drivers for name in symbols(driver, "undefined")
                  if name.lstrip("_").startswith(("ibv_", "mlx5dv_"))}
        self.assertGreater(len(wanted), 90)
        self.assertEqual(wanted - symbols(SIMULATOR, "defined"), set())

    def test_work_requests(self) -> None:
        self.ends("post_request(0x7e)",
                  "the operation 0x7e of a work request is not simulated")

    def test_alive_at_exit(self) -> None:
        ended = ask("leave_objects()")
        self.assertEqual(ended.returncode, ALIVE_AT_EXIT)
        self.assertEqual(ended.stderr, "mlx5sim: alive at exit: 1 context\n"
                         "mlx5sim: alive at exit: 1 protection domain\n")
        nothing = ask("_name")
        self.assertEqual((nothing.returncode, nothing.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *(f"TestUnknown.{case}" for case in sys.argv[4:])])
