# SPDX-License-Identifier: BSD-3-Clause
"""Questions to the driver itself, by DPDK's testpmd on a host. Sallyport must not run there."""

from __future__ import annotations

import re

from card.host import Host
from card.nodes import HostConfig

_MAKES = "created"
_REFUSES = re.compile(r"Caught (?:PMD )?error type .*")


class Testpmd:
    """Runs a list of commands and returns what it says."""

    __test__ = False  # no case of pytest's

    def __init__(self, host: Host, config: HostConfig) -> None:
        self.host = host
        self.config = config

    def missing(self) -> str:
        """Why it cannot be run; empty: it can."""
        if self.host.has(self.config.testpmd):
            return f"{self.host.name} has no {self.config.testpmd} (package dpdk)"
        return ""

    def release(self) -> str:
        """DPDK's release, which Sallyport tells: testpmd is of the same."""
        text = self.host.run(self.config.sallyport, "--version", check=False).output
        found = re.search(r"DPDK (\d+\.\d+(?:\.\d+)?)", text)
        return re.sub(r"\.0$", "", found[1]) if found else "unknown"

    def run(self, commands: list[str], representors: str) -> str:
        """Opens the card with these representors, and does what the commands say."""
        script = self.host.put("testpmd.txt", "\n".join(commands) + "\n")
        device = f"{self.config.pci},dv_flow_en=2,dv_xmeta_en=0,representor={representors}"
        return self.host.run(
            self.config.testpmd, *self._eal(), "-a", device, "--", "-i",
            "--disable-device-start", f"--cmdline-file={script}", check=False, timeout=120,
            stdin="quit\n").output

    def _eal(self) -> list[str]:
        """EAL options of the YAML file, but with two cores at least."""
        return list(self.config.eal) or ["-l", "0,1"]


def verdict(text: str) -> tuple[bool | None, str]:
    """Whether the last object was made; None: testpmd did not understand.

    The words are the driver's.
    """
    refusals = _REFUSES.findall(text)
    if refusals:
        return False, refusals[-1]
    return (True, "made") if _MAKES in text else (None, "testpmd did not understand the command")
