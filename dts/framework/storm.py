#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Floods a segment: frames in turn to all and to stations that do not exist, until SIGTERM.

Run inside a namespace:
    storm.py INTERFACE PER_SECOND MARKER    prints how many were sent
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import time

_BATCH = 20


class _Stop:
    """Set by SIGTERM."""

    asked = False

    @classmethod
    def ask(cls, *_: object) -> None:
        cls.asked = True


def storm(interface: str, per_second: int, marker: bytes) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((interface, 0))
        own = sender.getsockname()[4]
        payload = b"\x88\xb5" + marker.ljust(100, b".")
        frames = [bytes.fromhex(to) + own + payload for to in ("ffffffffffff", "02dead00beef")]
        start, sent = time.monotonic(), 0
        while not _Stop.asked:
            for _ in range(_BATCH):
                sender.send(frames[sent % 2])
                sent += 1
            time.sleep(max(0.0, start + sent / per_second - time.monotonic()))
    print(json.dumps({"sent": sent}), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _Stop.ask)
    storm(sys.argv[1], int(sys.argv[2]), sys.argv[3].encode())
