#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Makes a small Linux guest for qemu from Debian's packages: FOLDER/vmlinuz and FOLDER/initrd. The
# kernel package is downloaded and unpacked, not installed. The guest configures eth0 from its
# command line (sally.mac is qemu's business), leaves all offloads as they are, and runs iperf3 -s.
#
#   make_guest.sh FOLDER
set -euo pipefail

folder=$1
[ -f "$folder/vmlinuz" ] && [ -f "$folder/initrd" ] && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # apt downloads as a user of its own

kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
if [ -z "$kernel" ]; then
    apt-get update >/dev/null
    kernel=$(apt-cache depends linux-image-cloud-amd64 |
        sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
fi
(cd "$work" && apt-get download "$kernel" >/dev/null 2>&1)
dpkg -x "$work"/"$kernel"_*.deb "$work/kernel"
modules=$(echo "$work"/kernel/lib/modules/*)

root=$work/root
mkdir -p "$root"/{bin,dev,etc,lib64,proc,sys,tmp,modules}
cp /bin/busybox "$root/bin/busybox"

# In the order in which they need each other.
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover \
    net_failover virtio_net; do
    file=$(find "$modules" -name "$module.ko*" | head -n 1)
    case $file in
    *.xz) xz -dc "$file" >"$root/modules/$module.ko" ;;
    *) cp "$file" "$root/modules/$module.ko" ;;
    esac
    echo "$module.ko" >>"$root/modules/order"
done

for program in iperf3 ip; do
    path=$(command -v "$program" || echo "/sbin/$program")
    cp "$path" "$root/bin/$program"
    for library in $(ldd "$path" | grep -o '/[^ ]*'); do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done
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

mkdir -p "$folder"
(cd "$root" && find . | cpio --quiet -o -H newc) >"$folder/initrd.new"
cp "$work"/kernel/boot/vmlinuz-* "$folder/vmlinuz"
mv "$folder/initrd.new" "$folder/initrd"
