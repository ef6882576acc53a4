#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A Debian 13 (DPDK 24.11, GCC 14) below FOLDER, made once and used again, and the project built in
# it. The host is left as it is.
#
#   debian13_root.sh make FOLDER                 FOLDER/root
#   debian13_root.sh build FOLDER [TARGET...]    FOLDER/build, made, configured and built as needed
#   debian13_root.sh run FOLDER [--share PATH]... [--] COMMAND...
#
# A command sees the source below /src, read-only, the build below /build, and what of the host is
# shared; the mounts are its own, and go with it. DEBIAN13_BUILD names another folder below FOLDER
# than "build", and DEBIAN13_OPTIONS what meson is told when that is configured.
#
# Exit status 3: the root cannot be made here; the last line says why.
set -euo pipefail

usage() {
    sed -n '6,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
verb=${1:-}
[ $# -ge 2 ] || usage
mkdir -p "$2"
folder=$(cd "$2" && pwd)
shift 2
root=$folder/root
build=$folder/${DEBIAN13_BUILD:-build}

cannot() {
    echo "debian13_root.sh: $1"
    exit 3
}

make_root() {
    [ "$(id -u)" -eq 0 ] || cannot "needs root, for debootstrap and chroot"
    [ ! -f "$folder/root-is-complete" ] || return 0
    command -v debootstrap >/dev/null || cannot "needs debootstrap (dts/setup.sh packages debian13)"
    rm -rf "$root"
    local packages log=$folder/debootstrap.log
    packages=$("$source/dts/setup.sh" list build)
    if ! debootstrap --variant=minbase --include="$(tr ' ' ',' <<<"$packages"),iproute2" trixie \
        "$root" http://deb.debian.org/debian >"$log" 2>&1; then
        tail -n 5 "$log"
        cannot "debootstrap could not make a Debian 13"
    fi
    rm -f "$root"/var/cache/apt/archives/*.deb
    touch "$folder/root-is-complete"
}

# The command takes this shell's place, so that signals to it are signals to the command.
# run_inside [--share PATH]... [--] COMMAND...
run_inside() {
    local shared=()
    while [ "${1:-}" = --share ]; do
        shared+=("$2")
        shift 2
    done
    [ "${1:-}" != -- ] || shift
    mkdir -p "$root/src" "$root/build" "$build"
    # shellcheck disable=SC2016
    exec unshare --mount bash -ec '
        root=$1 source=$2 build=$3 shares=$4
        shift 4
        mount --bind -o ro "$source" "$root/src"
        mount --bind "$build" "$root/build"
        for system in proc sys dev; do mount --rbind "/$system" "$root/$system"; done
        for ((; shares > 0; --shares)); do
            mkdir -p "$root/$1"
            mount --rbind "$1" "$root/$1"
            shift
        done
        exec chroot "$root" "$@"
    ' -- "$root" "$source" "$build" ${#shared[@]} ${shared[@]+"${shared[@]}"} "$@"
}

case $verb in
make)
    make_root
    ;;
build)
    make_root
    if [ ! -f "$build/build.ninja" ]; then
        # shellcheck disable=SC2086
        (run_inside meson setup /build /src -Ddebug=false -Doptimization=0 -Dunity=on \
            -Dunity_size=6 ${DEBIAN13_OPTIONS:-})
    fi
    run_inside ninja -C /build "$@"
    ;;
run)
    [ $# -gt 0 ] || usage
    run_inside "$@"
    ;;
*)
    usage
    ;;
esac
