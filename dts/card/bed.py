# SPDX-License-Identifier: BSD-3-Clause
"""The two hosts, and the two ways in which questions use them.

    pair()    Sallyport on both: guests talk through both cards
    bench()   Sallyport on the first only; the second is a station that captures and sends frames
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from scapy.packet import Packet

from api.config import VmPortConfig
from card.analysis import software_share
from card.guest import Guest
from card.host import Host
from card.hypervisor import Hypervisor
from card.nodes import Nodes
from card.ports import CardPorts
from card.sallyport import RemoteSallyport
from card.station import Capture, Station, send_frames
from card.traffic import wait_ping
from framework.process import wait_until

#: A station of tenant blue that is behind the bench's station.
FAR = "02:dd:00:00:00:01"
FAR_IP = "10.0.0.9"

Prepare = Callable[[Hypervisor], object]


class Pair:
    """Two hypervisors; `one` is a guest of the first, `far` of the second."""

    def __init__(self, a: Hypervisor, b: Hypervisor) -> None:
        self.a = a
        self.b = b

    @property
    def one(self) -> Guest:
        return self.a.guests["one"]

    @property
    def far(self) -> Guest:
        return self.b.guests["far"]


class Bench:
    """One hypervisor with guest `one`, and a station that is its only remote vtep."""

    def __init__(self, a: Hypervisor, station: Station) -> None:
        self.a = a
        self.station = station
        self.remote = station.address6 if a.ipv6 else station.address

    @property
    def one(self) -> Guest:
        return self.a.guests["one"]

    def guest_capture(self, *filter_words: str) -> Capture:
        """Captures what guest `one` gets."""
        return Capture(self.a.host, self.one, self.one.interface, *filter_words)

    def frames_from(self, guest: Guest, frames: Iterable[Packet | bytes], times: int = 1,
                    per_second: float = float("inf")) -> None:
        """A guest sends frames as they are."""
        send_frames(self.a.host, guest, guest.interface, frames, times, per_second)


class Bed:
    """Both hosts, connected."""

    def __init__(self, nodes: Nodes, hosts: tuple[Host, Host], ports: tuple[CardPorts, CardPorts],
                 folder: Path) -> None:
        self.nodes = nodes
        self.hosts = hosts
        self.ports = ports
        self.folder = folder
        #: Processes that run: the report of a failed case shows their logs.
        self.running: list[Hypervisor] = []

    @property
    def hardware(self) -> bool:
        """Whether there are cards at all."""
        return all(ports.hardware for ports in self.ports)

    def need(self, *tools: str, index: int | None = None) -> None:
        """Skips the case where a host lacks a tool."""
        for host in self.hosts if index is None else (self.hosts[index],):
            missing = host.has(*tools)
            if missing:
                pytest.skip(f"{host.name} lacks {', '.join(missing)}")

    def need_card(self, why: str) -> None:
        """Skips the case where hosts are played."""
        if not self.hardware:
            pytest.skip(f"played hosts have no card: {why}")

    def need_vfs(self, count: int, index: int = 0) -> None:
        """Skips the case where a host's list of VFs is too short."""
        config = self.nodes.hosts[index]
        if len(config.vfs) < count:
            pytest.skip(f"{config.name} has {len(config.vfs)} of the {count} VFs that are needed")

    def by_nic(self, sent: int, by_software: int) -> None:
        """What the CPU has forwarded says nothing of the NIC.

        Raises:
            AssertionError: there are cards, and the CPU had half of the packets or more.
        """
        share = software_share(sent, by_software)
        assert not self.hardware or share < 0.5, (
            f"not answered: {share:.0%} of the packets went by the CPU; `show flow` and `show fdb` "
            "say why")

    def refuses(self, **vm_settings: int | str) -> str:
        """What Sallyport says against these keys of a vm port; empty: it takes them."""
        hypervisor = self.hypervisor(0)
        hypervisor.blue.vm_ports.append(VmPortConfig(
            "one", hypervisor.ports.vf_device(hypervisor.config.vfs[0]), settings=vm_settings))
        process = RemoteSallyport(hypervisor.host, hypervisor.config, hypervisor.ports,
                                  hypervisor.main, hypervisor.tenants)
        process.write_config()
        result = process.check_config()
        return result.output.strip() if result.status != 0 else ""

    def hypervisor(self, index: int, ipv6: bool = False) -> Hypervisor:
        return Hypervisor(self.hosts[index], self.nodes.hosts[index], self.ports[index],
                          self.nodes.vni, self.nodes.underlay_mtu, ipv6)

    def station(self, index: int = 1) -> Station:
        config = self.nodes.hosts[index]
        return Station(self.hosts[index], self.ports[index].interfaces, config.underlay,
                       config.underlay6, self.folder)

    @contextlib.contextmanager
    def _closing(self, *hypervisors: Hypervisor) -> Iterator[None]:
        """Closes all of them, even if one cannot be."""
        with contextlib.ExitStack() as stack:
            self.running = list(hypervisors)
            for hypervisor in hypervisors:
                stack.callback(hypervisor.close)
            yield

    @contextlib.contextmanager
    def pair(self, prepare: Prepare = lambda _: None, *, ipv6: bool = False, mtu: int = 1500,
             **vm_settings: int | str) -> Iterator[Pair]:
        """Sallyport on both hosts, and guests that reach each other.

        Args:
            prepare: what a question changes in each hypervisor before its start.
            vm_settings: further keys of the first guest's vm port.
        """
        a, b = self.hypervisor(0, ipv6), self.hypervisor(1, ipv6)
        a.blue.remote_vteps, b.blue.remote_vteps = [b.vtep], [a.vtep]
        with self._closing(a, b):
            a.guest("one", 0, "10.0.0.1/24", mtu=mtu, **vm_settings)
            b.guest("far", 0, "10.0.0.2/24", mtu=mtu)
            for hypervisor in (a, b):
                prepare(hypervisor)
                hypervisor.start()
            pair = Pair(a, b)
            self.same_uplink(pair)
            wait_ping(pair.one, pair.far.ip)
            yield pair

    def use(self, hypervisor: Hypervisor, uplink: str) -> None:
        """Makes an uplink the active one."""
        wait_until(lambda: hypervisor.shell.active_uplink() is not None,
                   f"{hypervisor.host.name} has an active uplink", 20, interval=0.1)
        if hypervisor.shell.active_uplink() != uplink:
            hypervisor.shell.run("failover switch")
            hypervisor.shell.wait_active(uplink)

    def same_uplink(self, pair: Pair, uplink: str = "p0") -> None:
        """Direct cables join p0 to p0 alone: both use the same."""
        self.use(pair.a, uplink)
        self.use(pair.b, uplink)

    @contextlib.contextmanager
    def bench(self, prepare: Prepare = lambda _: None, *, ipv6: bool = False) -> Iterator[Bench]:
        """Sallyport on the first host; all stations are known to it, so that none is learned."""
        a = self.hypervisor(0, ipv6)
        station = self.station()
        bench = Bench(a, station)
        a.blue.remote_vteps = [bench.remote]
        with self._closing(a):
            guest = a.guest("one", 0, "10.0.0.1/24")
            # The far station answers no ARP.
            guest.run("ip", "neigh", "replace", FAR_IP, "lladdr", FAR, "dev", guest.interface)
            a.main.next_hops += [f"{bench.remote} {mac} p{port}"
                                 for port, mac in enumerate(station.macs)]
            a.blue.fdb += [f"{FAR} vtep {bench.remote}", f"{guest.mac} port one"]
            prepare(a)
            a.start()
            self.use(a, "p0")
            yield bench

    def addresses_beyond(self, index: int, count: int) -> list[str]:
        """Underlay addresses that no host has: remote vteps that nobody answers for."""
        network = ipaddress.ip_interface(self.nodes.hosts[index].underlay).network
        used = {ipaddress.ip_interface(host.underlay).ip for host in self.nodes.hosts}
        found = [str(address) for address in network.hosts() if address not in used]
        return found[:count]
