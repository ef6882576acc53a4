#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each sentence that the bring-up has for who must mend something, on the card that deserves it.

    bring_up_test.py SIMULATOR SALLYPORT SHELL CASE

CASE is a test of TestBringUp; else as product_test.py. The unit tests alone have the sentences about
E-Switch domains, transfer proxies, patterns and actions, which this driver gives no occasion for
(tests/unit/eswitch/bring_up_*).
"""

from __future__ import annotations

import sys
import unittest
from typing import Any

from product_test import ProductTest, enter_namespace


class TestBringUp(ProductTest):
    def refuses(self, topology: str, sentence: str, remedy: str, **start: Any) -> str:
        """@return the log"""
        with self.subTest(topology):
            process = self.start(topology, **start)
            self.assertEqual(process.wait(), 1, process.log())
            self.assertIn(sentence, process.log())
            self.assertIn(remedy, process.log())
        return process.log()

    def test_function(self) -> None:
        """Of PCI, before DPDK is asked."""
        self.refuses("elsewhere", "p0 (0000:03:00.0): there is no such PCI device",
                     "which 'lspci -D -d 15b3:' prints")
        self.refuses("other-vendor", "p0 (0000:03:00.0) is of vendor 0x8086, and no NVIDIA card",
                     "set eswitch.pci to the address of a ConnectX-6 Dx or later")
        self.refuses("no-kernel-driver", "p0 (0000:03:00.0) has no kernel driver",
                     "run 'modprobe mlx5_core', then 'echo 0000:03:00.0 > "
                     "/sys/bus/pci/drivers/mlx5_core/bind'")
        self.refuses("other-kernel-driver", "p0 (0000:03:00.0) is bound to vfio-pci",
                     "run 'echo 0000:03:00.0 > /sys/bus/pci/drivers/vfio-pci/unbind'")
        self.refuses("no-rdma-device", "p0 (0000:03:00.0) has no RDMA device",
                     "run 'modprobe -a mlx5_ib ib_uverbs'")
        self.refuses("complete", "DPDK has opened 0000:03:00.0_p0 by itself",
                     "give EAL '-b 0000:03:00.0 -b 0000:03:00.1'", allowed="0000:03:00.0,dv_flow_en=2")

    def test_eswitch(self) -> None:
        self.refuses("old-firmware", "firmware 22.35.1012 of p0 (0000:03:00.0) has no multiport",
                     "run 'mlxfwmanager -d 0000:03:00.0 --online -u' for 22.37.1014 or later")
        self.refuses("switchdev-off", "p0 (0000:03:00.0) is in legacy E-Switch mode",
                     "run 'devlink dev eswitch set pci/0000:03:00.0 mode switchdev'")
        multiport = ("run 'devlink dev param set pci/0000:03:00.0 name esw_multiport value true "
                     "cmode runtime'")
        self.refuses("multiport-off", "esw_multiport is off on p0 (0000:03:00.0)", multiport)
        # Nobody says so beforehand; the driver's ports do.
        self.refuses("multiport-off-untold", "its two ports are not in one E-Switch", multiport)

    def test_kernel(self) -> None:
        self.refuses("old-kernel", "Linux 6.1 has no multiport E-Switch",
                     "or the driver of MLNX_OFED 23.04-0.5.3.3 or later")
        for topology, option in (("kernel-options", "CONFIG_NET_TC_SKB_EXT"),
                                 ("kernel-options", "CONFIG_MLX5_CLS_ACT"),
                                 ("one-kernel-option", "CONFIG_MLX5_CLS_ACT")):
            log = self.refuses(topology, f"the kernel was built without {option}, and the second "
                               "uplink will not send", f"run a kernel with {option}=y")
        self.assertNotIn("CONFIG_NET_TC_SKB_EXT", log)

    def test_roce(self) -> None:
        """No reason not to start: what the CPU encapsulates has other source ports, and that is
        said."""
        process = self.start_ready("roce-off")
        self.assertIn("the driver knows no range of ports, since RoCE is off; switch RoCE on, or live "
                      "with it", process.log())
        eswitch = process.shell("show eswitch")
        self.assertEqual(eswitch["udp_source_port"], "software")
        self.assertIn("RoCE is off", eswitch["why_own_source_port"])
        self.stops_clean(process)

    def test_old_release(self) -> None:
        """With DPDK before 23.11 only: the driver takes such a card, and Sallyport does not."""
        self.refuses("single-port", "has no multiport E-Switch", "run with 23.11.0 or later")

    def test_virtual_functions(self) -> None:
        command = "/sys/bus/pci/devices/0000:03:00.0/sriov_numvfs"
        self.refuses("no-vfs", "pf0vf0 is wanted, and p0 (0000:03:00.0) has 0 VFs",
                     f"run 'echo 1 > {command}'")
        self.refuses("one-vf", "pf0vf1 is wanted, and p0 (0000:03:00.0) has 1 VFs",
                     f"run 'echo 2 > {command}' after 'echo 0' to the same file", tenants=2, pfs=1)
        self.refuses("vfs-not-allowed", "pf0vf1 is wanted, and p0 (0000:03:00.0) has 1 VFs",
                     "run 'mlxconfig -d 0000:03:00.0 set SRIOV_EN=1 NUM_OF_VFS=2' and power-cycle "
                     "the host, which allows 1 VFs now", tenants=2, pfs=1)
        self.refuses("sriov-off", "it has no SR-IOV", "SRIOV_EN")
        self.refuses("many-vfs", "DPDK ports are needed, with one for each VF of either uplink",
                     "build DPDK with -Dmax_ethports=", tenants=32, vms=32)

    def test_driver(self) -> None:
        """What only the driver knows."""
        self.refuses("probe-refused", "cannot open device '0000:03:00.0,dv_flow_en=2",
                     "see DPDK's log above, which names the driver's reason")
        # DPDK 24.11.8 takes one port alone for a card without the multiport E-Switch.
        log = self.refuses("second-port-lost", "card 0000:03:00.0", "esw_multiport")
        self.assertRegex(log, "made no port for the uplink p1|its two ports are not in one E-Switch")
        self.refuses("no-representors", "DPDK made no port for pf0vf0",
                     "VFs are numbered from 0: create them by")

    def test_resources(self) -> None:
        lower = "lower limits.fdb_entries and limits.tunnels, by which counters are counted"
        self.refuses("few-counters", "cannot configure the flow engine of 0000:03:00.0_p0", lower)
        self.refuses("few-counters", "the NIC has fewer counters", lower)
        self.refuses("few-meters", "cannot configure the flow engine of 0000:03:00.0_p0", lower)
        releases = "see docs/hardware.md for releases and firmware that take it"
        self.refuses("few-rules", "the NIC refuses the size or group of table", releases)
        self.refuses("rule-table-refused", "the NIC refuses the size or group of table", releases)


if __name__ == "__main__":
    enter_namespace()
    unittest.main(argv=[sys.argv[0], *(f"TestBringUp.{case}" for case in sys.argv[4:])])
