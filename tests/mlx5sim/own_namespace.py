# SPDX-License-Identifier: BSD-3-Clause
"""For tests that are programs of their own: a network namespace of their own."""

from __future__ import annotations

import os
import subprocess
import sys

SKIPPED = 77


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def enter_empty_namespace() -> None:
    """Starts the program once more, in a new network namespace; its exit status says where that
    cannot be."""
    if os.geteuid() != 0:
        print("skipped: needs root, for a network namespace")
        sys.exit(SKIPPED)
    if os.environ.get("MLX5SIM_INSIDE") is None:
        os.environ["MLX5SIM_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    run("ip", "link", "set", "lo", "up")
