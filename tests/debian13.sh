#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The process and the unit tests that use DPDK's graph, built and run on Debian 13 (DPDK 24.11, GCC
# 14), in a root that is made below FOLDER once and used again; and the process under the real mlx5
# driver on a simulated card (docs/mlx5sim.md), of which FOLDER/mlx5sim.xml tells. All sanitized.
#
#   sudo ./tests/debian13.sh FOLDER       FOLDER/root, FOLDER/build; JUnit report FOLDER/report.xml
#
# Exit status 3: the root cannot be made here (the reason is printed); 1: a failure.
set -euo pipefail

folder=${1:?usage: debian13.sh FOLDER}
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
root=$folder/root
packages=$("$source/dts/setup.sh" list build)
targets=(app/sallyport tests/unit/datapath/datapath_test tests/unit/ipsec/ipsec_test
    app/sallyport-shell tests/mlx5sim/mlx5sim.so tests/mlx5sim/mlx5sim_lifecycle
    tests/mlx5sim/mlx5sim_verdicts tests/mlx5sim/mlx5sim_capture)
tests=(datapath ipsec)

cannot() {
    echo "debian13.sh: $1"
    exit 3
}

make_root() {
    [ "$(id -u)" -eq 0 ] || cannot "needs root, for debootstrap and chroot"
    [ ! -f "$folder/root-is-complete" ] || return 0
    rm -rf "$root"
    local log=$folder/debootstrap.log
    if ! debootstrap --variant=minbase --include="$(tr ' ' ',' <<<"$packages"),iproute2" trixie \
        "$root" http://deb.debian.org/debian >"$log" 2>&1; then
        tail -n 5 "$log"
        cannot "debootstrap could not make a Debian 13"
    fi
    rm -f "$root"/var/cache/apt/archives/*.deb
    touch "$folder/root-is-complete"
}

# in_root COMMAND...: with the source below /src, read-only, and the build below /build. The mounts
# are the command's own, and go with it.
in_root() {
    mkdir -p "$root/src" "$root/build" "$folder/build"
    unshare --mount bash -ec '
        root=$1 source=$2 build=$3
        shift 3
        mount --bind -o ro "$source" "$root/src"
        mount --bind "$build" "$root/build"
        for system in proc sys dev; do mount --rbind "/$system" "$root/$system"; done
        exec chroot "$root" "$@"
    ' -- "$root" "$source" "$folder/build" "$@"
}

make_root
options=(-Ddebug=false -Doptimization=0 -Dunity=on -Dunity_size=6 -Db_sanitize=address,undefined
    -Db_lundef=false)
if [ -f "$folder/build/build.ninja" ]; then
    in_root meson configure /build "${options[@]}"
else
    in_root meson setup /build /src "${options[@]}"
fi
# The simulator is preloaded, and so comes before the sanitizer's library; what leaks is ours, or
# listed with its reason.
export ASAN_OPTIONS=verify_asan_link_order=0:abort_on_error=1:detect_leaks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:suppressions=/src/tests/ubsan.supp
export LSAN_OPTIONS=suppressions=/src/tests/lsan.supp:print_suppressions=0
in_root ninja -C /build "${targets[@]}"
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
