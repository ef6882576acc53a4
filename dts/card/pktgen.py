# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's packet generator, in a guest."""

from __future__ import annotations

import json

from card.guest import Guest
from card.host import Host
from framework.process import CommandError

_RUN = """
cd /proc/net/pktgen || exit 1
set_up() { for word; do echo "$word" > "$device" || echo "refused: $word" >&2; done; }
echo rem_device_all > kpktgend_0
echo "add_device $1" > kpktgend_0 || exit 1
device=$1
set_up 'pkt_size 60' 'count 0' 'delay 0' "dst $2" "dst_mac $3" "src_min $4" "src_max $4" \\
    'udp_dst_min 9' 'udp_dst_max 9' 'clone_skb 1000' 'burst 32'
timeout -s INT "$5" sh -c 'echo start > pgctrl'
sed -n 's/.*pkts-sofar: \\([0-9]*\\).*/\\1/p' "$device"
sed -n 's/.*Result: OK: \\([0-9]*\\).*/\\1/p' "$device"
echo rem_device_all > kpktgend_0
"""


def missing(host: Host) -> str:
    """Why it cannot be used; empty: it can. Loads the module, which does nothing by itself."""
    host.run("modprobe", "pktgen", check=False)
    if host.run("test", "-d", "/proc/net/pktgen", check=False).status != 0:
        return f"{host.name} has no kernel module pktgen"
    return ""


def _received(guest: Guest) -> int:
    text = guest.run("ip", "-json", "-s", "link", "show", "dev", guest.interface).stdout
    return json.loads(text)[0]["stats64"]["rx"]["packets"]


def run(source: Guest, destination: Guest, seconds: int) -> tuple[int, int, float]:
    """Sends for a while. Returns packets sent, packets received, and seconds."""
    before = _received(destination)
    answer = source.run("sh", "-c", _RUN, "sh", source.interface, destination.ip, destination.mac,
                        source.ip, str(seconds), timeout=seconds + 30)
    numbers = [int(line) for line in answer.stdout.split() if line.isdigit()]
    if len(numbers) != 2:
        raise CommandError(f"pktgen at {source.label}: {answer.output.strip()}")
    return numbers[0], _received(destination) - before, numbers[1] / 1e6 or float(seconds)
