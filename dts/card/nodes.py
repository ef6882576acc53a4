# SPDX-License-Identifier: BSD-3-Clause
"""The YAML file that names the two hosts. Strict: whatever it does not know, it refuses."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

T = TypeVar("T")

_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.0")
_NAME = re.compile(r"[a-z0-9]{1,8}")
_KINDS = {str: "a text", int: "a number", bool: "true or false", list: "a list", dict: "a mapping"}


class NodesError(Exception):
    """One sentence: the file, the key, what is wrong and what would be right."""


@dataclass(frozen=True)
class HostConfig:
    """One host, as the file has it."""

    name: str
    hostname: str
    user: str
    port: int | None
    identity: Path | None
    sudo: bool
    sallyport: str
    shell_client: str
    testpmd: str
    pci: str
    interfaces: tuple[str, str] | None
    vfs: tuple[int, ...]
    underlay: str
    underlay6: str
    eal: tuple[str, ...]


@dataclass(frozen=True)
class Nodes:
    """The whole file."""

    hosts: tuple[HostConfig, HostConfig]
    #: "direct" or "switch" for p0 and p1.
    cables: tuple[str, str]
    underlay_mtu: int = 1600
    vni: int = 100


class _UniqueKeys(yaml.SafeLoader):
    """Of two equal keys PyYAML silently takes the second."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.MarkedYAMLError(None, None, f"{key} stands twice", key_node.start_mark)
            seen.add(key if isinstance(key, str) else str(key))
        return super().construct_mapping(node, deep)


class _Mapping:
    """Takes keys out of a mapping; `finish` complains of those that nobody took."""

    def __init__(self, file: Path, path: str, value: Any) -> None:
        self.file = file
        self.path = path
        self.known: list[str] = []
        if not isinstance(value, dict):
            self.refuse("", f"a mapping is wanted, not {_shown(value)}")
        self.value: dict[Any, Any] = value

    def key(self, key: str) -> str:
        return ".".join(part for part in (self.path, key) if part)

    def refuse(self, key: str, complaint: str) -> None:
        where = self.key(key)
        raise NodesError(f"{self.file}: {where + ': ' if where else ''}{complaint}")

    def take(self, key: str, kind: type[T], default: T | None = None, *,
             needed: bool = True) -> T:
        """The key's value; the default where the file has none, which then is not `needed`."""
        self.known.append(key)
        if key not in self.value:
            if needed and default is None:
                self.refuse(key, f"missing; {_KINDS[kind]} is wanted")
            return default  # type: ignore[return-value]
        value = self.value[key]
        # To Python, true is an int.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            hint = "" if kind is not str or isinstance(value, (list, dict, type(None))) else \
                "; put it in quotes"
            self.refuse(key, f"{_KINDS[kind]} is wanted, not {_shown(value)}{hint}")
        if value == "":
            self.refuse(key, "empty")
        return value

    def items(self, key: str, kind: type[T], default: list[T] | None = None) -> list[T]:
        """A list whose items are all of this kind."""
        values = self.take(key, list, default, needed=default is None)
        for index, value in enumerate(values):
            if not isinstance(value, kind) or isinstance(value, bool):
                self.refuse(f"{key}[{index}]", f"{_KINDS[kind]} is wanted, not {_shown(value)}")
        return values

    def finish(self) -> None:
        for key in self.value:
            if key not in self.known:
                self.refuse(str(key), f"unknown key; known here: {', '.join(self.known)}")


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    for kind, name in ((dict, "a mapping"), (list, "a list"), (bool, "true or false")):
        if isinstance(value, kind):
            return name
    return f"the text '{value}'" if isinstance(value, str) else f"the number {value}"


def _address(source: _Mapping, key: str, version: int) -> str:
    text = source.take(key, str)
    try:
        address = ipaddress.ip_interface(text)
    except ValueError:
        address = None
    if address is None or address.version != version or "/" not in text:
        example = "192.0.2.1/24" if version == 4 else "2001:db8::1/64"
        source.refuse(key, f"'{text}' is no IPv{version} address with a prefix length; "
                           f"right would be {example}")
    return text


def _matching(source: _Mapping, key: str, form: re.Pattern[str], wanted: str) -> str:
    text = source.take(key, str)
    if not form.fullmatch(text):
        source.refuse(key, f"'{text}' is no {wanted}")
    return text


def _host(file: Path, index: int, value: Any) -> HostConfig:
    source = _Mapping(file, f"hosts[{index}]", value)
    name = _matching(source, "name", _NAME, "name of up to 8 small letters and digits")
    hostname = source.take("hostname", str)
    user = source.take("user", str)
    for key, text in (("hostname", hostname), ("user", user)):
        if text.startswith("-") or re.search(r"\s", text):
            source.refuse(key, f"'{text}' is none")
    port = source.take("port", int, needed=False)
    if port is not None and not 1 <= port <= 65535:
        source.refuse("port", f"{port} is not from 1 to 65535")
    identity = source.take("identity", str, needed=False)
    interfaces = source.items("interfaces", str, [])
    if interfaces and len(set(interfaces)) != 2:
        source.refuse("interfaces", "two are wanted: those of the first and of the second port")
    vfs = source.items("vfs", int)
    if not vfs or len(set(vfs)) != len(vfs) or min(vfs) < 0:
        source.refuse("vfs", "numbers of VFs are wanted, at least one, none twice")
    host = HostConfig(
        name=name, hostname=hostname, user=user, port=port,
        identity=Path(identity).expanduser() if identity else None,
        sudo=source.take("sudo", bool, False),
        sallyport=source.take("sallyport", str), shell_client=source.take("shell_client", str),
        testpmd=source.take("testpmd", str, "dpdk-testpmd"),
        pci=_matching(source, "pci", _PCI, "PCI address of a card's first port; right would be "
                                           "\"0000:08:00.0\""),
        interfaces=(interfaces[0], interfaces[1]) if interfaces else None, vfs=tuple(vfs),
        underlay=_address(source, "underlay", 4), underlay6=_address(source, "underlay6", 6),
        eal=tuple(source.items("eal", str, [])))
    source.finish()
    if host.identity is not None and not host.identity.is_file():
        source.refuse("identity", f"there is no file {host.identity}")
    return host


def _agree(top: _Mapping, hosts: list[HostConfig]) -> None:
    """The hosts are two, and neighbours."""
    one, other = hosts
    if one.name == other.name:
        top.refuse("hosts[1].name", f"'{one.name}' is the name of both")
    for key in ("underlay", "underlay6"):
        first, second = (ipaddress.ip_interface(getattr(host, key)) for host in hosts)
        if first.ip == second.ip:
            top.refuse(f"hosts[1].{key}", f"{second.ip} is the address of both")
        if first.network != second.network:
            top.refuse(f"hosts[1].{key}", f"{second} is not in {first.network}, where the first "
                                          "host is")


def load(file: Path) -> Nodes:
    """Reads the file.

    Raises:
        NodesError: it is not as it should be.
    """
    try:
        value = yaml.load(file.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # a SafeLoader
    except OSError as error:
        raise NodesError(f"{file}: {error.strerror}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise NodesError(f"{file}:{line}: no YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise NodesError(f"{file}: no YAML: {' '.join(str(error).split())}") from error
    top = _Mapping(file, "", value)
    entries = top.take("hosts", list)
    if len(entries) != 2:
        top.refuse("hosts", f"two are wanted, and {len(entries)} there")
    hosts = [_host(file, index, entry) for index, entry in enumerate(entries)]
    _agree(top, hosts)
    cables = _Mapping(file, "cables", top.take("cables", dict))
    kinds = [cables.take(port, str) for port in ("p0", "p1")]
    for port, kind in zip(("p0", "p1"), kinds):
        if kind not in ("direct", "switch"):
            cables.refuse(port, f"'{kind}' is neither direct nor switch")
    cables.finish()
    mtu = top.take("underlay_mtu", int, 1600)
    if not 1280 <= mtu <= 9702:
        top.refuse("underlay_mtu", f"{mtu} is not from 1280 to 9702")
    vni = top.take("vni", int, 100)
    if not 1 <= vni <= 16777214:
        top.refuse("vni", f"{vni} is not from 1 to 16777214")
    top.finish()
    return Nodes((hosts[0], hosts[1]), (kinds[0], kinds[1]), mtu, vni)
