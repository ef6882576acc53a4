# SPDX-License-Identifier: BSD-3-Clause
"""What is under way while uplinks change, and a hypervisor whose uplinks do."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from api.lab import BLUE, RED, Hypervisor, Lab, vm_addresses, vm_mac
from api.linux_peer import LinuxPeer, LinuxVm
from api.shell import Shell
from api.traffic import (Conversation, Listener, NumberedStream, Station, StreamReport,
                         wait_ping)
from api.vm import Vm
from api.wire import Wire, is_raw_vxlan
from framework.closing import Closing
from framework.namespace import Switch
from framework.process import Running, note, wait_until

_STORM = str(Path(__file__).resolve().parents[1] / "framework" / "storm.py")


class Travellers(Closing):
    """What is under way between two VMs while uplinks change: a numbered stream and a listener of
    the other tenant each way, and a TCP connection.

    Args:
        near, far: VMs of one tenant.
        near_stranger, far_stranger: of another one, with the same addresses.
    """

    def __init__(self, near: Station, far: Station, near_stranger: Station,
                 far_stranger: Station) -> None:
        self._near_stranger, self._far_stranger = near_stranger, far_stranger
        for one, other in ((near, far), (near_stranger, far_stranger)):
            wait_ping(one, other.ip)
        with contextlib.ExitStack() as stack:
            def owned(thing):
                stack.callback(thing.close)
                return thing
            self._listeners = [owned(Listener(far_stranger, 7000)),
                               owned(Listener(near_stranger, 7001))]
            self._talk = owned(Conversation(near, far))
            self.streams = [owned(NumberedStream(near, far, port=7000)),
                            owned(NumberedStream(far, near, port=7001))]
            self._stack = stack.pop_all()

    def finish(self, what: str) -> list[StreamReport]:
        """Ends all of it. Nothing came twice or to the other tenant; the TCP connection has lived;
        what was lost each way is told."""
        reports = [stream.finish() for stream in self.streams]
        talk = self._talk.finish()
        told = " ".join(f"{way}: lost {report.lost} of {report.sent}, longest silence "
                        f"{report.silence_ms:.1f} ms;" for way, report in zip(("out", "back"), reports))
        note(f"{what}: {told} {talk}")
        print(f"{what}: {told} {talk}")
        assert [report.duplicates for report in reports] == [0, 0], reports
        assert all(report.received > 0 for report in reports), reports
        assert talk.failure is None and talk.wrong == 0 and talk.answered > 0, talk
        far, near = self._listeners
        assert far.finish(self._near_stranger) == 0
        assert near.finish(self._far_stranger) == 0
        return reports

    def close(self) -> None:
        self._stack.close()


def flap(switch: Switch, port: str, seconds: float) -> int:
    """The cable is out for 50 ms and in for 50 ms again and again, and in at the end; how often it
    was pulled."""
    start, toggles = time.monotonic(), 2 * math.ceil(seconds / 0.1)
    for toggle in range(toggles):
        wait_until(lambda n=toggle: time.monotonic() >= start + n * 0.05, "50 ms", interval=0.001)
        (switch.plug if toggle % 2 else switch.pull)(port)
    return toggles // 2


@contextlib.contextmanager
def storm(vm: Vm, marker: bytes, per_second: int = 3000) -> Iterator[Running]:
    """Broadcasts and unknown unicasts from a VM, with `marker` in each."""
    with vm.namespace.start("python3", _STORM, vm.interface, str(per_second), marker.decode(),
                            name="storm") as process:
        yield process
        process.signal(15)
        process.wait_ok()


def wait_flooded(hypervisor: Hypervisor, more: int) -> None:
    """Until so many packets more of tenant blue were flooded."""
    before = hypervisor.shell.tenant("blue")
    wait_until(lambda: hypervisor.shell.tenant("blue").since(before).flooded_packets >= more,
               "the storm goes on", 20)


def wait_encapsulated(hypervisor: Hypervisor, more: int) -> None:
    """Until tenant blue has sent so many packets more to its peer."""
    before = hypervisor.shell.tenant("blue")
    wait_until(lambda: hypervisor.shell.tenant("blue").since(before).encap_packets >= more,
               f"{more} packets more leave", 20)


def is_tenants(frame: bytes) -> bool:
    """VXLAN or ESP."""
    protocol = frame[20 if frame[12:14] == b"\x86\xdd" else 23:][:1]
    return is_raw_vxlan(frame) or protocol == b"\x32"


def assert_leaves_by_one(hypervisor: Hypervisor, index: int) -> None:
    """Tenant blue's traffic goes on, by this uplink alone."""
    switches = hypervisor.lab.switches
    with Wire(switches[1 - index].namespace, hypervisor.name) as old, \
            Wire(switches[index].namespace, hypervisor.name) as new:
        wait_encapsulated(hypervisor, 300)
        assert any(map(is_tenants, new.drain_raw()))
        assert not any(map(is_tenants, old.drain_raw()))


class OneSide(Closing):
    """hv1 on both switches with a Linux peer on switch A; tenants blue and red with equal addresses,
    `near` and `far` of each. Nobody needs to ask for a neighbour: what is flooded, was asked for."""

    def __init__(self, ipv6: bool = False, prepare: Callable[[OneSide], None] = lambda _: None,
                 **failover: str) -> None:
        """
        Args:
            prepare: called before anything is started.
            failover: settings of that section.
        """
        self.lab = Lab(ipv6=ipv6)
        try:
            self.peer: LinuxPeer = self.lab.peer("peer1", 11)
            self.hv1: Hypervisor = self.lab.hypervisor("hv1", 1)
            self.hv1.main.settings |= {f"failover.{key}": value for key, value in failover.items()}
            for tenant, vni in (("blue", BLUE), ("red", RED)):
                self.hv1.tenant(tenant, vni, [self.peer.vtep])
                self.hv1.vm(tenant, f"{tenant}-near", 1, "veth")
                self.peer.vm(f"{tenant}-far", vni, vm_mac(3), vm_addresses(3), [self.hv1.vtep])
            prepare(self)
            self.lab.start()
            self.wait_links()
            for tenant in ("blue", "red"):
                self.acquaint(tenant)
        except BaseException:
            self.lab.close()
            raise

    @property
    def shell(self) -> Shell:
        return self.hv1.shell

    def near(self, tenant: str = "blue") -> Vm:
        return self.hv1.vms[f"{tenant}-near"]

    def far(self, tenant: str = "blue") -> LinuxVm:
        return self.peer.vms[f"{tenant}-far"]

    def acquaint(self, tenant: str) -> None:
        """Both VMs know each other's MAC for good."""
        near, far = self.near(tenant), self.far(tenant)
        wait_ping(near, far.ip)
        for one, other in ((near, far), (far, near)):
            one.namespace.ip("neigh", "replace", other.ip, "lladdr", other.mac, "dev",
                             one.interface, "nud", "permanent")

    def travellers(self) -> Travellers:
        return Travellers(self.near(), self.far(), self.near("red"), self.far("red"))

    def active(self) -> int:
        """Index of the active uplink."""
        return self.hv1.uplinks.index(self.shell.active_uplink())

    def wait_links(self) -> None:
        wait_until(lambda: all(u["link_up"] for u in self.shell.json("show uplink")["uplinks"]),
                   "both links")

    def pull_active(self) -> int:
        """Pulls the active uplink's cable, and waits for the other one; which it was."""
        old = self.active()
        self.lab.switches[old].pull("hv1")
        self.shell.wait_active(self.hv1.uplinks[1 - old])
        return old

    def plug(self, index: int) -> None:
        self.lab.switches[index].plug("hv1")
        self.wait_links()

    def assert_silent(self, index: int) -> None:
        """The tenant's traffic goes on, and no packet of a tenant leaves by this uplink."""
        assert_leaves_by_one(self.hv1, 1 - index)

    def close(self) -> None:
        self.lab.close()
