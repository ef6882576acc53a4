#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The process and the unit tests that use DPDK's graph, built and run on Debian 13 (DPDK 24.11, GCC
# 14), in a root that is made below FOLDER once and used again; and the process under the real mlx5
# driver on a simulated card (docs/mlx5sim.md), of which FOLDER/mlx5sim.xml tells. All sanitized.
#
#   sudo ./tests/debian13.sh FOLDER [unit|mlx5sim]   FOLDER/root, FOLDER/build-sanitize; JUnit reports
#                                                    FOLDER/report.xml and FOLDER/mlx5sim.xml
#
# With a word, that suite alone. Exit status 3: the root cannot be made here (the reason is printed);
# 1: a failure.
set -euo pipefail

usage="usage: debian13.sh FOLDER [unit|mlx5sim]"
folder=${1:?$usage}
case ${2:-} in
"") suites=(unit mlx5sim) ;;
unit | mlx5sim) suites=("$2") ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
targets=(app/sallyport tests/unit/datapath/datapath_test tests/unit/ipsec/ipsec_test
    tests/unit/eswitch/hardware_path_test app/sallyport-shell dts/tools/packet_mutator
    tests/mlx5sim/mlx5sim.so tests/mlx5sim/mlx5sim_lifecycle tests/mlx5sim/mlx5sim_loopback
    tests/mlx5sim/mlx5sim_verdicts tests/mlx5sim/mlx5sim_capture
    tests/mlx5sim/librte_unknown_mlx5.so)
tests=(datapath ipsec hardware_path)
# All of it with AddressSanitizer and UndefinedBehaviorSanitizer, and optimised a little: the tests
# save more time than the build takes. GCC 14 then finds values of std::optional uninitialised that
# are not, as its manual says of -fsanitize.
export DEBIAN13_BUILD=build-sanitize
export DEBIAN13_OPTIONS="-Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1
    -Dcpp_args=-Wno-maybe-uninitialized"
build=$folder/$DEBIAN13_BUILD

in_root() { "$source/tests/debian13_root.sh" run "$folder" "$@"; }

"$source/tests/debian13_root.sh" build "$folder" "${targets[@]}"
# The simulator is preloaded, and so comes before the sanitizer's library; what leaks is ours, or
# listed with its reason.
export ASAN_OPTIONS=verify_asan_link_order=0:abort_on_error=1:detect_leaks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:suppressions=/src/tests/ubsan.supp
export LSAN_OPTIONS=suppressions=/src/tests/lsan.supp:print_suppressions=0
status=0
# suite REPORT [options of meson test]
suite() {
    local report=$1
    shift
    rm -f "$folder/$report.xml" "$build/meson-logs/$report.junit.xml"
    in_root meson test -C /build --no-rebuild --print-errorlogs --logbase "$report" "$@" || status=1
    cp "$build/meson-logs/$report.junit.xml" "$folder/$report.xml"
}
for suite in "${suites[@]}"; do
    case $suite in
    unit) suite report --num-processes 2 "${tests[@]}" ;;
    # Sallyport under the real mlx5 driver on a simulated card.
    mlx5sim) suite mlx5sim --num-processes 1 --suite mlx5sim ;;
    esac
done
exit $status
