# SPDX-License-Identifier: BSD-3-Clause
"""The tests' own peers for IPsec: guests with real kernel ESP, and ESP by hand.

Nothing of ours is under test here; a suite that fails against these peers can trust them.
"""

from __future__ import annotations

import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet

from api import uml_peer
from api.esp import EspReceiver, EspSender, WrongIcv, esp_octets, flip, is_esp, open_esp
from api.lab import BLUE, Lab, vm_addresses, vm_mac
from api.linux_peer import LinuxVm
from api.scapy_esp import ScapySa
from api.security import (AES_128_CBC_SHA256, AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305,
                          CIPHERS, Cipher, SaPair)
from api.traffic import ping, tcp, wait_ping
from api.uml_peer import UmlPeer
from api.wire import Wire, outer, vxlan
from api.xfrm_peer import XfrmPeer
from framework.namespace import remove_leftovers
from framework.process import CommandError, run, wait_until

pytestmark = pytest.mark.software_only("there is no process of ours in it")

_MAC = "02:00:00:00:0b:00"


@pytest.fixture(scope="module", autouse=True)
def _guests_run_here() -> None:
    reason = uml_peer.why_not()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="class")
def guest() -> Iterator[UmlPeer]:
    with UmlPeer("guest", _MAC) as guest:
        yield guest


def _group_ended(leader: int) -> bool:
    """No process of this group runs; some may be waiting for someone to take note of their end."""
    states = run("ps", "-o", "stat=", "-g", str(leader), check=False).stdout.split()
    return all(state.startswith("Z") for state in states)


def _assert_nothing_left(guest: UmlPeer) -> None:
    assert guest.process is not None
    leader = guest.process.process.pid
    wait_until(lambda: _group_ended(leader), "the end of all of the guest's processes")
    assert not guest.folder.exists() and not guest.space.path.exists()


class TestGuest:
    """Commands in a guest, and its end."""

    def test_results(self, guest: UmlPeer) -> None:
        """A command's results come back as they are.

        Steps:
            * Run commands that write on both streams, read their input and fail.
        Verify:
            * Streams, exit status and odd characters are right; a failure that was not asked for is
              an error that shows the output.
        """
        done = guest.run("sh", "-c", "echo out; echo err >&2; exit 7", check=False)
        assert (done.status, done.stdout, done.stderr) == (7, "out\n", "err\n")
        odd = "a b'c\"d$e\\f\n\t*\u00e4"
        assert guest.run("printf", "%s", odd).stdout == odd
        assert guest.run("cat", stdin=odd).stdout == odd
        with pytest.raises(CommandError, match="no such thing"):
            guest.run("sh", "-c", "echo no such thing; false")
        assert guest.run_script("false; echo on", check=False).stdout == "on\n"
        with pytest.raises(CommandError):
            guest.run_script("false\n echo on")

    def test_large(self, guest: UmlPeer) -> None:
        """Neither commands nor output have a limit of a few kilobytes.

        Steps:
            * Run a script of 200 kB whose output is as long.
        Verify:
            * The output is whole.
        """
        text = "".join(f"line {number:06d}\n" for number in range(15000))
        assert guest.run_script(f"cat <<'END'\n{text}END\n").stdout == text

    def test_timeout(self, guest: UmlPeer) -> None:
        """A command that takes too long is ended, and the guest lives on.

        Steps:
            * Run a script that sleeps, with a short timeout.
        Verify:
            * It is reported before it would have ended by itself, and is gone from the guest; the
              next command runs.
        """
        start = time.monotonic()
        with pytest.raises(CommandError, match="still running"):
            guest.run_script("sleep 300 & sleep 301", timeout=0.3)
        assert time.monotonic() - start < 300
        assert "sleep 30" not in guest.run("ps", "-o", "args").stdout

    def test_beside(self, guest: UmlPeer) -> None:
        """Several commands run beside the test.

        Steps:
            * Start one that speaks and goes on, and another one; run a third.
        Verify:
            * What it says is seen while it runs; all end with the status they should.
        """
        with guest.start("sh", "-c", "echo ready; sleep 300") as speaker:
            speaker.wait_for_text("ready")
            other = guest.start("sh", "-c", "sleep 0.2; exit 3")
            guest.run("true")
            assert speaker.running
            assert other.wait() == 3
        assert speaker.status == 128 + signal.SIGTERM

    def test_namespaces(self, guest: UmlPeer) -> None:
        """The guest's kernel has what the peers need, network namespaces included.

        Steps:
            * Make a namespace, a VXLAN device in it, a bond and a state of IPsec.
        Verify:
            * They are there; the card is as it was made.
        """
        space = uml_peer.GuestNamespace(guest, "inner")
        space.ip("link", "add", "vxlan0", "type", "vxlan", "id", "1", "dstport", "4789",
                 "local", "192.0.2.1")
        guest.ip("link", "add", "bond7", "type", "bond", "mode", "active-backup")
        assert space.has_link("vxlan0") and not guest.has_link("vxlan0")
        assert guest.has_link("bond7")
        assert guest.mac(guest.underlay) == _MAC
        guest.ip("xfrm", "state", "flush")

    def test_dead_guest(self) -> None:
        """A guest that dies is an error with its last words, not a wait.

        Steps:
            * Let a guest panic in the middle of a command, then run another one.
        Verify:
            * Both say that it has ended, and show the console; nothing is left behind.
        """
        guest = UmlPeer("dying", _MAC)
        try:
            with pytest.raises(CommandError, match="has ended(?s:.*)panic"):
                guest.run_script("echo c >/proc/sysrq-trigger; sleep 300", timeout=20)
            with pytest.raises(CommandError, match="has ended"):
                guest.run("true")
        finally:
            guest.delete()
        _assert_nothing_left(guest)

    def test_clean_up_after_failure(self) -> None:
        """A guest that does not come up leaves nothing behind.

        Steps:
            * Boot one that has too little memory.
        Verify:
            * Its first command says so; after deletion there is no process, folder or namespace.
        """
        guest = UmlPeer("small", _MAC, memory_mb=64)
        try:
            with pytest.raises(CommandError, match="small has ended"):
                guest.run("true")
        finally:
            guest.delete()
        _assert_nothing_left(guest)

    def test_killed_run(self) -> None:
        """A guest does not outlive the run that started it.

        Steps:
            * Start a guest in a process of its own, and kill that process.
        Verify:
            * The guest ends by itself. What it leaves is removed at the start of the next run.
        """
        code = ("from api.uml_peer import UmlPeer\n"
                f"guest = UmlPeer('orphan', {_MAC!r}).wait_up()\n"
                "print(guest.process.process.pid, guest.folder, guest.space.path, flush=True)\n"
                "guest.run('sleep', '300', timeout=300)\n")
        root = Path(__file__).resolve().parents[1]
        with subprocess.Popen([sys.executable, "-c", code], cwd=root, text=True,
                              stdout=subprocess.PIPE) as other:
            words = other.stdout.readline().split()
            other.kill()
        leader, folder, space = int(words[0]), Path(words[1]), Path(words[2])
        wait_until(lambda: _group_ended(leader), "the guest's end", 15)
        assert space.name in remove_leftovers()
        assert not folder.exists() and not space.exists()


# Two guests with each other.


@pytest.fixture(scope="module", params=["ipv4", "ipv6"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Guests `left` and `right` with a VM each, on one VXLAN segment."""
    # Room for an overlay of 1500 in every mode.
    with Lab(ipv6=request.param == "ipv6", mtu=1700) as lab:
        left, right = lab.xfrm_peer("left", 11), lab.xfrm_peer("right", 12)
        left.vm("one", BLUE, vm_mac(1), vm_addresses(1), [right.vtep])
        right.vm("two", BLUE, vm_mac(2), vm_addresses(2), [left.vtep])
        yield lab


class Pair:
    """The two peers of a lab under one pair of security associations."""

    def __init__(self, lab: Lab, **fields) -> None:
        left, right = lab.peers["left"], lab.peers["right"]
        assert isinstance(left, XfrmPeer) and isinstance(right, XfrmPeer)
        self.left, self.right = left, right
        self.one, self.two = left.vms["one"], right.vms["two"]
        self.sas = SaPair.fresh(left.vtep, right.vtep, **fields)
        self.wires = [Wire(peer.guest.space, peer.guest.tap) for peer in (left, right)]
        self._drops: list[dict[str, int]] = []

    def __enter__(self) -> Pair:
        self.left.protect(self.sas, alone=True)
        self.right.protect(self.sas.reversed, alone=True)
        for wire in self.wires:
            wire.drain()
        # What was sent before both ends had their states is dealt with when this is answered.
        wait_ping(self.one, self.two.ip)
        self._drops = self._all_drops()
        return self

    def __exit__(self, *_: object) -> None:
        for wire in self.wires:
            wire.close()

    def _all_drops(self) -> list[dict[str, int]]:
        return [self.left.drops(), self.right.drops()]

    def assert_no_drops(self) -> None:
        assert self._all_drops() == self._drops

    def sent(self) -> tuple[list[Packet], list[Packet]]:
        """What left and right have sent, neighbour discovery left out; all of it is ESP."""
        heard = []
        for wire in self.wires:
            frames = [frame for frame in wire.drain() if ARP not in frame
                      and not (IPv6 in frame and frame[IPv6].nh == 58)]
            clear = [frame.summary() for frame in frames if not is_esp()(frame)]
            assert not clear, clear
            heard.append(frames)
        return heard[0], heard[1]

    def all_arrived(self, sas: SaPair) -> bool:
        """All that was sent under a pair of states was received."""
        left, right = self.left.all_counters(), self.right.all_counters()
        return (left[sas.out.spi].sent == right[sas.out.spi].received
                and right[sas.into.spi].sent == left[sas.into.spi].received)

    def rekey(self) -> None:
        """The new inbound states first, then the outbound ones; the old ones then go."""
        old, new = self.sas, self.sas.successor(self.sas.out.spi + 0x10)
        self.left.add_state(new.into)
        self.right.add_state(new.out)
        self.left.add_state(new.out)
        self.right.add_state(new.into)
        wait_until(lambda: self.all_arrived(old), "all that was sent under the old states")
        for peer in (self.left, self.right):
            peer.delete_state(old.out, old.into)
        self.sas = new


#: What the underlay's family makes no difference to is done on one.
ON_IPV4 = pytest.mark.parametrize("lab", ["ipv4"], indirect=True, scope="module")

_MODES = {"transport": {}, "tunnel-256": {"tunnel": True, "cipher": AES_256_GCM},
          "udp": {"udp": True}, "udp-tunnel": {"udp": True, "tunnel": True}}
_KINDS = {"32-bit-numbers": {"esn": False}, "chacha": {"cipher": CHACHA20_POLY1305},
          "cbc": {"cipher": AES_128_CBC_SHA256, "esn": False}, "wide-window": {"window": 4096}}


class TestTwoGuests:
    """Linux with Linux: IPsec below VXLAN, as an operator would type it."""

    def _ping_in(self, lab: Lab, **fields) -> None:
        with Pair(lab, **fields) as pair:
            assert ping(pair.one, pair.two.ip, count=5, wait=5).lost == 0
            wait_until(lambda: pair.all_arrived(pair.sas), "equal counters")
            frames, answers = pair.sent()
            assert len(frames) >= 6 and len(answers) >= 6
            for sa, sent in ((pair.sas.out, frames), (pair.sas.into, answers)):
                receiver = EspReceiver(sa)
                opened = [receiver.open(frame) for frame in sent]
                first = opened[0].number
                assert [item.number for item in opened] == list(range(first, first + len(sent)))
                for item, frame in zip(opened, sent):
                    assert item.padding == bytes(range(1, len(item.padding) + 1))
                    assert bytes(item.frame) == bytes(ScapySa(sa).open(frame))
                    assert item.frame[VXLAN].vni == BLUE
                assert any(ICMP in item.frame for item in opened)
            right = pair.right.counters(pair.sas.out)
            assert right.packets >= len(frames) and right.failed == right.replayed == 0
            pair.assert_no_drops()

    @pytest.mark.parametrize("mode", _MODES)
    def test_ping(self, lab: Lab, mode: str) -> None:
        """VMs reach each other in every mode, and only ESP is on the wire.

        Steps:
            * Protect VXLAN between the two guests; ping from VM to VM.
        Verify:
            * All pings are answered; all that was sent is ESP; scapy and our own ESP open it, to
              the same octets, and find VXLAN of the right VNI with the ping inside.
            * Linux counts what it sent and received alike, and numbers without a gap.
        """
        self._ping_in(lab, **_MODES[mode])

    @ON_IPV4
    @pytest.mark.parametrize("kind", _KINDS)
    def test_ping_kinds(self, lab: Lab, kind: str) -> None:
        """The same with other ciphers, numbers and windows.

        Steps:
            * As before.
        Verify:
            * As before.
        """
        self._ping_in(lab, **_KINDS[kind])

    @ON_IPV4
    def test_numbers_past_32_bits(self, lab: Lab) -> None:
        """ESN goes on past the end of the low half.

        Steps:
            * Start the numbers three short of 2^32, both ways; ping.
        Verify:
            * All pings are answered; the packets open with the high half that is due.
        """
        first = (1 << 32) - 3
        with Pair(lab, first=first) as pair:
            assert ping(pair.one, pair.two.ip, count=10, wait=5).lost == 0
            frames, _ = pair.sent()
            receiver = EspReceiver(pair.sas.out)
            for frame in frames:
                receiver.open(frame)
            assert receiver.number > 1 << 32
            assert pair.right.counters(pair.sas.out).received >= receiver.number
            with pytest.raises(WrongIcv):
                open_esp(pair.sas.out, frames[-1], high=0)

    @ON_IPV4
    def test_rekey(self, lab: Lab) -> None:
        """New keys in mid-flow lose nothing.

        Steps:
            * Ping 200 times a second, and replace all four states three times meanwhile.
        Verify:
            * No ping is lost; all is ESP, under the four SPIs in turn; nothing was dropped.
        """
        with Pair(lab) as pair:
            with pair.one.namespace.start("ping", "-n", "-i", "0.005", pair.two.ip) as pings:
                for _ in range(3):
                    pair.rekey()
                # The last ones may be under way when it ends.
                pings.signal(signal.SIGINT)
                pings.wait()
            answered = [int(number) for number in re.findall(r"icmp_seq=(\d+)", pings.text())]
            assert answered == list(range(1, len(answered) + 1)) and len(answered) > 50
            frames, _ = pair.sent()
            spis = [esp_octets(frame)[:4] for frame in frames]
            assert spis == sorted(spis) and len(set(spis)) == 4
            pair.assert_no_drops()

    @ON_IPV4
    def test_tcp(self, lab: Lab) -> None:
        """iperf3 runs through it.

        Steps:
            * TCP for a second, VM to VM, in full-sized segments.
        Verify:
            * More than a megabyte arrives; nothing is clear and nothing is a fragment.
        """
        with Pair(lab) as pair:
            done = tcp(pair.one, pair.two)
            assert done.octets > 1_000_000
            assert len(pair.sent()[0]) > 500
            pair.assert_no_drops()

    @ON_IPV4
    def test_nothing_in_clear(self, lab: Lab) -> None:
        """The policy holds where there is no state.

        Steps:
            * Delete the left guest's outbound state; ping. Then let the right one be without states
              and policies, and ping from there, in clear.
        Verify:
            * Nothing leaves the left guest in clear; what comes in clear is dropped and counted.
        """
        with Pair(lab) as pair:
            pair.left.delete_state(pair.sas.out)
            before = pair.left.drops()
            pair.one.namespace.run("ping", "-c", "2", "-i", "0.1", "-W", "0.2", pair.two.ip,
                                   check=False)
            pair.sent()
            assert sum(pair.left.drops().values()) > sum(before.values())
            pair.right.unprotect()
            before = pair.left.drops()
            pair.two.namespace.run("ping", "-c", "2", "-i", "0.1", "-W", "0.2", pair.one.ip,
                                   check=False)
            reason = "XfrmInTmplMismatch"
            assert pair.left.drops().get(reason, 0) > before.get(reason, 0)


# ESP by hand with a guest.


class Hand:
    """A vtep made by hand on the left guest's wire; a VM behind it pings the one in the guest."""

    mac, number = "02:00:00:00:16:00", 22

    def __init__(self, lab: Lab) -> None:
        peer = lab.peers["left"]
        assert isinstance(peer, XfrmPeer)
        self.peer = peer
        self.vtep = lab.address(self.number)
        self.wire = Wire(peer.guest.space, peer.guest.tap)
        self.ether = Ether(src=self.mac, dst=peer.underlay_mac)
        peer.guest.ip("neigh", "replace", self.vtep, "lladdr", self.mac, "dev", peer.underlay)
        peer.vms["one"].namespace.ip("neigh", "replace", "fd00::3", "lladdr", vm_mac(3), "dev",
                                     LinuxVm.interface)
        self.sas = SaPair.fresh(self.vtep, peer.vtep)
        self.sender = EspSender(self.sas.out)
        self.receiver = EspReceiver(self.sas.into)
        self.pings = 0

    def agree(self, **fields) -> None:
        """New states in the guest, and a sender by the same ones here."""
        self.sas = SaPair.fresh(self.vtep, self.peer.vtep, **fields)
        self.peer.protect(self.sas.reversed, alone=True)
        self.sender = EspSender(self.sas.out)
        self.receiver = EspReceiver(self.sas.into)

    def clear(self) -> Packet:
        """An echo request in VXLAN, not protected yet; its sequence number tells it from others."""
        self.pings += 1
        inner = (Ether(src=vm_mac(3), dst=vm_mac(1)) / IPv6(src="fd00::3", dst="fd00::1")
                 / ICMPv6EchoRequest(id=7, seq=self.pings, data=b"by hand"))
        return vxlan(self.ether, outer(self.vtep, self.peer.vtep), BLUE, inner)

    def answers(self, *frames: Packet) -> list[int]:
        """Sends the frames, and a good one behind them: numbers of the pings that were answered
        before the answer to that one, at which all was dealt with."""
        self.wire.drain()
        self.wire.send(*frames)
        answered: list[int] = []

        def good_one_answered() -> bool:
            self.wire.send(self.sender.protect(self.clear()))
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline and self.pings not in answered:
                select.select([self.wire.socket], [], [], 0.1)
                answered.extend(self.receiver.open(frame).frame[ICMPv6EchoReply].seq
                                for frame in self.wire.drain() if is_esp(self.sas.into.spi)(frame))
            return self.pings in answered

        # A guest on a loaded machine may be slow, or lose a packet.
        first = self.pings + 1
        wait_until(good_one_answered, f"an answer to ping {first} or one behind it", interval=0)
        return [number for number in answered if number < first]

    def drops(self, strangers: bool = False) -> dict[str, int]:
        """What the guest dropped since the last call; packets of no SA only if asked for: the other
        guest may send one at any time by states that are gone here."""
        now = self.peer.drops()
        before, self._drops = getattr(self, "_drops", {}), now
        return {name: count - before.get(name, 0) for name, count in now.items()
                if count != before.get(name, 0) and (strangers or name != "XfrmInNoStates")}


@pytest.fixture(scope="class")
def hand(lab: Lab) -> Iterator[Hand]:
    hand = Hand(lab)
    yield hand
    hand.wire.close()
    hand.peer.unprotect()


_SHAPES = {"transport": {}, "tunnel": {"tunnel": True}, "udp": {"udp": True},
           "udp-tunnel": {"udp": True, "tunnel": True}, "32-bit-numbers": {"esn": False}}


class TestEspByHand:
    """What api/esp.py builds is what Linux takes; what it builds wrong is what Linux drops."""

    @pytest.mark.parametrize("shape", _SHAPES)
    def test_accepted(self, hand: Hand, shape: str) -> None:
        """Linux accepts our ESP with every cipher.

        Steps:
            * For each cipher, agree on states; send a protected ping.
        Verify:
            * It is answered, in ESP that we can open.
        """
        for cipher in CIPHERS:
            hand.agree(cipher=cipher, **_SHAPES[shape])
            assert hand.answers() == []

    @pytest.mark.parametrize("cipher", [AES_128_GCM, AES_128_CBC_SHA256], ids=lambda c: c.name)
    def test_hostile(self, hand: Hand, cipher: Cipher) -> None:
        """Changed, repeated, late and unknown packets are dropped, each for its reason.

        Steps:
            * Flip a bit in every octet of a packet; repeat one; send one behind the window; send
              one with another SPI; one with the ESN's wrong high half; reorder within the window.
        Verify:
            * Nothing of it is answered but what was only reordered; Linux counts every one.
        """
        hand.agree(cipher=cipher)
        hand.drops()
        good = hand.sender.protect(hand.clear(), number=1000)
        ping, length = hand.pings, len(esp_octets(good))

        flipped = [flip(good, octet, octet % 8) for octet in range(8, length)]
        assert hand.answers(*flipped) == []
        assert hand.drops() == {"XfrmInStateProtoError": len(flipped)}
        assert hand.peer.counters(hand.sas.out).failed == len(flipped)

        hand.sender.number = 1000
        assert hand.answers(good) == [ping]
        assert hand.answers(good, good) == []
        # One that was under way under the states before may be counted beside them.
        assert hand.drops().get("XfrmInStateSeqError") == 2
        late = hand.sender.protect(hand.clear(), number=hand.sender.number - hand.sas.out.window)
        assert hand.answers(late) == []
        # Its number is taken for one of the next 2^32.
        assert hand.drops() == {"XfrmInStateProtoError": 1}

        stranger = hand.sender.protect(hand.clear(), spi=0xdead)
        assert hand.answers(stranger) == []
        assert hand.drops(strangers=True).get("XfrmInNoStates", 0) >= 1
        other_high = hand.sender.protect(hand.clear(), number=hand.sender.number + 9 + (1 << 32))
        assert hand.answers(other_high) == []
        assert hand.drops() == {"XfrmInStateProtoError": 1}

        first, ping = hand.sender.number, hand.pings
        shuffled = [hand.sender.protect(hand.clear(), number=first + step) for step in (40, 2, 39)]
        hand.sender.number = first + 40
        assert hand.answers(*shuffled) == [ping + 1, ping + 2, ping + 3]
        assert hand.drops() == {}

    def test_truncated(self, hand: Hand) -> None:
        """A packet cut off at any length is dropped.

        Steps:
            * Send one at every length of its ESP but the whole.
        Verify:
            * None is answered, all are counted; the guest's kernel lives.
        """
        hand.agree()
        hand.drops()
        short = list(hand.sender.truncated(hand.clear(), number=1))
        hand.sender.number = 1
        assert hand.answers(*short) == []
        assert sum(hand.drops().values()) == len(short)

    def test_low_half_zero(self, hand: Hand) -> None:
        """A 64-bit number whose low half is 0 is one like any other.

        Steps:
            * Send 2^32 - 1 and 2^32.
        Verify:
            * Both are answered, by numbers that the guest has counted on in the same way.
        """
        hand.agree(first=(1 << 32) - 2)
        before = hand.sender.protect(hand.clear())
        ping = hand.pings
        assert hand.answers(before) == [ping]
        assert hand.sender.number >= 1 << 32
