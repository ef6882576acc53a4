#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Frames as they are. Runs on a host, with Python's own library alone.

    frames.py send INTERFACE [TIMES [PER_SECOND]]

Each line of standard input is a frame in hexadecimal.
"""

from __future__ import annotations

import socket
import sys
import time


def send(interface: str, times: int, per_second: float) -> None:
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sender.bind((interface, 0))
    frames = [bytes.fromhex(line) for line in sys.stdin if line.strip()]
    start = time.monotonic()
    for number, frame in enumerate(frames * times):
        sender.send(frame)
        left = start + (number + 1) / per_second - time.monotonic()
        if left > 0:
            time.sleep(left)


if __name__ == "__main__":
    send(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1,
         float(sys.argv[4]) if len(sys.argv) > 4 else float("inf"))
