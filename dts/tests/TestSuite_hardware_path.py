# SPDX-License-Identifier: BSD-3-Clause
"""What a NIC with an E-Switch would do: `show flow` and `explain`, held against real packets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from api.lab import BLUE, RED, Hypervisor, Lab, vm_addresses, vm_mac
from api.traffic import assert_pings


@pytest.fixture(scope="class")
def lab() -> Iterator[Lab]:
    """hv1 with VMs `one` and `two` of tenant blue, `other` of red, a Linux peer with VM `far`."""
    with Lab() as lab:
        peer = lab.peer("peer1", 11)
        hv1 = lab.hypervisor("hv1", 1)
        hv1.tenant("blue", BLUE, [peer.vtep])
        hv1.tenant("red", RED, [])
        hv1.vm("blue", "one", 1, "veth")
        hv1.vm("blue", "two", 2, "tap")
        hv1.vm("red", "other", 1, "veth")
        peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep])
        lab.start()
        assert_pings(hv1.vms["one"], hv1.vms["two"].ip)
        assert_pings(hv1.vms["one"], "10.0.0.3")
        yield lab


@pytest.fixture
def hv1(lab: Lab) -> Hypervisor:
    return lab.hypervisors[0]


def explain(hv1: Hypervisor, port: str, source: str, destination: str) -> Any:
    return hv1.shell.json(f"explain port {port} from {source} to {destination}")


class TestExplain:
    """One packet through the model of the E-Switch, with the rows that the process has."""

    def test_between_vms(self, hv1: Hypervisor) -> None:
        """VM to VM on one hypervisor.

        Steps:
            * Explain a packet between two stations that have talked.
        Verify:
            * The NIC would send it by the other's port, as it is.
        """
        told = explain(hv1, "one", vm_mac(1), vm_mac(2))
        assert (told["fate"], told["port"], told["cpu"]) == ("port", "two", None)
        assert [step["table"] for step in told["steps"]] == [
            "from-vm", "vm-station", "encapsulable", "fdb"]
        frame = Ether(bytes.fromhex(told["packet"]))
        assert (frame.src, frame.dst) == (vm_mac(1), vm_mac(2))

    def test_to_remote_station_and_back(self, hv1: Hypervisor) -> None:
        """The NIC's encapsulation is one that it would take off again.

        Steps:
            * Explain a packet to a station behind the peer; turn its addresses round; explain that
              as a packet from the uplink.
        Verify:
            * It leaves by the active uplink with the tenant's VNI; the answer reaches the VM.
        """
        told = explain(hv1, "one", vm_mac(1), vm_mac(3))
        assert (told["fate"], told["port"]) == ("port", hv1.shell.active_uplink())
        packet = Ether(bytes.fromhex(told["packet"]))
        assert packet[VXLAN].vni == BLUE
        for layer in (packet, packet[VXLAN].payload):
            layer.src, layer.dst = layer.dst, layer.src
        packet["IP"].src, packet["IP"].dst = packet["IP"].dst, packet["IP"].src
        packet["IP"].chksum = packet["UDP"].chksum = None
        answer = bytes(packet)
        told = hv1.shell.json(f"explain port {hv1.shell.active_uplink()} packet {answer.hex()}")
        assert (told["fate"], told["port"]) == ("port", "one"), told

    @pytest.mark.parametrize("source,destination,table", [
        ("02:ee:00:00:00:09", vm_mac(2), "station"), (vm_mac(1), "02:ee:00:00:00:09", "destination"),
        (vm_mac(1), "ff:ff:ff:ff:ff:ff", "destination"), (vm_mac(2), vm_mac(1), "station")])
    def test_what_the_nic_does_not_know(self, hv1: Hypervisor, source: str, destination: str,
                                        table: str) -> None:
        """New, moved and unknown stations, and groups.

        Steps:
            * Explain such a packet from VM `one`.
        Verify:
            * The CPU gets it unchanged, and it is said why.
        """
        told = explain(hv1, "one", source, destination)
        assert told["fate"] == "cpu" and table in told["cpu"]
        assert told["steps"][-1]["table"] is None
        assert told["packet"].startswith(destination.replace(":", ""))

    def test_tenants_do_not_meet(self, hv1: Hypervisor) -> None:
        """A VM of red asks for a station that only blue has.

        Steps:
            * Explain a packet from `other` to the MAC of `two`.
        Verify:
            * The NIC knows no way.
        """
        assert explain(hv1, "other", vm_mac(1), vm_mac(2))["fate"] == "cpu"

    def test_after_failover(self, hv1: Hypervisor) -> None:
        """The way out follows the active uplink.

        Steps:
            * Switch the uplinks; explain the packet to the remote station again.
        Verify:
            * It leaves by the other uplink.
        """
        before = explain(hv1, "one", vm_mac(1), vm_mac(3))["port"]
        hv1.shell.run("failover switch")
        after = explain(hv1, "one", vm_mac(1), vm_mac(3))
        assert after["fate"] == "port" and after["port"] != before
        hv1.shell.run("failover switch")


class TestShowFlow:
    """The rules that a NIC would get."""

    @staticmethod
    def rules(hv1: Hypervisor, command: str) -> list[dict[str, Any]]:
        """Without what they have counted: on a card that changes from one command to the next."""
        return [{key: value for key, value in rule.items() if key not in ("packets", "bytes")}
                for rule in hv1.shell.json(command)]

    def test_rules_of_a_tenant(self, hv1: Hypervisor) -> None:
        """`show flow tenant` and `show flow port` are parts of `show flow`.

        Steps:
            * Ask for all, for one tenant, and for one port.
        Verify:
            * The stations of the VMs are there, under their tenant and port only.
        """
        everything, blue, one = (self.rules(hv1, command) for command in (
            "show flow all", "show flow tenant blue", "show flow port one"))
        assert everything == self.rules(hv1, "show flow")
        active = hv1.shell.active_uplink()
        assert {rule["table"] for rule in self.rules(hv1, f"show flow port {active}")} == {
            "from-uplink", "uplink"}
        assert blue == [rule for rule in everything if rule["tenant"] == "blue"]
        assert one == [rule for rule in blue if rule["vm_port"] == "one"]
        stations = {rule["match"] for rule in one if rule["table"] == "vm-station"}
        assert len(stations) == 1 and vm_mac(1) in stations.pop()
        assert {rule["table"] for rule in everything if rule["tenant"] is None} == {
            "from-uplink", "encapsulable", "fits", "uplink"}

    def test_program_for_testpmd(self, hv1: Hypervisor) -> None:
        """The whole program as testpmd's commands.

        Steps:
            * Ask for it.
        Verify:
            * A rule for each of `show flow`, in tables that were made before, each once.
        """
        lines = hv1.shell.run("show flow testpmd").stdout.splitlines()
        assert lines[0].startswith("flow configure ")
        rules = [line for line in lines if line.startswith("flow queue ") and " create " in line]
        wanted = [rule for rule in hv1.shell.json("show flow") if rule["state"] != "software"]
        assert len(rules) == len(wanted)
        made = [int(line.split(" table_id ")[1].split()[0]) for line in lines
                if line.startswith("flow template_table ")]
        used = {int(line.split(" template_table ")[1].split()[0]) for line in rules}
        assert len(set(made)) == len(made) and used and used <= set(made)
