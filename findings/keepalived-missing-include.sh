#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# keepalived's test of a configuration (`keepalived -t`) ends with 0, which stands for a good file, when an included file is
# missing: one line of text is all. A router whose virtual routers are in an include that was not rolled out passes the check before
# a restart and comes up without them. (A misspelt word in the same place ends with 5.)
# Seen with keepalived 1:2.2.7-1+b2 (Debian 12): "Config files missing '/etc/keepalived/sites.conf'", exit code 0.
set -eu
version=1:2.2.7-1+b2
folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
mmdebstrap --quiet --mode=root --variant=minbase --include="keepalived=$version,iproute2" bookworm "$folder/root" >&2
cat >"$folder/root/router.conf" <<'CONF'
include /etc/keepalived/sites.conf
vrrp_instance one {
    interface wire0
    virtual_router_id 51
    virtual_ipaddress { 192.0.2.1/24 }
}
CONF
sed 's/virtual_router_id 51/&\n    nopreemt/' "$folder/root/router.conf" >"$folder/root/misspelt.conf"
export folder
unshare --mount --propagation private --net --pid --fork --kill-child sh -ec '
cd "$folder/root"
mount -t proc proc proc
chroot . ip link add wire0 type bridge
chroot . ip link set wire0 up
for file in router misspelt; do
    code=0
    chroot . keepalived -t -f /$file.conf >$file.said 2>&1 || code=$?
    echo "$file.conf: exit code $code"
    cat $file.said
    echo $code >$file.code
done'
grep -q "Config files missing '/etc/keepalived/sites.conf'" "$folder/root/router.said"
[ "$(cat "$folder/root/router.code" "$folder/root/misspelt.code" | tr '\n' ' ')" = "0 5 " ]
