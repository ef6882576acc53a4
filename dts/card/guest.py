# SPDX-License-Identifier: BSD-3-Clause
"""What plays a VM: a network namespace on the host that holds a VF's netdev."""

from __future__ import annotations

import json

from card.host import Host, Process, Undo
from framework.process import Result, wait_until


class Guest:
    """A namespace with one interface, `eth0`. The netdev goes back at `close`, or with the host.
    """

    interface = "eth0"

    def __init__(self, host: Host, name: str, netdev: str, address: str, mtu: int = 1500) -> None:
        self.host = host
        self.name = name
        self.netdev = netdev
        self.address = address
        # Of many runs and played hosts on one machine, each has names of its own.
        self.namespace = f"{host.folder.rsplit('.', 1)[-1]}-{host.name}-{name}"
        self._undo: list[Undo] = []
        self._undo.append(host.defer("ip", "netns", "del", self.namespace))
        host.run("ip", "netns", "add", self.namespace)
        # $$ is a process in the host's own namespace.
        self._undo.append(host.defer_script(
            f"ip -n {self.namespace} link set dev {self.interface} down name {netdev} netns $$"))
        host.run("ip", "link", "set", "dev", netdev, "down", "name", self.interface,
                 "netns", self.namespace)
        host.script("""
            ip netns exec "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
            ip -n "$1" link set lo up && ip -n "$1" link set eth0 mtu "$2" up &&
            ip -n "$1" addr add "$3" dev eth0""", self.namespace, str(mtu), address)
        wait_until(self._has_carrier, f"carrier in {self.label}", 10, interval=0.1)
        self.mac = self._link()["address"]

    @property
    def label(self) -> str:
        return f"{self.host.name}/{self.name}"

    @property
    def ip(self) -> str:
        return self.address.split("/")[0]

    def _link(self) -> dict:
        return json.loads(self.host.run("ip", "-n", self.namespace, "-json", "link", "show", "dev",
                                        self.interface).stdout)[0]

    def _has_carrier(self) -> bool:
        return "LOWER_UP" in self._link()["flags"]

    def run(self, *command: str, check: bool = True, timeout: float = 30.0,
            stdin: str | None = None) -> Result:
        return self.host.run("ip", "netns", "exec", self.namespace, *command, check=check,
                             timeout=timeout, stdin=stdin)

    def start(self, *command: str, name: str = "") -> Process:
        return self.host.start("ip", "netns", "exec", self.namespace, *command,
                               name=name or command[0].rsplit("/", 1)[-1])

    def close(self) -> None:
        while self._undo:
            self._undo.pop().now()
