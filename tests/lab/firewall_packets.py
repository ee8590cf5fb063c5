#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends packets through the golden rulesets of tests/unit/firewall/golden in network namespaces.

  host "lan" --lan0--+        +--ulg-r1, ulg-s1-- "far" (the tunnel; a veth here, the rules match by name)
  host "lan2"-lan1---+ router +--ulg-s2---------- "far2"      lan0 and lan1 have virtual routers
                              +--up0------------- "net" (the internet side)

Every check sends one packet and looks for what must come of it: the packet at the other side, an ICMPv6 error at
the sender, or a datagram in a socket of the router. Needs root; exit 77 where that cannot work.
"""
import contextlib, errno, os, select, socket, struct, sys

import firewall_bounds
import firewall_bridge
import firewall_gateway
import firewall_wire
import sandbox
from firewall_wire import (ADDRESS, ANY_GROUP, FAR, FAR2, NO_ROUTE_FORBIDDEN, PORT, SILENCE, SITE, SITE2, VIRTUAL,
                           VIRTUAL2, VIRTUAL_MAC, Net, check, icmp6, icmp6_error, inside, ip6, neighbor, pack, sh, tcp,
                           udp, udp4, with_router_alert)

LONG = "it sends some hundred packets, and waits for what must not come"


# --- what the rulesets promise -----------------------------------------------------------------------------------

def kind(number):
    return lambda data: data[0] == number


def router_solicitation(hops=255):
    return icmp6("fe80::10", "ff02::2", 133, hops=hops)


def mld_report(source):
    return with_router_alert(icmp6(source, "ff02::16", 143, hops=1))


def vrrp_hello(hops=255, to="ff02::12"):
    return ip6("fe80::10", to, 112, b"\x31\x33\x64\x01\0\x64\0\0" + pack(VIRTUAL), hops)


def link_protocols(net):
    """What the routers and hosts of a LAN need of each other passes in every mode: R-45."""
    group = {"dest": ANY_GROUP}
    with contextlib.ExitStack() as sockets:
        icmp = sockets.enter_context(net.listen(socket.SOCK_RAW, 58, groups=[("ff02::16", "lan0")]))
        groups = [("ff02::12", "lan0"), ("ff02::12", "lan1")]
        vrrp = sockets.enter_context(net.listen(socket.SOCK_RAW, 112, groups=groups))
        for port in ("lan0", "lan1"):
            net.heard(f"VRRP at {port}", vrrp, port, vrrp_hello(), **group)
        net.heard("router solicitation from the LAN", icmp, "lan0", router_solicitation(), True, kind(133), **group)
        advert = icmp6("fe80::10", "ff02::1", 134, body=b"\x40\0\0\0" + b"\0" * 8, hops=255)
        net.heard("router advertisement from the LAN", icmp, "lan0", advert, True, kind(134), **group)
        for source in ("fe80::10", "::"):
            net.heard(f"MLDv2 report from {source}", icmp, "lan0", mld_report(source), True, kind(143), **group)
        query = with_router_alert(icmp6("fe80::10", "ff02::1", 130, body=b"\0" * 20, hops=1))
        net.heard("MLD query", icmp, "lan0", query, True, kind(130), **group)
        solicitation = neighbor(135, "fe80::10", "ff02::1:ff00:5eed", VIRTUAL)
        net.answers("neighbor solicitation for the virtual address", "lan0", solicitation, 136,
                    dest=bytes.fromhex("3333ff005eed"))
        unsolicited = neighbor(136, "fe80::10", "ff02::1", "fe80::10")
        net.heard("neighbor advertisement to all", icmp, "lan0", unsolicited, True, kind(136), **group)


def closed_address(net, mac=None):
    """V-37, V-46: the virtual address with Accept_Mode off, on the LAN's interface or behind the virtual MAC."""
    to = {"dest": mac}
    with net.listen(socket.SOCK_RAW, 58) as icmp, net.listen(socket.SOCK_DGRAM, 17, 546) as dhcp6:
        with net.listen(socket.SOCK_RAW, 112) as vrrp:
            net.heard("VRRP to the closed address", vrrp, "lan0", vrrp_hello(to=VIRTUAL), False, **to)
        for source in ("fe80::10", SITE + "10"):
            ping = icmp6(source, VIRTUAL, 128)
            net.answers(f"ping of the closed address from {source}", "lan0", ping, 129, False, **to)
        net.heard("echo request to the closed address", icmp, "lan0", icmp6("fe80::10", VIRTUAL, 128), False, kind(128),
                  **to)
        # It is the address that advertises: who asks it by hand (rdisc6 fe80::5eed eth0) is answered, as by any router.
        net.heard("router solicitation to the closed address", icmp, "lan0", icmp6("fe80::10", VIRTUAL, 133, hops=255),
                  True, kind(133), **to)
        net.heard("DHCPv6 to the closed address", dhcp6, "lan0", udp("fe80::10", VIRTUAL, 547, 546), False, **to)
        net.answers("traceroute to the closed address", "lan0", udp("fe80::10", VIRTUAL, 4000, 33440), 1, False, **to)
        solicitation = lambda source, hops: neighbor(135, source, VIRTUAL, VIRTUAL, hops)
        net.answers("neighbor solicitation to the closed address", "lan0", solicitation("fe80::10", 255), 136, **to)
        other = solicitation("fe80::11", 254)
        net.heard("one with hop limit 254", icmp, "lan0", other, False, lambda data: data == other[40:], **to)
        advertisement = neighbor(136, "fe80::10", VIRTUAL, "fe80::10")
        net.heard("neighbor advertisement to the closed address", icmp, "lan0", advertisement, True, kind(136), **to)


def virtual_router(net):
    closed_address(net)
    net.answers("ping of the virtual address with Accept_Mode on", "lan1", icmp6("fe80::10", VIRTUAL2, 128), 129)
    net.answers("ping of the router's own address beside it", "lan0", icmp6("fe80::10", "fe80::1", 128), 129)
    # V-45. The kernel sends a redirect before the firewall judges what is forwarded.
    for port, source, target, expected in (("lan0", SITE + "10", SITE + "77", False),
                                           ("lan1", SITE2 + "10", SITE2 + "77", False),
                                           ("up0", "2001:db8::10", "2001:db8::77", True)):
        net.answers(f"redirect at {port}", port, udp(source, target, 1, 2), 137, expected)


def virtual_mac(net):
    """The macvlan has a name like a tunnel's and is a LAN."""
    net.router(f"ip addr del {VIRTUAL}/128 dev lan0")
    net.router(f"ip link add ulg-v51 link lan0 address {VIRTUAL_MAC.hex(':')} type macvlan mode private")
    net.router("ip link set ulg-v51 addrgenmode none up")
    net.router(f"ip addr add {VIRTUAL}/128 dev ulg-v51 nodad")
    closed_address(net, VIRTUAL_MAC)
    net.answers("ping of the closed address at the other MAC", "lan0", icmp6(SITE + "10", VIRTUAL, 128), 129, False)
    net.passes("LAN to another site by the virtual MAC", "lan0", udp(SITE + "10", FAR + "9", 1, 2), "ulg-r1",
               dest=VIRTUAL_MAC)
    net.passes("the answer", "ulg-r1", udp(FAR + "9", SITE + "10", 2, 1), "lan0")
    with net.listen(socket.SOCK_RAW, 112, groups=[("ff02::12", "ulg-v51")]) as vrrp:
        net.heard("VRRP on the macvlan", vrrp, "lan0", vrrp_hello(), dest=ANY_GROUP)
    net.router("ip link del ulg-v51")
    net.router(f"ip addr add {VIRTUAL}/128 dev lan0 nodad")


def accept_mode_changes(net, server):
    """V-37: a connection from before ends when the address closes."""
    net.load("edge_lone")
    net.answers("ping of the virtual address while it is open", "lan0", icmp6("fe80::10", VIRTUAL, 128), 129)
    net.answers("redirect on a LAN with one router", "lan0", udp(SITE + "10", SITE + "78", 1, 2), 137)
    with contextlib.ExitStack() as sockets:
        with inside(net.names["lan"]):
            client = sockets.enter_context(socket.create_connection((VIRTUAL + "%lan0", 22), 5.0))
        served = sockets.enter_context(server.accept()[0])
        served.settimeout(5.0)
        client.send(b"a")
        check("a connection to the virtual address while it is open", served.recv(1) == b"a")
        net.load("edge_appliance")
        client.send(b"b")
        check("nothing comes by it any more", not select.select([served], [], [], SILENCE)[0])


def voices(net):
    """Who may speak as one of ours: F-05. The same in every mode."""
    control = net.listen(socket.SOCK_DGRAM, 17, 51819)
    message = lambda hops: udp("fd99::1", "fd99::a1", 51819, 51819, hops)
    net.heard("overlay control from the tunnel", control, "ulg-r1", message(255))
    net.heard("overlay control with hop limit 254", control, "ulg-r1", message(254), False)
    net.heard("overlay control from the LAN", control, "lan0", message(255), False)

    probes = net.listen(socket.SOCK_DGRAM, 17, 51818)
    probe = lambda source, hops: udp(source, SITE + "1", 51818, 51818, hops)
    for hops, expected in ((254, True), (253, True), (252, False)):
        net.heard(f"path probe of another site's router, hop limit {hops}", probes, "ulg-r1", probe(FAR + "1", hops),
                  expected)
    net.heard("path probe from outside the overlay", probes, "ulg-r1", probe("fd99::1", 254), False)
    net.heard("path probe from our own site out of the tunnel", probes, "ulg-r1", probe(SITE + "9", 254), False)
    net.heard("path probe from the LAN", probes, "lan0", probe(SITE + "10", 254), False)
    net.heard("path probe from the LAN with a neighbour's hop limit", probes, "lan0", probe(SITE + "10", 255), False)
    net.heard("overlay control from the uplink", control, "up0", message(255), False)
    net.heard("overlay control to the link-local address", control, "lan0", udp("fe80::10", "fe80::1", 51819, 51819,
                                                                                255), False)
    other = net.listen(socket.SOCK_DGRAM, 17, 4000)
    for port in ("lan0", "lan1", "up0"):
        for peer in ("fd99::1", "fd99::2", "fd99::a1"):
            net.heard(f"{peer} at {port}", other, port, udp(peer, "fd99::a1", 4000, 4000), False)
    for sock in (control, probes, other):
        sock.close()


def edge_input(net):
    icmp = net.listen(socket.SOCK_RAW, 58, groups=[("ff02::16", "lan0")])
    group = {"dest": ANY_GROUP}
    net.heard("router solicitation with hop limit 254", icmp, "lan0", router_solicitation(254), False, kind(133),
              **group)
    net.heard("router solicitation from the uplink", icmp, "up0", router_solicitation(), False, kind(133), **group)
    advert = icmp6("fe80::10", "ff02::1", 134, body=b"\x40\0\0\0" + b"\0" * 8, hops=255)
    net.heard("router advertisement from the uplink", icmp, "up0", advert, True, kind(134), **group)
    net.heard("MLDv2 report from a global source", icmp, "lan0", mld_report(SITE + "10"), False,
              lambda data: data[0] == 143 and len(data) == 8, **group)  # the kernel's own reports are longer

    vrrp = net.listen(socket.SOCK_RAW, 112, groups=[("ff02::12", "lan0"), ("ff02::12", "up0")])
    net.heard("VRRP with hop limit 254", vrrp, "lan0", vrrp_hello(254), False, **group)
    net.heard("VRRP from the uplink", vrrp, "up0", vrrp_hello(), False, **group)

    dhcp6 = net.listen(socket.SOCK_DGRAM, 17, 546)
    net.heard("DHCPv6 answer", dhcp6, "up0", udp("fe80::10", "fe80::1", 547, 546))
    net.heard("DHCPv6 from far away", dhcp6, "up0", udp("2001:db8::10", "2001:db8::1", 547, 546), False)
    dhcp4 = net.listen(socket.SOCK_DGRAM, 17, 68, family=socket.AF_INET)
    net.heard("DHCPv4 answer", dhcp4, "lan0", udp4("192.168.7.10", "192.168.7.1", 67, 68))
    wireguard = net.listen(socket.SOCK_DGRAM, 17, 51820)
    net.heard("WireGuard from anywhere", wireguard, "up0", udp("2001:db8::99", "2001:db8::1", 1234, 51820))

    voices(net)
    net.connects("ssh from the LAN, link-local", "lan", "fe80::1%lan0", 22)
    net.connects("ssh from the LAN, overlay address", "lan", SITE + "1", 22)
    net.connects("ssh from the LAN, IPv4", "lan", "192.168.7.1", 22)
    net.connects("ssh from another site", "far", SITE + "1", 22)
    net.connects("ssh from the internet", "net", "2001:db8::1", 22, errno.EAGAIN)
    net.connects("another port from the LAN", "lan", SITE + "1", 23, errno.EAGAIN)
    net.connects("another port from another site", "far", SITE + "1", 23, errno.EACCES)
    echo = lambda source, to: icmp6(source, to, 128)
    for port, source, to in (("up0", "2001:db8::10", "2001:db8::1"), ("ulg-r1", "fd99::1", "fd99::a1")):
        net.answers(f"pings at {port}", port, echo(source, to), 129)
    net.refused("traceroute to the router", "up0", udp("2001:db8::10", "2001:db8::1", 4000, 33440), PORT)
    net.dropped("some datagram to the router", "up0", udp("2001:db8::10", "2001:db8::1", 4000, 5353), "up0")
    net.heard("ping with a source of our site out of the tunnel", icmp, "ulg-r1", echo(SITE + "77", "fd99::a1"), False,
              kind(128))


def edge_forward(net, tracked):
    host, far = SITE + "10", FAR + "9"
    before = net.tracked()
    net.passes("LAN to another site", "lan0", udp(host, far, 40000, 58000), "ulg-r1")
    net.dropped("a path probe that a host made", "lan0", udp(host, far, 51818, 51818), "ulg-r1")
    check("the other site has traffic", f"{FAR} " in net.output("nft list set inet ulagate busy"))
    net.passes("any protocol: edges do not choose", "lan0", tcp(host, far, 40000, 443, 2), "ulg-r1")
    net.passes("an answer that nobody asked for here", "ulg-r1", tcp(far, host, 443, 40001, 0x12), "lan0")
    net.passes("a connection from another site", "ulg-r1", tcp(far, host, 40002, 22, 2), "lan0")
    if tracked:
        check("forwarding is tracked as by any other router", net.tracked() > before)
    else:
        check("forwarding leaves no tracked connection", net.tracked() <= before)
    net.passes("time exceeded of a relay", "ulg-r1", icmp6_error("fd99::1", host, 3), "lan0")
    net.passes("packet too big of a relay", "ulg-r1", icmp6_error("fd99::1", host, 2), "lan0")
    net.passes("between two LANs of the site", "lan0", udp(host, SITE2 + "10", 1, 2), "lan1")
    net.dropped("source of another site from the LAN", "lan0", udp(FAR + "5", far, 1, 2), "ulg-r1")
    net.dropped("source of the other LAN", "lan0", udp(SITE2 + "5", far, 1, 2), "ulg-r1")
    net.dropped("source of the internet", "lan0", udp("2001:db8:1::10", far, 1, 2), "ulg-r1")
    net.dropped("source of our site out of the tunnel", "ulg-r1", udp(SITE + "66", host, 1, 2), "lan0")
    net.dropped("source of the overlay from the uplink", "up0", udp(far, host, 1, 2), "lan0")
    net.refused("ping of a relay to a host", "ulg-r1", icmp6("fd99::1", host, 128), NO_ROUTE_FORBIDDEN)
    net.refused("transit from tunnel to tunnel", "ulg-r1", udp(FAR + "1", FAR2 + "1", 1, 2), ADDRESS)
    net.refused("from the internet to a host", "up0", udp("2001:db8::10", host, 1, 2), NO_ROUTE_FORBIDDEN)
    net.router(f"ip -6 route add {FAR2}/64 via fe80::10 dev up0")
    net.refused("overlay to the uplink", "lan0", udp(host, FAR2 + "1", 1, 2), NO_ROUTE_FORBIDDEN)
    net.router(f"ip -6 route del {FAR2}/64 dev up0")
    # A router without an address in its /64, as in the design that this one comes from.
    net.router(f"ip -6 route add {host}/128 dev lan0")
    net.router(f"ip -6 route del {SITE}/64 dev lan0")
    net.refused("our own site through the tunnel", "lan0", udp(host, SITE + "99", 1, 2), PORT)
    net.router(f"ip -6 route add {SITE}/64 dev lan0")
    net.router(f"ip -6 route del {host}/128 dev lan0")
    for sent, expected in ((1440, 1360), (1200, 1200)):
        for port, out, a, b in (("lan0", "ulg-r1", host, far), ("ulg-r1", "lan0", far, host)):
            net.send(port, tcp(a, b, 40003, 443, 2 if port == "lan0" else 0x12, sent))
            got = net.arrives(out, lambda p: p[6] == 6 and p[8:40] == pack(a) + pack(b))
            size = got and struct.unpack("!H", got[62:64])[0]
            check(f"MSS {sent} from {port} becomes {expected}", size == expected)


def stateful_rules(net):
    """F-04: what a user of ufw or firewalld writes for any router is enough: out is allowed, answers are."""
    host, far = SITE + "10", FAR + "9"
    net.router("nft 'add table ip6 other'")
    net.router("nft 'add chain ip6 other f { type filter hook forward priority 0; policy drop; }'")
    net.router("nft 'add rule ip6 other f ct state established,related accept'")
    net.router("nft 'add rule ip6 other f ct state invalid drop'")
    net.router("nft 'add rule ip6 other f iifname lan0 oifname ulg-r1 accept'")
    net.passes("TCP that begins at the LAN", "lan0", tcp(host, far, 41000, 443, 2), "ulg-r1")
    net.passes("its answer", "ulg-r1", tcp(far, host, 443, 41000, 0x12), "lan0")
    net.passes("UDP that begins at the LAN", "lan0", udp(host, far, 41001, 53), "ulg-r1")
    net.passes("its answer", "ulg-r1", udp(far, host, 53, 41001), "lan0")
    net.dropped("TCP that begins at another site", "ulg-r1", tcp(far, host, 41002, 22, 2), "lan0")
    # What a router meets that has just taken over.
    net.dropped("the middle of a connection, from the other site", "ulg-r1", tcp(far, host, 443, 41003, 0x10), "lan0")
    net.passes("from the LAN", "lan0", tcp(host, far, 41003, 443, 0x10), "ulg-r1")
    net.passes("from the other site after that", "ulg-r1", tcp(far, host, 443, 41003, 0x10), "lan0")
    net.router("nft 'delete table ip6 other'")


def uplink_forward(net, allowed):
    packet = udp("2001:db8::10", "2001:db8:1::10", 1, 2)
    if allowed:
        net.passes("what is not the overlay's", "up0", packet, "lan0")
        net.connects("a service for the internet", "net", "2001:db8::1", 23)
    else:
        net.refused("what is not the overlay's", "up0", packet, ADDRESS)


def edge(net):
    net.wire("ulg-r1", "far", ["fd99::a1/128"], ["fd99::1/128", FAR + "1/128"], tunnel=True)
    net.router("ip -6 route add fd12:3456:789a::/48 dev ulg-r1")
    net.router("ip -6 route add fd99::1/128 dev ulg-r1")
    sh(f"ip -n {net.names['far']} -6 route add default dev ulg-r1 src {FAR}1")
    servers = [net.listen(socket.SOCK_STREAM, 6, port) for port in (22, 23)]
    for server in servers:
        server.listen()
    accept_mode_changes(net, servers[0])  # leaves edge_appliance
    edge_input(net)
    edge_forward(net, False)
    uplink_forward(net, False)
    link_protocols(net)
    virtual_router(net)
    virtual_mac(net)
    net.load("edge_shared")
    link_protocols(net)
    virtual_router(net)
    virtual_mac(net)
    voices(net)
    edge_forward(net, True)
    stateful_rules(net)
    uplink_forward(net, True)
    net.connects("another port from another site", "far", SITE + "1", 23, errno.EACCES)
    for mode in ("edge_shared", "edge_appliance"):
        net.load(mode)
        firewall_bounds.neighbours(net)
        firewall_bounds.strangers(net)
    firewall_gateway.gateway(net)
    net.unwire("ulg-r1")


def relay(net):
    net.unwire("lan0", "lan1")
    net.wire("ulg-s1", "far", ["fd99::1/128"], [SITE + "10/128"], tunnel=True)
    net.wire("ulg-s2", "far2", [], [SITE2 + "10/128"], tunnel=True)
    for prefix, port in ((f"{SITE}/64", "s1"), (f"{SITE2}/64", "s2"), (f"{FAR}/64", "s2"), ("fd99::a1/128", "s1")):
        net.router(f"ip -6 route add {prefix} dev ulg-{port}")
    for name, port, source in (("far", "ulg-s1", SITE), ("far2", "ulg-s2", SITE2)):
        sh(f"ip -n {net.names[name]} -6 route add default dev {port} src {source}10")
    with inside(net.names["far2"]):
        web = socket.create_server(("::", 80), family=socket.AF_INET6)
    a, b, one, two = SITE + "10", SITE2 + "10", "ulg-s1", "ulg-s2"
    server = net.listen(socket.SOCK_STREAM, 6, 22)
    server.listen()
    net.load("relay")
    net.connects("ssh from the internet", "net", "2001:db8::1", 22)
    net.connects("another port from the internet", "net", "2001:db8::1", 23, errno.EAGAIN)
    icmp = net.listen(socket.SOCK_RAW, 58)
    net.heard("router solicitation", icmp, "up0", icmp6("fe80::10", "ff02::2", 133, hops=255), False,
              lambda data: data[0] == 133, ANY_GROUP)
    before = net.tracked()
    net.passes("ping between sites", one, icmp6(a, b, 128), two)
    net.passes("its answer", two, icmp6(b, a, 129), one)
    net.passes("UDP to a port of the range", one, udp(a, b, 1024, 58000), two)
    net.passes("UDP from a port of the range", two, udp(b, a, 60000, 1024), one)
    check("forwarding leaves no tracked connection", net.tracked() <= before)
    net.passes("time exceeded of a router", one, icmp6_error("fd99::a1", b, 3), two)
    big = udp(a, b, 1024, 58000, data=b"x" * 1200)
    first, rest = big[40:40 + 800], big[40 + 800:]
    net.send(one, ip6(a, b, 44, struct.pack("!BBHI", 17, 0, 1, 7) + first))
    net.wires[one].send(net.router_mac[one] + net.router_mac[one] + b"\x86\xdd" +
                        ip6(a, b, 44, struct.pack("!BBHI", 17, 0, 800, 7) + rest))
    last = lambda p: p[6] == 44 and p[42:44] == b"\x03\x20" and p[48:] == rest
    check("passes: both fragments of a datagram", net.arrives(two, last) is not None)
    net.passes("a path probe", one, udp(a, b, 51818, 51818, 255), two)
    net.refused("a path probe from a tunnel address", one, udp("fd99::a1", b, 51818, 51818, 255), NO_ROUTE_FORBIDDEN)
    net.refused("UDP to another port", one, udp(a, b, 1024, 57999), NO_ROUTE_FORBIDDEN)
    net.refused("TCP", one, tcp(a, b, 1024, 58000, 2), NO_ROUTE_FORBIDDEN)
    net.refused("neighbour discovery", one, icmp6(a, b, 135, hops=255), NO_ROUTE_FORBIDDEN)
    net.refused("to an overlay prefix of no site", one, udp(a, FAR + "1", 1, 58000), ADDRESS)
    net.refused("from a tunnel address", one, udp("fd99::a1", b, 1, 58000), NO_ROUTE_FORBIDDEN)
    net.refused("from a site to the internet", one, udp(a, "2001:db8::10", 1, 58000), NO_ROUTE_FORBIDDEN)
    net.refused("from the internet to a site", "up0", udp("2001:db8::10", a, 1, 58000), NO_ROUTE_FORBIDDEN)
    net.dropped("source of the overlay from the internet", "up0", udp(b, a, 1, 58000), one)
    net.connects("TCP gets its error at once", "far", b, 80, errno.EACCES)
    net.load("relay_any")
    net.connects("TCP with forward = any", "far", b, 80)
    net.passes("UDP with forward = any", one, udp(a, b, 1, 2), two)
    net.passes("into a longer prefix", two, udp("fd12:3456:789a:c01::1", a, 1, 2), one)
    net.refused("from a tunnel address", one, udp("fd99::a1", b, 1, 58000), NO_ROUTE_FORBIDDEN)
    net.load("relay_tcp")
    net.passes("TCP to an open port", one, tcp(a, b, 1024, 443, 2), two)
    net.passes("its answer", two, tcp(b, a, 443, 1024, 0x12), one)
    net.passes("a later answer", two, tcp(b, a, 8005, 1024, 0x10), one)
    net.refused("a new connection from an open port", two, tcp(b, a, 443, 22, 2), NO_ROUTE_FORBIDDEN)
    net.refused("TCP to another port", one, tcp(a, b, 1024, 80, 2), NO_ROUTE_FORBIDDEN)
    net.refused("ping, which is not in the list", one, icmp6(a, b, 128), NO_ROUTE_FORBIDDEN)
    net.load("relay_shared")
    net.passes("UDP to a port of the range", one, udp(a, b, 1024, 58000), two)
    net.refused("UDP to another port", one, udp(a, b, 1024, 57999), NO_ROUTE_FORBIDDEN)
    net.connects("closed, but not by us", "net", "2001:db8::1", 23, errno.ECONNREFUSED)
    web.close()


def main():
    net = Net()
    try:
        net.build()
        edge(net)
        relay(net)
        firewall_bridge.bridge(net)
    finally:
        net.remove()
    print(f"{firewall_wire.failures} wrong" if firewall_wire.failures else "all right")
    return 1 if firewall_wire.failures else 0


if os.geteuid() != 0:
    print("skipped: needs root")
    sys.exit(77)
sandbox.run(main)
