# SPDX-License-Identifier: BSD-3-Clause
"""The guests that dts/tools makes out of Debian's packages, once for each build folder."""

from __future__ import annotations

import functools
from pathlib import Path

from api.sallyport import ROOT, build_folder
from framework.process import run

#: The script's exit status where a guest cannot be had, for a reason that is not ours.
_CANNOT = 3


def guest_folder(kind: str) -> Path:
    """Where dts/tools/make_`kind`.sh puts what it makes."""
    return build_folder().resolve() / "guests" / kind


@functools.cache
def why_not(kind: str) -> str | None:
    """Makes the guest, unless it is there; why it cannot be had here, None: it can.

    Raises:
        CommandError: the script itself went wrong.
    """
    script = ROOT / "dts" / "tools" / f"make_{kind}.sh"
    made = run(str(script), str(guest_folder(kind)), check=False, timeout=240)
    if made.status == _CANNOT:
        return made.stderr.strip().splitlines()[-1]
    assert made.status == 0, f"{script.name}: exit status {made.status}\n{made.output[-2000:]}"
    return None
