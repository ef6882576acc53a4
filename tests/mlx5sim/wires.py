# SPDX-License-Identifier: BSD-3-Clause
"""What a port of the card is attached to: a veth pair, the other end in a namespace of its own."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import subprocess
import time
import unittest

from frames import is_of_a_kernel
from own_namespace import run

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING, PACKET_VNET_HDR = 263, 8, 23, 15


class Namespace:
    """One that lives as long as a process that sleeps in it."""

    def __init__(self) -> None:
        self.sleeper = subprocess.Popen(["unshare", "--net", "sleep", "600"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ours = os.readlink("/proc/self/ns/net")
        while os.readlink(self.path) == ours:
            time.sleep(0.01)

    @property
    def path(self) -> str:
        return f"/proc/{self.sleeper.pid}/ns/net"

    def run(self, *command: str) -> None:
        run("nsenter", f"--net={self.path}", *command)

    def start(self, *command: str, **options) -> subprocess.Popen:
        return subprocess.Popen(["nsenter", f"--net={self.path}", *command], text=True, **options)

    def close(self) -> None:
        self.sleeper.kill()
        self.sleeper.wait()


class Wire:
    """A veth pair: one end for the card, the other in a namespace of its own."""

    def __init__(self, name: str, namespace: Namespace) -> None:
        self.name, self.far, self.namespace = name, f"{name}-far", namespace
        run("ip", "link", "add", name, "mtu", "9100", "type", "veth", "peer", "name", self.far,
            "mtu", "9100", "netns", str(self.namespace.sleeper.pid))
        # Else the kernel has words of its own for an interface that comes up.
        self.namespace.run("ip", "link", "set", self.far, "addrgenmode", "none")
        run("ip", "link", "set", name, "addrgenmode", "none")
        run("ip", "link", "set", name, "up")
        self.namespace.run("ip", "link", "set", self.far, "up")

    def open(self, test: unittest.TestCase) -> Frames:
        """A socket on the far end, until the test is over."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(self.namespace.path, os.O_RDONLY)
        libc_setns(there)
        try:
            frames = Frames(self.far)
            test.addCleanup(frames.socket.close)
            return frames
        finally:
            libc_setns(home)
            os.close(there)
            os.close(home)

    def close(self) -> None:
        subprocess.run(["ip", "link", "del", self.name], stderr=subprocess.DEVNULL, check=False)


def libc_setns(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Frames:
    """Sends frames as they are, and takes those that come."""

    def __init__(self, interface: str) -> None:
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind((interface, 0))

    def send(self, frame: bytes) -> None:
        self.socket.send(frame)

    def send_partial(self, frame: bytes, start: int, offset: int) -> None:
        """Leaves the checksum at @p offset behind @p start to whoever carries the frame."""
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.send(struct.pack("=BBHHHH", 1, 0, 0, 0, start, offset) + frame)
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 0)

    def take(self, count: int, seconds: float = 10) -> list[bytes]:
        """The next frames, as many as are expected; those that have come when the time is over."""
        taken: list[bytes] = []
        deadline = time.monotonic() + seconds
        while len(taken) < count:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                frame, about, _, _ = self.socket.recvmsg(65536, 256)
            except TimeoutError:
                break
            except OSError as error:
                # Said once, of an interface that went down.
                if error.errno != errno.ENETDOWN:
                    raise
                continue
            if not is_of_a_kernel(frame):
                taken.append(with_tag(frame, about))
        return taken


def with_tag(frame: bytes, about: list) -> bytes:
    for level, kind, data in about:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tag, protocol = struct.unpack("=IIIHHHH", data)
            if status & 0x10:
                return frame[:12] + struct.pack("!HH", protocol, tag) + frame[12:]
    return frame
