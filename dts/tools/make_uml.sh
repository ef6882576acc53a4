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
packages busybox-static dash ethtool iperf3 iproute2 iputils-ping kmod netbase socat tcpdump
kernel_package user-mode-linux

busybox
# Its `sh` would prefer its own `ip` and `ping` whatever PATH says.
programs dash ethtool ip bridge ss tc iperf3 kmod ping socat tcpdump
ln -sf dash "$root/bin/sh"
ln -sf kmod "$root/bin/modprobe"
cp "$work"/tree/etc/{protocols,services} "$root/etc/"
echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
cp "$agent" "$root/init"
chmod 755 "$root/init"

# All of the ciphers, and these with what they need. Linux loads them when they are first used.
wanted="ipv6 esp4 esp6 xfrm_user vxlan geneve bonding bridge br_netfilter veth tun dummy 8021q
    openvswitch vport-vxlan sch_ingress cls_flower act_mirred act_tunnel_key tcp_diag udp_diag"
from=$(echo "$work"/kernel/usr/lib/uml/modules/*)
to=$root/lib/modules/$(basename "$from")
mkdir -p "$to"
cp "$from"/modules.* "$to/"
while read -r module; do
    mkdir -p "$to/$(dirname "$module")"
    cp "$from/$module" "$to/$module"
done < <(awk -v wanted="$wanted" '
    BEGIN { split(wanted, names); for (i in names) want[names[i]] = 1 }
    {
        file = $1; sub(":$", "", file)
        name = file; sub(".*/", "", name); sub("\\.ko$", "", name)
        if (!(name in want) && file !~ "^kernel/crypto/") next
        print file
        for (i = 2; i <= NF; i++) print $i
    }' "$from/modules.dep" | sort -u)

cp "$work/kernel/usr/bin/linux.uml" "$work/linux"
finish "$work/linux"

# Where processes may not be traced, or memory not be mapped to be run, the kernel does not start.
if ! console=$(timeout 60 "$folder/linux" mem=160M initrd="$folder/initrd" uml_dir="$work/" \
    con=null con0=null,fd:1 sally.probe 2>&1 </dev/null) ||
    ! grep -q 'guest is up' <<<"$console"; then
    rm -f "$folder/made-by"
    cannot "User-Mode Linux does not start: $(tail -n 3 <<<"$console" | tr '\n' ' ')"
fi
