#!/bin/dash
# SPDX-License-Identifier: BSD-3-Clause
# The first process of a guest in qemu, and what it starts for each call of dts/api/qemu_peer.py: a
# TCP connection to port 1 on a card that is for nothing else. A call is a line, and what belongs to
# it:
#
#   start JOB            then script and standard input, a line of base64 each; what the script
#                        writes to standard output is the answer, and ends with it
#   result JOB           of one that has ended: its status, a line, and its standard error
#   signal JOB NUMBER    to all processes of the job
#
# Its other half, for guests that share a folder with the host, is uml_agent.sh.

export PATH=/bin HOME=/

start_job() {
    mkdir -p "/run/$1"
    cd "/run/$1" || exit
    read -r script
    read -r input
    echo "$script" | base64 -d >script
    echo "$input" | base64 -d >stdin
    export SALLY_JOB="$1"
    # shellcheck disable=SC1091
    (. ./script) <stdin 2>stderr &
    echo $! >shell
    wait $!
    echo $? >status
}

result_of() {
    cat "/run/$1/status" "/run/$1/stderr"
    rm -rf "/run/$1"
}

# A job's processes have its number in their environment, whatever sessions they have made; its
# shell, which was not started by a program of its own, has it not.
signal_job() {
    while [ ! -s "/run/$1/shell" ]; do sleep 0.01; done
    others=$(grep -lsxz "SALLY_JOB=$1" /proc/[0-9]*/environ | sed 's:[^0-9]::g')
    # shellcheck disable=SC2086
    kill -"$2" "$(cat "/run/$1/shell")" $others 2>/dev/null
}

if [ $$ != 1 ]; then
    read -r verb job number
    case $verb in
    start) start_job "$job" ;;
    result) result_of "$job" ;;
    signal) signal_job "$job" "$number" ;;
    esac
    exit
fi

mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
modprobe -a virtio_pci virtio_net
# Linux would load all but the first by itself, with a process for each.
modprobe -a ipv6 vxlan xfrm_user esp4 esp6 gcm ctr ghash-generic seqiv hmac sha512_generic \
    jitterentropy_rng drbg cbc authenc authencesn echainiv chacha_generic poly1305_generic \
    chacha20poly1305 2>/dev/null
for side in default all eth0; do
    for chatter in accept_dad accept_ra router_solicitations; do
        echo 0 >"/proc/sys/net/ipv6/conf/$side/$chatter"
    done
done
echo 1 >/proc/sys/net/ipv6/conf/eth1/disable_ipv6
ip link set lo up
ip link set eth1 up
ip address add 169.254.77.2/30 dev eth1
socat TCP-LISTEN:1,bind=169.254.77.2,fork,reuseaddr EXEC:/init,nofork &
until ss -Hltn | grep -q :1; do sleep 0.05; done
echo "guest is up"
# The guest ends with its console: it does not outlive the test.
while read -r _; do :; done
poweroff -f
