# SPDX-License-Identifier: BSD-3-Clause
"""The shell of a running process, through sallyport-shell: commands in, typed answers out."""

from __future__ import annotations

import dataclasses
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from api import nic
from framework.process import Result, run, wait_until


class Shell:
    """Runs commands over the shell socket."""

    def __init__(self, client: str, socket: Path) -> None:
        self.client = client
        self.socket = socket

    def run(self, command: str, check: bool = True) -> Result:
        """One command as it would be typed."""
        return run(self.client, "--socket", str(self.socket), *shlex.split(command), check=check)

    def json(self, command: str) -> Any:
        """One `show` command, its JSON parsed."""
        return json.loads(self.run(f"{command} json").stdout)

    # Typed answers, for what the suites ask often.

    def drops(self) -> Drops:
        """All drops of the process and of its NIC, by reason."""
        drops = Drops.parse(self.json("show drop"))
        if nic.simulated():
            for reason, count in self.json("show eswitch")["drops"].items():
                drops[reason] += count
        return Drops.parse(drops)

    def tenant(self, name: str) -> TenantCounters:
        """Counters of one tenant."""
        return TenantCounters.parse(self.json(f"show tenant {name}"))

    def port(self, name: str) -> PortCounters:
        """Counters of one port."""
        return PortCounters.parse(self.json(f"show port stats {name}"))

    def fdb(self, tenant: str) -> list[FdbEntry]:
        """The fdb of one tenant."""
        return [FdbEntry.parse(entry) for entry in self.json(f"show fdb {tenant}")]

    def fdb_entry(self, tenant: str, mac: str) -> FdbEntry | None:
        """Where `mac` is, if the tenant's fdb knows it."""
        return next((entry for entry in self.fdb(tenant) if entry.mac == mac), None)

    def wait_fdb(self, tenant: str, mac: str, place: str | None) -> None:
        """Waits until `mac` is behind `place`, a vm port or a vtep; None: until it is unknown."""
        def there() -> bool:
            entry = self.fdb_entry(tenant, mac)
            return (entry.place if entry else None) == place
        wait_until(there, f"{mac} of {tenant} at {place}")

    def active_uplink(self) -> str | None:
        """Name of the active uplink, if there is one."""
        return self.json("show uplink")["active"]

    def wait_active(self, uplink: str | None, timeout: float = 5.0) -> None:
        wait_until(lambda: self.active_uplink() == uplink, f"active uplink is {uplink}", timeout)


class Drops(dict[str, int]):
    """Packets by drop reason; a reason that is not there counts as zero."""

    def __missing__(self, reason: str) -> int:
        return 0

    @classmethod
    def parse(cls, answer: dict[str, int]) -> Drops:
        """Leaves out the reasons that were not seen."""
        return cls({reason: count for reason, count in answer.items() if count})

    def since(self, before: Drops) -> Drops:
        """What was added; reasons without a change are left out."""
        return Drops({reason: count - before[reason] for reason, count in self.items()
                      if count != before[reason]})

    @property
    def total(self) -> int:
        return sum(self.values())


@dataclass(frozen=True)
class _Counters:
    """Figures that only grow, with the drops beside them."""

    drops: Drops

    def since(self, before: Self) -> Self:
        """What was added since an earlier reading."""
        return type(self)(**{
            field.name: (self.drops.since(before.drops) if field.name == "drops"
                         else getattr(self, field.name) - getattr(before, field.name))
            for field in dataclasses.fields(self)})

    @classmethod
    def parse(cls, answer: dict[str, Any]) -> Self:
        """What the CPU and the NIC have counted, together."""
        counters, drops = dict(answer.get("counters", answer)), Drops.parse(answer["drops"])
        if answer["nic"] is not None:
            cls._add(counters, drops, answer["nic"])
        return cls(drops=drops, **{
            field.name: counters[field.name]
            for field in dataclasses.fields(cls) if field.name != "drops"})

    @classmethod
    def _add(cls, counters: dict[str, int], drops: Drops, more: dict[str, int]) -> None:
        """Adds what the NIC has counted."""
        raise NotImplementedError


@dataclass(frozen=True)
class TenantCounters(_Counters):
    """`show tenant`: from and to VM ports (rx, tx), to and from remote vteps (encap, decap). The
    NIC's part comes up to half a second late."""

    rx_packets: int
    rx_bytes: int
    tx_packets: int
    tx_bytes: int
    encap_packets: int
    encap_bytes: int
    decap_packets: int
    decap_bytes: int
    flooded_packets: int
    learn_refused: int
    moves: int

    @classmethod
    def _add(cls, counters: dict[str, int], drops: Drops, more: dict[str, int]) -> None:
        # What the NIC forwards, the CPU has not seen.
        for unit in ("packets", "bytes"):
            switched, encap, decap = (more[f"{way}_{unit}"] for way in ("switched", "encap", "decap"))
            counters[f"rx_{unit}"] += switched + encap
            counters[f"tx_{unit}"] += switched + decap
            counters[f"encap_{unit}"] += encap
            counters[f"decap_{unit}"] += decap


@dataclass(frozen=True)
class PortCounters(_Counters):
    """`show port stats`. Of a VF the NIC's part comes up to half a second late; of an uplink it is
    not told."""

    rx_packets: int
    rx_bytes: int
    tx_packets: int
    tx_bytes: int
    rx_missed: int
    rx_errors: int
    tx_errors: int
    rx_no_buffer: int

    @classmethod
    def _add(cls, counters: dict[str, int], drops: Drops, more: dict[str, int]) -> None:
        # The NIC has counted all that came, the CPU sooner what it has got.
        for unit in ("packets", "bytes"):
            counters[f"rx_{unit}"] = max(counters[f"rx_{unit}"], more[f"rx_{unit}"])
            counters[f"tx_{unit}"] += more[f"tx_{unit}"]
        if over := more["rate_exceeded_packets"]:
            drops["rate-exceeded"] += over


@dataclass(frozen=True)
class FdbEntry:
    """A line of `show fdb`."""

    mac: str
    vm_port: str | None
    vtep: str | None
    learned: bool

    @property
    def place(self) -> str | None:
        """The vm port or the vtep behind which it is."""
        return self.vm_port or self.vtep

    @classmethod
    def parse(cls, entry: dict[str, Any]) -> FdbEntry:
        return cls(entry["mac"], entry.get("vm_port"), entry.get("vtep"),
                   entry["origin"] == "learned")
