# SPDX-License-Identifier: BSD-3-Clause
"""The shell of a running process, through sallyport-shell: commands in, typed answers out."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
