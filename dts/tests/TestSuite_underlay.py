# SPDX-License-Identifier: BSD-3-Clause
"""The underlay: Linux answers for the vtep, and its routes and neighbours lead the packets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scapy.layers.inet import UDP

from api.lab import BLUE, Hypervisor, Lab, Station, vm_addresses, vm_mac
from api.bench import unicast
from api.linux_peer import LinuxPeer
from api.traffic import assert_pings, ping_from, wait_ping
from api.wire import Wire, has, is_vxlan
from framework.namespace import Namespace, cable
from framework.process import wait_until


@pytest.fixture(scope="class", params=["ipv4", "ipv6"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """hv1 with VM `near`; a Linux peer with VM `far`; all in one network."""
    with Lab(ipv6=request.param == "ipv6") as lab:
        peer = lab.peer("peer1", 11)
        hv1 = lab.hypervisor("hv1", 1)
        hv1.tenant("blue", BLUE, [peer.vtep])
        hv1.vm("blue", "near", 1, "veth")
        peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep])
        lab.start()
        yield lab


class TestHostPort:
    """What is not for the overlay passes between the active uplink and Linux."""

    def test_vtep_answers_ping(self, lab: Lab) -> None:
        """Linux answers ARP or ND and ping for the vtep, once.

        Steps:
            * From the peer forget the neighbour and ping the vtep; ping the peer's vtep back.
        Verify:
            * All are answered once; the peer's neighbour entry is the underlay's MAC.
        """
        peer, hv1 = lab.peers["peer1"], lab.hypervisors[0]
        peer.namespace.ip("neigh", "flush", "dev", peer.underlay)
        result = ping_from(peer.namespace, hv1.vtep, count=10)
        assert result.lost == 0 and result.duplicates == 0, result.output
        neighbour = peer.namespace.ip("neigh", "show", hv1.vtep).stdout
        assert hv1.underlay_mac in neighbour
        result = ping_from(hv1.namespace, peer.vtep, count=10)
        assert result.lost == 0 and result.duplicates == 0, result.output

    def test_large_ping(self, lab: Lab) -> None:
        """The host port carries packets of its MTU.

        Steps:
            * Ping the vtep with the largest packet of the host port and don't-fragment.
        Verify:
            * All are answered.
        """
        peer, hv1 = lab.peers["peer1"], lab.hypervisors[0]
        mtu = hv1.namespace.ip_json("link", "show", "dev", hv1.host_port)[0]["mtu"]
        assert mtu >= 1500
        largest = mtu - (48 if lab.ipv6 else 28)
        for size in (largest - 1, largest):
            result = ping_from(peer.namespace, hv1.vtep, count=3, size=size, options=("-M", "do"))
            assert result.lost == 0, result.output

    def test_tcp_to_linux(self, lab: Lab) -> None:
        """Linux's own TCP (as BGP is) passes by the host port.

        Steps:
            * Listen on TCP port 179 at the vtep; connect from the peer and send a line each way.
        Verify:
            * Both lines arrive.
        """
        peer, hv1 = lab.peers["peer1"], lab.hypervisors[0]
        family = "6" if lab.ipv6 else "4"
        script = ("import socket,sys\n"
                  f"f = socket.AF_INET{'6' if lab.ipv6 else ''}\n"
                  "s = socket.create_server((sys.argv[1], 179), family=f)\n"
                  "print('listening', flush=True)\n"
                  "c, _ = s.accept()\n"
                  "c.sendall(c.recv(100).upper())\n")
        with hv1.namespace.start("/usr/bin/python3", "-c", script, hv1.vtep,
                                 name=f"bgp{family}") as server:
            server.wait_for_text("listening")
            client = ("import socket,sys\n"
                      "c = socket.create_connection((sys.argv[1], 179), 5)\n"
                      "c.sendall(b'open'); print(c.recv(100).decode())\n")
            assert peer.namespace.run("/usr/bin/python3", "-c", client,
                                      hv1.vtep).stdout.strip() == "OPEN"

    def test_follows_failover(self, lab: Lab) -> None:
        """Linux's traffic moves to the other uplink too.

        Steps:
            * Ping the vtep, `failover switch`, ping, and switch back.
        Verify:
            * All are answered.
        """
        peer, hv1 = lab.peers["peer1"], lab.hypervisors[0]
        for _ in range(2):
            hv1.shell.run("failover switch")
            wait_until(lambda: peer.namespace.run("ping", "-c", "1", "-W", "1", hv1.vtep,
                                                  check=False).status == 0, "the vtep answers")
            result = ping_from(peer.namespace, hv1.vtep, count=10)
            assert result.lost == 0, result.output


class TestNextHop:
    """The MAC of the next hop comes from the kernel and is followed."""

    def test_resolved(self, lab: Lab) -> None:
        """A vtep in the same network is its own next hop.

        Steps:
            * Ping between the VMs.
        Verify:
            * `show nexthop` has the peer's MAC, `show vtep` says resolved.
        """
        peer, hv1 = lab.peers["peer1"], lab.hypervisors[0]
        near, far = hv1.vms["near"], peer.vms["far"]
        assert_pings(near, far.ip)
        wait_until(lambda: mac_of_next_hop(hv1, peer.vtep) == peer.underlay_mac, "the peer's MAC")
        vtep = next(v for v in hv1.shell.json("show vtep") if v["address"] == peer.vtep)
        assert vtep["resolved"] and vtep["next_hop"] == peer.vtep

    def test_mac_changes(self, lab: Lab) -> None:
        """A peer that changes its MAC is followed.

        Steps:
            * Change the MAC of the peer's interface and let it speak.
        Verify:
            * `show nexthop` has the new MAC; pings between the VMs pass.
        """
        peer, hv1 = lab.peers["peer1"], lab.hypervisors[0]
        near, far = hv1.vms["near"], peer.vms["far"]
        assert_pings(near, far.ip)
        new = "02:00:00:00:11:99"
        old = peer.underlay_mac
        for mac in (new, old):
            peer.namespace.ip("link", "set", peer.underlay, "address", mac)
            wait_until(lambda m=mac: mac_after_ping(peer, hv1) == m, "the new MAC", 15)
            assert_pings(near, far.ip)
            assert_pings(far, near.ip)


def mac_of_next_hop(hypervisor: Hypervisor, address: str, uplink: str = "p0") -> str | None:
    """What `show nexthop` says."""
    for hop in hypervisor.shell.json("show nexthop"):
        if hop["address"] == address:
            return next(link["destination"] for link in hop["links"] if link["uplink"] == uplink)
    return None


def mac_after_ping(peer: LinuxPeer, hypervisor: Hypervisor) -> str | None:
    """The same, after the peer has spoken."""
    peer.namespace.run("ping", "-c", "1", "-W", "1", hypervisor.vtep, check=False)
    return mac_of_next_hop(hypervisor, peer.vtep)


def add_link_local(router: Namespace, interface: str, number: int) -> None:
    """What a router forwards over IPv6, it resolves from this address, or not at all (Linux)."""
    router.add_address(interface, f"fe80::{number}/64")


class Routed:
    """hv1 and a Linux peer in different networks, two routers between them on switch A."""

    def __init__(self, ipv6: bool) -> None:
        self.lab = Lab(ipv6=ipv6)
        self.length = 64 if ipv6 else 24
        far_net = "2001:db8:0:9::" if ipv6 else "198.51.100."
        self.far_net = f"{far_net}/64" if ipv6 else f"{far_net}0/24"
        lab = self.lab
        try:
            self.routers = [self._router(number, far_net) for number in (251, 252)]
            self.peer = LinuxPeer("peer1", f"{far_net}11", self.length)
            lab._deletions.append(self.peer.delete)
            cable(self.routers[0], "far", self.peer.namespace, "up0")
            self.peer.cabled()
            self.peer.namespace.ip("route", "add", "default", "via", f"{far_net}1")
            self.hv1 = lab.hypervisor("hv1", 1)
            self.hv1.tenant("blue", BLUE, [self.peer.vtep])
            self.near = self.hv1.vm("blue", "near", 1, "veth")
            self.far = self.peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [self.hv1.vtep])
            if ipv6:
                add_link_local(self.routers[0], "far", 1)
            for index, router in enumerate(self.routers):
                router.add_address("far" if index == 0 else "lo", f"{far_net}1/{self.length}"
                                   if index == 0 else f"{far_net}2/{self.length}")
        except BaseException:
            lab.close()
            raise

    def _router(self, number: int, far_net: str) -> Namespace:
        lab = self.lab
        router = Namespace(f"router{number}")
        lab._deletions.append(router.delete)
        lab.switches[0].connect(f"r{number}", router, "up0", f"02:00:00:00:{number:02x}:00")
        router.ip("link", "set", "up0", "mtu", str(lab.mtu))
        router.sysctl("net/ipv4/ip_forward", 1)
        router.sysctl("net/ipv6/conf/all/forwarding", 1)
        router.add_address("up0", f"{lab.address(number)}/{lab.prefix_length}")
        if lab.ipv6:
            add_link_local(router, "up0", number)
        return router

    def route(self, number: int) -> None:
        """Linux of the hypervisor routes to the far network by this router."""
        self.hv1.namespace.ip("route", "replace", self.far_net, "via", self.lab.address(number))

    def __enter__(self) -> Routed:
        return self

    def __exit__(self, *details: object) -> None:
        self.lab.__exit__(*details)


class TestGateway:
    """A remote vtep behind a router."""

    @pytest.mark.parametrize("ipv6", [False, True], ids=["ipv4", "ipv6"])
    def test_routes(self, ipv6: bool) -> None:
        """Packets go by the gateway of the kernel's route, and follow the route.

        Steps:
            * Without a route, ping between the VMs.
            * Add the route by the router; ping. Change it to a router that leads nowhere; change
              it back; ping. Change the router's MAC; ping.
        Verify:
            * Nothing passes without the route, all pass with it.
            * The outer packets carry the router's MAC, each time the present one's.
        """
        with Routed(ipv6) as routed:
            hv1, near, far = routed.hv1, routed.near, routed.far
            routed.lab.start()
            near.namespace.run("ping", "-c", "1", "-W", "1", far.ip, check=False)
            assert hv1.shell.drops()["next-hop-unresolved"] >= 1
            vtep = next(v for v in hv1.shell.json("show vtep")
                        if v["address"] == routed.peer.vtep)
            assert not vtep["resolved"]
            routed.route(251)
            assert_pings(near, far.ip)
            assert_pings(far, near.ip)
            routed.route(252)
            self.leads_to(routed, routed.routers[1])
            routed.route(251)
            self.leads_to(routed, routed.routers[0])
            assert_pings(near, far.ip)
            routed.routers[0].ip("link", "set", "up0", "address", "02:00:00:00:fb:77")
            gateway = routed.lab.address(251)

            def followed() -> bool:
                routed.routers[0].run("ping", "-c", "1", "-W", "1", hv1.vtep, check=False)
                return mac_of_next_hop(hv1, gateway) == "02:00:00:00:fb:77"

            wait_until(followed, "the router's new MAC", 15)
            assert_pings(near, far.ip)

    @staticmethod
    def leads_to(routed: Routed, router: Namespace) -> None:
        """What the VM sends reaches this router."""
        with Wire(router, "up0") as wire:
            def seen() -> bool:
                routed.near.namespace.run("ping", "-c", "1", "-W", "0.1", routed.far.ip,
                                          check=False)
                return any(is_vxlan()(frame) and frame.dst == router.mac("up0")
                           for frame in wire.drain())
            wait_until(seen, f"packets by {router}", 10)


class TestUnresolved:
    """A remote vtep that is not there."""

    def test_unresolved(self) -> None:
        """A vtep that does not answer costs only its own packets, and is asked for until it does.

        Steps:
            * Start with a remote vtep that is not there; ping; then let it come.
        Verify:
            * What is meant for it is counted as next-hop-unresolved.
            * Once it is there, pings pass without help.
        """
        with Lab() as lab:
            hv1 = lab.hypervisor("hv1", 1)
            hv1.tenant("blue", BLUE, [lab.address(11)])
            near = hv1.vm("blue", "near", 1, "veth")
            lab.start()
            before = hv1.shell.drops()
            near.namespace.run("ping", "-c", "2", "-i", "0.05", "-W", "1", "10.0.0.3", check=False)
            assert hv1.shell.drops().since(before)["next-hop-unresolved"] >= 1
            peer = lab.peer("peer1", 11)
            far = peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep])
            wait_ping(near, far.ip, timeout=15)


class TestStaticNextHop:
    """`underlay.nexthop` wins over the kernel."""

    def test_static(self) -> None:
        """A static next hop is used as given, per uplink.

        Steps:
            * Give a vtep one MAC for p0 and another for p1; send from a VM; switch; send again.
            * Let a host with the vtep's address and another MAC answer ARP all the while.
        Verify:
            * The outer destination is the MAC given for the active uplink.
        """
        with Lab() as lab:
            hv1 = lab.hypervisor("hv1", 1)
            decoy = lab.peer("peer1", 11)
            hv1.main.next_hops += [f"{decoy.vtep} 02:00:00:00:aa:00 p0",
                                   f"{decoy.vtep} 02:00:00:00:aa:01 p1"]
            hv1.tenant("blue", BLUE, [decoy.vtep])
            vm = hv1.vm("blue", "near", 1, "tap", addresses=[])
            lab.start()
            hv1.namespace.run("ping", "-c", "1", decoy.vtep)
            for index, switch in enumerate(lab.switches):
                with Wire(vm.namespace, vm.interface) as port, \
                        Wire(switch.namespace, "hv1") as wire:
                    port.send(unicast(vm.mac, vm_mac(9), b"static"))
                    frame = wire.expect_one(has(b"static"), "the VM's frame")
                    assert frame.dst == f"02:00:00:00:aa:0{index}"
                    assert frame[UDP].dport == 4789
                if index == 0:
                    hv1.shell.run("failover switch")


class TestNoHostPort:
    """`underlay.host_port = none`: all next hops are static, Linux sees nothing."""

    def test_none(self) -> None:
        """The overlay works without Linux.

        Steps:
            * Start without a host port, with a static next hop; send both ways; ping the vtep.
        Verify:
            * VM frames pass both ways; there is no interface sallyport0; what would be for Linux
              is counted as host-port-absent.
        """
        with Lab() as lab:
            station: Station = lab.station("vtep0", 21)
            hv1 = lab.hypervisor("hv1", 1)
            hv1.main.addresses.clear()
            hv1.main.settings["underlay.host_port"] = "none"
            hv1.main.next_hops.append(f"{station.address} {station.mac}")
            hv1.tenant("blue", BLUE, [station.address])
            vm = hv1.vm("blue", "near", 1, "tap", addresses=[])
            lab.start()
            assert not hv1.namespace.has_link("sallyport0")
            with Wire(vm.namespace, vm.interface) as port:
                port.send(unicast(vm.mac, vm_mac(9), b"outwards"))
                frame = station.wire.expect_one(has(b"outwards"), "the VM's frame")
                back = frame.copy()
                before = hv1.shell.drops()
                station.wire.send(back_to(frame, vm.mac))
                port.expect_one(has(b"outwards"), "the frame sent back")
                ping = back
                ping.dst, ping.src = hv1.underlay_mac, station.mac
                ping[UDP].dport = 7
                station.wire.send(ping)
                wait_until(lambda: hv1.shell.drops().since(before)["host-port-absent"] == 1,
                           "host-port-absent drop")


def back_to(frame, mac: str):
    """The same VXLAN packet with both directions turned round, for this VM."""
    turned = frame.copy()
    turned.src, turned.dst = frame.dst, frame.src
    outer = turned.getlayer(1)
    outer.src, outer.dst = outer.dst, outer.src
    del outer.chksum
    inner = turned["VXLAN"].payload
    inner.src, inner.dst = inner.dst, mac
    return turned
