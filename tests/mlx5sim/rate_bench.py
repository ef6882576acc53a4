#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How fast the simulated card is with Sallyport's tables and ten thousand rules in it.

    rate_bench.py SIMULATOR SALLYPORT SHELL

Needs root. First the way through the tables alone, by processor time, so that a busy machine does
not count; then from a VM's veth to the wire's, encapsulated, as many as go through. What is
asserted is that the card kept the packets to itself.
"""

from __future__ import annotations

import ctypes
import os
import socket
import tempfile
import time
from pathlib import Path

from frames import VM_TO_WIRE, udp, udp_of
from own_namespace import run
from product_test import Process, enter_namespace

TENANTS, STATIONS = 16, 320
SETTINGS = "[limits]\nbuffers = 65536\n"
# Of the first tenant, whose VNI is 1.
VM, STATION = bytes.fromhex("020200000001"), bytes.fromhex("020300012001")
SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20


def to_station(size: int, _: bytes) -> bytes:
    return STATION + VM + udp(size)[12:]


def to_vm(size: int, uplink: bytes) -> bytes:
    """As a hypervisor encapsulates it."""
    vxlan = bytes.fromhex("0800000000000100") + VM + STATION + udp(size)[12:]
    return uplink + bytes(6) + udp_of(vxlan, 50000, 4789, VM_TO_WIRE)[12:]


class Sallyport(Process):
    def __init__(self, folder: str) -> None:
        super().__init__(Path(folder), "complete", TENANTS, SETTINGS, TENANTS, 2, "0000:00:00.0")
        self.wait_until_ready()
        self.do_all([f"fdb add t{tenant} 02:03:{tenant:02x}:{number >> 8:02x}:{number & 255:02x}:01"
                     " vtep 192.0.2.2" for tenant in range(TENANTS) for number in range(STATIONS)])
        rules = self.shell("show flow")
        print(f"{len(rules)} rules, {sum(rule['state'] == 'hardware' for rule in rules)} in hardware")

    def kept(self) -> int:
        """How many packets of the first tenant no processor has seen."""
        nic = self.shell("show tenant t0")["nic"]
        return nic["encap_packets"] + nic["decap_packets"]

    def keeps(self, count: int) -> None:
        deadline = time.monotonic() + 30
        while self.kept() != count:
            if time.monotonic() > deadline:
                raise AssertionError(f"of {count} packets the card kept {self.kept()}")
            time.sleep(0.1)


def through_tables(process: Sallyport) -> None:
    mac = next(bytes.fromhex(port["mac"].replace(":", ""))
               for port in process.shell("show port info all") if port["name"] == "p0")
    count, kept = 50_000, 0
    for name, port, frame in (("VM to vtep", "pf0vf0", to_station), ("vtep to VM", "p0", to_vm)):
        for size in (60, 1400):
            answer = process.command(f"measure {port} {count} {frame(size, mac).hex()}")
            each = int(answer.removeprefix("ok: ").removesuffix(" ns"))
            print(f"{name}, {size} octets: {each} ns, {1e9 / each:,.0f} packets a second")
            kept += count
            process.keeps(kept)


class Burst:
    """One frame, many times in a system call."""

    class Message(ctypes.Structure):
        _fields_ = [("name", ctypes.c_void_p), ("name_size", ctypes.c_uint32),
                    ("parts", ctypes.c_void_p), ("part_count", ctypes.c_size_t),
                    ("control", ctypes.c_void_p), ("control_size", ctypes.c_size_t),
                    # A msghdr inside a mmsghdr is padded to the alignment of its pointers.
                    ("flags", ctypes.c_size_t), ("sent", ctypes.c_uint32)]

    def __init__(self, interface: str, frame: bytes, count: int) -> None:
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        self.socket.bind((interface, 0))
        self.frame = ctypes.create_string_buffer(frame, len(frame))
        self.part = (ctypes.c_size_t * 2)(ctypes.addressof(self.frame), len(frame))
        self.messages = (self.Message * count)()
        for message in self.messages:
            message.parts, message.part_count = ctypes.addressof(self.part), 1
        self.library = ctypes.CDLL(None)

    def send(self) -> int:
        return max(0, self.library.sendmmsg(self.socket.fileno(), self.messages,
                                            len(self.messages), 0))


def received(interface: str) -> int:
    lines = Path("/proc/self/net/dev").read_text().splitlines()
    line = next(line for line in lines if line.strip().startswith(f"{interface}:"))
    return int(line.split(":")[1].split()[1])


def time_of_the_card(process: Sallyport) -> int:
    """Nanoseconds of processor time that the card's thread has had."""
    tasks = Path(f"/proc/{process.process.pid}/task").iterdir()
    card = next(task for task in tasks if (task / "comm").read_text() == "mlx5sim\n")
    return int((card / "schedstat").read_text().split()[0])


def through_interfaces(process: Sallyport, size: int) -> None:
    """No more are under way than the card's socket holds; to look how many they are takes as long
    as to send a hundred."""
    most, seconds = 8192, 3
    burst = Burst("vm-far", to_station(size, b""), 512)
    sent, before, begin = 0, received("wire-far"), time.monotonic()
    time_before = time_of_the_card(process)
    while (now := time.monotonic()) < begin + seconds:
        if sent - (received("wire-far") - before) < most:
            sent += burst.send()
    come = received("wire-far") - before
    each = (time_of_the_card(process) - time_before) / come
    print(f"veth to veth, VM to vtep, {size} octets: {come / (now - begin):,.0f} packets a second, "
          f"{each:,.0f} ns of the card's thread for each: {1e9 / each:,.0f} where it has a processor")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="mlx5sim-") as folder:
        process = Sallyport(folder)
        through_tables(process)
        if process.stop() != 0:
            raise AssertionError(process.log())
    for name in ("wire", "vm"):
        run("ip", "link", "add", name, "mtu", "9100", "type", "veth", "peer", "name", f"{name}-far",
            "mtu", "9100")
        for end in (name, f"{name}-far"):
            run("ip", "link", "set", end, "addrgenmode", "none", "up")
    os.environ["MLX5SIM_ATTACH"] = "p0=wire,pf0vf0=vm"
    with tempfile.TemporaryDirectory(prefix="mlx5sim-") as folder:
        process = Sallyport(folder)
        for size in (60, 1400):
            through_interfaces(process, size)
        if process.stop() != 0:
            raise AssertionError(process.log())


if __name__ == "__main__":
    enter_namespace()
    main()
