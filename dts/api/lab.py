# SPDX-License-Identifier: BSD-3-Clause
"""The laboratory: two switches, our hypervisors with one uplink on each, and their peers.

    switch-a ----trunk---- switch-b          p0 of every hypervisor is on switch A, p1 on B;
       |  |                  |  |            Linux peers and routers are on switch A.
      p0  up0               p1  ...
     hv1   peer             hv1
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from api import nic
from api.config import MainConfig, TenantConfig, UplinkConfig, Value
from api.guest_vm import GuestVm
from api.linux_peer import LinuxPeer
from api.sallyport import Sallyport
from api.shell import Shell
from api.simulated_card import PCI, SimulatedCard
from api.testpmd_vm import TestpmdVm
from api.uml_peer import UmlPeer
from api.vm import Vm
from api.wire import Wire
from api.xfrm_peer import XfrmPeer
from framework.closing import Closing
from framework.namespace import Namespace, Switch, make_bridge
from framework.process import wait_until

BLUE, RED = 100, 200


def vm_mac(number: int) -> str:
    """MAC of VM `number`: the same in every tenant, which is allowed and so is tested."""
    return f"02:aa:00:00:00:{number:02x}"


def vm_addresses(number: int) -> list[str]:
    """Addresses of VM `number`: the same in every tenant."""
    return [f"10.0.0.{number}/24", f"fd00::{number:x}/64"]


class Hypervisor:
    """A namespace with two uplinks, a Sallyport and VMs.

    Attributes:
        uplink_kind: "veth" (net_af_packet on the cable itself), or "tap": net_tap, its kernel end
            bridged to the cable. A TAP loses nothing and changes nothing, fragments included, but
            carries no more than 1500 octets. With a card neither: its ports are attached to the
            cables.
        card: None: all is software.
    """

    uplinks = ("p0", "p1")
    host_port = "sallyport0"

    def __init__(self, lab: Lab, name: str, number: int, workers: int,
                 uplink_kind: str) -> None:
        self.lab = lab
        self.card = SimulatedCard(("up0", "up1")) if nic.simulated() else None
        self.uplink_kind = "veth" if self.card else uplink_kind
        self.name = name
        self.number = number
        self.workers = workers
        # Neighbour solicitations that no packet waits for need a link-local source.
        self.namespace = Namespace(name, link_local=True)
        self.vtep = lab.address(number)
        self.vms: dict[str, Vm] = {}
        self.tenants: dict[str, TenantConfig] = {}
        self.main = MainConfig(
            node=name,
            uplinks=[self._uplink(index) for index in (0, 1)],
            addresses=[f"{self.vtep}/{lab.prefix_length}"],
            mtu=lab.mtu)
        if self.card is not None:
            self.main.settings |= {"eswitch": "mlx5", "eswitch.pci": PCI,
                                   "underlay.mac": self.underlay_mac}
        for index, switch in enumerate(lab.switches):
            end = f"up{index}" if self.uplink_kind == "veth" else f"cable{index}"
            mac = f"02:00:00:00:{number:02x}:0{index}" if self.uplink_kind == "veth" else None
            switch.connect(name, self.namespace, end, mac)
            self.namespace.mute(end)
        self.sallyport: Sallyport | None = None

    def _uplink(self, index: int) -> UplinkConfig:
        name = f"p{index}"
        if self.card is not None:
            return UplinkConfig(name, f"pf{index}", f"up{index}")
        if self.uplink_kind == "veth":
            return UplinkConfig(name, f"net_af_packet_{name},iface=up{index}")
        mac = f"02:00:00:00:{self.number:02x}:0{index}"
        return UplinkConfig(name, f"net_tap_{name},iface=up{index},mac={mac}")

    def _bridge_uplinks(self) -> None:
        """From the kernel end of each TAP to its cable."""
        for index in (0, 1):
            # The TAP has the underlay's own MAC: the bridge would take it for its own.
            self.namespace.ip("link", "set", f"up{index}", "address",
                              f"02:00:00:00:{self.number:02x}:f{index}", "txqueuelen", "100000")
            make_bridge(self.namespace, f"bridge{index}")
            for port in (f"up{index}", f"cable{index}"):
                self.namespace.mute(port)
                self.namespace.ip("link", "set", port, "master", f"bridge{index}")

    def cable_of(self, index: int) -> tuple[Namespace, str]:
        """Where a frame is sent that this uplink shall receive, past what may lose it."""
        if self.uplink_kind == "tap":
            return self.namespace, f"up{index}"
        return self.lab.switches[index].namespace, self.name

    @property
    def underlay_mac(self) -> str:
        """The MAC of the underlay: the first uplink's."""
        return f"02:00:00:00:{self.number:02x}:00"

    @property
    def shell(self) -> Shell:
        assert self.sallyport is not None, "not started"
        return self.sallyport.shell

    def tenant(self, name: str, vni: int, remotes: list[str] | None = None,
               **settings: Value) -> TenantConfig:
        """A tenant with its remote vteps; any other key of its file by name."""
        config = TenantConfig(name, vni, self.vtep, remote_vteps=list(remotes or []),
                              settings=dict(settings))
        self.tenants[name] = config
        return config

    def vm(self, tenant: str, name: str, number: int, kind: str = "tap", *,
           macs: list[str] | None = None, mtu: int = 1500,
           addresses: list[str] | None = None) -> Vm:
        """A VM of a tenant; `macs` are those that it may send from, if not just its own."""
        addresses = vm_addresses(number) if addresses is None else addresses
        vm: Vm
        if kind == "guest":
            vm = GuestVm(name, vm_mac(number), addresses, mtu)
        elif kind in ("tap", "veth"):
            vm = Vm(name, vm_mac(number), addresses, kind, mtu, self.card)
        else:
            vm = TestpmdVm(name, vm_mac(number), addresses, kind, mtu)
        self.vms[name] = vm
        self.tenants[tenant].vm_ports.append(vm.port_config(macs))
        vm.before_start(self.namespace)
        return vm

    def late_vm(self, name: str, number: int) -> Vm:
        """A VM whose tenant comes when the process runs already."""
        vm = Vm(name, vm_mac(number), vm_addresses(number), "veth")
        if self.card is not None:
            vm.vf, vm.port = self.card.take_spare()
        self.vms[name] = vm
        vm.before_start(self.namespace)
        return vm

    def start_process(self, ready: bool = True) -> Sallyport:
        """Starts the process alone; its shell answers when it returns, if `ready`."""
        self.sallyport = Sallyport(self.namespace, self.main, list(self.tenants.values()),
                                   workers=self.workers, memory_mb=self.lab.memory_mb,
                                   card=self.card)
        return self.sallyport.start(ready)

    def start(self) -> Sallyport:
        """Starts the process and connects its VMs."""
        self.start_process()
        if self.uplink_kind == "tap":
            self._bridge_uplinks()
        for vm in self.vms.values():
            vm.after_start(self.namespace)
        return self.sallyport

    def close_process(self) -> None:
        """Ends the process and checks that it ended well."""
        if self.sallyport is not None:
            sallyport, self.sallyport = self.sallyport, None
            sallyport.close()

    def delete(self) -> None:
        for vm in self.vms.values():
            vm.delete()
        self.namespace.delete()


class Station:
    """A packet socket on switch A, with a MAC and an address that only suites answer for."""

    def __init__(self, lab: Lab, name: str, number: int) -> None:
        self.namespace = Namespace(name)
        self.mac = f"02:00:00:00:{number:02x}:00"
        self.address = lab.address(number)
        lab.switches[0].connect(name, self.namespace, "up0", self.mac)
        self.namespace.mute("up0")
        self.wire = Wire(self.namespace, "up0")

    def delete(self) -> None:
        self.wire.close()
        self.namespace.delete()


class Lab(Closing):
    """Owns all that was built; `close` takes it down in order, on failure too.

    Args:
        ipv6: the underlay's family.
        mtu: the underlay's MTU, octets.
        memory_mb: memory of each process.
    """

    def __init__(self, ipv6: bool = False, mtu: int = 1600, memory_mb: int = 512) -> None:
        self.ipv6 = ipv6
        self.mtu = mtu
        self.memory_mb = memory_mb
        self.prefix_length = 64 if ipv6 else 24
        self.hypervisors: list[Hypervisor] = []
        self.peers: dict[str, LinuxPeer] = {}
        self._deletions: list[Callable[[], None]] = []
        self.switches: list[Switch] = []
        with self._undone_on_failure():
            for name in ("switch-a", "switch-b"):
                switch = Switch(name)
                self._deletions.append(switch.delete)
                self.switches.append(switch)
            self.switches[0].trunk(self.switches[1])

    @contextlib.contextmanager
    def _undone_on_failure(self):
        try:
            yield
        except BaseException:
            self._delete_all()
            raise

    def on_close(self, delete: Callable[[], None]) -> None:
        """Something that goes with the lab, before what is there already."""
        self._deletions.append(delete)

    def address(self, number: int) -> str:
        """Underlay address of station `number`."""
        return f"2001:db8::{number:x}" if self.ipv6 else f"192.0.2.{number}"

    def hypervisor(self, name: str, number: int, workers: int = 1,
                   uplink_kind: str = "veth") -> Hypervisor:
        hypervisor = Hypervisor(self, name, number, workers, uplink_kind)
        self._deletions.append(hypervisor.delete)
        self.hypervisors.append(hypervisor)
        return hypervisor

    def peer(self, name: str, number: int) -> LinuxPeer:
        """A Linux VXLAN peer on switch A."""
        peer = LinuxPeer(name, self.address(number), self.prefix_length, self.mtu)
        self._deletions.append(peer.delete)
        self.peers[name] = peer
        self.switches[0].connect(name, peer.namespace, "up0", f"02:00:00:00:{number:02x}:00")
        peer.cabled()
        return peer

    def xfrm_peer(self, name: str, number: int, kind: type[UmlPeer] | None = None) -> XfrmPeer:
        """A Linux VXLAN peer on switch A whose kernel has ESP: a guest, of the `kind` that runs
        here if none is given."""
        peer = XfrmPeer(name, self.address(number), self.prefix_length, self.mtu,
                        f"02:00:00:00:{number:02x}:00", kind)
        self._deletions.append(peer.delete)
        self.peers[name] = peer
        self.switches[0].connect(name, peer.guest.space, "cable")
        peer.guest.bridge("cable")
        return peer

    def station(self, name: str, number: int) -> Station:
        """A packet socket on switch A."""
        station = Station(self, name, number)
        self._deletions.append(station.delete)
        return station

    def start(self) -> None:
        """Starts all hypervisors."""
        for hypervisor in self.hypervisors:
            hypervisor.start()

    def close(self) -> None:
        """Ends the processes, deletes everything, and reports what did not end well."""
        failures = []
        for hypervisor in self.hypervisors:
            try:
                hypervisor.close_process()
            except AssertionError as failure:
                failures.append(str(failure))
        self._delete_all()
        assert not failures, "\n".join(failures)

    def _delete_all(self) -> None:
        while self._deletions:
            self._deletions.pop()()


__all__ = ["BLUE", "RED", "Hypervisor", "Lab", "Station", "vm_addresses", "vm_mac", "wait_until"]
