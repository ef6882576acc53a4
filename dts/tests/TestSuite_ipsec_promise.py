# SPDX-License-Identifier: BSD-3-Clause
"""No clear text where the policy says protect: whatever happens to the process meanwhile.

The protected tenant's VMs send all the time, whether anybody forwards it or not; both switches are
listened to. A tenant without protection beside it shows that clear text would be heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from api.esp import EspReceiver, is_esp
from api.protected_pair import ClearWatch, ProtectedPair
from api.traffic import NumberedStream, wait_ping
from framework.process import wait_until


@pytest.fixture(params=["ipv4", "ipv6"])
def pair(request: pytest.FixtureRequest) -> Iterator[ProtectedPair]:
    with ProtectedPair(ipv6=request.param == "ipv6") as pair:
        yield pair


class Sending:
    """Streams both ways between the protected VMs, and from each a flood to nobody: all of it has to
    be heard in ESP or not at all."""

    def __init__(self, pair: ProtectedPair) -> None:
        self.pair = pair
        near, far = pair.near.vm, pair.far.vm
        self.streams = [NumberedStream(near, far, per_second=200, port=7000),
                        NumberedStream(far, near, per_second=200, port=7001)]
        # Broadcasts need no neighbour that answers.
        self.floods = [vm.namespace.start("ping", "-n", "-q", "-b", "-i", "0.01", "10.0.0.255",
                                          name="flood") for vm in (near, far)]

    def wait_through(self) -> None:
        """Traffic passes, of both tenants."""
        near, far = self.pair.near, self.pair.far
        wait_ping(near.vm, far.vm.ip, timeout=20)
        wait_ping(near.red, far.red.ip, timeout=20)

    def __enter__(self) -> Sending:
        return self

    def __exit__(self, *_: object) -> None:
        for running in self.streams + self.floods:
            running.close() if isinstance(running, NumberedStream) else running.stop()


def watched(pair: ProtectedPair, happens: Callable[[Sending], None]) -> None:
    """Something happens while all send, and traffic is there again afterwards."""
    with ClearWatch(pair) as watch, Sending(pair) as sending:
        happens(sending)
        sending.wait_through()
        watch.assert_red_only()


class TestNoClearText:
    """Promise P1."""

    def test_start(self, pair: ProtectedPair) -> None:
        """From before the process is there, and with SAs that come last.

        Steps:
            * Let the VMs send; start both processes, whose protected tenants have no SA yet.
            * Give both their SAs by `ipsec rekey`.
        Verify:
            * Without SAs it is all dropped as no-sa; then traffic flows, and none of it was clear.
        """
        for end in (pair.near, pair.far):
            end.hypervisor.tenants["blue"].sas = []

        def happens(_: Sending) -> None:
            pair.start()
            for end in (pair.near, pair.far):
                wait_until(lambda e=end: e.hypervisor.shell.drops()["no-sa"] > 0, "no-sa")
                end.rekey(pair.inline)
        watched(pair, happens)

    def test_reload(self, pair: ProtectedPair) -> None:
        """The tenant goes and comes, its file changes, and a wrong file is refused.

        Steps:
            * Three times: take the tenant out of one hypervisor and put it back.
            * Ask for a rekey by a file with a mistake.
        Verify:
            * Traffic flows each time, and none of it was clear.
        """
        pair.start()

        def happens(sending: Sending) -> None:
            hypervisor = pair.near.hypervisor
            path = hypervisor.sallyport.tenant_file("blue")
            for _ in range(3):
                sending.wait_through()
                hypervisor.shell.run("tenant del blue")
                hypervisor.shell.run(f"tenant add {path}")
            sending.wait_through()
            good = path.read_text()
            path.write_text(good.replace("algorithm = aes128gcm16", "algorithm = null"))
            assert hypervisor.shell.run("ipsec rekey blue", check=False).status != 0
            path.write_text(good)
        watched(pair, happens)

    def test_rekey(self, pair: ProtectedPair) -> None:
        """Five times new keys at both ends.

        Verify:
            * Traffic flows all along, and none of it was clear.
        """
        pair.start()

        def happens(sending: Sending) -> None:
            sending.wait_through()
            for _ in range(5):
                pair.rekey()
                sending.wait_through()
        watched(pair, happens)

    def test_failover(self, pair: ProtectedPair) -> None:
        """One cable after the other is pulled, then both, and put back.

        Verify:
            * Traffic flows by either switch, and none of it was clear; what is left goes by ESP.
        """
        pair.start()
        hv1, (switch_a, switch_b) = pair.near.hypervisor, pair.lab.switches

        def happens(sending: Sending) -> None:
            sending.wait_through()
            switch_a.pull("hv1")
            hv1.shell.wait_active("p1")
            sending.wait_through()
            switch_b.pull("hv1")
            hv1.shell.wait_active(None)
            drops = hv1.shell.drops()
            wait_until(lambda: hv1.shell.drops().since(drops)["no-active-uplink"] > 0,
                       "packets for no uplink")
            switch_a.plug("hv1")
            hv1.shell.wait_active("p0")
            sending.wait_through()
            switch_b.plug("hv1")
            hv1.shell.run("failover switch")
        watched(pair, happens)

    def test_crash(self, pair: ProtectedPair) -> None:
        """Each process is killed in full flight, and started again.

        Steps:
            * Three times: kill one hypervisor's process (SIGKILL) and start it with its own files.
        Verify:
            * Traffic comes back each time, though the other end's window remembers; none of it was
              clear; and no sequence number came twice, before and after.
        """
        pair.start()

        def happens(sending: Sending) -> None:
            for end in (pair.near, pair.far, pair.near):
                sending.wait_through()
                pair.crash(end)
                end.hypervisor.start_process()
            sending.wait_through()
        pair.heard()
        watched(pair, happens)
        frames = pair.heard()
        assert all(wire.lost() == 0 for wire in pair.wires)
        for sa in (pair.sas.out, pair.sas.into):
            receiver = EspReceiver(sa)
            numbers = [receiver.open(frame).number for frame in frames if is_esp(sa.spi)(frame)]
            assert len(numbers) == len(set(numbers)) > 100
