#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Installs what is missing from Debian's packages, and builds. Both the demo and the tests start
# here; on a machine that has everything, no package tool is called.
#
#   setup.sh packages GROUP...            install the groups: build run test guest debian13
#   setup.sh list GROUP                   the names of a group's packages
#   setup.sh build FOLDER [meson options] [-- TARGET...]
#                                         configure (once) and build all, or the targets; sources
#                                         are merged (unity), which takes half of the time
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

packages_of() {
    case $1 in
    build)
        echo g++ meson ninja-build pkg-config libdpdk-dev libboost-program-options-dev \
            libspdlog-dev libgtest-dev libgmock-dev libexpected-dev nlohmann-json3-dev \
            libnl-3-dev libnl-route-3-dev libibverbs-dev
        ;;
    run)
        echo python3 python3-pytest python3-scapy python3-cryptography python3-yaml iproute2 \
            iputils-ping iperf3 ethtool tcpdump procps
        ;;
    test)
        echo clang libclang-rt-14-dev clang-format clang-tidy dpdk dpdk-dev \
            python3-pytest-xdist python3-pytest-rerunfailures tshark frr
        ;;
    guest)
        # What the guests themselves are made of is fetched and not installed: tools/make_*.sh.
        echo qemu-system-x86 cpio xz-utils
        ;;
    debian13)
        echo debootstrap
        ;;
    *)
        echo "setup.sh: no package group '$1': build, run, test, guest, debian13" >&2
        return 1
        ;;
    esac
}

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null)" = 'ii ' ]
}

install_packages() {
    local group package wanted missing=()
    for group; do
        wanted=$(packages_of "$group")
        for package in $wanted; do
            is_installed "$package" || missing+=("$package")
        done
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        echo "setup.sh: missing packages: ${missing[*]}; run it as root to install them" >&2
        return 1
    fi
    echo "Installing from Debian's packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local log
    log=$(mktemp)
    if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } \
        >"$log" 2>&1 </dev/null; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        echo "setup.sh: the packages above could not be installed" >&2
        return 1
    fi
    rm -f "$log"
}

build() {
    local folder=$1 options=()
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    if [ ! -f "$folder/build.ninja" ]; then
        meson setup "$folder" "$root" -Dunity=on -Dunity_size=6 ${options[@]+"${options[@]}"}
    fi
    ninja -C "$folder" "${@:2}"
}

case ${1:-} in
packages)
    shift
    install_packages "$@"
    ;;
list)
    packages_of "${2:?setup.sh list needs a group}"
    ;;
build)
    shift
    build "$@"
    ;;
*)
    sed -n '3,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
