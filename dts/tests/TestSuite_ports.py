# SPDX-License-Identifier: BSD-3-Clause
"""Every type of VM port carries a whole Linux stack's traffic at full segment size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api import guest_vm
from api.lab import BLUE, Hypervisor, Lab, vm_addresses, vm_mac
from api.linux_peer import LinuxVm
from api.testpmd_vm import TestpmdVm
from api.traffic import assert_pings, iperf, ping, tcp, wait_ping
from api.vm import Vm
from framework.process import wait_until

KINDS = ("tap", "veth", "vhost-user", "virtio-user")


@contextmanager
def port_lab(kind: str, workers: int = 1) -> Iterator[Lab]:
    """VM `under` on the port type under test, `beside` on a veth, `far` behind a Linux peer."""
    with Lab() as lab:
        peer = lab.peer("peer1", 11)
        hv1 = lab.hypervisor("hv1", 1, workers)
        hv1.tenant("blue", BLUE, [peer.vtep])
        hv1.vm("blue", "under", 1, kind)
        hv1.vm("blue", "beside", 2, "veth")
        peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep])
        lab.start()
        yield lab


@pytest.fixture(scope="class", params=[(kind, workers) for kind in KINDS for workers in (1, 2)
                                       if workers == 1 or kind in ("tap", "vhost-user")],
                ids=lambda p: f"{p[0]}-{p[1]}-worker")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Every port type, and two workers where a port has more than one queue."""
    kind, workers = request.param
    with port_lab(kind, workers) as lab:
        yield lab


@pytest.fixture
def hv1(lab: Lab) -> Hypervisor:
    return lab.hypervisors[0]


@pytest.fixture
def under(hv1: Hypervisor) -> Vm:
    return hv1.vms["under"]


@pytest.fixture
def far(lab: Lab) -> LinuxVm:
    return lab.peers["peer1"].vms["far"]


class TestPorts:
    """TAP, veth by af_packet, vhost-user and virtio-user."""

    def test_info(self, hv1: Hypervisor, under: Vm) -> None:
        """`show port info` tells what the port is.

        Steps:
            * Ask for the port under test.
        Verify:
            * Driver, tenant, role, permitted MAC and link are right. (A TAP in another namespace has
              no link state for its driver.) With a card, TAP and veth are VFs of it, the others
              software's ports beside it.
        """
        info = hv1.shell.json("show port info under")
        assert info["driver"].startswith(under.driver)
        assert (info["tenant"], info["role"]) == ("blue", "vm port")
        assert info["allowed_macs"] == [under.mac]
        if under.kind != "tap" or under.vf:
            wait_until(lambda: hv1.shell.json("show port info under")["link_up"], "link up")

    def test_ping(self, hv1: Hypervisor, under: Vm, far: LinuxVm) -> None:
        """Pings of all sizes pass, locally and over VXLAN.

        Steps:
            * Ping from and to the VM under test: 0, 56 and 1472 octets with don't-fragment; IPv6
              with 1452 octets, and 4000 in fragments. (Fragments of IPv4 do not get through a
              net_af_packet port: its driver has the kernel put them together.)
        Verify:
            * All are answered once.
        """
        beside = hv1.vms["beside"]
        for one, other in ((under, far), (far, under), (under, beside), (beside, under)):
            for size in (0, 56, 1472):
                assert_pings(one, other.ip, count=3, size=size, options=("-M", "do"))
            for size in (1452, 4000):
                assert_pings(one, other.ipv6, count=3, size=size)
        if under.kind != "veth":
            assert_pings(under, far.ip, count=3, size=4000)

    @pytest.mark.parametrize("other", ["far", "beside"])
    @pytest.mark.parametrize("direction", ["from", "to"])
    def test_tcp(self, hv1: Hypervisor, under: Vm, far: LinuxVm, other: str,
                 direction: str) -> None:
        """TCP at full segment size; the VM's offload settings are the defaults of its device.

        Steps:
            * Run iperf3 for a second from or to the VM under test.
        Verify:
            * More than a megabyte arrives, in frames of more than 1200 octets on average, none
              dropped as truncated or too large.
        """
        station = far if other == "far" else hv1.vms["beside"]
        source, target = (under, station) if direction == "from" else (station, under)
        wait_ping(source, target.ip)
        before, stats = hv1.shell.tenant("blue"), hv1.shell.port("under")
        assert tcp(source, target).octets > 1_000_000
        counters = hv1.shell.tenant("blue").since(before)
        port = hv1.shell.port("under").since(stats)
        octets, packets = ((port.rx_bytes, port.rx_packets) if direction == "from"
                           else (port.tx_bytes, port.tx_packets))
        assert octets / packets > 1200, port
        for reason in ("frame-truncated", "mtu-exceeded", "mtu-exceeded-answered",
                       "port-frame-size"):
            assert counters.drops[reason] == 0, counters


class TestGuest:
    """A whole virtual machine in qemu, with the offloads that its Linux chooses by itself."""

    @pytest.fixture(scope="class")
    def lab(self) -> Iterator[Lab]:
        """As above, with `under` in qemu behind vhost-user."""
        if reason := guest_vm.why_not():
            pytest.skip(reason)
        with port_lab("guest") as lab:
            yield lab

    @pytest.mark.parametrize("other", ["far", "beside"])
    def test_guest(self, hv1: Hypervisor, under: Vm, far: LinuxVm, other: str) -> None:
        """Pings and TCP of a guest at its defaults.

        Steps:
            * Ping the guest with small, full-sized and fragmented packets, IPv4 and IPv6.
            * Run iperf3 to the guest, and from it (-R).
        Verify:
            * All pings are answered; more than a megabyte arrives each way, in frames of more than
              1200 octets on average; nothing is dropped as truncated or too large.
        """
        station = far if other == "far" else hv1.vms["beside"]
        for size in (56, 1472):
            assert_pings(station, under.ip, count=5, size=size, options=("-M", "do"))
        for size in (1452, 4000):
            assert_pings(station, under.ipv6, count=5, size=size)
        for options, way in (((), "tx"), (("-R",), "rx")):
            before, tenant = hv1.shell.port("under"), hv1.shell.tenant("blue")
            assert iperf(station, under.ip, seconds=2, options=options).octets > 1_000_000
            port = hv1.shell.port("under").since(before)
            average = getattr(port, f"{way}_bytes") / getattr(port, f"{way}_packets")
            assert average > 1200, port
            for reason in ("frame-truncated", "mtu-exceeded", "mtu-exceeded-answered",
                           "port-frame-size"):
                assert hv1.shell.tenant("blue").since(tenant).drops[reason] == 0


class TestFarEnd:
    """A VM whose interface takes less than the tenant's MTU."""

    def test_refused_frames_stop_nobody(self) -> None:
        """Frames that one VM's interface refuses do not keep others from reaching it.

        Steps:
            * Lower the MTU of a VM's veth to 1000, below the tenant's.
            * Send it 600 pings of 1,400 octets from a VM that does not know, then small ones.
        Verify:
            * The large ones are lost, the small ones answered, and the send ring is not full.
        """
        with Lab() as lab:
            hv1 = lab.hypervisor("hv1", 1)
            hv1.tenant("blue", BLUE, [])
            small = hv1.vm("blue", "small", 1, "veth")
            beside = hv1.vm("blue", "beside", 2, "veth")
            lab.start()
            assert_pings(beside, small.ip)
            small.namespace.run("ip", "link", "set", "eth0", "mtu", "1000")
            lost = ping(beside, small.ip, count=600, interval=0.005, size=1400)
            assert lost.received == 0
            assert_pings(beside, small.ip)
            assert_pings(small, beside.ip)
            assert hv1.shell.tenant("blue").drops["transmit-full"] == 0


class TestReconnect:
    """A VM behind vhost-user that goes away and comes back."""

    def test_vhost_user(self) -> None:
        """The port outlives its VM.

        Steps:
            * Ping, kill the VM's device, ping between others, start it again.
        Verify:
            * The process lives, others are not disturbed, and the VM is reached again.
        """
        with port_lab("vhost-user") as lab:
            vms = lab.hypervisors[0].vms
            under, beside = vms["under"], vms["beside"]
            far = lab.peers["peer1"].vms["far"]
            assert isinstance(under, TestpmdVm)
            assert_pings(under, far.ip)
            for _ in range(2):
                under.stop_testpmd()
                assert_pings(beside, far.ip)
                under.start_testpmd()
                wait_ping(far, under.ip, timeout=15)
                assert_pings(under, far.ip)
