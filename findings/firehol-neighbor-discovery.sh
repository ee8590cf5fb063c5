#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# FireHOL 3.1 with the configuration that its package installs ("interface any world", "client all accept"), which is
# meant to let a machine do what it likes and be asked nothing, stops IPv6 Neighbor Discovery: neither a solicitation
# nor its answer passes, in either direction, so that nothing on the LAN is reachable by IPv6 once the neighbour cache
# is empty. IPv4 works, for ARP is not filtered.
# Seen with firehol 3.1.7+ds-2.1 (Debian 12), before and after "firehol start":
#   before: IPv4 answers, IPv6 answers
#   after: IPv4 answers, IPv6 silent; neighbour FAILED
set -eu
version=3.1.7+ds-2.1
folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
mmdebstrap --quiet --mode=root --variant=minbase --include="firehol=$version,iproute2,iputils-ping,procps,kmod" bookworm \
    "$folder/root" >&2
export folder
unshare --mount --propagation private --net --pid --fork --kill-child sh -ec '
cd "$folder/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs dev
for node in "null c 1 3" "zero c 1 5" "urandom c 1 9"; do mknod -m 666 dev/$node; done
ln -s /proc/self/fd dev/fd
chroot . ip link set lo up
unshare --net sleep 600 &
other=$!
sleep 0.5
chroot . ip link add lan0 type veth peer name host0 netns $other
echo 0 >/proc/sys/net/ipv6/conf/lan0/accept_dad
chroot . ip link set lan0 up
chroot . ip address add 192.0.2.1/24 dev lan0
chroot . ip address add fd12:3456:789a:a::1/64 dev lan0 nodad
nsenter --net=proc/$other/ns/net sh -ec "
    echo 0 >/proc/sys/net/ipv6/conf/host0/accept_dad
    ip link set host0 up
    ip address add 192.0.2.2/24 dev host0
    ip address add fd12:3456:789a:a::2/64 dev host0 nodad"
look() {
    chroot . ip -6 neighbour flush dev lan0
    for address in 192.0.2.2 fd12:3456:789a:a::2; do
        chroot . ping -n -q -c 2 -i 0.3 -W 1 $address >ping.log 2>&1 && echo "$1: $address answers" || echo "$1: $address silent"
    done
    echo "$1: $(chroot . ip -6 neighbour show fd12:3456:789a:a::2 dev lan0)"
}
sleep 1
look before
sed -i "s/^START_FIREHOL=.*/START_FIREHOL=YES/" etc/default/firehol
echo "configuration:"; sed "/^[[:space:]]*#/d; /^\$/d" etc/firehol/firehol.conf
chroot . firehol start >start.log 2>&1 || { cat start.log; exit 1; }
look after
kill $other' | tee "$folder/seen"
grep -q '^before: fd12:3456:789a:a::2 answers' "$folder/seen"
grep -q '^after: 192.0.2.2 answers' "$folder/seen"
grep -q '^after: fd12:3456:789a:a::2 silent' "$folder/seen"
