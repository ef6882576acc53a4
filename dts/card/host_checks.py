# SPDX-License-Identifier: BSD-3-Clause
"""What a host must have before it is asked. Nothing is changed: each complaint says what mends it.

Sallyport itself looks at the rest when it starts (docs/hardware.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from card.host import Host
from card.nodes import HostConfig

#: Without these nothing can be asked; what single questions need is asked there.
TOOLS = ("ip", "devlink", "ethtool", "ping", "tcpdump", "python3", "timeout", "setsid", "base64")
_PACKAGES = "iproute2 ethtool iputils-ping tcpdump python3"


@dataclass
class PortFacts:
    """One of the card's two ports; None: it could not be read."""

    driver: str | None = None
    mode: str | None = None
    multiport: bool | None = None
    interface: str | None = None
    mtu: int | None = None
    carrier: bool | None = None


@dataclass
class HostFacts:
    """What was found."""

    missing_tools: list[str] = field(default_factory=list)
    missing_files: list[str] = field(default_factory=list)
    root: bool = True
    huge_pages_free: int | None = None
    ports: list[PortFacts] = field(default_factory=lambda: [PortFacts(), PortFacts()])
    vfs: int | None = None
    #: VFs of the YAML file's list that have no interface.
    vfs_without_interface: list[int] = field(default_factory=list)


def function_of(pci: str, port: int) -> str:
    """PCI address of one of the card's ports."""
    return f"{pci[:-1]}{port}"


def _first_value(text: str, *keys: str) -> Any:
    """The value under the first of `keys` that is met, anywhere in a JSON document."""
    def search(value: Any) -> Any:
        if isinstance(value, dict):
            for key in keys:
                if key in value:
                    return value[key]
        children = value.values() if isinstance(value, dict) else \
            value if isinstance(value, list) else ()
        return next((found for found in map(search, children) if found is not None), None)
    try:
        return search(json.loads(text))
    except ValueError:
        return None


def _port_facts(host: Host, config: HostConfig, number: int) -> PortFacts:
    function = function_of(config.pci, number)
    facts = PortFacts()
    driver = host.run("readlink", f"/sys/bus/pci/devices/{function}/driver", check=False).stdout
    facts.driver = driver.strip().rsplit("/", 1)[-1] or None
    facts.mode = _first_value(host.run("devlink", "-j", "dev", "eswitch", "show",
                                       f"pci/{function}", check=False).stdout, "mode")
    facts.multiport = _first_value(host.run("devlink", "-j", "dev", "param", "show",
                                            f"pci/{function}", "name", "esw_multiport",
                                            check=False).stdout, "value")
    for path in host.script('ls -d /sys/bus/pci/devices/"$1"/net/*', function,
                            check=False).stdout.split():
        name = host.run("cat", f"{path}/phys_port_name", check=False).stdout.strip()
        interface = path.rsplit("/", 1)[-1]
        wanted = config.interfaces[number] if config.interfaces else None
        if interface == wanted or (wanted is None and name == f"p{number}"):
            facts.interface = interface
            link = host.run("ip", "-json", "link", "show", "dev", interface, check=False).stdout
            facts.mtu = _first_value(link, "mtu")
            facts.carrier = "LOWER_UP" in (_first_value(link, "flags") or [])
    return facts


def facts(host: Host, config: HostConfig) -> HostFacts:
    """Looks at a host."""
    found = HostFacts(missing_tools=host.has(*TOOLS))
    found.missing_files = [path for path in (config.sallyport, config.shell_client)
                           if host.run("test", "-x", path, check=False).status != 0]
    found.root = host.run("id", "-u").stdout.strip() == "0"
    if found.missing_tools:
        return found
    free = host.script("cat /sys/kernel/mm/hugepages/*/free_hugepages", check=False).stdout
    found.huge_pages_free = sum(int(line) for line in free.split()) if free else None
    found.ports = [_port_facts(host, config, number) for number in (0, 1)]
    vfs = host.run("cat", f"/sys/bus/pci/devices/{config.pci}/sriov_numvfs", check=False).stdout
    found.vfs = int(vfs) if vfs.strip().isdigit() else None
    found.vfs_without_interface = [
        vf for vf in config.vfs
        if not host.script('ls /sys/bus/pci/devices/"$1"/virtfn"$2"/net', config.pci, str(vf),
                           check=False).stdout.strip()]
    return found


def _port_complaints(found: PortFacts, pci: str, number: int, mtu: int) -> list[str]:
    function = function_of(pci, number)
    if found.driver is None:
        return [f"p{number} ({function}) is not there, or has no driver: see `lspci -D -d 15b3:`, "
                "and `modprobe mlx5_core`"]
    if found.driver != "mlx5_core":
        return [f"p{number} ({function}) is bound to {found.driver}: bind it to mlx5_core"]
    out = []
    if found.mode is not None and found.mode != "switchdev":
        out.append(f"p{number} is in {found.mode} mode: run 'devlink dev eswitch set "
                   f"pci/{function} mode switchdev'")
    if found.multiport is False:
        out.append(f"esw_multiport is off on p{number}: run 'devlink dev param set pci/{function} "
                   "name esw_multiport value true cmode runtime'")
    if found.interface is None:
        return [*out, f"p{number} ({function}) has no interface: write `interfaces` into the YAML "
                      "file"]
    if found.mtu is not None and found.mtu < mtu:
        out.append(f"{found.interface} has an MTU of {found.mtu}: run 'ip link set dev "
                   f"{found.interface} mtu {mtu}'")
    if found.carrier is False:
        out.append(f"{found.interface} has no carrier: run 'ip link set dev {found.interface} up' "
                   "on both hosts, and look at the cable")
    return out


def complaints(found: HostFacts, config: HostConfig, mtu: int) -> list[str]:
    """What is missing, a line each; empty: the host is ready."""
    out = []
    if found.missing_tools:
        out.append(f"there is no {', '.join(found.missing_tools)}: run 'apt-get install "
                   f"{_PACKAGES}'")
    out += [f"there is no program {path}: install it, or mend its path in the YAML file"
            for path in found.missing_files]
    if not found.root:
        out.append("commands do not run as root: use root, or `sudo: true` in the YAML file")
    if not found.missing_tools:
        if found.huge_pages_free == 0:
            out.append("no huge page is free: boot with 'hugepagesz=1G hugepages=8', or run "
                       "'echo 1024 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages'")
        for number, port in enumerate(found.ports):
            out += _port_complaints(port, config.pci, number, mtu)
        needed = max(config.vfs) + 1
        if found.vfs is not None and found.vfs < needed:
            out.append(f"there are {found.vfs} VFs, and {needed} are needed: run 'echo 0' and then "
                       f"'echo {needed}' to /sys/bus/pci/devices/{config.pci}/sriov_numvfs")
        else:
            out += [f"pf0vf{vf} has no interface: run 'echo $(basename $(readlink /sys/bus/pci/"
                    f"devices/{config.pci}/virtfn{vf})) > /sys/bus/pci/drivers/mlx5_core/bind'"
                    for vf in found.vfs_without_interface]
    return [f"{config.name}: {complaint}" for complaint in out]


def versions(host: Host, config: HostConfig, hardware: bool) -> dict[str, str]:
    """What the report says of a host."""
    said = {"kernel": host.run("uname", "-r").stdout.strip(),
            "cpu": host.script("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1"
                               ).stdout.strip(),
            "sallyport": " ".join(host.run(config.sallyport, "--version",
                                           check=False).stdout.split())}
    if hardware:
        info = host.run("devlink", "-j", "dev", "info", f"pci/{config.pci}", check=False).stdout
        said["firmware"] = str(_first_value(info, "fw.version"))
        said["card"] = str(_first_value(info, "fw.psid"))
        said["VFs at most"] = host.run("cat", f"/sys/bus/pci/devices/{config.pci}/sriov_totalvfs",
                                       check=False).stdout.strip()
        roce = host.run("devlink", "-j", "dev", "param", "show", f"pci/{config.pci}", "name",
                        "enable_roce", check=False).stdout
        said["RoCE"] = str(_first_value(roce, "value"))
    return said
