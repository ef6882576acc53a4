# SPDX-License-Identifier: BSD-3-Clause
"""Frames on a wire: sending them as they are, and seeing every one that passes."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable

from scapy.config import conf
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet

from framework.namespace import Namespace
from framework.process import TIME_SCALE, note

conf.verb = 0

_ETH_P_ALL = 3
_SOL_PACKET = 263
_PACKET_AUXDATA = 8
_PACKET_IGNORE_OUTGOING = 23
_PACKET_STATISTICS = 6
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_TP_STATUS_VLAN_VALID = 1 << 4
_TP_STATUS_VLAN_TPID_VALID = 1 << 6


class Wire:
    """A packet socket on one interface: whatever arrives there is kept from the start on.

    Frames that the kernel or another packet socket sends out of the interface are not seen: what
    is read is what came in by the cable.
    """

    def __init__(self, namespace: Namespace, interface: str) -> None:
        self.namespace = namespace
        self.interface = interface
        self._arrived = 0.0
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
            self.socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self.socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            self.socket.bind((interface, _ETH_P_ALL))
        self.socket.setblocking(False)

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, *frames: Packet | bytes) -> None:
        """Sends frames as they are."""
        for frame in frames:
            raw = bytes(frame)
            self.socket.setblocking(True)
            try:
                self.socket.send(raw)
            finally:
                self.socket.setblocking(False)
        note(f"{self.namespace.label}/{self.interface}: sent {len(frames)} frame(s), first "
             f"{Ether(bytes(frames[0])).summary() if frames else ''}")

    def _receive_one(self) -> bytes | None:
        try:
            data, extra, _, _ = self.socket.recvmsg(65536, 256)
        except BlockingIOError:
            return None
        for level, kind, value in extra:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = struct.unpack("=qq", value[:16])
                self._arrived = seconds + nanoseconds / 1e9
            # The kernel takes a VLAN tag out of the frame and hands it over beside it.
            if level == _SOL_PACKET and kind == _PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", value[:20])
                if status & _TP_STATUS_VLAN_VALID:
                    if not status & _TP_STATUS_VLAN_TPID_VALID:
                        tpid = 0x8100
                    data = data[:12] + struct.pack(">HH", tpid, tci) + data[12:]
        return data

    def drain(self) -> list[Packet]:
        """All that has arrived and was not read yet; `time` of each is when it did."""
        frames = []
        while (raw := self._receive_one()) is not None:
            frame = Ether(raw)
            frame.time = self._arrived
            frames.append(frame)
        return frames

    def drain_raw(self) -> list[bytes]:
        """The same without a look into them, for thousands a second."""
        frames = []
        while (raw := self._receive_one()) is not None:
            frames.append(raw)
        return frames

    def lost(self) -> int:
        """Frames that this socket itself lost for want of room, since the last call."""
        value = self.socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        return struct.unpack("=II", value)[1]

    def collect(self, enough: Callable[[list[Packet]], bool], what: str, timeout: float = 5.0,
                match: Callable[[Packet], bool] = lambda _: True) -> list[Packet]:
        """Reads frames that `match` until they are `enough`.

        Raises:
            AssertionError: the deadline passed; says what was waited for and what came.
        """
        deadline = time.monotonic() + timeout * TIME_SCALE
        frames: list[Packet] = []
        while True:
            frames += [frame for frame in self.drain() if match(frame)]
            if enough(frames):
                return frames
            left = deadline - time.monotonic()
            if left <= 0:
                came = "\n".join(frame.summary() for frame in frames[:20])
                raise AssertionError(
                    f"{self.namespace.label}/{self.interface}: {what}: not within "
                    f"{timeout * TIME_SCALE:g} s; matching frames that came: "
                    f"{len(frames)}\n{came}")
            select.select([self.socket], [], [], left)

    def expect(self, match: Callable[[Packet], bool], what: str, count: int = 1,
               timeout: float = 5.0) -> list[Packet]:
        """Reads until `count` frames that `match` have come, and returns them."""
        return self.collect(lambda frames: len(frames) >= count, what, timeout, match)

    def expect_one(self, match: Callable[[Packet], bool], what: str,
                   timeout: float = 5.0) -> Packet:
        return self.expect(match, what, 1, timeout)[0]


def outer(source: str, destination: str, **fields: object) -> Packet:
    """An IPv4 or IPv6 header, by the family of the addresses."""
    header = IPv6 if ":" in source else IP
    return header(src=source, dst=destination, **fields)


def vxlan(outer_ether: Packet, outer_ip: Packet, vni: int, inner: Packet, *,
          source_port: int = 55555, port: int = 4789, checksum: int | None = None,
          flags: int = 0x08, **fields: object) -> Packet:
    """A VXLAN packet; over IPv4 with a zero UDP checksum unless one is given (None: computed)."""
    udp = UDP(sport=source_port, dport=port)
    if checksum is not None:
        udp.chksum = checksum
    elif isinstance(outer_ip, IP):
        udp.chksum = 0
    return outer_ether / outer_ip / udp / VXLAN(flags=flags, vni=vni, **fields) / inner


def has(marker: bytes) -> Callable[[Packet], bool]:
    """Matches frames that carry these octets anywhere."""
    # As it came: scapy takes a hundred times as long to put a packet together again.
    return lambda frame: marker in (frame.original or bytes(frame))


def is_raw_vxlan(frame: bytes) -> bool:
    """Whether an octet string is a frame to VXLAN's usual port, over IPv4 or IPv6."""
    ipv6 = frame[12:14] == b"\x86\xdd"
    udp = 14 + (40 if ipv6 else 20)
    return (frame[20 if ipv6 else 23:][:1] == b"\x11"
            and frame[udp + 2:udp + 4] == (4789).to_bytes(2, "big"))


def is_vxlan(port: int = 4789) -> Callable[[Packet], bool]:
    """Matches frames to the VXLAN port."""
    return lambda frame: UDP in frame and frame[UDP].dport == port

