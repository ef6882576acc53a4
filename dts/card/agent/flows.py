#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""UDP flows to somebody who does not answer. Runs on a host, with Python's own library alone.

    flows.py many ADDRESS FLOWS               one datagram to each of the ports 20000, 20001 ...
    flows.py spray PORT SECONDS ADDRESS...    as fast as it goes, to the addresses in turn
"""

from __future__ import annotations

import itertools
import socket
import sys
import time


def _send(sender: socket.socket, octets: int, address: str, port: int) -> None:
    try:
        sender.sendto(bytes(octets), (address, port))
    except OSError:
        pass  # an ICMP answer to an earlier one


def many(address: str, flows: int) -> None:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for flow in range(flows):
        _send(sender, 64, address, 20000 + flow)


def spray(port: int, seconds: float, addresses: list[str]) -> None:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sent = 0
    end = time.monotonic() + seconds
    for address in itertools.cycle(addresses):
        _send(sender, 1400, address, port)
        sent += 1
        if sent % 256 == 0 and time.monotonic() >= end:
            break
    print(sent)


if __name__ == "__main__":
    if sys.argv[1] == "many":
        many(sys.argv[2], int(sys.argv[3]))
    else:
        spray(int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])
