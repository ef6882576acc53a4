#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Makes a small Linux guest for qemu from Debian's packages: FOLDER/vmlinuz and FOLDER/initrd.
# Nothing is installed. The guest configures eth0 from its command line (sally.mac is qemu's
# business), leaves all offloads as they are, and runs iperf3 -s.
#
#   make_guest.sh FOLDER
#
# Exit status 3: it cannot be had here; the last line says why.
set -euo pipefail

folder=${1:?usage: make_guest.sh FOLDER}
# shellcheck source-path=SCRIPTDIR source=guest_parts.sh
. "$(dirname "${BASH_SOURCE[0]}")/guest_parts.sh"
# shellcheck disable=SC2119
only_once

packages busybox-static iperf3 iproute2
newest_cloud_kernel

busybox
programs ip iperf3
mkdir "$root/modules"
# In the order in which they need each other.
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover \
    net_failover virtio_net; do
    file=$(find "$work/kernel" -name "$module.ko*" | head -n 1)
    case $file in
    *.xz) xz -dc "$file" >"$root/modules/$module.ko" ;;
    *) cp "$file" "$root/modules/$module.ko" ;;
    esac
    echo "$module.ko" >>"$root/modules/order"
done

cat >"$root/init" <<'END'
#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev
for module in $(busybox cat /modules/order); do busybox insmod "/modules/$module"; done
for word in $(busybox cat /proc/cmdline); do
    case $word in sally.address=*) addresses="$addresses ${word#*=}" ;; esac
done
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
/bin/ip link set lo up
/bin/ip link set eth0 up
for address in $addresses; do /bin/ip address add "$address" dev eth0; done
echo "guest is up"
while true; do /bin/iperf3 -s >/dev/null; done
END
chmod 755 "$root/init"

cp "$work"/kernel/boot/vmlinuz-* "$work/vmlinuz"
finish "$work/vmlinuz"
