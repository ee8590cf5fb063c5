# SPDX-License-Identifier: GPL-2.0-or-later
"""The LAN is a bridge of the router, and bridge netfilter is on: what only crosses the bridge is nobody's to filter
(F-04). For firewall_packets.py."""
import os, struct

from firewall_wire import FAR, NO_ROUTE_FORBIDDEN, SITE, VIRTUAL, check, icmp6, neighbor, tcp, udp

BRIDGE_MAC = "02:00:00:00:00:b0"


def build(net):
    net.router(f"ip link add br0 address {BRIDGE_MAC} type bridge mcast_snooping 0")
    net.router("ip link set br0 addrgenmode none up")
    for port, host, number in (("p1", "lan", 10), ("p2", "lan2", 11)):
        net.wire(port, host, [], [f"{SITE}{number}/64", f"fe80::{number}/64", f"192.168.7.{number}/24"])
        net.router(f"ip link set {port} master br0")
        net.router_mac[port] = bytes.fromhex(BRIDGE_MAC.replace(":", ""))
    for address in (SITE + "1/64", "fe80::1/64", "192.168.7.1/24"):
        net.router(f"ip addr add {address} dev br0" + (" nodad" if ":" in address else ""))
    net.router("ip -6 route add default via fe80::10 dev up0")


def crosses(what, net, packet):
    """From the host at one port, to the MAC address of what is at the other."""
    other = bytes.fromhex("020000000117")
    net.passes(what, "p1", packet, "p2", dest=other)


def bridge(net):
    if not os.path.exists("/proc/sys/net/bridge/bridge-nf-call-ip6tables"):
        print("not tried: this kernel has no bridge netfilter")
        return
    build(net)
    for name in ("ip6tables", "iptables"):
        net.router(f"sysctl -qw net.bridge.bridge-nf-call-{name}=1")
    here, there, far = SITE + "10", SITE + "11", FAR + "9"
    for golden in ("bridge", "bridge_shared"):
        net.load(golden)
        for address in ("192.168.7.11", there):
            done = os.system(f"ip netns exec {net.names['lan']} ping -c1 -W2 -q {address} >/dev/null") == 0
            check(f"a host at another port answers: {address}", done)
        # A rule of others that holds what is not tracked.
        net.router("nft 'add table ip6 other'")
        net.router("nft 'add chain ip6 other f { type filter hook forward priority 0; }'")
        net.router("nft 'add rule ip6 other f meta l4proto != icmpv6 ct state untracked drop'")
        crosses("between two hosts", net, udp(here, there, 1, 2))
        crosses("with sources that are not of this LAN", net, udp("2001:db8:9::1", there, 1, 2))
        crosses("with a source of another site", net, udp(far, there, 1, 2))
        crosses("to another site by another router", net, udp(here, far, 1, 2))
        crosses("to the internet by another router", net, udp(here, "2001:db8:9::1", 1, 2))
        crosses("TCP to the internet by another router", net, tcp(here, "2001:db8:9::1", 1, 2, 2))
        crosses("a ping of another router's virtual address", net, icmp6("fe80::10", VIRTUAL, 128))
        crosses("a solicitation of it", net, neighbor(135, "fe80::10", VIRTUAL, VIRTUAL))
        net.send("p1", tcp(here, "2001:db8:9::1", 3, 4, 2, 1440), bytes.fromhex("020000000117"))
        got = net.arrives("p2", lambda p: p[6] == 6 and p[40:44] == struct.pack("!HH", 3, 4))
        check("its MSS stays", got is not None and got[60:64] == b"\x02\x04" + struct.pack("!H", 1440))
        net.router("nft 'delete table ip6 other'")
        # And what is for the router is the router's.
        net.refused("to the internet by us", "p1", udp(here, "2001:db8:9::1", 5, 6), NO_ROUTE_FORBIDDEN)
        net.dropped("a source of another site by us", "p1", udp(far, FAR + "8", 5, 6), "up0")
        net.answers("ping of the router", "p1", icmp6(here, SITE + "1", 128), 129)
    net.router("ip link del br0")
    net.unwire("p1", "p2")
