# SPDX-License-Identifier: BSD-3-Clause
"""Config files of Sallyport, as values (docs/configuration.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

Value = str | int | bool | Path


def _line(key: str, value: Value) -> str:
    if isinstance(value, bool):
        value = "on" if value else "off"
    return f"{key} = {value}\n"


def _lines(key: str, value: Value | list[Value]) -> str:
    return "".join(_line(key, one) for one in (value if isinstance(value, list) else [value]))


@dataclass
class VmPortConfig:
    """One `[vm_port.NAME]`."""

    name: str
    device: str
    macs: list[str] = field(default_factory=lambda: ["any"])
    #: Any other key of the section.
    settings: dict[str, Value] = field(default_factory=dict)

    def text(self) -> str:
        return (f"[vm_port.{self.name}]\n" + _line("device", self.device)
                + "".join(_line("mac", mac) for mac in self.macs)
                + "".join(_line(key, value) for key, value in self.settings.items()))


@dataclass
class SaConfig:
    """One `[sa.NAME]`. `direction` is "out" or "in"; the key is in a file of its own, or in `key`,
    in hexadecimal digits."""

    name: str
    direction: str
    remote_vtep: str
    spi: int
    algorithm: str
    key_file: Path | None = None
    key: str = ""
    tunnel: bool = False
    esn: bool = True
    window: int = 64
    udp: bool = False

    def text(self) -> str:
        keys: dict[str, Value] = {
            "direction": self.direction, "remote_vtep": self.remote_vtep, "spi": self.spi,
            "algorithm": self.algorithm,
            **({"key": self.key} if self.key_file is None else {"key_file": self.key_file}),
            "mode": "tunnel" if self.tunnel else "transport", "esn": "on" if self.esn else "off",
            "udp_encapsulation": "on" if self.udp else "off"}
        if self.direction == "in":
            keys["replay_window"] = self.window
        return f"[sa.{self.name}]\n" + "".join(_line(*item) for item in keys.items())


@dataclass
class TenantConfig:
    """One tenant file. `settings` holds any other key as the file spells it."""

    name: str
    vni: int
    local_vtep: str
    remote_vteps: list[str] = field(default_factory=list)
    fdb: list[str] = field(default_factory=list)
    vm_ports: list[VmPortConfig] = field(default_factory=list)
    sas: list[SaConfig] = field(default_factory=list)
    settings: dict[str, Value] = field(default_factory=dict)

    def text(self) -> str:
        lines = [_line("name", self.name), _line("vni", self.vni),
                 _line("local_vtep", self.local_vtep)]
        lines += [_line(key, value) for key, value in self.settings.items()]
        lines += [_line("remote_vtep", address) for address in self.remote_vteps]
        lines += [_line("fdb", entry) for entry in self.fdb]
        lines += [port.text() for port in self.vm_ports]
        lines += [sa.text() for sa in self.sas]
        return "".join(lines)


@dataclass
class UplinkConfig:
    """One `[uplink.NAME]`. `interface` is the file's default where it is empty."""

    name: str
    device: str
    interface: str = ""

    def text(self) -> str:
        keys = {"device": self.device, **({"interface": self.interface} if self.interface else {})}
        return "".join(_line(f"uplink.{self.name}.{key}", value) for key, value in keys.items())


@dataclass
class MainConfig:
    """The main file. `settings` holds any other key by its full name ("failover.primary"); a list
    stands for a key that is repeated."""

    node: str
    uplinks: list[UplinkConfig]
    addresses: list[str] = field(default_factory=list)
    next_hops: list[str] = field(default_factory=list)
    mtu: int = 1600
    settings: dict[str, Value | list[Value]] = field(default_factory=dict)

    def text(self, socket: Path, tenants: Path) -> str:
        keys: dict[str, Value | list[Value]] = {
            "node.name": self.node,
            "underlay.mtu": self.mtu,
            "shell.socket": str(socket),
            "tenants.directory": str(tenants),
            **self.settings,
        }
        lines = [_lines(key, value) for key, value in keys.items()]
        lines += [_line("underlay.address", address) for address in self.addresses]
        lines += [_line("underlay.nexthop", hop) for hop in self.next_hops]
        lines += [uplink.text() for uplink in self.uplinks]
        return "".join(lines)
