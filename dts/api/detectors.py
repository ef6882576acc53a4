# SPDX-License-Identifier: BSD-3-Clause
"""The failover detectors of a hypervisor, and what they are there to find."""

from __future__ import annotations

from api.bfd_router import BfdRouter
from api.lab import Hypervisor, Lab
from framework.namespace import Switch


class DeadEnd:
    """The switch's port forwards nothing, though its link stays up; well again at the end."""

    def __init__(self, switch: Switch, port: str) -> None:
        self._switch = switch
        self._port = port

    def __enter__(self) -> DeadEnd:
        self._switch.namespace.ip("link", "set", self._port, "nomaster")
        return self

    def __exit__(self, *_: object) -> None:
        self._switch.namespace.ip("link", "set", self._port, "master", "bridge")


def detector(hypervisor: Hypervisor, uplink: str) -> dict:
    """What `show detector` says of it."""
    return next(one for one in hypervisor.shell.json("show detector") if one["uplink"] == uplink)


def fault(hypervisor: Hypervisor, uplink: str) -> str | None:
    """Why it is not usable."""
    return next(one["fault"] for one in hypervisor.shell.json("show uplink")["uplinks"]
                if one["name"] == uplink)


def last_switch(hypervisor: Hypervisor) -> tuple[str | None, str | None, str, str]:
    record = hypervisor.shell.json("show failover history")[-1]
    return record["from"], record["to"], record["reason"], record["seen_by"]


def detector_macs(hypervisor: Hypervisor) -> list[str]:
    return [detector(hypervisor, uplink)["mac"] for uplink in hypervisor.uplinks]


def bfd_routers(lab: Lab, hypervisor: Hypervisor, interval_ms: int = 60) -> list[BfdRouter]:
    """A router with FRR's bfdd on each switch, with which the hypervisor is to have a session by
    the uplink there once it starts. They go with the lab."""
    routers = []
    for index, switch in enumerate(lab.switches):
        local, remote = lab.address(5 + index), lab.address(251 + index)
        hypervisor.main.settings |= {f"uplink.p{index}.bfd_local": local,
                                     f"uplink.p{index}.bfd_peer": remote}
        router = BfdRouter(f"router{index}", switch, f"02:00:00:00:fb:0{index}", remote,
                           lab.prefix_length, local, interval_ms=interval_ms)
        lab.on_close(router.delete)
        routers.append(router)
    return routers
