# SPDX-License-Identifier: BSD-3-Clause
"""Where uplinks and VFs come from: a card, or from cables between played hosts."""

from __future__ import annotations

from typing import Protocol

from api.config import UplinkConfig, Value
from card.host import Host
from card.nodes import HostConfig
from framework.process import CommandError


class CardPorts(Protocol):
    """What a host's Sallyport is given."""

    #: Kernel interfaces of p0 and p1.
    interfaces: tuple[str, str]
    #: Whether a NIC forwards what it can.
    hardware: bool
    #: EAL options.
    eal: list[str]

    def settings(self) -> dict[str, Value]:
        """Keys of the main file."""

    def uplinks(self) -> list[UplinkConfig]:
        """Its uplinks."""

    def vf_device(self, vf: int) -> str:
        """A VF, as a tenant's file names it."""

    def vf_netdev(self, vf: int) -> str:
        """The interface that a VM behind this VF has."""


class MultiportCard:
    """Both ports of one card, under the multiport E-Switch."""

    hardware = True

    def __init__(self, host: Host, config: HostConfig) -> None:
        self.host = host
        self.config = config
        self.interfaces = config.interfaces or self._find_interfaces()
        # Without an address EAL would open the card by itself, with other arguments.
        self.eal = [*config.eal, "-a", "0000:00:00.0"]

    def _find_interfaces(self) -> tuple[str, str]:
        """By the names that the driver gives to physical ports; representors have others."""
        found = []
        for number in (0, 1):
            function = f"{self.config.pci[:-1]}{number}"
            answer = self.host.script("""
                for interface in /sys/bus/pci/devices/"$1"/net/*; do
                    [ "$(cat "$interface/phys_port_name" 2>/dev/null)" = "p$2" ] &&
                        basename "$interface"
                done; true""", function, str(number))
            if len(answer.stdout.split()) != 1:
                raise CommandError(
                    f"{self.host.name}: {function} has no interface of port p{number}; write "
                    "`interfaces` into the YAML file, or see docs/hardware.md")
            found.append(answer.stdout.strip())
        return found[0], found[1]

    def settings(self) -> dict[str, Value]:
        return {"eswitch": "mlx5", "eswitch.pci": self.config.pci,
                **{f"uplink.p{number}.interface": name
                   for number, name in enumerate(self.interfaces)}}

    def uplinks(self) -> list[UplinkConfig]:
        return [UplinkConfig("p0", "pf0"), UplinkConfig("p1", "pf1")]

    def vf_device(self, vf: int) -> str:
        return f"pf0vf{vf}"

    def vf_netdev(self, vf: int) -> str:
        answer = self.host.script('ls /sys/bus/pci/devices/"$1"/virtfn"$2"/net',
                                  self.config.pci, str(vf), check=False)
        if len(answer.stdout.split()) != 1:
            raise CommandError(
                f"{self.host.name}: pf0vf{vf} has no interface, which is needed to play a VM; run "
                f"'echo $(basename $(readlink /sys/bus/pci/devices/{self.config.pci}/virtfn{vf})) "
                "> /sys/bus/pci/drivers/mlx5_core/bind' there")
        return answer.stdout.strip()


class PlayedPorts:
    """Cables to the other played host, and a cable for each VF whose far end is its netdev."""

    hardware = False

    def __init__(self, host: Host) -> None:
        self.interfaces = ("up0", "up1")
        self.eal = ["--no-huge", "-m", "512", "--no-pci",
                    f"--file-prefix={host.folder.rsplit('.', 1)[-1]}", "--lcores", "0@0-1,1@0-1"]

    def settings(self) -> dict[str, Value]:
        return {}

    def uplinks(self) -> list[UplinkConfig]:
        return [UplinkConfig(f"p{number}", f"net_af_packet_p{number},iface={interface}")
                for number, interface in enumerate(self.interfaces)]

    def vf_device(self, vf: int) -> str:
        return f"net_af_packet_vf{vf},iface=rep{vf}"

    def vf_netdev(self, vf: int) -> str:
        return f"vf{vf}"
