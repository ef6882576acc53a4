# SPDX-License-Identifier: BSD-3-Clause
"""A neighbour that speaks BFD: FRR's bfdd, as Debian has it."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from framework.namespace import Namespace, Switch
from framework.process import Background, wait_until

_DAEMONS = Path("/usr/lib/frr")


class BfdRouter:
    """A namespace on a switch with FRR in it.

    Args:
        address: its own, without prefix length.
        peer: with whom it has its session.
        interval_ms: at which it sends, and wants to be sent to.
    """

    def __init__(self, name: str, switch: Switch, mac: str, address: str, prefix_length: int,
                 peer: str, interval_ms: int) -> None:
        self.namespace = Namespace(name)
        self.address = address
        self.peer = peer
        self._daemons: list[Background] = []
        self._switch = switch
        self._port = name
        # The daemons give up root's rights, and then must reach what they made.
        self._folder = Path(tempfile.mkdtemp(prefix=f"{self.namespace.name}-"))
        try:
            self._folder.chmod(0o755)
            switch.connect(name, self.namespace, "eth0", mac)
            self.namespace.add_address("eth0", f"{address}/{prefix_length}")
            config = self._folder / "bfdd.conf"
            config.write_text(
                f"bfd\n peer {peer} local-address {address}\n  detect-multiplier 3\n"
                f"  receive-interval {interval_ms}\n  transmit-interval {interval_ms}\n"
                "  no shutdown\n !\n!\n", encoding="ascii")
            shutil.chown(self._folder, "frr", "frr")
            self._start("zebra", "/dev/null")
            wait_until((self._folder / "zserv").exists, "zebra's socket")
            self._start("bfdd", str(config), "--bfdctl", str(self._folder / "bfdd.sock"))
            wait_until((self._folder / "bfdd.vty").exists, "bfdd's socket")
        except BaseException:
            self.delete()
            raise

    def _start(self, daemon: str, config: str, *options: str) -> None:
        self._daemons.append(self.namespace.start(
            str(_DAEMONS / daemon), "-f", config, "-P", "0", "-i",
            str(self._folder / f"{daemon}.pid"), "-z", str(self._folder / "zserv"),
            "--vty_socket", str(self._folder), *options))

    def session(self) -> dict:
        """What FRR says of its session ("show bfd peers")."""
        text = self.namespace.run("vtysh", "--vty_socket", str(self._folder), "-d", "bfdd",
                                  "-c", "show bfd peers json").stdout
        return json.loads(text)[0]

    def wait_status(self, status: str) -> None:
        wait_until(lambda: self.session()["status"] == status, f"{self.namespace}: {status}", 10)

    def configure(self, *lines: str) -> None:
        """Lines below its session's own in the configuration."""
        words = ["configure terminal", "bfd",
                 f"peer {self.peer} local-address {self.address}", *lines]
        self.namespace.run("vtysh", "--vty_socket", str(self._folder), "-d", "bfdd",
                           *(part for line in words for part in ("-c", line)))

    def delete(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.stop()
            daemon.discard_log()
        self.namespace.delete()
        shutil.rmtree(self._folder, ignore_errors=True)
