# SPDX-License-Identifier: BSD-3-Clause
"""What the suites run on: software alone, or the simulated card of docs/mlx5sim.md."""

from __future__ import annotations

import enum

from api import debian13


class Nic(enum.Enum):
    """`--nic`"""

    SOFTWARE = "software"
    MLX5SIM = "mlx5sim"


_chosen = Nic.SOFTWARE


def choose(nic: Nic) -> None:
    """Before anything is built."""
    global _chosen
    _chosen = nic


def simulated() -> bool:
    """Whether hypervisors have the simulated card."""
    return _chosen is Nic.MLX5SIM


def why_not() -> str | None:
    """Why nothing can be run on what was chosen; None: it can."""
    return debian13.why_not() if simulated() else None
