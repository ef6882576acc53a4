# SPDX-License-Identifier: BSD-3-Clause
"""What leaves by both uplinks, packet by packet with the kernel's time."""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass

from framework.namespace import Namespace, Switch

_ETH_P_ALL = 3
_SOL_PACKET = 263
_PACKET_IGNORE_OUTGOING = 23
_PACKET_STATISTICS = 6
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35

#: Of the number in the frame: Ethernet, IPv4, UDP, VXLAN, and again Ethernet, IPv4 and UDP.
_NUMBER_AT = 14 + 20 + 8 + 8 + 14 + 20 + 8
_OUTER_PORT_AT = 14 + 20 + 2
_INNER_PORT_AT = _NUMBER_AT - 6


@dataclass(frozen=True)
class Sighting:
    """A numbered packet on a cable."""

    time_ns: int
    number: int


class Tap:
    """All packets of a numbered stream that come in by a switch's port, in VXLAN over IPv4."""

    def __init__(self, space: Namespace, interface: str, stream_port: int = 7000) -> None:
        self._stream_port = stream_port
        with space.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            self._socket.bind((interface, _ETH_P_ALL))
        self._socket.setblocking(False)

    def drain(self) -> list[Sighting]:
        """Those since the last call. An interface that goes down says so once, which is no frame."""
        seen = []
        while True:
            try:
                frame, extra, _, _ = self._socket.recvmsg(256, 64)
            except BlockingIOError:
                return seen
            except OSError:
                continue
            if len(frame) < _NUMBER_AT + 8:
                continue
            if struct.unpack_from("!H", frame, _OUTER_PORT_AT)[0] != 4789:
                continue
            if struct.unpack_from("!H", frame, _INNER_PORT_AT)[0] != self._stream_port:
                continue
            seconds, nanoseconds = struct.unpack("=qq", extra[0][2][:16])
            seen.append(Sighting(seconds * 1_000_000_000 + nanoseconds,
                                 struct.unpack_from("!Q", frame, _NUMBER_AT)[0]))

    def forget_losses(self) -> int:
        """How many the socket itself has lost for want of room, since the last call."""
        value = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        return struct.unpack("=II", value)[1]

    def assert_whole(self) -> None:
        """Nothing was, since the last call of either."""
        lost = self.forget_losses()
        assert lost == 0, f"the recording itself has lost {lost} packets"

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def taps(switches: list[Switch], port: str):
    """One on the same port of each switch."""
    made = [Tap(switch.namespace, port) for switch in switches]
    try:
        yield made
    finally:
        for tap in made:
            tap.close()
