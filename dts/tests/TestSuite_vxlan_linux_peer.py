# SPDX-License-Identifier: BSD-3-Clause
"""VXLAN against a peer that we did not write: Linux's own VXLAN device.

One hypervisor of ours with a VM on a TAP and one on a veth, one Linux hypervisor, one tenant; the
underlay is IPv4 and IPv6 in turn. Both families run inside in every case.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.lab import BLUE, Lab, vm_addresses, vm_mac
from api.linux_peer import LinuxVm
from api.traffic import Station, assert_pings, ping, tcp, wait_ping
from api.vm import Vm
from framework.process import wait_until

BOTH_UNDERLAYS = pytest.mark.parametrize("lab", ["ipv4", "ipv6"], indirect=True, scope="class")


@pytest.fixture(scope="class")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """hv1 with VMs `tap` and `veth`, peer1 with VM `far`, all in tenant blue."""
    with Lab(ipv6=request.param == "ipv6") as lab:
        peer = lab.peer("peer1", 11)
        hv1 = lab.hypervisor("hv1", 1)
        hv1.tenant("blue", BLUE, [peer.vtep])
        hv1.vm("blue", "tap", 1, "tap")
        hv1.vm("blue", "veth", 2, "veth")
        peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep])
        lab.start()
        yield lab


@pytest.fixture
def far(lab: Lab) -> LinuxVm:
    """The VM behind the Linux peer."""
    return lab.peers["peer1"].vms["far"]


@pytest.fixture(params=["tap", "veth"])
def near(lab: Lab, request: pytest.FixtureRequest) -> Vm:
    """A VM of ours, by kind of port."""
    return lab.hypervisors[0].vms[request.param]


@BOTH_UNDERLAYS
class TestVxlanLinuxPeer:
    """Forwarding, learning and flooding with a Linux VXLAN device at the other end."""

    def test_ping_both_ways(self, near: Vm, far: LinuxVm) -> None:
        """Pings pass both ways, IPv4 and IPv6 inside.

        Steps:
            * Ping the VM behind the Linux peer from ours, then the other way round.
        Verify:
            * Every ping is answered once.
        """
        assert_pings(near, far.ip)
        assert_pings(far, near.ip)
        assert_pings(near, far.ipv6)
        assert_pings(far, near.ipv6)

    def test_full_size(self, near: Vm, far: LinuxVm) -> None:
        """The largest packet of the overlay passes unfragmented.

        Steps:
            * Ping with 1472 octets of payload and don't-fragment, both ways.
        Verify:
            * Every ping is answered.
        """
        assert_pings(near, far.ip, size=1472, options=("-M", "do"))
        assert_pings(far, near.ip, size=1472, options=("-M", "do"))

    @pytest.mark.parametrize("sender", ["near", "far"])
    @pytest.mark.parametrize("family", ["ip", "ipv6"])
    def test_tcp(self, lab: Lab, near: Vm, far: LinuxVm, sender: str, family: str) -> None:
        """TCP moves data in segments of full size.

        Steps:
            * Run iperf3 for a second from the sender to the other.
        Verify:
            * More than a megabyte arrives.
            * The frames that crossed were large: no port or peer cut them small.
            * Nothing was dropped as truncated or too large.
        """
        shell = lab.hypervisors[0].shell
        source: Station = near if sender == "near" else far
        target: Station = far if sender == "near" else near
        wait_ping(source, getattr(target, family))
        before = shell.tenant("blue")
        done = tcp(source, target, getattr(target, family))
        counters = shell.tenant("blue").since(before)
        assert done.octets > 1_000_000
        octets, packets = ((counters.encap_bytes, counters.encap_packets) if sender == "near"
                           else (counters.decap_bytes, counters.decap_packets))
        assert octets / packets > 1200, counters
        for reason in ("frame-truncated", "mtu-exceeded", "mtu-exceeded-answered",
                       "port-frame-size"):
            assert counters.drops.get(reason, 0) == 0, counters

    def test_learning(self, lab: Lab, near: Vm, far: LinuxVm) -> None:
        """Both ends learn where the other's VM is.

        Steps:
            * Exchange pings.
        Verify:
            * Our fdb has the far MAC behind the peer's vtep and the near one behind its port.
            * The Linux device has the near MAC behind our vtep.
        """
        hv1 = lab.hypervisors[0]
        assert_pings(near, far.ip)
        entries = {entry.mac: entry for entry in hv1.shell.fdb("blue")}
        assert entries[far.mac].vtep == far.peer.vtep
        assert entries[far.mac].learned
        assert entries[near.mac].vm_port == near.name
        assert far.vtep_of(near.mac) == hv1.vtep

    def test_flooding_of_address_resolution(self, lab: Lab, near: Vm, far: LinuxVm) -> None:
        """ARP requests and neighbour solicitations for unknown stations find them by flooding.

        Steps:
            * Empty all tables: neighbours of both VMs, our fdb, the Linux device's.
            * Ping from each side, IPv4 and IPv6.
        Verify:
            * Pings are answered, and the tenant's count of flooded frames has grown.
        """
        shell = lab.hypervisors[0].shell
        for source, target in ((near, far), (far, near)):
            for address in (target.ip, target.ipv6):
                for station in (near, far):
                    station.forget_neighbours()
                for entry in shell.fdb("blue"):
                    if entry.learned:
                        shell.run(f"fdb del blue {entry.mac}", check=False)
                before = shell.tenant("blue").flooded_packets
                assert ping(source, address, count=2).received == 2
                assert shell.tenant("blue").flooded_packets > before

    def test_local_switching(self, lab: Lab) -> None:
        """VMs of one tenant on one hypervisor reach each other without the underlay.

        Steps:
            * Ping and run iperf3 between the TAP VM and the veth VM, both ways.
        Verify:
            * All pings answered, more than a megabyte of TCP arrives.
            * Fewer frames were encapsulated than the TCP alone took.
        """
        hv1 = lab.hypervisors[0]
        tap, veth = hv1.vms["tap"], hv1.vms["veth"]
        assert_pings(tap, veth.ip)
        assert_pings(veth, tap.ipv6)
        before = hv1.shell.tenant("blue")
        assert tcp(tap, veth).octets > 1_000_000
        assert tcp(veth, tap).octets > 1_000_000
        counters = hv1.shell.tenant("blue").since(before)
        assert counters.encap_packets < 50 < counters.rx_packets


@pytest.fixture(scope="class")
def small_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A tenant whose MTU is 1400 while its VM believes in 1500."""
    with Lab(ipv6=request.param == "ipv6") as lab:
        peer = lab.peer("peer1", 11)
        hv1 = lab.hypervisor("hv1", 1)
        hv1.tenant("blue", BLUE, [peer.vtep], mtu=1400)
        hv1.vm("blue", "near", 1, "tap")
        peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep], mtu=1400)
        lab.start()
        yield lab


@pytest.mark.parametrize("small_lab", ["ipv4", "ipv6"], indirect=True, scope="class")
class TestMtuLimit:
    """What does not fit is answered, so that the VM's own stack adapts."""

    def test_fragmentation_needed(self, small_lab: Lab) -> None:
        """A VM's IPv4 packet over the tenant's MTU is answered with ICMP fragmentation needed.

        Steps:
            * Ping with don't-fragment: 1400 octets of IP packet, then 1401 and 1500.
        Verify:
            * The first passes; the others do not.
            * The VM's kernel has taken the path MTU of 1400 from the answer.
            * Each is counted as mtu-exceeded-answered.
        """
        hv1 = small_lab.hypervisors[0]
        near, far = hv1.vms["near"], small_lab.peers["peer1"].vms["far"]
        assert_pings(near, far.ip, size=1372, options=("-M", "do"))
        before = hv1.shell.tenant("blue")
        for size in (1373, 1472):
            near.namespace.ip("route", "flush", "cache")  # so that each packet is sent
            result = ping(near, far.ip, count=1, size=size, options=("-M", "do"))
            assert result.received == 0
            assert "mtu = 1400" in result.output, result.output
        assert hv1.shell.tenant("blue").since(before).drops["mtu-exceeded-answered"] == 2
        assert "mtu 1400" in near.namespace.ip("route", "get", far.ip).stdout

    def test_packet_too_big(self, small_lab: Lab) -> None:
        """The same for IPv6: ICMPv6 packet too big.

        Steps:
            * Ping with 1400 octets of IPv6 packet, then with 1401 and 1500, unfragmented.
        Verify:
            * The first passes; the others do not, and the VM's kernel has taken the path MTU.
        """
        hv1 = small_lab.hypervisors[0]
        near, far = hv1.vms["near"], small_lab.peers["peer1"].vms["far"]
        assert_pings(near, far.ipv6, size=1352, options=("-M", "do"))
        before = hv1.shell.tenant("blue")
        for size in (1353, 1452):
            near.namespace.ip("-6", "route", "flush", "cache")  # so that each packet is sent
            result = ping(near, far.ipv6, count=1, size=size, options=("-M", "do"))
            assert result.received == 0
            assert "mtu=1400" in result.output.replace(" ", ""), result.output
        assert hv1.shell.tenant("blue").since(before).drops["mtu-exceeded-answered"] == 2
        assert "mtu 1400" in near.namespace.ip("route", "get", far.ipv6).stdout

    @pytest.mark.parametrize("family", ["ip", "ipv6"])
    def test_tcp_adapts(self, small_lab: Lab, family: str) -> None:
        """TCP finds the smaller MTU by itself.

        Steps:
            * Forget the path MTU, run iperf3 from the VM for a second.
        Verify:
            * More than a megabyte arrives.
        """
        near = small_lab.hypervisors[0].vms["near"]
        far = small_lab.peers["peer1"].vms["far"]
        near.namespace.ip("route", "flush", "cache")
        near.namespace.ip("-6", "route", "flush", "cache")
        wait_ping(near, getattr(far, family))
        assert tcp(near, far, getattr(far, family)).octets > 1_000_000


@pytest.fixture(scope="class")
def jumbo_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Overlay 9000 on underlay 9216, on veth ports (a TAP port takes frames up to 1522 octets)."""
    with Lab(ipv6=request.param == "ipv6", mtu=9216, memory_mb=1024) as lab:
        peer = lab.peer("peer1", 11)
        hv1 = lab.hypervisor("hv1", 1)
        hv1.main.settings["limits.buffers"] = 16384
        hv1.tenant("blue", BLUE, [peer.vtep], mtu=9000)
        hv1.vm("blue", "near", 1, "veth", mtu=9000)
        hv1.vm("blue", "beside", 2, "veth", mtu=9000)
        peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep], mtu=9000)
        lab.start()
        yield lab


@pytest.mark.parametrize("jumbo_lab", ["ipv4", "ipv6"], indirect=True, scope="class")
class TestJumbo:
    """Jumbo frames end to end."""

    def test_ping(self, jumbo_lab: Lab) -> None:
        """The largest packet passes unfragmented.

        Steps:
            * Ping with 8972 octets of payload and don't-fragment to the peer, back, and locally.
        Verify:
            * Every ping is answered.
        """
        hv1 = jumbo_lab.hypervisors[0]
        near, beside = hv1.vms["near"], hv1.vms["beside"]
        far = jumbo_lab.peers["peer1"].vms["far"]
        for source, address in ((near, far.ip), (far, near.ip), (near, beside.ip)):
            assert_pings(source, address, size=8972, options=("-M", "do"))

    @pytest.mark.parametrize("sender", ["near", "far"])
    def test_tcp(self, jumbo_lab: Lab, sender: str) -> None:
        """TCP uses jumbo segments.

        Steps:
            * Run iperf3 for a second from the sender to the other.
        Verify:
            * Data arrives, in frames of more than 7000 octets on average.
        """
        hv1 = jumbo_lab.hypervisors[0]
        near, far = hv1.vms["near"], jumbo_lab.peers["peer1"].vms["far"]
        source, target = (near, far) if sender == "near" else (far, near)
        wait_ping(source, target.ip)
        before = hv1.shell.tenant("blue")
        assert tcp(source, target).octets > 5_000_000
        counters = hv1.shell.tenant("blue").since(before)
        octets, packets = ((counters.encap_bytes, counters.encap_packets) if sender == "near"
                           else (counters.decap_bytes, counters.decap_packets))
        assert octets / packets > 7000, counters


class TestLinuxPeerRestart:
    """The process comes and goes; the peer needs no help to find it again."""

    def test_restart(self) -> None:
        """After a restart traffic flows again.

        Steps:
            * Ping, stop the process, start it again with the same files.
        Verify:
            * It ends with status 0, and pings pass as before.
        """
        with Lab() as lab:
            peer = lab.peer("peer1", 11)
            hv1 = lab.hypervisor("hv1", 1)
            hv1.tenant("blue", BLUE, [peer.vtep])
            near = hv1.vm("blue", "near", 1, "veth")
            far = peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep])
            lab.start()
            assert_pings(near, far.ip)
            hv1.close_process()
            wait_until(lambda: not hv1.namespace.has_link(hv1.host_port), "host port is gone")
            hv1.start()
            assert_pings(near, far.ip)
