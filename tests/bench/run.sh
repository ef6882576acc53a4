#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The benchmark of the software path and, in the same run and on the same kind of ports, testpmd in
# macswap mode as the floor: what it costs to receive a packet, touch its header, and send it.
#
#   tests/bench/run.sh BUILD_FOLDER [options of datapath_bench]
set -euo pipefail

build=${1:?usage: run.sh BUILD_FOLDER [options]}
shift
bench=$build/tests/bench/datapath_bench
floor_seconds=3

# Hugepages if enough are free, ordinary memory if not; the same for both.
free_hugepages=$(awk '/^HugePages_Free/ { free = $2 } /^Hugepagesize/ { size = $2 }
    END { print int(free * size / 1024) }' /proc/meminfo)
if [ "$free_hugepages" -ge 768 ]; then
    memory=(-m 768 --in-memory)
    echo "memory: hugepages"
else
    memory=(--no-huge -m 768 --no-shconf)
    echo "memory: ordinary pages (${free_hugepages} MB of hugepages are free, 768 MB are wanted)"
fi
common=("${memory[@]}" --no-pci --no-telemetry --log-level=error)

echo
echo "The floor: dpdk-testpmd, macswap, net_ring ports, bursts of 32"
echo
echo "| octets | cycles a packet |"
echo "|---|---|"
for size in 64 1440; do
    # The first burst goes round for ever; testpmd counts the cycles of bursts that had packets.
    cycles=$({
        sleep "$floor_seconds"
        echo "stop"
        echo "quit"
    } | dpdk-testpmd --lcores '0@0,1@1' "${common[@]}" --vdev net_ring0 --vdev net_ring1 -- \
        -i --forward-mode=macswap --record-core-cycles --burst=32 --mbuf-size=2048 \
        --total-num-mbufs=4096 --cmdline-file=<(echo "set txpkts $size"; echo "start tx_first") \
        2>/dev/null | sed -n 's|.*CPU cycles/packet=\([0-9.]*\).*|\1|p' | tail -n 1)
    echo "| $size | ${cycles:?testpmd told no figure} |"
done

echo
echo "The software path: the median walk of 32 packets, on one lcore"
echo
arguments=()
for argument in "${common[@]}" --lcores '0@0'; do arguments+=("--eal=$argument"); done
"$bench" "${arguments[@]}" "$@"

echo
echo "The hardware path: what it costs itself, with a NIC that answers at once"
echo
"$build/tests/bench/hardware_path_bench"

echo
echo "Protected tenants: the whole way beside the cipher alone, on one lcore"
echo
"$build/tests/bench/protected_path_bench" "${common[@]}" --lcores '0@0'
