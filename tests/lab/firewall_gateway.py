# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of firewall_packets.py about the firmware: lan0 has its internet from the router, lan1 has not."""
import errno, select, socket, struct, time

import firewall_wire
from firewall_wire import (ADDRESS, FAR, NO_ROUTE_FORBIDDEN, PATIENCE, SILENCE, SITE, SITE2, check, checksum, inside, sh,
                           udp, udp4)

HOST, ROUTER, OUTER, SERVER = "192.168.7.10", "192.168.7.1", "198.51.100.1", "198.51.100.10"


def tcp4(source, destination, sport, dport, flags, mss):
    options = struct.pack("!BBH", 2, 4, mss)
    head = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, (20 + len(options)) << 2, flags, 1000, 0, 0) + options
    ends = socket.inet_aton(source) + socket.inet_aton(destination)
    sum_of = checksum(ends + struct.pack("!HH", 6, len(head)) + head)
    head = head[:16] + struct.pack("!H", sum_of) + head[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(head), 1, 0, 64, 6, 0) + ends
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + head


def arrives4(net, port, match, wait=PATIENCE):
    """The first IPv4 packet from the router at this wire's far end that matches, or None."""
    sock, end = net.wires[port], time.monotonic() + wait
    while (left := end - time.monotonic()) > 0 and select.select([sock], [], [], left)[0]:
        frame, where = sock.recvfrom(65536)
        if where[2] != socket.PACKET_OUTGOING and frame[12:14] == b"\x08\x00" and match(frame[14:]):
            return frame[14:]
    return None


def syn_to(address, port):
    return lambda p: p[9] == 6 and p[16:20] == socket.inet_aton(address) and p[22:24] == struct.pack("!H", port)


def server(net, where, family, port, kind=socket.SOCK_STREAM):
    with inside(net.names[where]):
        sock = socket.socket(family, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        sock.settimeout(PATIENCE)
    return sock


def udp_from(net, where, destination, port, source=None):
    with inside(net.names[where]):
        sock = socket.socket(socket.AF_INET6 if ":" in destination else socket.AF_INET, socket.SOCK_DGRAM)
        if source:
            sock.bind((source, 0))
        sock.sendto(b"hello", (destination, port))
    return sock


def to_the_internet(net):
    web, names = server(net, "net", socket.AF_INET, 8080), server(net, "net", socket.AF_INET, 5300, socket.SOCK_DGRAM)
    net.connects("from the gateway LAN to the internet", "lan", SERVER, 8080)
    check("its source is translated", web.accept()[1][0] == OUTER)
    asking = udp_from(net, "lan", SERVER, 5300)
    asking.settimeout(PATIENCE)
    data, peer = names.recvfrom(100)
    check("a datagram's source is translated", peer[0] == OUTER)
    names.sendto(b"answer", peer)
    check("and its answer comes back", asking.recv(100) == b"answer")
    net.router("ip link set up0 mtu 1400")
    for sent, expected in ((1460, 1360), (1200, 1200)):
        net.send("lan0", tcp4(HOST, SERVER, 40000 + sent, 81, 2, sent))
        got = arrives4(net, "up0", syn_to(SERVER, 81))
        check(f"MSS {sent} becomes {expected}", got is not None and struct.unpack("!H", got[42:44])[0] == expected)
    net.router("ip link set up0 mtu 1500")
    for end in (web, names, asking):
        end.close()


def from_the_internet(net, shared):
    """To a host whose address somebody at the uplink knows."""
    sh(f"ip -n {net.names['net']} route add 192.168.7.0/24 via {OUTER}")
    host = server(net, "lan", socket.AF_INET, 5301, socket.SOCK_DGRAM)
    udp_from(net, "net", HOST, 5301).close()
    check(f"{'passes' if shared else 'refused'}: from the uplink to a host of the gateway LAN",
          bool(select.select([host], [], [], PATIENCE if shared else SILENCE)[0]) == shared)
    host.close()
    sh(f"ip -n {net.names['net']} route del 192.168.7.0/24")


def no_ipv6(net):
    """At once, with an error that ends the attempt, and nothing of it on the uplink."""
    for there in ("2001:db8::10", "2001:db8:ffff::1"):
        packet = udp(SITE + "10", there, 1, 443)
        net.refused(f"IPv6 from the gateway LAN to {there}", "lan0", packet, NO_ROUTE_FORBIDDEN)
        net.dropped_on("up0", f"IPv6 from the gateway LAN to {there}", "lan0", packet)
    with inside(net.names["lan"]):
        quic = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        quic.bind((SITE + "10", 0))
        quic.connect(("2001:db8:ffff::1", 443))
    quic.send(b"hello")
    quic.settimeout(PATIENCE)
    begin, code = time.monotonic(), None
    try:
        quic.recv(100)
    except OSError as error:
        code = error.errno
    check("QUIC is told at once", code == errno.EACCES and time.monotonic() - begin < 0.5)
    quic.close()
    net.passes("IPv6 to another site", "lan0", udp(SITE + "10", FAR + "9", 1, 2), "ulg-r1")
    net.answers("ping of the router's own global address", "lan0",
                firewall_wire.icmp6(SITE + "10", "2001:db8::1", 128), 129)


def other_ways(net):
    """Only from that LAN, with a source of it, and never into a tunnel."""
    sh(f"ip -n {net.names['lan2']} addr add 192.168.8.10/24 dev lan1")
    net.router("ip addr add 192.168.8.1/24 dev lan1")
    sh(f"ip -n {net.names['lan2']} route add default via 192.168.8.1")
    for port, source in (("lan1", "192.168.8.10"), ("lan0", "192.168.9.9"), ("lan0", "192.168.8.10")):
        net.send(port, tcp4(source, SERVER, 40001, 82, 2, 1460))
        check(f"not to the internet: {source} from {port}", arrives4(net, "up0", syn_to(SERVER, 82), SILENCE) is None)
    net.send("lan0", tcp4(HOST, SERVER, 40002, 83, 0x11, 1460))
    check("no packet of an unknown connection with the host's own source",
          arrives4(net, "up0", lambda p: p[12:16] == socket.inet_aton(HOST), SILENCE) is None)
    net.router("ip route add 203.0.113.0/24 dev ulg-r1")
    net.send("lan0", tcp4(HOST, "203.0.113.1", 40003, 84, 2, 1460))
    check("no IPv4 into a tunnel", arrives4(net, "ulg-r1", lambda p: True, SILENCE) is None)
    net.router("ip route del 203.0.113.0/24")
    net.router("ip addr del 192.168.8.1/24 dev lan1")


def services(net):
    ours = {port: net.listen(socket.SOCK_DGRAM, 17, port, family=socket.AF_INET) for port in (67, 53, 123)}
    broadcast = {"dest": b"\xff" * 6}
    discover = udp4("0.0.0.0", "255.255.255.255", 68, 67)
    net.heard("DHCP from the gateway LAN", ours[67], "lan0", discover, **broadcast)
    for port in ("lan1", "up0"):
        net.heard(f"DHCP from {port}", ours[67], port, discover, False, **broadcast)
    for port in (53, 123):
        net.heard(f"udp/{port} from the gateway LAN", ours[port], "lan0", udp4(HOST, ROUTER, 4000, port))
        net.heard(f"udp/{port} from the uplink", ours[port], "up0", udp4(SERVER, OUTER, 4000, port), False)
    dns6 = net.listen(socket.SOCK_DGRAM, 17, 53)
    net.heard("DNS by IPv6 from the gateway LAN", dns6, "lan0", udp(SITE + "10", SITE + "1", 4000, 53))
    net.heard("DNS from the other LAN", dns6, "lan1", udp(SITE2 + "10", SITE2 + "1", 4000, 53), False)
    net.heard("DNS from another site", dns6, "ulg-r1", udp(FAR + "1", SITE + "1", 4000, 53), False)
    net.heard("DNS from the uplink", dns6, "up0", udp("2001:db8::10", "2001:db8::1", 4000, 53), False)
    client = net.listen(socket.SOCK_DGRAM, 17, 68, family=socket.AF_INET)
    net.heard("an answer to our DHCP client", client, "up0", udp4(SERVER, OUTER, 67, 68))
    for sock in (*ours.values(), dns6, client):
        sock.close()


def reach(net, ssh_from):
    """tcp/80 is for the LANs, tcp/22 for whom ssh_from says."""
    allowed = {"lan": ("lan",), "overlay": ("lan", "far"), "anywhere": ("lan", "far", "net")}[ssh_from]
    ends = {"lan": ("lan", SITE + "1"), "far": ("far", SITE + "1"), "net": ("net", "2001:db8::1")}
    refusal = {"lan": errno.EAGAIN, "far": errno.EACCES, "net": errno.EAGAIN}
    for name, (where, address) in ends.items():
        net.connects(f"ssh from {name}", where, address, 22, None if name in allowed else refusal[name])
        net.connects(f"status page from {name}", where, address, 80, None if name == "lan" else refusal[name])
    net.connects("ssh by IPv4 from the gateway LAN", "lan", ROUTER, 22)
    net.connects("status page by IPv4 from the gateway LAN", "lan", ROUTER, 80)
    net.connects("status page from the other LAN", "lan2", SITE2 + "1", 80)
    net.connects("ssh by IPv4 from the uplink", "net", OUTER, 22, None if ssh_from == "anywhere" else errno.EAGAIN)
    net.connects("status page by IPv4 from the uplink", "net", OUTER, 80, errno.EAGAIN)
    net.connects("DNS by TCP from the uplink", "net", OUTER, 53, errno.EAGAIN)
    net.connects("DNS by TCP from the gateway LAN", "lan", ROUTER, 53)


def gateway(net):
    """Expects lan0, lan1, up0 and ulg-r1, and ssh listening on the router."""
    listening = [net.listen(socket.SOCK_STREAM, 6, port) for port in (53, 80)]
    for sock in listening:
        sock.listen()
    sh(f"ip -n {net.names['lan']} route add default via {ROUTER}")
    for ssh_from, golden in (("lan", "gateway"), ("overlay", "gateway_overlay"), ("anywhere", "gateway_anywhere")):
        net.load(golden)
        reach(net, ssh_from)
    net.load("gateway")
    services(net)
    to_the_internet(net)
    from_the_internet(net, False)
    no_ipv6(net)
    other_ways(net)
    net.refused("a global source of the gateway LAN", "lan0", udp("2001:db8:1::10", "2001:db8::10", 1, 2), ADDRESS)
    net.load("gateway_shared")
    to_the_internet(net)
    from_the_internet(net, True)
    no_ipv6(net)
    for sock in listening:
        sock.close()
