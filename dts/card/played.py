# SPDX-License-Identifier: BSD-3-Clause
"""Two hosts played by network namespaces of this machine: to try the questions' own code.

    host a: up0, up1, vf0-vf2 with rep0-rep2      two cables      host b: the same

What they answer says nothing of a card: all goes by software.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from api.sallyport import binary
from card.bed import Bed
from card.host import Host
from card.nodes import HostConfig, Nodes
from card.ports import PlayedPorts
from card.session import PlayedSession
from framework.namespace import Namespace, cable

VFS = (0, 1, 2)


def config(name: str, number: int) -> HostConfig:
    """What the YAML file would say."""
    return HostConfig(
        name=name, hostname="", user="", port=None, identity=None, sudo=False,
        sallyport=binary("sallyport"), shell_client=binary("sallyport-shell"),
        testpmd="dpdk-testpmd", pci="0000:00:00.0", interfaces=None, vfs=VFS,
        underlay=f"192.0.2.{number}/24", underlay6=f"2001:db8::{number}/64", eal=())


def _vfs(namespace: Namespace, number: int) -> None:
    for vf in VFS:
        cable(namespace, f"rep{vf}", namespace, f"vf{vf}", mac_other=f"02:aa:00:00:{number:02x}:"
                                                                     f"{vf:02x}")
        namespace.mute(f"rep{vf}")


@contextlib.contextmanager
def namespaces() -> Iterator[tuple[Namespace, Namespace]]:
    """Both hosts' namespaces, cabled."""
    with contextlib.ExitStack() as stack:
        made = []
        for number, name in ((1, "card-a"), (2, "card-b")):
            # Neighbour solicitations that no packet waits for need a link-local source.
            namespace = Namespace(name, link_local=True)
            stack.callback(namespace.delete)
            made.append(namespace)
            _vfs(namespace, number)
        for port in (0, 1):
            cable(made[0], f"up{port}", made[1], f"up{port}",
                  mac_one=f"02:00:00:00:01:0{port}", mac_other=f"02:00:00:00:02:0{port}")
            for namespace in made:
                namespace.mute(f"up{port}")
        yield made[0], made[1]


@contextlib.contextmanager
def bed(folder: Path) -> Iterator[Bed]:
    """A bed whose hosts are played."""
    with contextlib.ExitStack() as stack:
        spaces = stack.enter_context(namespaces())
        hosts = [stack.enter_context(Host(PlayedSession(name, space)))
                 for name, space in zip("ab", spaces)]
        yield Bed(Nodes((config("a", 1), config("b", 2)), ("direct", "direct")),
                  (hosts[0], hosts[1]), (PlayedPorts(hosts[0]), PlayedPorts(hosts[1])), folder)
