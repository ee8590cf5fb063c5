#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tshark names the bits of the RA Flags Extension option (RFC 5175) as if they were those of the advertisement's header.
# The option's flags continue where the header's 8 end: its first bit is number 8 and has no meaning yet. A packet with that bit
# shows "Managed address configuration: Set" although the M flag of the header is not set, so a look for "Managed" finds DHCPv6
# where there is none.
# Seen with tshark 4.0.17-0+deb12u3 (Debian 12): "1... .... .... .... = Managed address configuration: Set".
set -eu
version=4.0.17-0+deb12u3
folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT
mmdebstrap --quiet --mode=root --variant=minbase --include="tshark=$version" bookworm "$folder/root" >&2
{
    # pcap, raw IPv6; fe80::1 to ff02::1, hop limit 255; Router Advertisement, all flags 0; option 26 with its first bit.
    printf '\324\303\262\241\2\0\4\0\0\0\0\0\0\0\0\0\377\377\0\0\145\0\0\0\0\0\0\0\0\0\0\0\100\0\0\0\100\0\0\0'
    printf '\140\0\0\0\0\30\72\377\376\200\0\0\0\0\0\0\0\0\0\0\0\0\0\1\377\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1'
    printf '\206\0\242\45\100\0\0\0\0\0\0\0\0\0\0\0\32\1\200\0\0\0\0\0'
} >"$folder/root/ra.pcap"
chroot "$folder/root" tshark -r /ra.pcap -V 2>/dev/null | grep -F 'Managed address configuration:' >"$folder/said"
cat "$folder/said"
[ "$(grep -cF ': Not set' "$folder/said")" = 1 ] && grep -qF '1... .... .... .... = Managed address configuration: Set' "$folder/said"
