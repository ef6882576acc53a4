# SPDX-License-Identifier: BSD-3-Clause
"""The yardstick: a hypervisor as Linux alone makes one, with its bonding driver, in a guest.

    VM == vec2 - bridge `vm` - vxlan0 - bond0 -+- slave0 = cut0 - bridge `wire0` - up0  == switch A
                                               +- slave1 = cut1 - bridge `wire1` - vec1 == switch B

A cable is pulled where the guest's kernel sees it, as carrier: a TAP in a guest has none to lose, so
that a veth stands between it and the bond.
"""

from __future__ import annotations

from api.lab import BLUE, Lab, vm_addresses, vm_mac
from api.uml_peer import UmlPeer
from framework.namespace import Namespace, cable, make_bridge
from framework.process import wait_until

MTU = 1600


class BondGuest:
    """The guest, on both switches of a Lab by the port `bond`, and its VM.

    Attributes:
        namespace, ip: of the VM, by which it is a Station.
    """

    port = "bond"

    def __init__(self, lab: Lab, number: int, remote: str, miimon_ms: int) -> None:
        self.vtep = lab.address(number)
        self.namespace = Namespace(f"vm-bond{miimon_ms}")
        self.guest = UmlPeer(
            f"bond{miimon_ms}", f"02:00:00:00:{number:02x}:e0", mtu=MTU,
            more_macs=(f"02:00:00:00:{number:02x}:e1", f"02:00:00:00:{number:02x}:e2"))
        try:
            self._cable(lab)
            self._configure(number, f"{self.vtep}/{lab.prefix_length}", remote, miimon_ms)
        except BaseException:
            self.delete()
            raise

    @property
    def ip(self) -> str:
        return vm_addresses(1)[0].split("/")[0]

    def _cable(self, lab: Lab) -> None:
        space = self.guest.space
        for index, switch in enumerate(lab.switches):
            switch.connect(self.port, space, f"cable{index}")
        cable(space, "cable2", self.namespace, "eth0", mac_other=vm_mac(1), mtu=MTU)
        for index in range(3):
            make_bridge(space, f"bridge{index}")
            for port in (f"tap{index}", f"cable{index}"):
                space.mute(port)
                space.ip("link", "set", port, "master", f"bridge{index}")
        self.namespace.ip("link", "set", "eth0", "mtu", "1500")
        self.namespace.add_address("eth0", vm_addresses(1)[0])

    def _configure(self, number: int, address: str, remote: str, miimon_ms: int) -> None:
        self.guest.run_script(f"""
            modprobe bonding max_bonds=0
            modprobe -a bridge veth
            ip link add bond0 address 02:00:00:00:{number:02x}:00 mtu {MTU} type bond \\
                mode active-backup miimon {miimon_ms} primary_reselect failure
            for index in 0 1; do
                ip link add slave$index mtu {MTU} type veth peer name cut$index mtu {MTU}
                ip link add wire$index mtu {MTU} type bridge forward_delay 0 mcast_snooping 0
                [ $index = 0 ] && card=up0 || card=vec1
                for port in $card cut$index; do
                    ethtool -K $port tx off tso off gso off gro off || true
                    ip link set $port mtu {MTU} master wire$index up
                done
                ethtool -K slave$index tx off tso off gso off gro off || true
                ip link set wire$index up
                ip link set slave$index master bond0
            done
            ip link set bond0 up
            ip address add {address} dev bond0
            ip link add vxlan0 type vxlan id {BLUE} local {self.vtep} remote {remote} \\
                dstport 4789 dev bond0
            ip link add vm mtu 1500 type bridge forward_delay 0 mcast_snooping 0
            ethtool -K vec2 tx off tso off gso off gro off || true
            for port in vec2 vxlan0; do ip link set $port mtu 1500 master vm up; done
            ip link set vm up
        """)

    def active(self) -> int | None:
        """Index of the active slave."""
        text = self.guest.run("cat", "/sys/class/net/bond0/bonding/active_slave").stdout.strip()
        return int(text[-1]) if text else None

    def wait_whole(self) -> None:
        """Until both slaves have their links, as the bond sees it."""
        wait_until(lambda: self.guest.run_script(
            "cat /sys/class/net/slave?/bonding_slave/mii_status").stdout.split() == ["up", "up"],
            "both slaves are up", 10, 0.05)

    def pull(self, index: int) -> None:
        self.guest.run("ip", "link", "set", f"cut{index}", "down")

    def plug(self, index: int) -> None:
        self.guest.run("ip", "link", "set", f"cut{index}", "up")

    def delete(self) -> None:
        self.guest.delete()
        self.namespace.delete()
