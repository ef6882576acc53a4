#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Makes a Linux guest that is an ordinary process (User-Mode Linux) from Debian's packages: the
# kernel FOLDER/linux and FOLDER/initrd. Nothing is installed. The kernel has ESP, VXLAN, bonding,
# Open vSwitch and tc flower, whatever the host's has.
#
#   make_uml.sh FOLDER
#
# Exit status 3: it cannot be had here; the last line says why.
set -euo pipefail

folder=${1:?usage: make_uml.sh FOLDER}
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=guest_parts.sh
. "$tools/guest_parts.sh"
agent=$tools/uml_agent.sh
only_once "$agent"

[ "$(uname -m)" = x86_64 ] || cannot "Debian has User-Mode Linux for x86-64 only"
kernel_package user-mode-linux

peer_programs "$agent"
peer_modules "$(echo "$work"/kernel/usr/lib/uml/modules/*)"

cp "$work/kernel/usr/bin/linux.uml" "$work/linux"
finish "$work/linux"

# Where processes may not be traced, or memory not be mapped to be run, the kernel does not start.
if ! console=$(timeout 60 "$folder/linux" mem=160M initrd="$folder/initrd" uml_dir="$work/" \
    con=null con0=null,fd:1 sally.probe 2>&1 </dev/null) ||
    ! grep -q 'guest is up' <<<"$console"; then
    rm -f "$folder/made-by"
    cannot "User-Mode Linux does not start: $(tail -n 3 <<<"$console" | tr '\n' ' ')"
fi
