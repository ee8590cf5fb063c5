#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# dhcpcd 10.1 installs the route of a Route Information option (RFC 4191) and never lets it expire: when the router falls silent, the
# route stays, long after its lifetime is over. It is also "proto boot", metric 1002, and loses the option's preference.
# Seen with dhcpcd-base 1:10.1.0-11+deb13u5 (Debian 13): lifetime 15 s, still there after 40 s:
#   fd12:3456:789a::/48 via fe80::1 dev host0 metric 1002 pref medium
set -eu
version=1:10.1.0-11+deb13u5
folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
mmdebstrap --quiet --mode=root --variant=minbase --include="dhcpcd-base=$version,iproute2,python3-minimal" trixie "$folder/root" >&2
cat >"$folder/root/advertise" <<'PYTHON'
# One Router Advertisement from fe80::1: router lifetime 0, fd12:3456:789a:a::/64 (on-link, autonomous, an hour), a route to
# fd12:3456:789a::/48, preference high, for 15 s.
import socket, struct
prefix = socket.inet_pton(socket.AF_INET6, "fd12:3456:789a:a::")
route = socket.inet_pton(socket.AF_INET6, "fd12:3456:789a::")
body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 0, 0, 0)
body += struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + prefix
body += struct.pack("!BBBBI", 24, 2, 48, 0x08, 15) + route[:8]
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as s:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    s.bind(("fe80::1", 0, 0, socket.if_nametoindex("lan0")))
    s.sendto(body, ("ff02::1", 0, 0, socket.if_nametoindex("lan0")))
PYTHON
export folder
unshare --mount --propagation private --net --pid --fork --kill-child sh -ec '
cd "$folder/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs dev
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/urandom c 1 9
chroot . ip link add lan0 type veth peer name host0
echo 0 >/proc/sys/net/ipv6/conf/lan0/accept_dad
for link in lan0 host0; do chroot . ip link set $link up; done
chroot . ip address add fe80::1/64 dev lan0 nodad
printf "noipv4\nscript /bin/true\n" >dhcpcd.conf
chroot . dhcpcd --nobackground --nodev -f /dhcpcd.conf host0 >log 2>&1 &
for try in $(seq 20); do
    sleep 2
    chroot . python3 /advertise
    sleep 1
    chroot . ip -6 route show dev host0 fd12:3456:789a::/48 >before
    [ -s before ] && break
done
echo "before:" $(cat before)
sleep 40
chroot . ip -6 route show dev host0 fd12:3456:789a::/48 >after
echo "40 s later:" $(cat after)'
grep -q 'metric 1002' "$folder/root/before"
grep -q 'via fe80::1' "$folder/root/after"
