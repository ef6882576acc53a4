# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces of our own, and the links inside and between them.

Names carry the pid of the run (`sally<pid>-hv1`), so that runs do not meet, and so that what a
killed run left behind can be told from what is in use.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from framework.process import Background, Result, note, run, wait_until
from framework.stack import Stack

_PREFIX = "sally"
_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_IFREQ_FLAGS = "16sH14x"
_IFF_UP = 1
_libc = ctypes.CDLL(None, use_errno=True)
_HERE = Path("/proc/thread-self/ns/net")
_FOLDER = Path("/run/netns")

#: A frame larger than the MTU of a link on its way is lost without a word: leave room.
WIRE_MTU = 9500


def _enter(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {path}")
    finally:
        os.close(descriptor)


class Namespace(Stack):
    """A network namespace with its loopback up, deleted with everything in it by `delete`."""

    def __init__(self, name: str, link_local: bool = False) -> None:
        """`link_local`: interfaces get IPv6 link-local addresses, and the chatter that goes with
        them, as they do by Linux's defaults."""
        self.label = name
        self.name = f"{_PREFIX}{os.getpid()}-{name}"
        run("ip", "netns", "add", self.name)
        self.sysctl("net/ipv6/conf/default/accept_dad", 0)
        self.sysctl("net/ipv6/conf/default/accept_ra", 0)
        self.sysctl("net/ipv6/conf/default/router_solicitations", 0)
        if not link_local:
            self.sysctl("net/ipv6/conf/default/addr_gen_mode", 1)
        self.ip("link", "set", "lo", "up")

    def __repr__(self) -> str:
        return self.name

    @property
    def path(self) -> Path:
        return _FOLDER / self.name

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread is inside: sockets opened here belong to this namespace."""
        back = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(self.path)
            try:
                yield
            finally:
                if _libc.setns(back, _CLONE_NEWNET) != 0:
                    os._exit(3)  # nothing that follows could be trusted
        finally:
            os.close(back)

    def command(self, *command: str) -> tuple[str, ...]:
        """The same command, as run inside."""
        return ("ip", "netns", "exec", self.name, *command)

    def run(self, *command: str, check: bool = True, timeout: float = 30.0,
            stdin: str | None = None) -> Result:
        """Runs a command inside, to its end."""
        return run(*self.command(*command), check=check, timeout=timeout, stdin=stdin)

    def start(self, *command: str, name: str = "",
              environment: dict[str, str] | None = None) -> Background:
        """Starts a command inside, beside the test."""
        return Background(*self.command(*command), name=name or Path(command[0]).name,
                          environment=environment)

    def ip(self, *arguments: str, check: bool = True) -> Result:
        """`ip` with these arguments, inside."""
        return run("ip", "-n", self.name, *arguments, check=check)

    def sysctl(self, path: str, value: int | str) -> None:
        """Writes /proc/sys/`path` as it is seen inside."""
        with self.entered():
            Path("/proc/sys", path).write_text(f"{value}\n", encoding="ascii")

    def mute(self, interface: str) -> None:
        """The kernel keeps out of what this interface carries: packet sockets alone use it.

        Without this, Linux answers ARP requests for any address it has, on any interface.
        """
        self.sysctl(f"net/ipv6/conf/{interface}/disable_ipv6", 1)
        self.sysctl(f"net/ipv4/conf/{interface}/arp_ignore", 8)
        self.sysctl(f"net/ipv4/conf/{interface}/rp_filter", 1)

    def delete(self) -> None:
        """Kills what still runs inside and removes it."""
        _delete(self.name)


def _delete(name: str) -> None:
    listing = run("ip", "netns", "pids", name, check=False)
    for pid in listing.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            note(f"killing {pid}, left in {name}")
            os.kill(int(pid), signal.SIGKILL)
    run("ip", "netns", "del", name, check=False)


def _of_dead_runs(folder: Path) -> list[Path]:
    return [entry for entry in sorted(folder.glob(f"{_PREFIX}*-*"))
            if (owner := re.match(rf"{_PREFIX}(\d+)-", entry.name))
            and not Path("/proc", owner[1]).exists()]


def remove_leftovers() -> list[str]:
    """Deletes namespaces of runs that are no more, and folders named after them; returns the names
    of the namespaces."""
    removed = [entry.name for entry in _of_dead_runs(_FOLDER)]
    for name in removed:
        _delete(name)
    for folder in _of_dead_runs(Path(tempfile.gettempdir())):
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
    return removed


def cable(one: Namespace, interface_one: str, other: Namespace, interface_other: str, *,
          mac_one: str | None = None, mac_other: str | None = None, mtu: int = WIRE_MTU) -> None:
    """A cable (veth pair) between two namespaces, both ends up."""
    def end(name: str, space: Namespace, mac: str | None) -> list[str]:
        return ["name", name, *(["address", mac] if mac else []), "netns", space.name]

    run("ip", "link", "add", *end(interface_one, one, mac_one), "mtu", str(mtu), "type", "veth",
        "peer", *end(interface_other, other, mac_other), "mtu", str(mtu))
    for space, interface in ((one, interface_one), (other, interface_other)):
        space.plain_offloads(interface)
        space.ip("link", "set", interface, "up")


def make_bridge(space: Namespace, name: str) -> None:
    """A learning bridge without protocols of its own."""
    space.ip("link", "add", name, "mtu", str(WIRE_MTU), "type", "bridge", "forward_delay", "0",
             "stp_state", "0", "mcast_snooping", "0")
    space.sysctl(f"net/ipv6/conf/{name}/disable_ipv6", 1)
    # A switch looks at MAC addresses. Where the kernel has bridge netfilter, it would drop
    # malformed IP packets and put fragments together.
    for table in ("iptables", "ip6tables", "arptables"):
        with contextlib.suppress(FileNotFoundError):
            space.sysctl(f"net/bridge/bridge-nf-call-{table}", 0)
    space.ip("link", "set", name, "up")


class Switch:
    """A learning Ethernet switch: a Linux bridge alone in a namespace."""

    def __init__(self, name: str) -> None:
        self.namespace = Namespace(name)
        make_bridge(self.namespace, "bridge")

    def _own(self, port: str) -> None:
        self.namespace.sysctl(f"net/ipv6/conf/{port}/disable_ipv6", 1)
        self.namespace.ip("link", "set", port, "master", "bridge")

    def connect(self, port: str, other: Namespace, interface: str, mac: str | None = None) -> None:
        """A cable from this switch's `port` to `interface` of another namespace."""
        cable(self.namespace, port, other, interface, mac_other=mac)
        self._own(port)
        wait_until(lambda: other.carrier(interface), f"carrier on {interface} of {other}")

    def trunk(self, other: Switch) -> None:
        """A cable between two switches."""
        cable(self.namespace, "trunk", other.namespace, "trunk")
        self._own("trunk")
        other._own("trunk")

    def pull(self, port: str) -> int:
        """Pulls the cable out of a port: the far end loses its carrier.

        Returns when that began, nanoseconds of the wall clock.
        """
        return self._set_up(port, False)

    def plug(self, port: str) -> int:
        """Puts the cable back."""
        return self._set_up(port, True)

    def _set_up(self, port: str, up: bool) -> int:
        # No process is started for it: it has to be quick, and its time to be known.
        note(f"{self.namespace.label}: {'plug' if up else 'pull'} {port}")
        with self.namespace.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_one:
            request = struct.pack(_IFREQ_FLAGS, port.encode(), 0)
            flags = struct.unpack(_IFREQ_FLAGS, fcntl.ioctl(any_one, _SIOCGIFFLAGS, request))[1]
            flags = flags | _IFF_UP if up else flags & ~_IFF_UP
            begun = time.time_ns()
            fcntl.ioctl(any_one, _SIOCSIFFLAGS, struct.pack(_IFREQ_FLAGS, port.encode(), flags))
        return begun

    def port_of(self, mac: str) -> str | None:
        """The port behind which the switch has learned `mac`."""
        text = run("bridge", "-n", self.namespace.name, "-json", "fdb", "show", "br",
                   "bridge").stdout
        for entry in json.loads(text or "[]"):
            if entry["mac"] == mac and entry.get("state") != "permanent":
                return entry["ifname"]
        return None

    def delete(self) -> None:
        self.namespace.delete()
