#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Shows Sallyport at work on one machine: installs what is missing, builds, and runs the demo.
#
#   sudo ./dts/demo.sh [--stay] [--duration SECONDS] [--no-build]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

build=yes
arguments=()
for argument; do
    case $argument in
    -h | --help)
        sed -n '3,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        echo "
  --stay              leave everything running until ENTER is pressed
  --duration SECONDS  length of each iperf3 run (default 3)
  --no-build          use the build/ that is there"
        exit 0
        ;;
    --no-build) build=no ;;
    *) arguments+=("$argument") ;;
    esac
done

if [ "$(id -u)" -ne 0 ]; then
    echo "demo.sh: network namespaces need root: sudo ./dts/demo.sh" >&2
    exit 1
fi

"$root/dts/setup.sh" packages build run
if [ $build = yes ]; then
    echo "Building (a few minutes the first time) ..."
    log=$(mktemp)
    if ! "$root/dts/setup.sh" build "$root/build" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
fi
DTS_BUILD=${DTS_BUILD:-$root/build} exec /usr/bin/python3 "$root/dts/demo.py" \
    ${arguments[@]+"${arguments[@]}"}
