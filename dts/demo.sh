#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Shows Sallyport at work on one machine: installs what is missing, builds, and runs the demo.
#
#   sudo ./dts/demo.sh [--stay] [--duration SECONDS] [--no-build] [--nic mlx5sim]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

build=yes
nic=software
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        sed -n '3,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        echo "
  --stay              leave everything running until ENTER is pressed
  --duration SECONDS  length of each iperf3 run (default 3)
  --no-build          use the build that is there
  --nic mlx5sim       on a simulated ConnectX-6 Dx under the real mlx5 driver (docs/mlx5sim.md); for it
                      a Debian 13 is made below build-debian13/, once"
        exit 0
        ;;
    --no-build) build=no ;;
    --nic)
        nic=${2:?--nic needs software or mlx5sim}
        arguments+=("$1" "$2")
        shift
        ;;
    --nic=*)
        nic=${1#*=}
        arguments+=("$1")
        ;;
    *) arguments+=("$1") ;;
    esac
    shift
done

if [ "$(id -u)" -ne 0 ]; then
    echo "demo.sh: network namespaces need root: sudo ./dts/demo.sh" >&2
    exit 1
fi

# The build for what the hypervisors have.
build() {
    if [ "$nic" = mlx5sim ]; then
        "$root/tests/debian13_root.sh" build "$DTS_DEBIAN13" \
            app/sallyport app/sallyport-shell dts/tools/packet_mutator tests/mlx5sim/mlx5sim.so
    else
        "$root/dts/setup.sh" build "$root/build"
    fi
}

export DTS_BUILD=${DTS_BUILD:-$root/build} DTS_DEBIAN13=${DTS_DEBIAN13:-$root/build-debian13}
if [ "$nic" = mlx5sim ]; then
    "$root/dts/setup.sh" packages debian13 run
else
    "$root/dts/setup.sh" packages build run
fi
if [ $build = yes ]; then
    echo "Building (a few minutes the first time) ..."
    log=$(mktemp)
    if ! build >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
fi
exec /usr/bin/python3 "$root/dts/demo.py" ${arguments[@]+"${arguments[@]}"}
