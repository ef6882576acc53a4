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

# Cycles a buffer of AES-128-GCM by dpdk-test-crypto-perf, on the core that the bench takes next, as
# "out:1440=264.1": for each size the best of three runs of both devices.
crypto_perf() {
    local main device operation
    # Its first lcore only waits, but does not sleep.
    main=$(($(nproc) > 1 ? 1 : 0))
    for operation in encrypt decrypt; do
        for device in crypto_aesni_{mb,gcm} crypto_aesni_{mb,gcm} crypto_aesni_{mb,gcm}; do
            dpdk-test-crypto-perf "${common[@]}" --lcores "0@$main,1@0" --vdev "${device}0" -- \
                --ptest throughput --devtype "$device" --optype aead --aead-algo aes-gcm \
                --aead-op "$operation" --aead-key-sz 16 --aead-iv-sz 12 --aead-aad-sz 16 \
                --digest-sz 16 --buffer-sz 64,256,1440,3986,8900 --burst-sz 32 \
                --total-ops 1000000 --silent --csv-friendly 2>/dev/null |
                awk -F, -v way="$([ "$operation" = encrypt ] && echo out || echo in)" \
                    'NF == 10 && $1 ~ /^[0-9]+$/ { print way ":" $2, $NF }'
        done
    done | awk '!($1 in least) || $2 < least[$1] { least[$1] = $2 }
        END { for (key in least) print key "=" least[key] }'
}

echo
echo "Protected tenants: the whole way beside the cipher alone, on one lcore"
echo
figures=()
if [ -n "$(command -v dpdk-test-crypto-perf)" ]; then
    mapfile -t figures < <(crypto_perf)
    [ "${#figures[@]}" -eq 10 ] || { echo "dpdk-test-crypto-perf told no figures" >&2; exit 1; }
else
    echo "dpdk-test-crypto-perf (package dpdk-dev) is not here: the column is left empty"
fi
"$build/tests/bench/protected_path_bench" "${common[@]}" --lcores '0@0' -- "${figures[@]}"

echo
echo "Rekeying under full load: once a second for a minute"
echo
"$build/tests/bench/rekey_bench" 60 1000
