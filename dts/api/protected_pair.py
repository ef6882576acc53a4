# SPDX-License-Identifier: BSD-3-Clause
"""Two hypervisors of ours with ESP between them, and all that they send kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scapy.layers.inet import IPerror
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet
from scapy.utils import PcapReader

from api.esp import PROTO_ESP, is_esp
from api.keys import KeyFolder
from api.lab import BLUE, RED, Hypervisor, Lab
from api.security import Sa, SaPair
from api.vm import Vm
from api.wire import Wire
from framework.closing import Closing
from framework.namespace import Switch
from framework.process import wait_until


@dataclass
class _End:
    """One hypervisor, its VMs, and its SAs as they stand in its file."""

    hypervisor: Hypervisor
    keys: KeyFolder
    remote: str
    out: list[Sa]
    into: list[Sa]

    @property
    def vm(self) -> Vm:
        return self.hypervisor.vms[f"blue{self.hypervisor.number}"]

    @property
    def red(self) -> Vm:
        return self.hypervisor.vms[f"red{self.hypervisor.number}"]

    def write(self, inline: bool) -> None:
        """The SAs into the tenant's file, if there is one yet."""
        tenant = self.hypervisor.tenants["blue"]
        tenant.sas = [self.keys.section(direction, sa, self.remote, inline)
                      for direction, sas in (("out", self.out), ("in", self.into)) for sa in sas]
        if self.hypervisor.sallyport is not None:
            self.hypervisor.sallyport.write_tenant(tenant)

    def rekey(self, inline: bool) -> None:
        self.write(inline)
        self.hypervisor.shell.run("ipsec rekey blue")


class ProtectedPair(Closing):
    """Tenant blue in ESP and tenant red in clear between hv1 and hv2, each with a VM on both.

    Attributes:
        sas: those that are in use, seen from hv1.
        wires: what each hypervisor sends, on both switches.
    """

    def __init__(self, ipv6: bool = False, kind: str = "veth", inline: bool = False,
                 **fields) -> None:
        """
        Args:
            kind: of VMs and uplinks alike, "veth" or "tap".
            inline: keys stand in the tenants' files.
            fields: of the SAs.
        """
        self.inline = inline
        # Room for an overlay of 1500 in every mode; a TAP as uplink has none.
        self.lab = Lab(ipv6=ipv6, mtu=1700 if kind == "veth" else 1500)
        self._closing: list = []
        try:
            addresses = [self.lab.address(number) for number in (1, 2)]
            self.sas = SaPair.fresh(addresses[0], addresses[1], **fields)
            self.ends = [self._end(number, addresses[2 - number], pair, kind)
                         for number, pair in ((1, self.sas), (2, self.sas.reversed))]
            self.near, self.far = self.ends
            self.wires = [Wire(switch.namespace, port) for switch, port in self.places()]
            self._closing += self.wires
        except BaseException:
            self.close()
            raise

    def _end(self, number: int, remote: str, pair: SaPair, kind: str) -> _End:
        keys = KeyFolder()
        self._closing.append(keys)
        hypervisor = self.lab.hypervisor(f"hv{number}", number, uplink_kind=kind)
        hypervisor.main.settings |= keys.settings
        mtu = self.lab.mtu - 200
        hypervisor.tenant("blue", BLUE, [remote], protection="ipsec", mtu=mtu)
        hypervisor.tenant("red", RED, [remote], mtu=mtu)
        for tenant in ("blue", "red"):
            hypervisor.vm(tenant, f"{tenant}{number}", number, kind, mtu=mtu)
        end = _End(hypervisor, keys, remote, [pair.out], [pair.into])
        end.write(self.inline)
        return end

    def places(self) -> list[tuple[Switch, str]]:
        """Switch ports by which the hypervisors send."""
        return [(switch, port) for switch in self.lab.switches for port in ("hv1", "hv2")]

    def start(self) -> None:
        self.lab.start()

    def wait_links(self) -> None:
        for end in self.ends:
            wait_until(lambda h=end.hypervisor: all(
                u["link_up"] for u in h.shell.json("show uplink")["uplinks"]), "both links")

    def start_for_failover(self) -> None:
        """With all links, and without `wires`, which cables that are pulled end; see ClearWatch."""
        self.start()
        self.wait_links()
        for wire in self.wires:
            wire.close()

    def rekey(self, between: Callable[[], None] = lambda: None) -> None:
        """Both ends to new keys as docs/user-guide.md has it, without losing a packet; `between` is
        called after each of its four steps."""
        old, new = self.sas, self.sas.successor(self.sas.out.spi + 0x10)
        near, far = self.ends
        for end, into in ((near, new.into), (far, new.out)):
            end.into.append(into)
            end.rekey(self.inline)
            between()
        for end, out, gone in ((near, new.out, old.into), (far, new.into, old.out)):
            end.out = [out]
            end.into.remove(gone)
            end.rekey(self.inline)
            between()
        self.sas = new

    def crash(self, end: _End) -> None:
        """Kills the process; `start_process` of the hypervisor brings it back."""
        hypervisor = end.hypervisor
        assert hypervisor.sallyport is not None
        hypervisor.sallyport.kill()
        hypervisor.sallyport = None
        hypervisor.main.settings["ipsec.new_state_file"] = "off"

    def heard(self) -> list[Packet]:
        """What the hypervisors sent since the last look."""
        return [frame for wire in self.wires for frame in wire.drain()]

    def close(self) -> None:
        try:
            self.lab.close()
        finally:
            while self._closing:
                self._closing.pop().close()


class ClearWatch:
    """Keeps whatever the hypervisors send that is neither ESP nor of the underlay itself: neighbour
    discovery, and what Linux answers to ESP for which there is no SA, which it quotes."""

    _filter = "not (ip proto 50 or ip6 proto 50 or arp or icmp6)"

    def __init__(self, pair: ProtectedPair) -> None:
        self.captures = []
        for switch in pair.lab.switches:
            path = pair.near.keys.path / f"{switch.namespace.label}.pcap"
            # On all ports: a capture on one would end when its cable is pulled.
            capture = switch.namespace.start(
                "tcpdump", "-n", "-i", "any", "-y", "LINUX_SLL", "-Q", "in", "--immediate-mode",
                "-U", "-Z", "root", "-B", "16384", "-w", str(path), self._filter,
                name=f"capture-{switch.namespace.label}")
            self.captures.append((capture, path))
        for capture, _ in self.captures:
            wait_until(lambda c=capture: "listening on" in c.text(), "tcpdump listens")

    def finish(self) -> list[Packet]:
        """Ends it; nothing was missed."""
        frames: list[Packet] = []
        for capture, path in self.captures:
            capture.stop(2)
            assert "\n0 packets dropped by kernel" in capture.text(), capture.text()
            with PcapReader(str(path)) as reader:
                frames += list(reader)
        return [frame for frame in frames if not (IPv6 in frame and frame[IPv6].nh == 0)
                and not (IPerror in frame and frame[IPerror].proto == PROTO_ESP)]

    def assert_red_only(self) -> None:
        """Of the tenant in clear there was something, so that something would have been heard; and
        of nobody else."""
        frames = self.finish()
        others = [frame.summary() for frame in frames if VXLAN not in frame
                  or frame[VXLAN].vni != RED]
        assert not others, others[:10]
        assert frames, "of tenant red nothing was heard either"

    def __enter__(self) -> ClearWatch:
        return self

    def __exit__(self, *_: object) -> None:
        for capture, _ in self.captures:
            capture.stop(2)


def esp_only(frames: list[Packet]) -> list[Packet]:
    """Those that carry ESP; all others must be the underlay's neighbour discovery."""
    esp = [frame for frame in frames if is_esp()(frame)]
    others = [frame.summary() for frame in frames if not is_esp()(frame) and ARP not in frame
              and not (IPv6 in frame and frame[IPv6].nh in (0, 58))]
    assert not others, others[:10]
    return esp
