#!/bin/dash
# SPDX-License-Identifier: BSD-3-Clause
# The first process of a guest: runs what dts/api/uml_guest.py asks for. One line on the console is
# one order; what is to be run and what comes of it are files in a folder of the host.
#
#   start JOB            runs JOB/script: JOB/{stdin,stdout,stderr,status}
#   signal JOB NUMBER    to all processes of the job
#
# A process costs much in such a guest: there are no more of them than there must be.
#
# The guest ends with its console: it does not outlive the test.

export PATH=/bin HOME=/

run_job() {
    cd "/host/$1" || exit
    export SALLY_JOB="$1"
    # shellcheck disable=SC1091
    (. ./script) <stdin >stdout 2>stderr &
    echo $! >"/run/$1"
    wait $!
    echo $? >status
}

# A job's processes have its number in their environment, whatever sessions they have made; its
# shell, which was not started by a program of its own, has it not.
signal_job() {
    while [ ! -s "/run/$1" ]; do sleep 0.01; done
    others=$(grep -lsxz "SALLY_JOB=$1" /proc/[0-9]*/environ | sed 's:[^0-9]::g')
    # shellcheck disable=SC2086
    kill -"$2" "$(cat "/run/$1")" $others 2>/dev/null
}

mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
# Linux would load all but the first by itself, with a process for each.
modprobe -a ipv6 vxlan xfrm_user esp4 esp6 gcm ctr ghash-generic seqiv hmac sha512_generic \
    jitterentropy_rng drbg cbc authenc authencesn echainiv chacha_generic poly1305_generic \
    chacha20poly1305
for side in default all vec0; do
    [ -d "/proc/sys/net/ipv6/conf/$side" ] || continue
    for chatter in accept_dad accept_ra router_solicitations; do
        echo 0 >"/proc/sys/net/ipv6/conf/$side/$chatter"
    done
done
ip link set lo up

read -r line </proc/cmdline
case $line in
*sally.share=*) share=${line##*sally.share=} share=${share%% *} ;;
*) share= ;;
esac
[ -z "$share" ] || mount -t hostfs -o "sync,$share" share /host || echo "no shared folder"
echo "guest is up"

while [ -n "$share" ] && read -r verb job number; do
    case $verb in
    start) run_job "$job" & ;;
    signal) signal_job "$job" "$number" & ;;
    esac
done
poweroff -f
