#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# radvd's Base6Interface is documented to combine a /64 of the configuration with the first 48 bits of another interface's address.
# Where that address has the length /48, radvd announces the /48 itself, on-link and autonomous, not the /64: hosts make no address
# (SLAAC wants 64 bits) and look for the whole site on their link. `radvd -c` finds nothing wrong.
# Seen with radvd 1:2.19-1+b1 (Debian 12): "prefix fd00:7:7::/48" for `prefix 0:0:0:5::/64 { Base6Interface up0; }`.
set -eu
version=1:2.19-1+b1
folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
mmdebstrap --quiet --mode=root --variant=minbase --include="radvd=$version,radvdump=$version,iproute2" bookworm "$folder/root" >&2
cat >"$folder/root/radvd.conf" <<'CONF'
interface lan0 {
    AdvSendAdvert on;
    MinRtrAdvInterval 3;
    MaxRtrAdvInterval 4;
    prefix 0:0:0:5::/64 { Base6Interface up0; };
};
CONF
export folder
unshare --mount --propagation private --net --pid --fork --kill-child sh -ec '
cd "$folder/root"
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs dev
mknod -m 666 dev/null c 1 3
sysctl() { echo "$2" >/proc/sys/net/ipv6/conf/$1; }
sysctl default/accept_dad 0
sysctl all/forwarding 1
chroot . ip link add lan0 type veth peer name host0
chroot . ip link add up0 type bridge
for link in lan0 host0 up0; do chroot . ip link set $link up; done
sysctl host0/forwarding 0
chroot . ip address add fd00:7:7::1/48 dev up0
sleep 2
chroot . radvd -c -C /radvd.conf && echo "radvd -c: exit code 0"
timeout 15 chroot . radvdump >announced &
timeout 12 chroot . radvd -n -C /radvd.conf -p /run/radvd.pid >log 2>&1 || true
wait || true' || true
grep -E '^[[:space:]]*prefix|AdvOnLink|AdvAutonomous' "$folder/root/announced" | sed 's/#.*//' | sort -u
grep -q 'prefix fd00:7:7::/48' "$folder/root/announced"
! grep -q 'prefix fd00:7:7:5::/64' "$folder/root/announced"
