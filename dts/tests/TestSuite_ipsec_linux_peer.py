# SPDX-License-Identifier: BSD-3-Clause
"""Protected tenants against a peer that we did not write: Linux's own ESP below its VXLAN device.

One hypervisor of ours with a VM on a TAP, one Linux guest whose kernel has ESP, one tenant, static
keys at both ends as `ip xfrm` takes them.
"""

from __future__ import annotations

import itertools
import json
import re
import signal
import time
from collections.abc import Iterator

import pytest
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP
from scapy.packet import Packet

from api import qemu_peer, xfrm_peer
from api.esp import EspReceiver, EspSender, esp_octets, flip, is_esp
from api.keys import KeyFolder
from api.lab import BLUE, Hypervisor, Lab, vm_addresses, vm_mac
from api.security import AES_128_CBC_SHA256, AES_256_GCM, CHACHA20_POLY1305, Sa, SaPair
from api.shell import Shell
from api.traffic import IperfServer, assert_pings, tcp, wait_ping
from api.uml_peer import UmlPeer
from api.wire import Wire
from api.xfrm_peer import XfrmPeer
from framework.process import TIME_SCALE, wait_until

#: Shapes of security associations, and the family of the underlay.
_SHAPES: dict[str, tuple[bool, dict]] = {
    "gcm": (False, {}),
    "gcm-ipv6": (True, {}),
    "gcm-256-32-bit-numbers": (False, {"cipher": AES_256_GCM, "esn": False}),
    "tunnel": (False, {"tunnel": True}),
    "tunnel-ipv6": (True, {"tunnel": True}),
    "udp": (False, {"udp": True}),
    "udp-tunnel": (False, {"udp": True, "tunnel": True}),
    "chacha": (False, {"cipher": CHACHA20_POLY1305}),
    "cbc": (False, {"cipher": AES_128_CBC_SHA256, "esn": False}),
    "two-workers": (False, {"workers": 2}),
}


@pytest.fixture(scope="module", autouse=True)
def _guests_run_here() -> None:
    reason = xfrm_peer.why_not()
    if reason is not None:
        pytest.skip(reason)


class Protected:
    """A lab with hv1 and its VM `near`, and the guest with its VM `far`."""

    def __init__(self, ipv6: bool = False, workers: int = 1, vm: str = "tap",
                 guest: type[UmlPeer] | None = None, **fields) -> None:
        self.keys = KeyFolder()
        # Room for an overlay of 1500 in every mode.
        self.lab = Lab(ipv6=ipv6, mtu=1700)
        try:
            peer = self.lab.xfrm_peer("peer1", 11, guest)
            assert isinstance(peer, XfrmPeer)
            self.peer = peer
            self.hv1: Hypervisor = self.lab.hypervisor("hv1", 1, workers)
            self.sas = SaPair.fresh(self.hv1.vtep, peer.vtep, **fields)
            self.hv1.main.settings |= self.keys.settings
            self.tenant = self.hv1.tenant("blue", BLUE, [peer.vtep], protection="ipsec", mtu=1500)
            self.write(self.sas)
            self.near = self.hv1.vm("blue", "near", 1, vm)
            self.far = peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [self.hv1.vtep])
            peer.protect(self.sas.reversed)
            self.lab.start()
            #: A wire hears what comes in: from the guest, and from the switch.
            self.wires = [Wire(peer.guest.space, peer.guest.tap), Wire(peer.guest.space, "cable")]
        except BaseException:
            self.close()
            raise

    def write(self, pair: SaPair) -> None:
        """Keys into files of their own, and the tenant's sections."""
        self.tenant.sas = self.keys.sections(pair, self.peer.vtep)

    def close(self) -> None:
        for wire in getattr(self, "wires", []):
            wire.close()
        self.lab.close()
        self.keys.close()

    def __enter__(self) -> Protected:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def shell(self) -> Shell:
        return self.hv1.shell

    def heard(self) -> list[Packet]:
        """What crossed the guest's cable since the last look, but for neighbour discovery."""
        return [frame for wire in self.wires for frame in wire.drain() if ARP not in frame
                and not (IPv6 in frame and frame[IPv6].nh in (0, 58))]


@pytest.fixture(scope="class", params=list(_SHAPES))
def bed(request: pytest.FixtureRequest) -> Iterator[Protected]:
    ipv6, fields = _SHAPES[request.param]
    with Protected(ipv6, **fields) as bed:
        yield bed


class TestIpsecLinuxPeer:
    """Every shape of ESP that both ends have."""

    def test_ping_and_nothing_in_clear(self, bed: Protected) -> None:
        """Pings pass both ways, and only ESP is on the wire.

        Steps:
            * Ping both ways, small and full-sized, IPv4 and IPv6 inside.
        Verify:
            * Every ping is answered once; all that crossed is ESP that opens with the keys, in the
              order of its numbers; neither end has dropped anything.
        """
        wait_ping(bed.near, bed.far.ip)
        bed.heard()
        before, drops = bed.peer.drops(), bed.shell.drops()
        for one, other in ((bed.near, bed.far), (bed.far, bed.near)):
            assert_pings(one, other.ip, count=3)
            assert_pings(one, other.ip, count=3, size=1472, options=("-M", "do"))
            assert_pings(one, other.ipv6, count=3)
        frames = bed.heard()
        clear = [frame.summary() for frame in frames if not is_esp()(frame)]
        assert not clear and len(frames) >= 36
        for sa in (bed.sas.out, bed.sas.into):
            receiver = EspReceiver(sa)
            sent = [frame for frame in frames if is_esp(sa.spi)(frame)]
            numbers = [receiver.open(frame).number for frame in sent]
            assert numbers == list(range(numbers[0], numbers[0] + len(sent)))
        assert bed.peer.drops() == before
        # Linux's queries come by both switches.
        assert set(bed.shell.drops().since(drops)) <= {"backup-uplink"}

    def test_tcp(self, bed: Protected) -> None:
        """TCP moves data both ways in segments of full size."""
        for source, target in ((bed.near, bed.far), (bed.far, bed.near)):
            wait_ping(source, target.ip)
            assert tcp(source, target, target.ip).octets > 500_000

    def test_seen(self, bed: Protected) -> None:
        """The shell tells of both SAs, and never of a key."""
        text = bed.shell.run("show ipsec sa").stdout
        report = bed.shell.run("show ipsec sa json").stdout
        for sa in (bed.sas.out, bed.sas.into):
            assert f"0x{sa.spi:08x}" in text
            for secret in (sa.key.hex(), sa.cipher_key.hex()):
                assert secret not in text and secret not in report
                assert secret not in bed.shell.run("show config").stdout


class TestSecondChoice:
    """The guest that is taken where User-Mode Linux does not run, whether it runs here or not."""

    @pytest.mark.software_only("it is of the guest, not of the NIC")
    def test_ping_by_qemu(self) -> None:
        """Pings pass both ways, and only ESP is on the wire.

        Steps:
            * With the peer in qemu's software emulation, ping both ways.
        Verify:
            * Every ping is answered once; all that crossed is ESP by the two SPIs; neither end has
              dropped anything.
        """
        if (reason := qemu_peer.why_not()) is not None:
            pytest.skip(reason)
        with Protected(guest=qemu_peer.QemuPeer) as bed:
            wait_ping(bed.near, bed.far.ip, timeout=20)
            bed.heard()
            before, drops = bed.peer.drops(), bed.shell.drops()
            for one, other in ((bed.near, bed.far), (bed.far, bed.near)):
                assert_pings(one, other.ip, count=5)
                assert_pings(one, other.ip, count=3, size=1472, options=("-M", "do"))
            octets = [esp_octets(frame) for frame in bed.heard()]
            assert None not in octets and len(octets) >= 32
            assert {int.from_bytes(esp[:4], "big") for esp in octets if esp is not None} == {
                bed.sas.out.spi, bed.sas.into.spi}
            assert bed.peer.drops() == before
            assert set(bed.shell.drops().since(drops)) <= {"backup-uplink"}


@pytest.mark.alone
class TestHostile:
    """What the underlay may send at us."""

    def test_dropped_and_counted(self) -> None:
        """Forged, repeated and foreign packets are each dropped for their reason.

        Steps:
            * From the peer's cable: VXLAN in clear, a flipped ICV, a replay, an unknown SPI.
        Verify:
            * Nothing reaches the VM; each is counted under its own reason.
        """
        with Protected() as bed:
            wait_ping(bed.near, bed.far.ip)
            bed.heard()
            assert_pings(bed.far, bed.near.ip, count=1)
            sa = bed.sas.into
            frame = [frame for frame in bed.heard() if is_esp(sa.spi)(frame)][-1]
            opened = EspReceiver(sa).open(frame)
            sender = EspSender(sa)
            hostile = {"clear-text": opened.frame,
                       "bad-icv": flip(sender.protect(opened.frame, number=opened.number + 9)),
                       "replayed": frame,
                       "unknown-spi": EspSender(Sa.fresh(0xdead, sa.source, sa.destination))
                       .protect(opened.frame, number=1)}
            for reason, packet in hostile.items():
                before = bed.shell.drops()
                bed.wires[1].send(packet)
                wait_until(lambda: bed.shell.drops().since(before).get(reason, 0) >= 1, reason)


class TestWithoutKeys:
    """Nothing leaves in clear, whatever is missing."""

    @pytest.mark.software_only("the process ends before it looks for its card")
    def test_a_key_that_others_can_read(self) -> None:
        """The process does not start, and says why without a word of the key."""
        with Protected() as bed:
            bed.hv1.close_process()
            key = bed.tenant.sas[0].key_file
            key.chmod(0o640)
            sallyport = bed.hv1.start_process(ready=False)
            assert sallyport.process is not None
            assert sallyport.process.wait(20) != 0
            log = sallyport.log()
            sallyport.process.discard_log()
            bed.hv1.sallyport = None
            assert str(key) in log and "chmod 600" in log
            assert key.read_text() not in log

    def test_numbers_go_on_after_a_restart(self) -> None:
        """No number is used twice under one key.

        Steps:
            * Ping; stop the process; start it again with the same files; ping.
        Verify:
            * The first number afterwards is above the last one before, and the peer, whose window
              remembers, answers.
        """
        with Protected(vm="veth") as bed:
            wait_ping(bed.near, bed.far.ip)
            receiver = EspReceiver(bed.sas.out)
            last = max(receiver.open(frame).number for frame in bed.heard()
                       if is_esp(bed.sas.out.spi)(frame))
            bed.hv1.close_process()
            bed.heard()
            bed.hv1.main.settings["ipsec.new_state_file"] = "off"
            bed.hv1.start_process()
            wait_ping(bed.near, bed.far.ip)
            first = min(receiver.open(frame).number for frame in bed.heard()
                        if is_esp(bed.sas.out.spi)(frame))
            assert first > last


#: Family of the underlay, and how many workers.
_REKEYED = {"ipv4": (False, 1), "ipv6": (True, 1), "two-workers": (False, 2)}


class TestRekey:
    """New keys in mid-flow."""

    _rekeys = 3

    @pytest.fixture(params=list(_REKEYED))
    def bed(self, request: pytest.FixtureRequest) -> Iterator[Protected]:
        ipv6, workers = _REKEYED[request.param]
        with Protected(ipv6, workers) as bed:
            wait_ping(bed.near, bed.far.ip)
            bed.heard()
            yield bed

    def _rekey(self, bed: Protected) -> set[bytes]:
        """Gives both ends a successor of both SAs, several times; all SPIs that were in use."""
        pair, spis = bed.sas, {bed.sas.out.spi, bed.sas.into.spi}
        for _ in range(self._rekeys):
            new = pair.successor(pair.out.spi + 0x10)
            # Seen from the guest: it takes by the new one before we send by it.
            bed.peer.add_state(new.out)
            bed.write(new)
            bed.hv1.sallyport.tenant_file("blue").write_text(bed.tenant.text())
            bed.shell.run("ipsec rekey blue")
            bed.peer.add_state(new.into)
            # Of two that came in one second Linux may go on with the older.
            bed.peer.delete_state(pair.into)
            wait_until(lambda: bed.peer.counters(new.out).packets > 20
                       and bed.peer.counters(new.into).packets > 20, "packets by both new SAs")
            pair = new
            spis |= {new.out.spi, new.into.spi}
        return {spi.to_bytes(4, "big") for spi in spis}

    @staticmethod
    def _spis_heard(bed: Protected) -> set[bytes]:
        """By which SPIs all that crossed the cable went; nothing was in clear."""
        octets = [esp_octets(frame) for frame in bed.heard()]
        assert None not in octets
        return {esp[:4] for esp in octets if esp is not None}

    def test_no_ping_is_lost(self, bed: Protected) -> None:
        """Both ends change keys while pings go on, by IPv4 and by IPv6.

        Steps:
            * Ping 100 times a second in each; give both ends a successor of both SAs, three times:
              new inbound ones first, then outbound.
        Verify:
            * No ping is lost, nothing is in clear, and packets went by all eight SPIs.
        """
        targets = (bed.far.ip, bed.far.ipv6)
        wait_ping(bed.near, bed.far.ipv6)
        running = [bed.near.namespace.start("ping", "-n", "-i", "0.01", target)
                   for target in targets]
        try:
            spis = self._rekey(bed)
            wait_until(lambda: all(pings.text().count("icmp_seq") > 50 for pings in running),
                       "more than 50 answers each")
            for pings in running:
                pings.signal(signal.SIGINT)
                pings.wait()
            texts = [pings.text() for pings in running]
        finally:
            for pings in running:
                pings.stop()
        for text in texts:
            answered = [int(number) for number in re.findall(r"icmp_seq=(\d+)", text)]
            assert answered == list(range(1, len(answered) + 1)) and len(answered) > 50
        assert self._spis_heard(bed) == spis

    def test_tcp_goes_on(self, bed: Protected) -> None:
        """Both ends change keys while iperf3 sends both ways.

        Steps:
            * Let iperf3 send 5 Mb/s by TCP in each direction, over IPv6 and IPv4 in the VMs; give
              both ends successors of both SAs, three times.
        Verify:
            * The connections live to the end, and neither direction is silent for longer than a
              loaded machine takes; neither end has refused a packet for its SA, its number or its
              ICV; nothing is in clear, and packets went by all eight SPIs.
        """
        target = bed.far.ipv6 if bed.lab.ipv6 else bed.far.ip
        wait_ping(bed.near, target)
        refused, drops = bed.peer.drops(), bed.shell.drops()
        with IperfServer(bed.far), bed.near.namespace.start(
                "iperf3", "-c", target, "-t", "60", "-b", "5M", "--bidir", "--json",
                name="iperf3") as transfer:
            wait_until(lambda: bed.peer.counters(bed.sas.out).packets > 200, "TCP flows")
            flows = time.monotonic()
            spis = self._rekey(bed)
            wait_until(lambda: time.monotonic() > flows + 4, "iperf3 tells of some seconds")
            # Its report is whole then too.
            transfer.signal(signal.SIGINT)
            transfer.wait()
            report = json.loads(transfer.text()[transfer.text().index("{"):])
        for way in ("sum", "sum_bidir_reverse"):
            seconds = [interval[way] for interval in report["intervals"]]
            assert len(seconds) >= 3
            octets = [second["bytes"] for second in seconds]
            silent = [len(list(run)) for carried, run in itertools.groupby(octets, bool)
                      if not carried]
            assert max(silent, default=0) <= 2 * TIME_SCALE, octets
            assert sum(octets) > 500_000, octets
        assert bed.peer.drops() == refused
        assert set(bed.shell.drops().since(drops)) <= {"backup-uplink"}
        assert self._spis_heard(bed) == spis
