# SPDX-License-Identifier: BSD-3-Clause
"""The test bench for single frames: one hypervisor whose VMs and remote vteps are packet sockets.

A *place* is where a frame is sent or heard: the name of a VM, or the address of a remote vtep.
"""

from __future__ import annotations

import itertools
import select
import time
from collections import defaultdict
from collections.abc import Callable

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from api.config import Value
from api.lab import Lab, Station
from api.shell import Shell
from api.vm import Vm
from api.wire import Wire, is_vxlan, outer, vxlan
from framework.closing import Closing
from framework.process import TIME_SCALE

BROADCAST = "ff:ff:ff:ff:ff:ff"


def unicast(source: str, destination: str, marker: bytes) -> Packet:
    """A UDP datagram in an Ethernet frame; `marker` is its payload."""
    return (Ether(src=source, dst=destination) / IP(src="10.0.0.1", dst="10.0.0.2")
            / UDP(sport=1, dport=2) / marker)


class Bench(Closing):
    """Owns a Lab with one hypervisor, `hv`, and stations that are its remote vteps.

    Args:
        stations: how many.
        strangers: stations that no tenant names.
        settings: keys of the main file.
    """

    def __init__(self, stations: int, *, strangers: int = 0, ipv6: bool = False, mtu: int = 1600,
                 workers: int = 1, uplink_kind: str = "veth",
                 settings: dict[str, Value] | None = None) -> None:
        self.lab = Lab(ipv6=ipv6, mtu=mtu)
        self.wires: dict[str, Wire] = {}
        self.heard: dict[str, list[Packet]] = defaultdict(list)
        self._markers = itertools.count()
        try:
            self.hv = self.lab.hypervisor("hv1", 1, workers, uplink_kind)
            self.hv.main.settings.update(settings or {})
            self.stations: dict[str, Station] = {}
            self.strangers: list[Station] = []
            for number in range(stations + strangers):
                station = self.lab.station(f"vtep{number}", 21 + number)
                self.hv.main.next_hops.append(f"{station.address} {station.mac}")
                if number < stations:
                    self.stations[station.address] = station
                else:
                    self.strangers.append(station)
        except BaseException:
            self.lab.close()
            raise

    @property
    def vteps(self) -> list[str]:
        """Addresses of the stations."""
        return list(self.stations)

    @property
    def shell(self) -> Shell:
        return self.hv.shell

    def raw_vm(self, tenant: str, name: str, number: int, *, macs: list[str] | None = None,
               kind: str = "tap", mtu: int = 1500) -> Vm:
        """A VM without addresses, which says only what the suite says."""
        return self.hv.vm(tenant, name, number, kind, macs=macs, mtu=mtu, addresses=[])

    def start(self) -> None:
        self.hv.start()
        for name, vm in self.hv.vms.items():
            vm.namespace.mute(vm.interface)
            self.wires[name] = Wire(vm.namespace, vm.interface)
        for address, station in self.stations.items():
            self.wires[address] = station.wire

    # Sending.

    def outer_ether(self, station: Station) -> Packet:
        return Ether(src=station.mac, dst=self.hv.underlay_mac)

    def encapsulated(self, station: Station, vni: int, frame: Packet, *,
                     destination: str | None = None, **fields: object) -> Packet:
        """`frame` in VXLAN as the station sends it to the hypervisor."""
        return vxlan(self.outer_ether(station),
                     outer(station.address, destination or self.hv.vtep), vni, frame, **fields)

    def send_at(self, place: str, vni: int, *frames: Packet) -> None:
        """Sends at a VM's port, or inside VXLAN of a remote vtep."""
        if place in self.stations:
            station = self.stations[place]
            frames = tuple(self.encapsulated(station, vni, frame) for frame in frames)
        self.wires[place].send(*frames)

    # Hearing.

    def listen(self) -> None:
        """Files what has arrived by place.

        A switch floods what is for a MAC that it has not learned yet: a remote vtep hears only what
        is for itself.
        """
        for place, wire in self.wires.items():
            frames = wire.drain()
            if place in self.stations:
                own = (self.stations[place].mac, BROADCAST)
                frames = [frame for frame in frames if frame.dst in own]
            self.heard[place] += frames

    def drain(self) -> None:
        """Forgets what was heard until now."""
        self.listen()
        self.heard.clear()

    def frames_at(self, place: str, marker: bytes) -> list[Packet]:
        """Frames with this marker that were heard at a place, as they came."""
        return [frame for frame in self.heard[place] if marker in frame.original]

    def places_that_heard(self, marker: bytes) -> set[str]:
        """All places where a frame with this marker has arrived."""
        self.listen()
        return {place for place in self.wires if self.frames_at(place, marker)}

    def wait_for(self, condition: Callable[[], bool], what: str, timeout: float = 5.0) -> None:
        """Listens until the condition holds."""
        deadline = time.monotonic() + timeout * TIME_SCALE
        while True:
            self.listen()
            if condition():
                return
            if time.monotonic() > deadline:
                heard = {place: [frame.summary() for frame in frames[-5:]]
                         for place, frames in self.heard.items()}
                raise AssertionError(f"not within {timeout * TIME_SCALE:g} s: {what}; "
                                     f"heard last: {heard}")
            select.select([wire.socket for wire in self.wires.values()], [], [], 0.02)

    def expect_at(self, place: str, vni: int, marker: bytes, count: int = 1) -> list[Packet]:
        """Waits for frames with this marker; at a vtep they must be VXLAN of this VNI."""
        self.wait_for(lambda: len(self.frames_at(place, marker)) >= count,
                      f"{count} frame(s) with {marker!r} at {place}")
        frames = self.frames_at(place, marker)
        if place in self.stations:
            for frame in frames:
                assert is_vxlan()(frame), frame.summary()
                assert frame["VXLAN"].vni == vni, frame.show(dump=True)
        return frames

    def barrier(self, tenant: str, vni: int) -> None:
        """Returns when all that was sent before at the tenant's VM ports was dealt with.

        Each VM of the tenant sends a broadcast that all others must hear, which is behind all
        that the port had received before. Learns each VM's MAC.
        """
        names = [port.name for port in self.hv.tenants[tenant].vm_ports]
        places = [*names, *self.hv.tenants[tenant].remote_vteps]
        for name in names:
            marker = b"barrier %d." % next(self._markers)
            self.wires[name].send(unicast(self.hv.vms[name].mac, BROADCAST, marker))
            for place in places:
                if place != name and place in self.wires:
                    self.expect_at(place, vni, marker)

    def close(self) -> None:
        for name in self.hv.vms:
            if name in self.wires:
                self.wires[name].close()
        self.lab.close()
