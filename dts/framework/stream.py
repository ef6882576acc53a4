#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A numbered datagram stream: what was lost, and for how long nothing came.

Run inside a namespace:
    stream.py receive ADDRESS PORT [FILE]   until SIGTERM, then prints one line of JSON; to FILE
                                            go all arrivals, as pairs of 64 bits, big endian:
                                            nanoseconds of the wall clock, number
    stream.py send ADDRESS PORT PER_SECOND  until SIGTERM, then prints how many were sent
"""

from __future__ import annotations

import array
import ctypes
import json
import signal
import socket
import struct
import sys
import time

_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_PR_SET_TIMERSLACK = 29


class _Stop:
    """Set by SIGTERM. An exception would come between a datagram and its being counted."""

    asked = False

    @classmethod
    def ask(cls, *_: object) -> None:
        cls.asked = True


def _socket(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM)


def _arrival(extra: list[tuple[int, int, bytes]]) -> int:
    """When the kernel had the datagram, nanoseconds: we may have been waiting for a core since."""
    for level, kind, value in extra:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("=qq", value[:16])
            return seconds * 1_000_000_000 + nanoseconds
    return time.time_ns()


def receive(address: str, port: int, file: str | None) -> None:
    """Counts arrivals by number; the longest silence between two of them, and where it was."""
    receiver = _socket(address)
    # Beyond net.core.rmem_max: what this socket lost would look like a loss on the way.
    receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
    receiver.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    receiver.bind((address, port))
    print("listening", flush=True)
    arrivals: list[tuple[int, int]] = []
    # What is still under way when it is to stop is no loss.
    receiver.settimeout(0.3)
    while True:
        try:
            data, extra, _, _ = receiver.recvmsg(2048, 64)
        except TimeoutError:
            if _Stop.asked:
                break
            continue
        arrivals.append((_arrival(extra), struct.unpack("!Q", data[:8])[0]))
    if file is not None:
        flat = array.array("Q", (value for arrival in arrivals for value in arrival))
        if sys.byteorder == "little":
            flat.byteswap()
        with open(file, "wb") as out:
            flat.tofile(out)
    numbers = [number for _, number in arrivals]
    distinct = set(numbers)
    silence, missing_there = 0, 0
    for (before, first), (after, second) in zip(arrivals, arrivals[1:]):
        if after - before > silence:
            silence, missing_there = after - before, second - first - 1
    print(json.dumps({
        "received": len(distinct),
        "duplicates": len(numbers) - len(distinct),
        "last": max(distinct, default=-1),
        "silence_ms": silence / 1e6,
        "lost_in_silence": missing_there,
    }), flush=True)


def send(address: str, port: int, per_second: int) -> None:
    """Sends at an even rate by the clock; late ones are sent at once, so that none is skipped."""
    # The kernel's default slack of 50 us is half of the spacing at 10,000 a second.
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    sender = _socket(address)
    sender.connect((address, port))
    spacing = 1.0 / per_second
    start = time.monotonic()
    number = 0
    refused = 0
    while not _Stop.asked:
        try:
            sender.send(struct.pack("!Q", number) + bytes(56))
        except OSError:
            refused += 1
        number += 1
        left = start + number * spacing - time.monotonic()
        if left > 0:
            time.sleep(left)
    print(json.dumps({"sent": number, "refused": refused}), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _Stop.ask)
    if sys.argv[1] == "receive":
        receive(sys.argv[2], int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else None)
    else:
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
