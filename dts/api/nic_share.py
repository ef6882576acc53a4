# SPDX-License-Identifier: BSD-3-Clause
"""Who has forwarded a tenant's packets: the NIC, or the CPU."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from api.shell import Shell
from framework.process import wait_until


@dataclass(frozen=True)
class Share:
    """Packets of a tenant on one hypervisor.

    Attributes:
        switched, encapsulated, decapsulated: by the NIC, between VMs, to and from remote vteps.
        cpu_sent: of VMs, that came to the CPU.
        cpu_received: from remote vteps, that came to the CPU.
    """

    switched: int
    encapsulated: int
    decapsulated: int
    cpu_sent: int
    cpu_received: int

    @classmethod
    def of(cls, shell: Shell, tenant: str) -> Share:
        """As it stands; the NIC's part is up to half a second old."""
        answer = shell.json(f"show tenant {tenant}")
        nic, cpu = answer["nic"], answer["counters"]
        return cls(nic["switched_packets"], nic["encap_packets"], nic["decap_packets"],
                   cpu["rx_packets"], cpu["decap_packets"])

    def since(self, before: Share) -> Share:
        return Share(**{field.name: getattr(self, field.name) - getattr(before, field.name)
                        for field in dataclasses.fields(self)})

    @property
    def nic(self) -> int:
        return self.switched + self.encapsulated + self.decapsulated

    @property
    def cpu(self) -> int:
        return self.cpu_sent + self.cpu_received


def settled_share(shell: Shell, tenant: str) -> Share:
    """Once the NIC's counters are those of now: nobody sends meanwhile."""
    last: list[Share] = []

    def same() -> Share | None:
        last.append(Share.of(shell, tenant))
        return last[-1] if len(last) > 1 and last[-1] == last[-2] else None

    # Longer apart than the driver reads the card's counters.
    return wait_until(same, f"nobody of {tenant} sends", 10, interval=0.7)
