# SPDX-License-Identifier: BSD-3-Clause
"""The Debian 13 that tests/debian13_root.sh makes: where it is, and how its programs are run.

DTS_DEBIAN13 is its folder (build-debian13/ of the checkout), DTS_DEBIAN13_BUILD the name of the
build there ("build").
"""

from __future__ import annotations

import functools
import os
import shlex
import tempfile
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[2]
_SCRIPT = _SOURCE / "tests" / "debian13_root.sh"
#: What of the host a program inside sees: the files of suites, and DPDK's sockets.
_SHARED = (tempfile.gettempdir(), "/run")

#: Where the source and the build are inside.
SOURCE, BUILD = Path("/src"), Path("/build")
SIMULATOR = "tests/mlx5sim/mlx5sim.so"


def folder() -> Path:
    return Path(os.environ.get("DTS_DEBIAN13", _SOURCE / "build-debian13")).resolve()


def _build_name() -> str:
    return os.environ.get("DTS_DEBIAN13_BUILD", "build")


def build() -> Path:
    """The build, as it is seen from outside."""
    return folder() / _build_name()


def why_not() -> str | None:
    """Why nothing can be run in it; None: something can."""
    if not (folder() / "root-is-complete").exists():
        return f"there is no Debian 13 in {folder()} (tests/debian13.sh makes it)"
    for part in ("app/sallyport", "app/sallyport-shell", "dts/tools/packet_mutator", SIMULATOR):
        if not (build() / part).exists():
            return f"{part} is not built in {build()} (tests/debian13.sh does it)"
    return None


def inside(*command: str) -> list[str]:
    """The command line that runs `command` inside, in the network namespace of its caller and as
    the process that was started."""
    return ["env", f"DEBIAN13_BUILD={_build_name()}", str(_SCRIPT), "run", str(folder()),
            *(word for path in _SHARED for word in ("--share", path)), "--", *command]


@functools.cache
def is_sanitized() -> bool:
    return b"libasan.so" in (build() / "app" / "sallyport").read_bytes()


@functools.cache
def outside(program: str) -> str:
    """A script that runs a program of the build where it stands, by the libraries of its Debian: it
    sees the host's files, and starts without a root of its own."""
    root = folder() / "root"
    loader = next(path for pattern in ("lib64/ld-linux-*.so.*", "lib/ld-linux-*.so.*")
                  for path in sorted((root / "usr").glob(pattern)))
    libraries = ":".join(str(path) for path in sorted((root / "usr/lib").glob("*-linux-gnu")))
    words = [str(loader), "--library-path", libraries, str(build() / program)]
    script = build() / "outside" / Path(program).name
    script.parent.mkdir(exist_ok=True)
    # Others may be about to do the same.
    handle, fresh = tempfile.mkstemp(dir=script.parent)
    with os.fdopen(handle, "w") as file:
        file.write(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    os.chmod(fresh, 0o755)
    os.rename(fresh, script)
    return str(script)
