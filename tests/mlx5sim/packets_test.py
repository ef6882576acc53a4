#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Frames through the real mlx5 driver's burst functions, into and out of the simulated card.

    packets_test.py SIMULATOR LOOPBACK TOPOLOGY CASE

TOPOLOGY is "complete" or "single-port", CASE a test of TestPackets. The card's ports are attached to
ends of veth pairs; the other ends are in network namespaces of their own, "wire" and "vm". Needs
root; exit status 77 without it.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator
from pathlib import Path

from frames import (FAR, NEAR, check_ipv4, check_transport, is_of_a_kernel, payload, right_udp,
                    tagged, udp)
from own_namespace import enter_empty_namespace, run
from wires import Namespace, Wire

SIMULATOR, LOOPBACK = (os.path.abspath(path) for path in sys.argv[1:3])
TOPOLOGY = sys.argv[3]
TOPOLOGY_FILE = Path(__file__).resolve().parent / "topologies" / f"{TOPOLOGY}.conf"
# What the driver makes ports of, and a port of the card that is neither wire nor VM, with DPDK's id.
REPRESENTORS, OTHER, OTHER_ID = {"complete": ("pf[0-1]vf[0-1]", "p1", 1),
                                 "single-port": ("vf[0-2]", "pf0vf2", 3)}[TOPOLOGY]


class Program:
    """The loopback program on a card whose ports are attached."""

    def __init__(self, attach: dict[str, str], *command: str, inline: bool = False) -> None:
        argument = f"dv_flow_en=2,representor={REPRESENTORS}"
        if inline:
            argument += ",txqs_min_inline=0"
        self.folder = tempfile.TemporaryDirectory(prefix="mlx5sim-")
        self.control = f"{self.folder.name}/control"
        self.log_file = Path(self.folder.name) / "log"
        environment = {**os.environ, "LD_PRELOAD": SIMULATOR, "MLX5SIM_TOPOLOGY": str(TOPOLOGY_FILE),
                       "MLX5SIM_CONTROL": self.control,
                       "MLX5SIM_ATTACH": ",".join(f"{port}={name}"
                                                  for port, name in attach.items())}
        with self.log_file.open("w") as log:
            self.process = subprocess.Popen(
                [LOOPBACK, "--no-huge", "-m", "512", "--no-telemetry",
                 f"--file-prefix=loopback{os.getpid()}", "-a", f"0000:03:00.0,{argument}", "--",
                 *command], env=environment, stdout=log, stderr=subprocess.STDOUT)

    def log(self) -> str:
        return self.log_file.read_text()

    def wait_for(self, pattern: str, seconds: float = 60) -> re.Match:
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.log(), re.MULTILINE)):
            if time.monotonic() > deadline or self.process.poll() not in (None, 0):
                raise AssertionError(f"no '{pattern}' in:\n{self.log()}")
            time.sleep(0.01)
        return found

    def command(self, text: str) -> None:
        """To the card, which has done it when this returns."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.bind("")
            sender.settimeout(30)
            sender.sendto(text.encode(), self.control)
            answer = sender.recv(4096).decode()
        if answer != "ok":
            raise AssertionError(answer)

    def stop(self) -> str:
        """What it said. It must have given back all of the card."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        if status != 0:
            raise AssertionError(f"ended with {status}:\n{self.log()}")
        return self.log()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


class TestPackets(unittest.TestCase):
    def setUp(self) -> None:
        self.wire, self.vm = self.make_wire("wire"), self.make_wire("vm")

    def make_wire(self, name: str) -> Wire:
        namespace = Namespace()
        self.addCleanup(namespace.close)
        wire = Wire(name, namespace)
        self.addCleanup(wire.close)
        return wire

    def start(self, *command: str, attach: dict[str, str] | None = None,
              inline: bool = False) -> Program:
        program = Program(attach or {"p0": "wire", "pf0vf0": "vm"}, *command, inline=inline)
        self.addCleanup(program.close)
        return program

    def forwarded(self, log: str, which: str) -> dict[str, int]:
        numbers = re.search(rf"^{which} (.*)$", log, re.MULTILINE).group(1)
        first, second, *rest = numbers.split()
        pairs = dict(zip(rest[::2], map(int, rest[1::2])))
        return {"first": int(first), "second": int(second), **pairs}

    def carries_frames(self, function: str, *options: str) -> dict[str, int]:
        """Frames of all sizes come out as they went in, both ways."""
        program = self.start("forward", "p0", "pf0vf0", *options)
        program.wait_for("^forwards")
        self.assertIn(f"receives by {function}", program.log())
        wire, vm = self.wire.open(self), self.vm.open(self)
        sizes = (60, 61, 128, 511, 1514, 2048, 4000, 9014)
        sent = [udp(size) for size in sizes]
        sent += [tagged(udp(200), 0x2064), tagged(udp(1514), 5, 7)]
        sent.append(NEAR + FAR + b"\x08\x06" + payload(46))
        for name, one, other in (("in", wire, vm), ("out", vm, wire)):
            with self.subTest(name):
                for frame in sent:
                    one.send(frame)
                self.assertEqual(other.take(len(sent)), sent)
        return self.forwarded(program.stop(), "one")

    def test_vectorised(self) -> None:
        seen = self.carries_frames("Vector SSE")
        self.assertEqual(seen["in_parts"], 0)
        # All but ARP, behind tags too.
        self.assertEqual(seen["ip_right"], 10)
        self.assertEqual(seen["transport_right"], 10)

    def test_scattered(self) -> None:
        seen = self.carries_frames("Scalar", "scatter")
        self.assertGreaterEqual(seen["in_parts"], 2)
        self.assertEqual(seen["transport_right"], 10)

    def test_spread(self) -> None:
        """Flows go to both queues, each to one of them; wrong checksums are told from right."""
        program = self.start("forward", "p0", "pf0vf0")
        program.wait_for("^forwards")
        wire, vm = self.wire.open(self), self.vm.open(self)
        for source in range(64):
            wire.send(udp(100, 6000 + source))
            wire.send(udp(100, 6000 + source, right=False))
        self.assertEqual(len(vm.take(128)), 128)
        for _ in range(32):
            vm.send(udp(100))
        self.assertEqual(len(wire.take(32)), 32)
        log = program.stop()
        many, one = self.forwarded(log, "one"), self.forwarded(log, "other")
        self.assertEqual(many["first"] + many["second"], 128)
        self.assertGreaterEqual(min(many["first"], many["second"]), 20)
        self.assertEqual(many["hashed"], 128)
        self.assertEqual(many["ip_right"], 128)
        self.assertEqual(many["transport_right"], 64)
        self.assertEqual(sorted((one["first"], one["second"])), [0, 32])

    def test_completed_checksum(self) -> None:
        """A sender on the same machine computes no checksum; from a wire, there is one."""
        program = self.start("forward", "p0", "pf0vf0")
        program.wait_for("^forwards")
        wire, vm = self.wire.open(self), self.vm.open(self)
        wire.send_partial(udp(333, partial=True), 34, 6)
        self.assertEqual(vm.take(1), [udp(333)])
        self.assertEqual(self.forwarded(program.stop(), "one")["transport_right"], 1)

    def test_tcp_between_kernels(self) -> None:
        """Two kernels with all of their offloads on, so that they send frames of 64 KiB."""
        program = self.start("forward", "p0", "pf0vf0")
        for number, side in ((1, self.wire), (2, self.vm)):
            side.namespace.run("ip", "link", "set", side.far, "mtu", "1500")
            side.namespace.run("ip", "address", "add", f"192.0.2.{number}/24", "dev", side.far)
        program.wait_for("^forwards")
        size = 16 << 20
        server = self.vm.namespace.start(
            sys.executable, "-c", "import socket; s = socket.create_server(('192.0.2.2', 5001));"
            "print('listens', flush=True); c, _ = s.accept(); n = 0\n"
            "while d := c.recv(1 << 20):\n  assert d.count(7) == len(d); n += len(d)\n"
            "print(n)", stdout=subprocess.PIPE)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.assertEqual(server.stdout.readline(), "listens\n")
        start = time.monotonic()
        client = self.wire.namespace.start(
            sys.executable, "-c", "import socket; s = socket.create_connection(('192.0.2.2', 5001));"
            f"s.sendall(bytes([7]) * {size})")
        self.assertEqual(client.wait(120), 0)
        self.assertEqual(server.stdout.readline(), f"{size}\n")
        server.stdout.close()
        seconds = time.monotonic() - start
        print(f"{size >> 20} MiB by TCP in {seconds:.1f} s: {size * 8 / seconds / 1e6:.0f} Mbit/s")
        seen = self.forwarded(program.stop(), "one")
        self.assertEqual(seen["ip_right"], seen["transport_right"] + seen["first"] + seen["second"]
                         - seen["hashed"], "what is not TCP is ARP")

    def test_offloads(self) -> None:
        self.does_offloads(tags=False)

    def test_offloads_in_line(self) -> None:
        """The same, with data in the work requests, and with the VLAN tag that this allows."""
        self.does_offloads(tags=True)

    def does_offloads(self, tags: bool) -> None:
        wire = self.wire.open(self)
        program = self.start("offload", "p0", *(["tags"] if tags else []), inline=tags)
        program.wait_for("^sent ([0-9]+) of \\1$")
        frames = wire.take(7 + 8 if tags else 6 + 8)
        self.assertEqual(len(frames), 15 if tags else 14)
        for frame, size in zip(frames[:6], (18, 501, 1400) * 2):
            self.assertEqual(right_udp(frame), payload(size))
        if tags:
            tag = frames.pop(6)
            self.assertEqual(tag[12:16], bytes.fromhex("81002064"))
            self.assertEqual(right_udp(tag[:12] + tag[16:]), payload(600))
        self.check_segments(frames[6:10])
        for frame in frames[10:]:
            check_ipv4(frame[14:34])
            self.assertEqual(struct.unpack_from("!H", frame, 16)[0], len(frame) - 14)
            self.assertEqual(struct.unpack_from("!H", frame, 38)[0], len(frame) - 34)
        self.check_segments([frame[50:] for frame in frames[10:]])
        program.stop()

    def check_segments(self, frames: list[bytes]) -> None:
        self.assertEqual(len(frames), 4)
        for number, frame in enumerate(frames):
            check_ipv4(frame[14:34])
            check_transport(frame[26:34], 6, frame[34:])
            sequence, = struct.unpack_from("!I", frame, 38)
            self.assertEqual(sequence, 1000 + 1000 * number)
            self.assertEqual(frame[54:], payload(1000, 1000 * number))
            self.assertEqual(frame[47], 0x19 if number == 3 else 0x10, "PSH and FIN in the last")

    def test_no_buffer(self) -> None:
        """A program that takes nothing loses what its 1,024 buffers do not hold."""
        program = self.start("offload", "p0")
        program.wait_for("^sent")
        wire = self.wire.open(self)
        for _ in range(3000):
            wire.send(udp(60))
        time.sleep(0.5)
        missed = int(re.search("port 0 missed ([0-9]+)", program.stop()).group(1))
        self.assertEqual(missed, 3000 - 1024)

    def test_tap(self) -> None:
        """A VM's TAP does as well as a veth."""
        tap_flags, set_interface = 0x0002 | 0x1000, 0x400454ca
        tap = os.open("/dev/net/tun", os.O_RDWR)
        self.addCleanup(os.close, tap)
        fcntl.ioctl(tap, set_interface, struct.pack("16sH22x", b"tap", tap_flags))
        run("ip", "link", "set", "tap", "addrgenmode", "none", "up")
        program = self.start("forward", "p0", "pf0vf1", attach={"p0": "wire", "pf0vf1": "tap"})
        program.wait_for("^forwards")
        wire = self.wire.open(self)
        os.write(tap, tagged(udp(200), 7))
        self.assertEqual(wire.take(1), [tagged(udp(200), 7)])
        wire.send(udp(500))
        self.assertEqual(next(frame for frame in self.frames_of(tap)
                              if not is_of_a_kernel(frame)), udp(500))
        program.stop()

    def frames_of(self, tap: int) -> Iterator[bytes]:
        while select.select([tap], [], [], 10)[0]:
            yield os.read(tap, 65536)

    def test_too_long(self) -> None:
        """What the buffers do not hold is an error of that packet alone."""
        run("ip", "link", "set", "wire", "mtu", "9600")
        self.wire.namespace.run("ip", "link", "set", "wire-far", "mtu", "9600")
        program = self.start("forward", "p0", "pf0vf0")
        program.wait_for("^forwards")
        wire, vm = self.wire.open(self), self.vm.open(self)
        for _ in range(40):
            for frame in (udp(100), udp(9500), udp(1514)):
                wire.send(frame)
            self.assertEqual(vm.take(2), [udp(100), udp(1514)])
        self.assertIn("port 0 missed 0 errors 40", program.stop())

    def test_link(self) -> None:
        """The driver's link is the cable's and what the control socket says, both."""
        program = self.start("forward", "p0", "pf0vf0")
        program.wait_for("^forwards")
        for cut, mend in ((lambda: self.wire.namespace.run("ip", "link", "set", "wire-far", "down"),
                           lambda: self.wire.namespace.run("ip", "link", "set", "wire-far", "up")),
                          (lambda: program.command("link p0 down"),
                           lambda: program.command("link p0 up"))):
            told = program.log().count("port 0 link")
            cut()
            program.wait_for(f"(?s)(port 0 link.*){{{told}}}port 0 link down")
            wire, vm = self.wire.open(self), self.vm.open(self)
            vm.send(udp(100))
            self.assertEqual(wire.take(1, 0.3), [])
            told = program.log().count("port 0 link")
            mend()
            program.wait_for(f"(?s)(port 0 link.*){{{told}}}port 0 link up")
            vm.send(udp(101))
            self.assertEqual(wire.take(1), [udp(101)])
        program.stop()

    def test_send_queue_in_error(self) -> None:
        self.recovers("send")

    def test_receive_queue_in_error(self) -> None:
        """By the scalar function: the vectorised one waits until its completion queue has come round
        (mlx5_rx_err_handle() looks at the completion before the one that it waits for)."""
        self.recovers("receive", "scatter")

    def recovers(self, which: str, *options: str) -> None:
        """The driver sets up a queue anew that the card has stopped with an error, and goes on."""
        program = self.start("forward", "p0", "pf0vf0", *options)
        program.wait_for("^forwards")
        wire, vm = self.wire.open(self), self.vm.open(self)
        program.command(f"break-queue {which}")
        wire.send(udp(100))
        self.assertEqual(vm.take(1, 0.5), [], "nobody was in error")
        deadline = time.monotonic() + 10
        while not vm.take(1, 0.3):
            self.assertLess(time.monotonic(), deadline, program.log())
            wire.send(udp(100))
        sizes = range(101, 200)
        for size in sizes:
            wire.send(udp(size))
            vm.send(udp(size))
        self.assertEqual([len(frame) for frame in vm.take(len(sizes))], list(sizes))
        self.assertEqual([len(frame) for frame in wire.take(len(sizes))], list(sizes))
        program.stop()

    def test_removed(self) -> None:
        """Of a card that is gone nothing moves, and it answers nothing. (How the program ends is the
        driver's: where it closes ports of such a card, it reads what it has freed.)"""
        program = self.start("forward", "p0", "pf0vf0")
        program.wait_for("^forwards")
        wire, vm = self.wire.open(self), self.vm.open(self)
        wire.send(udp(100))
        self.assertEqual(vm.take(1), [udp(100)])
        program.command("remove-device")
        for one, other in ((wire, vm), (vm, wire)):
            one.send(udp(101))
            self.assertEqual(other.take(1, 0.5), [])
        program.process.send_signal(signal.SIGTERM)
        # EIO
        program.wait_for("Failed to query devx q counter set - rc 5")

    def test_interface_comes_and_goes(self) -> None:
        attach = {"p0": "wire", "pf0vf0": "vm", OTHER: "late"}
        program = self.start("forward", OTHER, "pf0vf0", attach=attach)
        program.wait_for("^forwards")
        self.assertIn(f"{OTHER} has no link: the interface late that it is attached to: No such device",
                      program.log())
        for _ in range(2):
            told = program.log().count(f"port {OTHER_ID} link")
            late = self.make_wire("late")
            program.wait_for(f"(?s)(port {OTHER_ID} link.*){{{told}}}"
                             f"port {OTHER_ID} link up")
            far, vm = late.open(self), self.vm.open(self)
            far.send(udp(300))
            self.assertEqual(vm.take(1), [udp(300)])
            told = program.log().count(f"port {OTHER_ID} link")
            late.close()
            program.wait_for(f"(?s)(port {OTHER_ID} link.*){{{told}}}"
                             f"port {OTHER_ID} link down")
        program.stop()

    def test_rate(self) -> None:
        """One veth pair between two ports. How fast it is depends on the machine."""
        run("ip", "link", "add", "one", "type", "veth", "peer", "name", "other")
        self.addCleanup(run, "ip", "link", "del", "one")
        for end in ("one", "other"):
            run("ip", "link", "set", end, "addrgenmode", "none", "up")
        program = self.start("rate", "p0", OTHER, attach={"p0": "one", OTHER: "other"})
        found = program.wait_for("^sent ([0-9]+) received ([0-9]+) in .*$", 120)
        print(found.group(0))
        self.assertEqual((found.group(1), found.group(2)), ("200000", "200000"))
        self.assertEqual(program.process.wait(60), 0, program.log())


if __name__ == "__main__":
    enter_empty_namespace()
    unittest.main(argv=[sys.argv[0], *(f"TestPackets.{case}" for case in sys.argv[4:])])
