# SPDX-License-Identifier: BSD-3-Clause
"""A host that runs Sallyport, with its guests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.config import MainConfig, TenantConfig, Value, VmPortConfig
from card.guest import Guest
from card.host import Host
from card.nodes import HostConfig
from card.ports import CardPorts
from card.sallyport import RemoteSallyport, RemoteShell


@dataclass(frozen=True)
class Seen:
    """Packets of a vm port: what the CPU saw of them, and what the NIC says there were."""

    software_rx: int
    software_tx: int
    #: None: there is no NIC that counts.
    nic_rx: int | None
    nic_tx: int | None
    nic_tx_bytes: int | None

    @classmethod
    def parse(cls, answer: dict[str, Any]) -> Seen:
        nic = answer["nic"] or {}
        return cls(answer["rx_packets"], answer["tx_packets"], nic.get("rx_packets"),
                   nic.get("tx_packets"), nic.get("tx_bytes"))


class Hypervisor:
    """Tenant `blue` with guests on VFs; whatever else a question needs goes into its settings."""

    def __init__(self, host: Host, config: HostConfig, ports: CardPorts, vni: int, mtu: int,
                 ipv6: bool = False) -> None:
        self.host = host
        self.config = config
        self.ports = ports
        self.ipv6 = ipv6
        self.network = config.underlay6 if ipv6 else config.underlay
        self.vtep = self.network.split("/")[0]
        self.main = MainConfig(node=config.name, uplinks=ports.uplinks(),
                               addresses=[self.network], mtu=mtu, settings=ports.settings())
        if ipv6:
            # Otherwise the NIC takes no part.
            self.main.settings |= {"underlay.udp_checksum": "zero",
                                   "underlay.udp6_zero_checksum": "accept"}
        self.blue = TenantConfig("blue", vni, self.vtep)
        self.tenants = [self.blue]
        self.guests: dict[str, Guest] = {}
        self.sallyport: RemoteSallyport | None = None

    @property
    def shell(self) -> RemoteShell:
        assert self.sallyport is not None, "not started"
        return self.sallyport.shell

    def guest(self, name: str, index: int, address: str, *, mtu: int = 1500,
              tenant: TenantConfig | None = None, named: bool = True,
              **settings: Value) -> Guest:
        """A guest on the VF that stands at `index` of the YAML file's list.

        Args:
            named: whether a tenant's file names the VF; without, Sallyport knows nothing of it.
        """
        vf = self.config.vfs[index]
        guest = Guest(self.host, name, self.ports.vf_netdev(vf), address, mtu)
        self.guests[name] = guest
        if named:
            (tenant or self.blue).vm_ports.append(
                VmPortConfig(name, self.ports.vf_device(vf), [guest.mac], settings))
        return guest

    def start(self) -> Hypervisor:
        self.sallyport = RemoteSallyport(self.host, self.config, self.ports, self.main,
                                         self.tenants)
        self.sallyport.start()
        return self

    def seen(self, name: str) -> Seen:
        """Counters of a vm port."""
        return Seen.parse(self.shell.json(f"show port stats {name}"))

    def underlay_mac(self) -> str:
        """What frames to its vteps are addressed to: the first uplink's."""
        return self.shell.json("show port info p0")["mac"]

    def close(self) -> None:
        """Ends the process; gives the VFs back. What went wrong with the process is raised last.
        """
        try:
            if self.sallyport is not None:
                self.sallyport.close()
        finally:
            for guest in self.guests.values():
                guest.close()
