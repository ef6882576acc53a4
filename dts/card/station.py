# SPDX-License-Identifier: BSD-3-Clause
"""Frames at the other end of the cables: sent as they are, and captured as they come."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet
from scapy.utils import rdpcap

from card.host import Host, Process
from framework.process import Result, wait_until


class Place(Protocol):
    """A host or a guest on it: where a command can be run."""

    def run(self, *command: str, check: bool = True, timeout: float = 30.0,
            stdin: str | None = None) -> Result: ...

    def start(self, *command: str, name: str = "") -> Process: ...


def send_frames(host: Host, place: Place, interface: str, frames: Iterable[Packet | bytes],
                times: int = 1, per_second: float = float("inf")) -> None:
    """Sends frames out of an interface, as they are."""
    place.run("python3", host.agent("frames.py"), "send", interface, str(times), str(per_second),
              stdin="".join(bytes(frame).hex() + "\n" for frame in frames), timeout=120)


class Capture:
    """tcpdump on an interface, of what comes in, from `with` to `packets`."""

    def __init__(self, host: Host, place: Place, interface: str, *filter_words: str,
                 keep: Path | None = None) -> None:
        """`keep`: where the capture is copied to."""
        self.host = host
        self.keep = keep
        self._packets: list[Packet] | None = None
        self._process = place.start(
            "tcpdump", "-n", "-U", "--immediate-mode", "-B", "65536", "-s", "0", "-Q", "in",
            "-Z", "root", "-i", interface, "-w", f"{host.folder}/capture-{id(self)}.pcap",
            *filter_words, name="tcpdump")
        self._process.wait_for_text("listening on")

    def so_far(self) -> list[Packet]:
        """What has come; the capture goes on."""
        data = self.host.get(f"capture-{id(self)}.pcap")
        return self._read(data)

    def _read(self, data: bytes) -> list[Packet]:
        try:
            return list(rdpcap(io.BytesIO(data)))
        except EOFError:
            return []

    def expect(self, match: Callable[[Packet], bool], what: str, count: int = 1,
               timeout: float = 5.0) -> list[Packet]:
        """Waits for packets that match, and returns them."""
        def found() -> list[Packet]:
            matching = [packet for packet in self.so_far() if match(packet)]
            return matching if len(matching) >= count else []
        return wait_until(found, f"{what}, captured on {self.host.name}", timeout, interval=0.1)

    def packets(self) -> list[Packet]:
        """Ends the capture: all of it."""
        if self._packets is None:
            # What arrived just now is still on its way through the kernel's ring.
            self._process.stop("INT")
            data = self.host.get(f"capture-{id(self)}.pcap")
            if self.keep is not None:
                self.keep.write_bytes(data)
            self._packets = self._read(data)
        return self._packets

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_: object) -> None:
        self.packets()


class Station:
    """A host without Sallyport: its two ports are just ports.

    Its kernel has no address on them, so that it answers nobody; segments are not merged, so that
    a capture shows what was on the wire.
    """

    def __init__(self, host: Host, interfaces: tuple[str, str], address: str, address6: str,
                 folder: Path) -> None:
        self.host = host
        self.interfaces = interfaces
        self.address = address.split("/")[0]
        self.address6 = address6.split("/")[0]
        self.folder = folder
        self.macs = []
        for interface in interfaces:
            link = json.loads(host.run("ip", "-json", "link", "show", "dev", interface).stdout)[0]
            self.macs.append(link["address"])
            self._plain(interface)

    def _plain(self, interface: str) -> None:
        for feature in ("gro", "lro"):
            long = {"gro": "generic-receive-offload", "lro": "large-receive-offload"}[feature]
            was = self.host.run("ethtool", "-k", interface, check=False).stdout
            if f"{long}: on\n" in was:
                self.host.defer("ethtool", "-K", interface, feature, "on")
                self.host.run("ethtool", "-K", interface, feature, "off")

    def capture(self, port: int, *filter_words: str, name: str = "") -> Capture:
        """Captures what comes in by one of the ports."""
        keep = self.folder / f"{name}-p{port}.pcap" if name else None
        return Capture(self.host, self.host, self.interfaces[port], *filter_words, keep=keep)

    def send(self, port: int, *frames: Packet | bytes, times: int = 1) -> None:
        send_frames(self.host, self.host, self.interfaces[port], frames, times)

    def vxlan(self, underlay_mac: str, destination: str, vni: int, inner: Packet, *,
              source_port: int = 55555, checksum: int | None = 0, udp_length: int | None = None,
              extension: Packet | None = None) -> Packet:
        """A VXLAN packet from here, with the oddities of the arguments.

        Args:
            checksum: of UDP; None: the right one.
            udp_length: None: the right one.
            extension: an IPv6 extension header.
        """
        outer = (IPv6(src=self.address6, dst=destination) if ":" in destination
                 else IP(src=self.address, dst=destination, flags="DF"))
        if extension is not None:
            outer = outer / extension
        udp = UDP(sport=source_port, dport=4789, len=udp_length)
        if checksum is not None:
            udp.chksum = checksum
        return (Ether(src=self.macs[0], dst=underlay_mac) / outer / udp
                / VXLAN(flags=0x08, vni=vni) / inner)
