# SPDX-License-Identifier: BSD-3-Clause
"""Traffic between guests, and what became of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from api.traffic import Pings, Transfer, parse_iperf, parse_ping, ping_command
from card import analysis
from card.guest import Guest
from card.host import Process
from framework.process import wait_until


def ping(source: Guest, address: str, *, count: int = 5, interval: float = 0.02, size: int = 56,
         options: tuple[str, ...] = ()) -> Pings:
    """Pings; loss is for the caller to judge."""
    command = ping_command(address, count=count, interval=interval, size=size, options=options)
    answer = source.run(*command, check=False, timeout=count * interval + 20)
    return parse_ping(answer.output, count)


def wait_ping(source: Guest, address: str, timeout: float = 15.0) -> None:
    """Waits until a ping is answered: addresses are learned and neighbours resolved by then."""
    wait_until(lambda: ping(source, address, count=1).received == 1,
               f"{source.label} reaches {address}", timeout)


class NumberedStream:
    """Datagrams with running numbers from one guest to another, until `finish`."""

    def __init__(self, source: Guest, destination: Guest, per_second: int = 2000,
                 port: int = 7000, octets: int = 64) -> None:
        self.receiver: Process = destination.start(
            "python3", destination.host.agent("numbered.py"), "receive", destination.ip, str(port),
            name="receive")
        self.receiver.wait_for_text("listening")
        self.sender: Process = source.start(
            "python3", source.host.agent("numbered.py"), "send", destination.ip, str(port),
            str(per_second), str(octets), name="send")
        self.sender.wait_for_text("sending")

    def finish(self) -> analysis.Stream:
        """Stops sending, then receiving, and reports."""
        self.sender.stop()
        sent = int(self.sender.text().split()[-1])
        self.receiver.stop(timeout=30)
        return analysis.stream(sent, analysis.parse_arrivals(self.receiver.text()))

    def __enter__(self) -> NumberedStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.sender.stop()
        self.receiver.stop()


@contextlib.contextmanager
def iperf_server(guest: Guest, port: int = 5201) -> Iterator[None]:
    """An iperf3 server at a guest."""
    with guest.start("iperf3", "-s", "-p", str(port), "--forceflush") as server:
        server.wait_for_text("Server listening")
        yield


def iperf(client: Guest, server: Guest, *options: str, seconds: int = 5,
          port: int = 5201) -> Transfer:
    """TCP, or what the options say, to a server that runs."""
    return parse_iperf(iperf_json(client, server, *options, seconds=seconds, port=port))


def iperf_json(client: Guest, server: Guest, *options: str, seconds: int = 5,
               port: int = 5201) -> str:
    """The same, as iperf3 has it."""
    return client.run("iperf3", "-c", server.ip, "-p", str(port), "-t", str(seconds), "--json",
                      "--connect-timeout", "5000", *options, check=False,
                      timeout=seconds + 30).stdout
