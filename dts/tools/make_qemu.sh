#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Makes a Linux guest for qemu's software emulation from Debian's packages, with ESP and VXLAN like
# that of make_uml.sh, for machines where that one does not start: FOLDER/vmlinuz and FOLDER/initrd.
# Nothing is installed.
#
#   make_qemu.sh FOLDER
#
# Exit status 3: it cannot be had here; the last line says why.
set -euo pipefail

folder=${1:?usage: make_qemu.sh FOLDER}
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=guest_parts.sh
. "$tools/guest_parts.sh"
agent=$tools/qemu_agent.sh
only_once "$agent"

[ "$(uname -m)" = x86_64 ] || cannot "this guest is for x86-64 only"
newest_cloud_kernel

peer_programs "$agent"
from=$(echo "$work"/kernel/lib/modules/*)
# The package leaves it to the installation; the host need not have depmod.
"$root/lib/ld-linux-x86-64.so.2" --library-path "$root/lib" --argv0 depmod "$root/bin/kmod" \
    -b "$work/kernel" "$(basename "$from")"
peer_modules "$from" virtio_pci virtio_net
cp "$work"/kernel/boot/vmlinuz-* "$work/vmlinuz"
finish "$work/vmlinuz"
