# SPDX-License-Identifier: BSD-3-Clause
"""Virtual machines: a Linux network stack of its own (a namespace) behind one VM port."""

from __future__ import annotations

from api.config import VmPortConfig
from api.simulated_card import SimulatedCard
from framework.namespace import Namespace, cable
from framework.process import wait_until

OVERLAY_MTU = 1500


class Vm:
    """A Linux stack with one interface, `eth0`.

    Attributes:
        kind: "tap" (net_tap: the interface is made by the process) or "veth" (net_af_packet on
            the hypervisor's end of a cable).
        port: the hypervisor's end of its cable, where it has one.
        card: where the hypervisor has one, both are a cable to a VF of it.
    """

    interface = "eth0"

    def __init__(self, name: str, mac: str, addresses: list[str], kind: str = "tap",
                 mtu: int = OVERLAY_MTU, card: SimulatedCard | None = None) -> None:
        self.name = name
        self.mac = mac
        self.addresses = addresses
        self.kind = kind
        self.mtu = mtu
        self.port = f"vm-{name}"
        self.vf = None if card is None else card.add_vf(self.port)
        self.namespace = Namespace(f"vm-{name}")

    @property
    def ip(self) -> str:
        """The first address, without its prefix length."""
        return self.addresses[0].split("/")[0]

    @property
    def ipv6(self) -> str:
        """The first IPv6 address, without its prefix length."""
        return next(address.split("/")[0] for address in self.addresses if ":" in address)

    def port_config(self, macs: list[str] | None = None) -> VmPortConfig:
        """What a tenant file says of it."""
        if self.vf is not None:
            device = self.vf
        elif self.kind == "tap":
            device = f"net_tap_{self.name},iface=tap-{self.name}"
        else:
            device = f"net_af_packet_{self.name},iface={self.port}"
        return VmPortConfig(self.name, device, [self.mac] if macs is None else macs)

    @property
    def driver(self) -> str:
        """What `show port info` calls it."""
        if self.vf is not None:
            return "mlx5_pci"
        return {"tap": "net_tap", "veth": "net_af_packet", "vhost-user": "net_vhost",
                "virtio-user": "net_virtio"}[self.kind]

    @property
    def _is_cabled(self) -> bool:
        return self.kind == "veth" or self.vf is not None

    def before_start(self, hypervisor: Namespace) -> None:
        """What the process needs to find: the cable of a veth VM."""
        if self._is_cabled:
            cable(hypervisor, self.port, self.namespace, self.interface, mac_other=self.mac)
            hypervisor.mute(self.port)
            self._configure()

    def after_start(self, hypervisor: Namespace) -> None:
        """What the process has made: the TAP moves into the VM."""
        if not self._is_cabled:
            tap = f"tap-{self.name}"
            wait_until(lambda: hypervisor.has_link(tap), f"{tap} in {hypervisor}")
            hypervisor.ip("link", "set", tap, "netns", self.namespace.name, "name", self.interface)
            self._configure()
        wait_until(lambda: self.namespace.carrier(self.interface), f"carrier in VM {self.name}")

    def _configure(self) -> None:
        space = self.namespace
        space.ip("link", "set", self.interface, "address", self.mac, "mtu", str(self.mtu), "up")
        for address in self.addresses:
            space.add_address(self.interface, address)

    def forget_neighbours(self) -> None:
        """Empties the VM's own ARP and ND tables."""
        self.namespace.ip("neigh", "flush", "dev", self.interface, check=False)
        self.namespace.ip("-6", "neigh", "flush", "dev", self.interface, check=False)

    def delete(self) -> None:
        self.namespace.delete()
