# SPDX-License-Identifier: BSD-3-Clause
"""A hypervisor that we did not write: Linux's own VXLAN device at the other end."""

from __future__ import annotations

from framework.namespace import Namespace
from framework.process import wait_until
from framework.stack import Stack


class LinuxPeer:
    """A namespace on the underlay with a vtep address; each tenant's VM sits on a VXLAN device.

    The VXLAN device is moved into a namespace of the VM: its outer packets still go by the
    underlay of this one, so that VMs of two tenants may have equal addresses.
    """

    underlay = "up0"

    def __init__(self, name: str, vtep: str, prefix_length: int, mtu: int = 1600,
                 namespace: Stack | None = None) -> None:
        self.name = name
        self.vtep = vtep
        self.prefix_length = prefix_length
        self.mtu = mtu
        self.namespace: Stack = namespace or Namespace(name)
        self.vms: dict[str, LinuxVm] = {}

    @property
    def ipv6(self) -> bool:
        return ":" in self.vtep

    def cabled(self) -> None:
        """Call it when `up0` is there: sets its address and MTU."""
        self.namespace.ip("link", "set", self.underlay, "mtu", str(self.mtu))
        self.namespace.add_address(self.underlay, f"{self.vtep}/{self.prefix_length}")

    def vm_namespace(self, name: str) -> Stack:
        """Where a VM of this hypervisor lives."""
        return Namespace(f"vm-{name}")

    @property
    def underlay_mac(self) -> str:
        return self.namespace.mac(self.underlay)

    def vm(self, name: str, vni: int, mac: str, addresses: list[str], remotes: list[str], *,
           mtu: int | None = None, port: int = 4789, options: tuple[str, ...] = ()) -> LinuxVm:
        """A VM on VXLAN segment `vni`; what it floods goes to all `remotes`."""
        vm = LinuxVm(self, name, vni, mac, addresses, remotes, mtu, port, options)
        self.vms[name] = vm
        return vm

    def delete(self) -> None:
        for vm in self.vms.values():
            vm.delete()
        self.namespace.delete()


class LinuxVm:
    """A VM whose interface is a Linux VXLAN device."""

    interface = "vxlan0"

    def __init__(self, peer: LinuxPeer, name: str, vni: int, mac: str, addresses: list[str],
                 remotes: list[str], mtu: int | None, port: int,
                 options: tuple[str, ...]) -> None:
        self.peer = peer
        self.name = name
        self.mac = mac
        self.addresses = addresses
        self.namespace = peer.vm_namespace(name)
        overhead = 70 if peer.ipv6 else 50
        peer.namespace.ip(
            "link", "add", self.interface, "address", mac,
            "mtu", str(mtu or min(1500, peer.mtu - overhead)), "type", "vxlan", "id", str(vni),
            "local", peer.vtep, "dstport", str(port), "dev", peer.underlay, *options)
        peer.namespace.ip("link", "set", self.interface, "netns", self.namespace.name)
        self.namespace.ip("link", "set", self.interface, "up")
        for address in addresses:
            self.namespace.add_address(self.interface, address)
        for remote in remotes:
            self.flood_to(remote)
        wait_until(lambda: self.namespace.carrier(self.interface), f"carrier in VM {name}")

    @property
    def ip(self) -> str:
        return self.addresses[0].split("/")[0]

    @property
    def ipv6(self) -> str:
        return next(address.split("/")[0] for address in self.addresses if ":" in address)

    def flood_to(self, remote: str) -> None:
        """Broadcast, multicast and unknown unicast go to this vtep too."""
        self.namespace.run("bridge", "fdb", "append", "00:00:00:00:00:00", "dev", self.interface,
                           "dst", remote)

    def vtep_of(self, mac: str) -> str | None:
        """The vtep behind which the Linux device has learned `mac`."""
        for line in self.namespace.run("bridge", "fdb", "show", "dev",
                                       self.interface).stdout.splitlines():
            words = line.split()
            if words and words[0] == mac and "dst" in words:
                return words[words.index("dst") + 1]
        return None

    def forget_neighbours(self) -> None:
        self.namespace.ip("neigh", "flush", "dev", self.interface, check=False)
        self.namespace.ip("-6", "neigh", "flush", "dev", self.interface, check=False)

    def delete(self) -> None:
        self.namespace.delete()
