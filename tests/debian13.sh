#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The process and the unit tests that use DPDK, built and run on Debian 13 (DPDK 24.11, GCC 14), in
# a root that is made below FOLDER once and used again; and the process under the real mlx5 driver
# on a simulated card (docs/mlx5sim.md), of which FOLDER/mlx5sim.xml tells.
#
#   sudo ./tests/debian13.sh FOLDER       FOLDER/root, FOLDER/build; JUnit report FOLDER/report.xml
#
# Exit status 3: the root cannot be made here (the reason is printed); 1: a failure.
set -euo pipefail

folder=${1:?usage: debian13.sh FOLDER}
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
targets=(app/sallyport tests/unit/datapath/datapath_test tests/unit/ipsec/ipsec_test
    tests/unit/eswitch/hardware_path_test app/sallyport-shell dts/tools/packet_mutator
    tests/mlx5sim/mlx5sim.so tests/mlx5sim/mlx5sim_lifecycle tests/mlx5sim/mlx5sim_loopback
    tests/mlx5sim/mlx5sim_verdicts)
tests=(datapath ipsec hardware_path)

in_root() { "$source/tests/debian13_root.sh" run "$folder" "$@"; }

"$source/tests/debian13_root.sh" build "$folder" "${targets[@]}"
rm -f "$folder/build/meson-logs/testlog.junit.xml"
status=0
in_root meson test -C /build --no-rebuild --print-errorlogs --num-processes 2 "${tests[@]}" ||
    status=1
# Sallyport under the real mlx5 driver on a simulated card.
in_root meson test -C /build --no-rebuild --print-errorlogs --num-processes 1 --suite mlx5sim \
    --logbase mlx5sim || status=1
cp "$folder/build/meson-logs/testlog.junit.xml" "$folder/report.xml"
cp "$folder/build/meson-logs/mlx5sim.junit.xml" "$folder/mlx5sim.xml"
exit $status
