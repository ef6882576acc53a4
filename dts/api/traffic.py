# SPDX-License-Identifier: BSD-3-Clause
"""Traffic between Linux stacks, and what became of it."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Protocol

from framework.process import TIME_SCALE, CommandError, Running, wait_until
from framework.stack import Stack

#: The bound within which traffic must flow again after a lost carrier, for a process that shares
#: two cores with its peers and the measurement itself.
OUTAGE_MS = 500 * TIME_SCALE


class Station(Protocol):
    """Anything with an address in a network stack of its own."""

    @property
    def namespace(self) -> Stack: ...

    @property
    def ip(self) -> str: ...


@dataclass(frozen=True)
class Pings:
    """Outcome of a ping run."""

    sent: int
    received: int
    duplicates: int
    average_ms: float
    output: str

    @property
    def lost(self) -> int:
        return self.sent - self.received


def ping_command(address: str, *, count: int, interval: float = 0.02, size: int = 56,
                 wait: float = 1.0, options: tuple[str, ...] = ()) -> tuple[str, ...]:
    """What `parse_ping` reads the answer of, with the same count."""
    # Once one was answered, ping waits for the last of them no longer than an interval or two round
    # trips, which on a loaded machine is too short. With a deadline it waits, and sends more
    # meanwhile.
    deadline = ("-W", f"{wait:g}") if count == 1 else ("-w", str(ceil(count * interval + wait)))
    return ("ping", "-n", "-c", str(count), "-i", str(interval), "-s", str(size), *deadline,
            *options, address)


def ping(source: Station, address: str, **how) -> Pings:
    """Pings `address` from the station; loss is for the caller to judge."""
    return ping_from(source.namespace, address, **how)


def ping_from(stack: Stack, address: str, *, count: int = 5, interval: float = 0.02,
              wait: float = 1.0, **how) -> Pings:
    """Pings `address` from a network stack, and waits `wait` seconds for the last answer."""
    command = ping_command(address, count=count, interval=interval, wait=wait, **how)
    result = stack.run(*command, check=False, timeout=count * interval + wait * 2 + 10)
    return parse_ping(result.output, count)


def parse_ping(text: str, count: int | None = None) -> Pings:
    """Reads what ping prints; without a count, only the summary at its end."""
    totals = re.search(r"(\d+) packets transmitted, (\d+) received", text)
    if totals is None:
        raise CommandError(f"no summary from ping:\n{text}")
    again = re.search(r"\+(\d+) duplicates", text)
    times = re.search(r"= [\d.]+/([\d.]+)/", text)
    sent, received = int(totals[1]), int(totals[2])
    if count is not None:
        answered = {int(number) for number in re.findall(r"bytes from .*icmp_seq=(\d+)", text)}
        sent, received = count, sum(number <= count for number in answered)
    return Pings(sent, received, int(again[1]) if again else 0,
                 float(times[1]) if times else 0.0, text)


def wait_ping(source: Station, address: str, timeout: float = 8.0) -> None:
    """Waits until a ping is answered: addresses are learned and neighbours resolved by then."""
    wait_until(lambda: ping(source, address, count=1, wait=0.3).received == 1,
               f"{source.namespace.label} reaches {address}", timeout)


def assert_pings(source: Station, address: str, count: int = 10, size: int = 56,
                 options: tuple[str, ...] = ()) -> Pings:
    """Every ping is answered, once."""
    wait_ping(source, address)
    # A loaded machine may leave any of the stacks on the way without a core for a while.
    result = ping(source, address, count=count, size=size, wait=2 * TIME_SCALE, options=options)
    assert result.lost == 0 and result.duplicates == 0, (
        f"{source.namespace.label} -> {address}: {result.output}")
    return result


@dataclass(frozen=True)
class Transfer:
    """Outcome of one iperf3 run."""

    bits_per_second: float
    octets: int
    retransmits: int
    #: Largest TCP segment that the sender used, octets of payload.
    segment: int


class IperfServer:
    """An iperf3 server in a station's namespace, for as long as the context lasts."""

    def __init__(self, station: Station, port: int = 5201) -> None:
        self.port = port
        self.process = station.namespace.start(
            "iperf3", "-s", "-p", str(port), "--forceflush", name=f"iperf3-{port}")
        self.process.wait_for_text("Server listening")

    def __enter__(self) -> IperfServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()


def parse_iperf(text: str) -> Transfer:
    """Reads what `iperf3 --json` prints."""
    report = json.loads(text[text.index("{"):])
    if "error" in report:
        raise CommandError(f"iperf3: {report['error']}")
    end = report["end"]
    return Transfer(
        bits_per_second=end["sum_received"]["bits_per_second"],
        octets=end["sum_received"]["bytes"],
        retransmits=end["sum_sent"].get("retransmits", 0),
        segment=report["start"].get("tcp_mss_default", 0),
    )


def iperf(client: Station, address: str, *, seconds: float = 1.0, port: int = 5201,
          options: tuple[str, ...] = ()) -> Transfer:
    """TCP from `client` to the server at `address`."""
    result = client.namespace.run(
        "iperf3", "-c", address, "-p", str(port), "-t", str(int(seconds)) if seconds >= 1 else "1",
        "--json", "--connect-timeout", "5000", *options, check=False, timeout=seconds + 30)
    return parse_iperf(result.stdout)


def tcp(client: Station, server: Station, address: str | None = None, *, seconds: float = 1.0,
        options: tuple[str, ...] = ()) -> Transfer:
    """A server at one station, a client at the other, TCP for a while."""
    with IperfServer(server):
        return iperf(client, address or server.ip, seconds=seconds, options=options)


@dataclass(frozen=True)
class StreamReport:
    """Outcome of a numbered stream."""

    sent: int
    received: int
    duplicates: int
    #: Longest time between two arrivals.
    silence_ms: float
    #: Numbers missing in that time.
    lost_in_silence: int

    @property
    def lost(self) -> int:
        return self.sent - self.received


class NumberedStream:
    """Datagrams with running numbers from one station to another, until `finish`."""

    _script = str(Path(__file__).resolve().parents[1] / "framework" / "stream.py")

    def __init__(self, source: Station, destination: Station, address: str | None = None,
                 per_second: int = 1000, port: int = 7000, arrivals: Path | None = None) -> None:
        """`arrivals`: file to which every arrival goes at the end, as framework/stream.py says."""
        target = address or destination.ip
        python = sys.executable
        self.receiver: Running = destination.namespace.start(
            python, self._script, "receive", target, str(port),
            *([] if arrivals is None else [str(arrivals)]), name="stream-receive")
        self.receiver.wait_for_text("listening")
        self.sender: Running = source.namespace.start(
            python, self._script, "send", target, str(port), str(per_second), name="stream-send")

    def finish(self) -> StreamReport:
        """Stops sending, then receiving, and reports."""
        self.sender.signal(15)
        sent = json.loads(self.sender.wait_ok())
        self.receiver.signal(15)
        got = json.loads(self.receiver.wait_ok().splitlines()[-1])
        self.close()
        return StreamReport(sent["sent"] - sent["refused"], got["received"], got["duplicates"],
                            got["silence_ms"], got["lost_in_silence"])

    def close(self) -> None:
        self.sender.stop()
        self.receiver.stop()

    def __enter__(self) -> NumberedStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class Talk:
    """Outcome of a conversation.

    Attributes:
        answered: messages that came back, in their order.
        wrong: those of them that came back changed.
        failure: why the connection ended by itself, if it did.
        longest_ms: from a message to its answer.
    """

    answered: int
    wrong: int
    failure: str | None
    longest_ms: float


class Conversation:
    """One TCP connection from one station to another, in use until `finish`."""

    _script = str(Path(__file__).resolve().parents[1] / "framework" / "conversation.py")

    def __init__(self, client: Station, server: Station, per_second: int = 100,
                 port: int = 7100) -> None:
        python = sys.executable
        self.server: Running = server.namespace.start(
            python, self._script, "serve", server.ip, str(port), name="talk-serve")
        self.server.wait_for_text("listening")
        self.client: Running = client.namespace.start(
            python, self._script, "talk", server.ip, str(port), str(per_second), name="talk")
        self.client.wait_for_text("connected", 10)

    def finish(self) -> Talk:
        """Ends it after the answer that is awaited, however long that takes, and reports."""
        self.client.signal(15)
        report = json.loads(self.client.wait_ok(40).splitlines()[-1])
        self.close()
        return Talk(report["answered"], report["wrong"], report["failure"], report["longest_ms"])

    def close(self) -> None:
        self.client.stop()
        self.server.stop()

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Listener:
    """A station that is to hear nothing of a numbered stream to its own address and port, which a
    station of another tenant has as well."""

    def __init__(self, station: Station, port: int) -> None:
        self.station = station
        self.port = port
        self.receiver: Running = station.namespace.start(
            sys.executable, NumberedStream._script, "receive", station.ip, str(port), name="listen")
        self.receiver.wait_for_text("listening")

    def finish(self, friend: Station) -> int:
        """How many datagrams came, but for one that `friend` sends now: it would have heard."""
        friend.namespace.run(sys.executable, "-c", "import socket, sys; "
                             "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
                             ".sendto(bytes([255] * 64), (sys.argv[1], int(sys.argv[2])))",
                             self.station.ip, str(self.port))
        self.receiver.signal(15)
        heard = json.loads(self.receiver.wait_ok().splitlines()[-1])["received"]
        self.close()
        assert heard > 0, f"{self.station.namespace.label} does not hear its own tenant"
        return heard - 1

    def close(self) -> None:
        self.receiver.stop()
