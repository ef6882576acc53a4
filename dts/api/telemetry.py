# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's telemetry socket of a running process."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any


class Telemetry:
    """One connection to `/var/run/dpdk/<file-prefix>/dpdk_telemetry.v2`."""

    def __init__(self, file_prefix: str) -> None:
        self.path = Path("/var/run/dpdk", file_prefix, "dpdk_telemetry.v2")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(10)
        self._socket.connect(str(self.path))
        greeting = json.loads(self._socket.recv(65536))
        self._size = greeting["max_output_len"]

    def get(self, endpoint: str) -> Any:
        """The answer of one endpoint."""
        self._socket.send(endpoint.encode())
        return json.loads(self._socket.recv(self._size))[endpoint.split(",")[0]]

    def __enter__(self) -> Telemetry:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
