# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the makers of guests (make_*.sh) share: Debian's packages without installing them, and an initrd
# out of their programs. To be sourced. Needs `folder`; makes `work` and `root`, removed at the end.
#
# Exit status 3: a guest cannot be had here; the last line says why.

cannot() {
    echo "$(basename "$0"): $1" >&2
    exit 3
}

# only_once [FILE...]: ends the script where the guest is there and was made by these very scripts
# and files. A second run waits for the first one.
only_once() {
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    exec 9>"$folder/lock"
    flock 9
    made_by=$(cat "$0" "${BASH_SOURCE[0]}" "$@" | sha256sum)
    if [ "$(cat "$folder/made-by" 2>/dev/null)" = "$made_by" ]; then
        exit 0
    fi
    rm -rf "$folder/made-by" "$folder"/work.* # what a killed run left
    work=$(mktemp -d "$folder/work.XXXXXX")
    chmod 755 "$work" # apt downloads as a user of its own
    trap 'rm -rf "$work"' EXIT
    root=$work/root
    mkdir -p "$root"/{bin,dev,etc,host,lib,proc,run,sys,tmp,usr}
    for link in lib64 sbin usr/bin usr/sbin usr/lib; do
        case $link in
        *bin) ln -s /bin "$root/$link" ;;
        *) ln -s /lib "$root/$link" ;;
        esac
    done
}

# private_apt TOOL ARGUMENT...: with a state of apt's own: nothing is known to be installed, so that
# whatever a program needs is fetched, and the host's state stays as it is. Output: work/apt.log.
private_apt() {
    local state=$work/apt
    if [ ! -d "$state" ]; then
        command -v apt-get >/dev/null || cannot "no apt-get: Debian's packages are needed"
        mkdir -p "$state"/{lists,archives}/partial
        : >"$state/status"
        # A source that does not answer is a warning here; what is then missing is an error later.
        private_apt apt-get update || true
        grep -m 1 '^[WE]: ' "$work/apt.log" >"$work/update.log" || true
    fi
    "$@" -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::Cache="$state" \
        -o APT::Install-Recommends=false -o Acquire::Retries=2 -o Acquire::http::Timeout=20 \
        >"$work/apt.log" 2>&1 </dev/null
}

# no_package WHAT: what apt said last, and what it said when it read its sources.
no_package() {
    cannot "no $1: $(tail -n 1 "$work/apt.log") $(cat "$work/update.log" 2>/dev/null)"
}

# kernel_package PACKAGE: unpacks the package alone, what it depends on left out, to work/kernel.
kernel_package() {
    (mkdir "$work/kernel.deb" && cd "$work/kernel.deb" && private_apt apt-get download "$1") ||
        no_package "package $1"
    dpkg -x "$work"/kernel.deb/*.deb "$work/kernel"
}

# newest_cloud_kernel: unpacks Debian's kernel for virtual machines to work/kernel.
newest_cloud_kernel() {
    # The package of this name is empty: it depends on the kernel's own.
    private_apt apt-cache depends linux-image-cloud-amd64 || no_package "linux-image-cloud-amd64"
    kernel_package "$(sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' "$work/apt.log")"
}

# packages PACKAGE...: unpacks them and all that they need to work/tree.
packages() {
    private_apt apt-get --download-only -y install "$@" || no_package "packages of the guest"
    local package
    for package in "$work"/apt/archives/*.deb; do
        case $(basename "$package") in
        # Wanted by maintainer scripts only.
        perl* | libperl* | passwd_* | adduser_* | dpkg_* | debconf_* | tar_*) ;;
        *) dpkg -x "$package" "$work/tree" ;;
        esac
    done
}

in_tree() { find "$work/tree" -type f -path "$1" -print -quit; }

# programs NAME...: copies them and their libraries into the root, as the tree's own loader finds
# them.
programs() {
    local loader libraries name path library
    loader=$(in_tree '*/ld-linux-x86-64.so.2')
    libraries=$work/tree/lib/x86_64-linux-gnu:$work/tree/usr/lib/x86_64-linux-gnu
    cp -L "$loader" "$root/lib/ld-linux-x86-64.so.2"
    for name; do
        path=$(in_tree "*bin/$name")
        [ -n "$path" ] || cannot "no program $name in the guest's packages"
        cp -L --remove-destination "$path" "$root/bin/$name"
        "$loader" --library-path "$libraries" --list "$path" >"$work/libraries"
        while read -r library; do
            cp -L "$library" "$root/lib/"
        done < <(sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' "$work/libraries")
    done
}

# busybox: as every applet that it has. Debian's busybox-static needs no library.
busybox() {
    cp "$(in_tree '*bin/busybox')" "$root/bin/busybox"
    local applet
    for applet in $("$root/bin/busybox" --list); do
        [ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
    done
}

# peer_programs AGENT: what a guest needs that is a whole hypervisor; AGENT is its first process.
peer_programs() {
    packages busybox-static dash ethtool iperf3 iproute2 iputils-ping kmod netbase socat tcpdump
    busybox
    # Its `sh` would prefer its own `ip` and `ping` whatever PATH says.
    programs dash ethtool ip bridge ss tc iperf3 kmod ping socat tcpdump
    ln -sf dash "$root/bin/sh"
    ln -sf kmod "$root/bin/modprobe"
    cp "$work"/tree/etc/{protocols,services} "$root/etc/"
    echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
    cp "$1" "$root/init"
    chmod 755 "$root/init"
}

# peer_modules FOLDER [MODULE...]: of the kernel's modules in FOLDER all of the ciphers, what such a
# guest's network needs, and the MODULEs, with what they need. Linux loads them when they are first
# used.
peer_modules() {
    local from=$1 to wanted module
    wanted="ipv6 esp4 esp6 xfrm_user vxlan geneve bonding bridge br_netfilter veth tun dummy 8021q
        openvswitch vport-vxlan sch_ingress cls_flower act_mirred act_tunnel_key tcp_diag udp_diag
        ${*:2}"
    to=$root/lib/modules/$(basename "$from")
    mkdir -p "$to"
    cp "$from"/modules.* "$to/"
    while read -r module; do
        mkdir -p "$to/$(dirname "$module")"
        cp "$from/$module" "$to/$module"
    done < <(awk -v wanted="${wanted//$'\n'/ }" '
        BEGIN { split(wanted, names); for (i in names) want[names[i]] = 1 }
        {
            file = $1; sub(":$", "", file)
            name = file; sub(".*/", "", name); sub("\\.ko.*$", "", name)
            if (!(name in want) && file !~ "^kernel/crypto/") next
            print file
            for (i = 2; i <= NF; i++) print $i
        }' "$from/modules.dep" | sort -u)
}

# finish FILE...: packs the root; the files and the initrd replace what was in the folder.
finish() {
    (cd "$root" && find . | cpio --quiet -o -H newc) >"$work/initrd"
    local file
    for file in "$work/initrd" "$@"; do
        # A guest that runs keeps the file it has.
        cp "$file" "$folder/$(basename "$file").new"
        mv "$folder/$(basename "$file").new" "$folder/$(basename "$file")"
    done
    echo "$made_by" >"$folder/made-by"
}
