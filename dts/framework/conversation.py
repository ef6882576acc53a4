#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""One TCP connection that is kept in use: whether it lives, and that no octet is lost or changed.

Run inside a namespace:
    conversation.py serve ADDRESS PORT             answers one connection until it is closed
    conversation.py talk ADDRESS PORT PER_SECOND   until SIGTERM, then prints one line of JSON
"""

from __future__ import annotations

import json
import signal
import socket
import struct
import sys
import time

_MESSAGE = 512
#: For the answer to the last message: what is sent anew waits longer with each loss.
_LAST_ANSWER_SECONDS = 30.0


class _Stop:
    """Set by SIGTERM."""

    asked = False

    @classmethod
    def ask(cls, *_: object) -> None:
        cls.asked = True


def _whole(connection: socket.socket) -> bytes | None:
    """One message; None: the other end has closed."""
    message = b""
    while len(message) < _MESSAGE:
        part = connection.recv(_MESSAGE - len(message))
        if not part:
            return None
        message += part
    return message


def serve(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family) as server:
        print("listening", flush=True)
        connection, _ = server.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (message := _whole(connection)) is not None:
                connection.sendall(message)


def talk(address: str, port: int, per_second: int) -> None:
    """Numbered messages, each answered before the next is sent."""
    answered, wrong, failure, longest = 0, 0, None, 0.0
    with socket.create_connection((address, port), timeout=_LAST_ANSWER_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print("connected", flush=True)
        try:
            while not _Stop.asked:
                message = struct.pack("!Q", answered) * (_MESSAGE // 8)
                begun = time.monotonic()
                connection.sendall(message)
                answer = _whole(connection)
                if answer is None:
                    failure = "closed by the other end"
                    break
                longest = max(longest, time.monotonic() - begun)
                wrong += answer != message
                answered += 1
                time.sleep(max(0.0, begun + 1 / per_second - time.monotonic()))
        except OSError as error:
            failure = str(error)
    print(json.dumps({"answered": answered, "wrong": wrong, "failure": failure,
                      "longest_ms": longest * 1e3}), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _Stop.ask)
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        talk(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
