# SPDX-License-Identifier: BSD-3-Clause
"""Protected tenants against scapy's ESP, frame by frame: every shape, and every lie.

One hypervisor of ours and one vtep that is a packet socket. Between the two there is a protected
tenant for each cipher suite, with and without ESN, all at once, each with SAs and a VM of its own
and with a replay window of another size.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from api.bench import Bench
from api.esp import EspSender, esp_octets, flip, is_esp
from api.keys import KeyFolder
from api.lab import BLUE, vm_mac
from api.scapy_esp import IPSecIntegrityError, ScapySa
from api.security import CIPHERS, ENCAPSULATION_PORT, SaPair
from api.wire import Wire, is_vxlan, outer, vxlan
from framework.process import wait_until

FAR = "02:dd:00:00:00:01"
#: Each has a window: 32 to 4096 packets. scapy has no ESN with CBC.
_SUITES = [(cipher, esn) for cipher in CIPHERS for esn in (True, False)
           if not (esn and cipher.auth_key_size)]
#: IPv6 underlay, tunnel mode, UDP encapsulation.
_SHAPES = {"-".join((("tunnel" if tunnel else "transport"), *(["udp"] if udp else []),
                     "ipv6" if ipv6 else "ipv4")): (ipv6, tunnel, udp)
           for ipv6, tunnel, udp in itertools.product((False, True), repeat=3)}
#: Of the clear tenant beside them.
_CLEAR = BLUE
#: What a switch floods is heard on both uplinks.
_NOISE = {"backup-uplink"}


@dataclass
class Protected:
    """One tenant, and scapy's ends of its SAs."""

    name: str
    vni: int
    sas: SaPair
    vm: str
    mac: str
    sender: ScapySa = field(init=False)
    receiver: ScapySa = field(init=False)

    def __post_init__(self) -> None:
        self.sender, self.receiver = ScapySa(self.sas.into), ScapySa(self.sas.out)

    def frame(self, size: int = 60, marker: bytes = b"") -> Packet:
        """For its VM, with a payload of so many octets and no two alike."""
        payload = marker + random.randbytes(size - len(marker))
        return Ether(bytes(Ether(src=FAR, dst=self.mac) / IP(src="10.0.0.9", dst="10.0.0.1")
                           / UDP(sport=5, dport=6) / payload))


class Bed(Bench):
    """The hypervisor `hv` and its tenants; `station` is the peer."""

    def __init__(self, ipv6: bool, tunnel: bool, udp: bool) -> None:
        # Room for an overlay of 1500 in every mode.
        super().__init__(stations=1, ipv6=ipv6, mtu=1700)
        self.keys = KeyFolder()
        self.hv.main.settings |= self.keys.settings
        self.station = next(iter(self.stations.values()))
        self.tenants = [
            self._tenant(number, SaPair.fresh(
                self.hv.vtep, self.station.address, 0x1000 + 0x10 * number, cipher, esn=esn,
                tunnel=tunnel, udp=udp, window=16 << number))
            for number, (cipher, esn) in enumerate(_SUITES, 1)]
        self._with_vm("clear", _CLEAR, "vm9", 9)

    def _with_vm(self, name: str, vni: int, vm: str, number: int, **settings: str) -> None:
        tenant = self.hv.tenant(name, vni, self.vteps, mtu=1500, **settings)
        tenant.fdb.append(f"{FAR} vtep {self.station.address}")
        self.raw_vm(name, vm, number, kind="veth")

    def _tenant(self, number: int, sas: SaPair) -> Protected:
        tenant = Protected(f"green{number}", 1000 + number, sas, f"vm{number}", vm_mac(number))
        self._with_vm(tenant.name, tenant.vni, tenant.vm, number, protection="ipsec")
        self.hv.tenants[tenant.name].sas = self.keys.sections(sas, self.station.address)
        return tenant

    def close(self) -> None:
        super().close()
        self.keys.close()

    # Both ends of the wire.

    def clear(self, tenant: Protected, inner: Packet, vni: int | None = None) -> Packet:
        """A frame as the peer would send it without ESP."""
        return Ether(bytes(self.encapsulated(self.station, tenant.vni if vni is None else vni,
                                             inner)))

    def sealed(self, tenant: Protected, inner: Packet | None = None, **how) -> Packet:
        """In ESP by scapy, for the tenant's VM if nothing else is said."""
        return tenant.sender.protect(
            self.clear(tenant, tenant.frame() if inner is None else inner), **how)

    def vm_wire(self, tenant: Protected) -> Wire:
        return self.wires[tenant.vm]

    def delivered(self, tenant: Protected, *, behind: bool = True) -> list[bytes]:
        """What the tenant's VM has heard.

        Args:
            behind: all that was sent before is dealt with: a good packet behind it has come out. It
                is not told of.
        """
        wire, last = self.vm_wire(tenant), tenant.frame()
        if not behind:
            return wire.drain_raw()
        self.station.wire.send(self.sealed(tenant, last))
        frames = wire.collect(lambda frames: bytes(last) in map(bytes, frames),
                              f"a good packet of {tenant.sas.into.cipher.name} behind all others")
        assert bytes(frames[-1]) == bytes(last)
        return [bytes(frame) for frame in frames[:-1]]

    def drops(self) -> dict[str, Counter]:
        """By tenant and reason; those of no tenant under ""."""
        counts = {entry["name"]: Counter(entry["drops"])
                  for entry in self.shell.json("show tenant all")}
        counts[""] = Counter(self.shell.drops())
        for drops in list(counts.values())[:-1]:
            counts[""] -= drops
        return {name: +Counter({reason: count for reason, count in drops.items()
                                if reason not in _NOISE}) for name, drops in counts.items()}

    def refused(self, frames: Callable[[Protected], list[Packet]],
                expected: Callable[[Protected], dict[str, int]],
                others: dict[str, int] | None = None) -> None:
        """Sends what each tenant's frames are: none is delivered to anybody, and each is dropped
        under its reason, for the tenant, whom the SPI tells, or for nobody (`others`)."""
        before = self.drops()
        self.drain()
        for tenant in self.tenants:
            self.station.wire.send(*frames(tenant))
            assert self.delivered(tenant) == [], tenant.sas.into
        after = self.drops()
        found = {name: dict(after[name] - before[name]) for name in after}
        wanted = {"": others or {}} | {tenant.name: expected(tenant) for tenant in self.tenants}
        assert ({name: drops for name, drops in found.items() if drops}
                == {name: drops for name, drops in wanted.items() if drops})
        assert [name for name in self.hv.vms if self.wires[name].drain_raw()] == []


@pytest.fixture(scope="class", params=list(_SHAPES))
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    with Bed(*_SHAPES[request.param]) as bed:
        bed.start()
        yield bed


def numbers_of(frames: list[Packet]) -> list[int]:
    """The 32 bits of the sequence numbers that stand in the packets."""
    octets = [esp_octets(frame) for frame in frames]
    return [int.from_bytes(esp[4:8], "big") for esp in octets if esp is not None]


class TestScapyPeer:
    """Good packets to the last octet, and what no good peer sends; behind it a good one always
    comes through."""

    #: Octets of payload: every length of padding, and as much as goes into a packet.
    _sizes = (*range(20, 37), 100, 577, 1472)

    def test_scapy_opens_what_a_vm_sends(self, bed: Bed) -> None:
        """A VM's frames leave as ESP alone, and scapy finds them in it.

        Steps:
            * From the VM of each tenant send frames of many lengths to the station behind the peer.
        Verify:
            * The peer hears as many ESP packets of the tenant's SPI, numbered one by one, and no VXLAN
              beside them; scapy finds every ICV right, and in each the tenant's VXLAN around the
              VM's frame, octet by octet. UDP encapsulation is as RFC 3948 has it.
        """
        wire = bed.station.wire
        for tenant in bed.tenants:
            sa, sent = tenant.sas.out, []
            bed.drain()
            for size in self._sizes:
                frame = tenant.frame(size)
                frame.src, frame.dst = tenant.mac, FAR
                sent.append(frame)
            bed.vm_wire(tenant).send(*sent)
            # Linux has its own to say on the uplink: neighbour discovery.
            heard = wire.expect(lambda frame: is_esp()(frame) or is_vxlan()(frame),
                                f"{len(sent)} packets of {sa.cipher.name}", len(sent))
            assert all(is_esp(sa.spi)(frame) for frame in heard)
            numbers = numbers_of(heard)
            assert numbers == list(range(numbers[0], numbers[0] + len(sent)))
            opened = [tenant.receiver.open(frame) for frame in heard]
            assert [bytes(frame[VXLAN].payload) for frame in opened] == list(map(bytes, sent))
            assert {(frame[VXLAN].vni, frame.getlayer(1).src, frame.getlayer(1).dst)
                    for frame in opened} == {(tenant.vni, bed.hv.vtep, bed.station.address)}
            self._check_encapsulation(bed, sa.udp, heard)

    @staticmethod
    def _check_encapsulation(bed: Bed, udp: bool, frames: list[Packet]) -> None:
        for frame in frames:
            assert (UDP in frame) == udp
            if not udp:
                continue
            header = frame[UDP]
            assert (header.sport, header.dport) == (ENCAPSULATION_PORT, ENCAPSULATION_PORT)
            assert header.len == 8 + len(esp_octets(frame) or b"")
            assert bed.lab.ipv6 or header.chksum == 0
            if bed.lab.ipv6:
                again = frame.copy()
                del again[UDP].chksum
                assert Ether(bytes(again))[UDP].chksum == header.chksum

    def test_a_vm_gets_what_scapy_sends(self, bed: Bed) -> None:
        """The other way round.

        Steps:
            * Let scapy seal frames of many lengths for the VM of each tenant, and send them.
        Verify:
            * The VM gets them all, in their order, octet by octet; nothing is dropped.
        """
        before = bed.drops()
        bed.drain()
        for tenant in bed.tenants:
            frames = [tenant.frame(size) for size in self._sizes]
            bed.station.wire.send(*(bed.sealed(tenant, frame) for frame in frames))
            assert bed.delivered(tenant) == list(map(bytes, frames)), tenant.sas.into
        assert bed.drops() == before

    def test_flipped(self, bed: Bed) -> None:
        """A bit turned over in any octet from the IV to the end of the ICV: `bad-icv`.

        Steps:
            * Seal one packet per octet; turn over a bit of one octet, another one in each.
        """
        def frames(tenant: Protected) -> list[Packet]:
            cipher = tenant.sas.into.cipher
            first = bed.sealed(tenant)
            length = len(esp_octets(first) or b"")
            places = (*range(8, 8 + cipher.iv_size + 2), *range(length - cipher.icv_size, length))
            base = tenant.sender.number
            flipped = [flip(bed.sealed(tenant, number=base + index), octet, index % 8)
                       for index, octet in enumerate(places)]
            counts[tenant.name] = len(flipped)
            return flipped

        counts: dict[str, int] = {}
        bed.refused(frames, lambda tenant: {"bad-icv": counts[tenant.name]})

    def test_replayed(self, bed: Bed) -> None:
        """Packets a second time, at once and after others: `replayed`."""
        before = bed.drops()
        bed.drain()
        for tenant in bed.tenants:
            inner = [tenant.frame() for _ in range(5)]
            sealed = [bed.sealed(tenant, frame) for frame in inner]
            bed.station.wire.send(*sealed, *sealed)
            assert bed.delivered(tenant) == list(map(bytes, inner)), tenant.sas.into
            bed.station.wire.send(*reversed(sealed))
            assert bed.delivered(tenant) == []
        after = bed.drops()
        assert {tenant.name: dict(after[tenant.name] - before[tenant.name])
                for tenant in bed.tenants} == {tenant.name: {"replayed": 10}
                                               for tenant in bed.tenants}

    def test_reordered(self, bed: Bed) -> None:
        """Late packets are taken as long as they are in the window, and not one number beyond.

        Steps:
            * Send a number that is a window further than the oldest one; then those on the edge of
              the window and a handful between, in no order; then the two next to it that are too old.
        Verify:
            * The VM gets all in the window, each once; two are counted as `outside-window`.
        """
        before = bed.drops()
        bed.drain()
        for tenant in bed.tenants:
            window, oldest = tenant.sas.into.window, tenant.sender.number + 2
            newest = oldest + window
            inside = {oldest + 1, oldest + 2, newest - 1,
                      *random.sample(range(oldest + 1, newest), 20)}
            order = [newest, *random.sample(sorted(inside), len(inside))]
            inner = [tenant.frame() for _ in order]
            bed.station.wire.send(*(bed.sealed(tenant, frame, number=number)
                                    for frame, number in zip(inner, order)))
            bed.station.wire.send(bed.sealed(tenant, number=oldest),
                                  bed.sealed(tenant, number=oldest - 1))
            assert bed.delivered(tenant) == list(map(bytes, inner)), tenant.sas.into
        after = bed.drops()
        assert {tenant.name: dict(after[tenant.name] - before[tenant.name])
                for tenant in bed.tenants} == {tenant.name: {"outside-window": 2}
                                               for tenant in bed.tenants}

    def test_wrong_spi(self, bed: Bed) -> None:
        """An SPI that nobody has.

        Steps:
            * Seal packets with SPIs that are reserved, that nobody has, and that is ours to send
              by; and one with another tenant's SPI under the tenant's own key.
        Verify:
            * Each is an `unknown-spi`, the last one a `bad-icv`.
        """
        bed.refused(lambda tenant: [bed.sealed(tenant, spi=spi) for spi in
                                    (1, 255, 256, tenant.sas.out.spi, 0xffffffff)],
                    lambda _: {}, others={"unknown-spi": 5 * len(bed.tenants)})
        gcm, other = bed.tenants[:2]
        assert gcm.sas.into.cipher is other.sas.into.cipher
        before = bed.drops()
        # Ahead of the other's window, which is asked first.
        number = max(gcm.sender.number, other.sender.number) + 1
        bed.station.wire.send(bed.sealed(gcm, other.frame(), spi=other.sas.into.spi,
                                         number=number))
        assert bed.delivered(gcm) == bed.delivered(other) == []
        assert bed.drops()[other.name] - before[other.name] == {"bad-icv": 1}

    def test_truncated(self, bed: Bed) -> None:
        """Cut off at every length, from none of ESP's octets to all but one.

        Steps:
            * Seal a packet; send it cut off at every length, with IP and UDP headers that say so.
        Verify:
            * What has no room for SPI and sequence number is `outer-malformed`, and in UDP no ESP:
              it is Linux's. All others are counted for the tenant as `esp-malformed`, or as
              `bad-icv` where the length would do.
        """
        def frames(tenant: Protected) -> list[Packet]:
            sa, clear = tenant.sas.into, bed.clear(tenant, tenant.frame(33))
            whole = esp_octets(tenant.sender.protect(clear)) or b""
            shortest = 8 + sa.cipher.iv_size + sa.cipher.block + sa.cipher.icv_size
            counts[tenant.name] = Counter(
                "bad-icv" if length >= shortest and (length - shortest) % sa.cipher.block == 0
                else "esp-malformed" for length in range(8, len(whole)))
            return [EspSender(sa).wrap(clear, whole[:length]) for length in range(len(whole))]

        counts: dict[str, Counter] = {}
        host = bed.shell.port(bed.hv.host_port)
        short = 8 * len(bed.tenants)
        udp = bed.tenants[0].sas.into.udp
        bed.refused(frames, lambda tenant: dict(counts[tenant.name]),
                    others={} if udp else {"outer-malformed": short})
        if udp:
            wait_until(lambda: bed.shell.port(bed.hv.host_port).since(host).tx_packets >= short,
                       "what is too short went to Linux")

    def test_inside_is_anothers(self, bed: Bed) -> None:
        """A good peer's SA with what is not its tenant's inside: `selector-mismatch`.

        Steps:
            * By each tenant's SA send, well sealed: VXLAN of the next tenant, of the clear one,
              and of nobody; another UDP port; no UDP; in tunnel mode also VXLAN from and to other
              vteps.
            * Send the tenant's own VXLAN without ESP.
        Verify:
            * No VM hears any of it; the last one is counted as `clear-text`.
        """
        def frames(tenant: Protected) -> list[Packet]:
            after = bed.tenants[(bed.tenants.index(tenant) + 1) % len(bed.tenants)]
            stranger, ether = bed.lab.address(77), bed.outer_ether(bed.station)
            ip = outer(bed.station.address, bed.hv.vtep)
            clear = [bed.clear(tenant, after.frame(), after.vni),
                     bed.clear(tenant, tenant.frame(), _CLEAR),
                     bed.clear(tenant, tenant.frame(), 7),
                     vxlan(ether, ip, tenant.vni, tenant.frame(), port=4790),
                     ether / ip / ICMP(bytes(16)) if not bed.lab.ipv6
                     else ether / outer(bed.station.address, bed.hv.vtep, nh=17) / Raw(bytes(4))]
            if tenant.sas.into.tunnel:
                clear += [vxlan(ether, outer(stranger, bed.hv.vtep), tenant.vni, tenant.frame()),
                          vxlan(ether, outer(bed.station.address, stranger), tenant.vni,
                                tenant.frame())]
            counts[tenant.name] = len(clear)
            return [*map(tenant.sender.protect, clear), bed.clear(tenant, tenant.frame())]

        counts: dict[str, int] = {}
        bed.refused(frames, lambda tenant: {"selector-mismatch": counts[tenant.name],
                                            "clear-text": 1})


_WRAPPING = ("transport-ipv4", "tunnel-udp-ipv6")


@pytest.fixture(params=_WRAPPING)
def wrapping(request: pytest.FixtureRequest) -> Iterator[Bed]:
    with Bed(*_SHAPES[request.param]) as bed:
        yield bed


def _checksum(text: str) -> int:
    """FNV-1a, as the state file ends with."""
    value = 0xcbf29ce484222325
    for octet in text.encode():
        value = (value ^ octet) * 0x100000001b3 & (1 << 64) - 1
    return value


def used_up_to(bed: Bed, number: int) -> None:
    """Stops the process and writes into its state file that numbers below this one were used."""
    bed.hv.close_process()
    path = bed.keys.path / "sequence-numbers"
    lines = path.read_text().splitlines(keepends=True)[:-1]
    text = "".join(f"{line.rsplit(' ', 1)[0]} {number}\n" if line.startswith("sa ") else line
                   for line in lines)
    assert text.count(f" {number}\n") == len(bed.tenants)
    path.write_text(f"{text}checksum {_checksum(text)}\n")
    bed.hv.main.settings["ipsec.new_state_file"] = "off"


class TestSequenceWrap:
    """The 2^32nd packet and those after it."""

    def test_inbound(self, wrapping: Bed) -> None:
        """With ESN numbers go on past 32 bits; without, nothing is taken any more.

        Steps:
            * Send the last numbers of 32 bits, and then those that follow: with ESN with a high half
              of 1 that only the ICV has, without it from 1 on again.
            * With ESN send the last one again, a late one from before the wrap, and one that was
              sealed with a high half of 0.
        Verify:
            * With ESN the VM gets all that come once, the late one too; the others are `replayed`
              and `bad-icv`. Without, what begins anew is `outside-window`.
        """
        bed = wrapping
        bed.start()
        for tenant in bed.tenants:
            esn, end = tenant.sas.into.esn, 1 << 32
            # No further than half of the 32 bits at a time: nearer is what is behind.
            for number in (1, end // 2, end - 9):
                bed.station.wire.send(bed.sealed(tenant, number=number))
            bed.vm_wire(tenant).expect(lambda _: True, "numbers up to the end", 3)
            before = bed.drops()
            good = [end - 3, end - 1] + ([end, end + 1, end + 3, end - 2] if esn else [])
            inner = [tenant.frame() for _ in good]
            bed.station.wire.send(*(bed.sealed(tenant, frame, number=number)
                                    for frame, number in zip(inner, good)))
            bad = [end - 1, end - 3, 5] if esn else [end - 1, 1, 2]
            bed.station.wire.send(*(bed.sealed(tenant, number=number) for number in bad))
            wait_until(lambda: (bed.drops()[tenant.name] - before[tenant.name]).total() == 3,
                       "all refused")
            assert bed.delivered(tenant, behind=esn) == list(map(bytes, inner)), tenant.sas.into
            assert bed.drops()[tenant.name] - before[tenant.name] == (
                {"replayed": 2, "bad-icv": 1} if esn else {"replayed": 1, "outside-window": 2})

    def test_outbound(self, wrapping: Bed) -> None:
        """With ESN we go on past 32 bits; without, we stop, and send nothing in clear.

        Steps:
            * Let the state file say that all numbers but the last four of 32 bits were used; from
              each VM send eight frames.
        Verify:
            * The SA starts at the first unused one. With ESN scapy opens all eight, the last four
              with 1 for their high halves alone. Without, three leave, since librte_ipsec does
              without the very last number, and five are `sequence-exhausted`; in clear there is
              nothing.
        """
        bed, first = wrapping, (1 << 32) - 4
        bed.start()
        used_up_to(bed, first)
        bed.hv.start_process()
        bed.drain()
        for tenant in bed.tenants:
            sa, wire = tenant.sas.out, bed.station.wire
            before = bed.drops()
            sent = [tenant.frame() for _ in range(8)]
            for frame in sent:
                frame.src, frame.dst = tenant.mac, FAR
            bed.vm_wire(tenant).send(*sent)
            count = 8 if sa.esn else 3
            heard = wire.expect(is_esp(sa.spi), f"{count} packets", count)
            assert numbers_of(heard) == [(first + index) % (1 << 32) for index in range(count)]
            opened = [tenant.receiver.open(frame, high=(first + index) >> 32)
                      for index, frame in enumerate(heard)]
            assert [bytes(frame[VXLAN].payload) for frame in opened] == list(
                map(bytes, sent[:count]))
            if sa.esn:
                with pytest.raises(IPSecIntegrityError):
                    tenant.receiver.open(heard[4], high=0)
            refused = Counter({"sequence-exhausted": 8 - count})
            wait_until(lambda: bed.drops()[tenant.name] - before[tenant.name] == +refused,
                       "what cannot leave is counted")
            others = [frame.summary() for frame in wire.drain() if is_vxlan()(frame)]
            assert not others
