#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Datagrams with running numbers. Runs on a host, with Python's own library alone.

    numbered.py receive ADDRESS PORT                      until SIGTERM, then prints the arrivals
    numbered.py send ADDRESS PORT PER_SECOND [OCTETS]     until SIGTERM, then prints how many

An arrival is a line `NANOSECONDS NUMBER`, by one clock of the receiver. The last line is `end`.
"""

from __future__ import annotations

import signal
import socket
import struct
import sys
import time


# A flag and no exception: one that came between a call and the noting down of its result would
# make the two ends disagree by one.
_stopped = False


def _stop(*_: object) -> None:
    global _stopped
    _stopped = True


def _socket(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM)


def receive(address: str, port: int) -> None:
    """Writes nothing until the end: a full pipe would be taken for a gap."""
    receiver = _socket(address)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
    receiver.bind((address, port))
    receiver.settimeout(0.5)
    print("listening", flush=True)
    arrivals = []
    # After the signal until nothing comes any more: what is still under way is no loss.
    while True:
        try:
            data = receiver.recv(2048)
        except TimeoutError:
            if _stopped:
                break
            continue
        arrivals.append((time.monotonic_ns(), data[:8]))
    sys.stdout.writelines(f"{when} {struct.unpack('!Q', number)[0]}\n"
                          for when, number in arrivals if len(number) == 8)
    print("end", flush=True)


def send(address: str, port: int, per_second: int, octets: int) -> None:
    """Sends at an even rate by the clock; late ones are sent at once, so that none is skipped.

    A number that the kernel refuses is used for the next datagram.
    """
    sender = _socket(address)
    sender.connect((address, port))
    spacing = 1.0 / per_second
    rest = bytes(max(0, octets - 8))
    number = due = 0
    print("sending", flush=True)
    start = time.monotonic()
    while not _stopped:
        try:
            sender.send(struct.pack("!Q", number) + rest)
            number += 1
        except OSError:
            pass
        due += 1
        left = start + due * spacing - time.monotonic()
        if left > 0:
            time.sleep(left)
    print(f"sent {number}", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    if sys.argv[1] == "receive":
        receive(sys.argv[2], int(sys.argv[3]))
    else:
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]),
             int(sys.argv[5]) if len(sys.argv) > 5 else 64)
