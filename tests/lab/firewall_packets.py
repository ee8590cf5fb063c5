#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends packets through the golden rulesets of tests/unit/golden in network namespaces.

  host "lan" --lan0--+        +--ulg-r1, ulg-s1-- "far" (the tunnel; a veth here, the rules match by name)
  host "lan2"-lan1---+ router +--ulg-s2---------- "far2"
                              +--up0------------- "net" (the internet side)

Every check sends one packet and looks for what must come of it: the packet at the other side, an ICMPv6 error at
the sender, or a datagram in a socket of the router. Needs root; exit 77 where that cannot work.
"""
import contextlib, ctypes, errno, os, pathlib, select, socket, struct, subprocess, sys, time

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "unit" / "golden"
LIBC = ctypes.CDLL(None, use_errno=True)
SITE, SITE2, FAR, FAR2 = (f"fd12:3456:789a:{x}::" for x in "abcd")
MAC = {"lan0": 0x10, "lan1": 0x11, "up0": 0x12, "ulg-r1": 0x13, "ulg-s1": 0x14, "ulg-s2": 0x15}
ICMP_ERROR, NO_ROUTE_FORBIDDEN, ADDRESS, PORT = 1, 1, 3, 4  # type 1 and its codes, RFC 4443
PATIENCE, SILENCE = 2.0, 0.25  # how long we wait for what must come, and for what must not
failures = 0


def sh(command):
    subprocess.run(command, shell=True, check=True)


def check(what, good):
    global failures
    failures += not good
    print(("ok    " if good else "WRONG ") + what, flush=True)


@contextlib.contextmanager
def inside(namespace):
    """Sockets opened in this block belong to the namespace for good."""
    with open("/proc/self/ns/net") as back, open(f"/run/netns/{namespace}") as there:
        if LIBC.setns(there.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            LIBC.setns(back.fileno(), 0x40000000)


# --- packets -----------------------------------------------------------------------------------------------------

def pack(address):
    return socket.inet_pton(socket.AF_INET6, address)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip6(source, destination, protocol, payload, hops=64, checksum_at=None):
    if checksum_at is not None:
        pseudo = pack(source) + pack(destination) + struct.pack("!II", len(payload), protocol)
        payload = payload[:checksum_at] + struct.pack("!H", checksum(pseudo + payload)) + payload[checksum_at + 2:]
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, hops) + pack(source) + pack(destination) + payload


def udp(source, destination, sport, dport, hops=64, data=b"hello"):
    return ip6(source, destination, 17, struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data, hops, 6)


def tcp(source, destination, sport, dport, flags, mss=None):
    options = b"" if mss is None else struct.pack("!BBH", 2, 4, mss)
    head = struct.pack("!HHIIBBHHH", sport, dport, 1, 1, (20 + len(options)) << 2, flags, 1000, 0, 0)
    return ip6(source, destination, 6, head + options, 64, 16)


def icmp6(source, destination, kind, code=0, body=b"\0\0\0\0", hops=64):
    return ip6(source, destination, 58, struct.pack("!BBH", kind, code, 0) + body, hops, 2)


def icmp6_error(source, destination, kind):
    inner = udp(destination, FAR + "1", 40000, 58000)
    return icmp6(source, destination, kind, 0, b"\0\0\x05\x00" + inner)


def with_router_alert(packet):
    """The same packet with the hop-by-hop option that MLD carries."""
    option = bytes([packet[6], 0, 5, 2, 0, 0, 1, 0])
    length = struct.unpack("!H", packet[4:6])[0] + 8
    return packet[:4] + struct.pack("!HB", length, 0) + packet[7:40] + option + packet[40:]


def udp4(source, destination, sport, dport):
    data = struct.pack("!HHHH", sport, dport, 8, 0)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, socket.inet_aton(source),
                       socket.inet_aton(destination))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + data


# --- the small network -------------------------------------------------------------------------------------------

class Net:
    def __init__(self):
        self.names = {n: f"ulgfw{os.getpid()}-{n}" for n in ("router", "lan", "lan2", "far", "far2", "net")}
        self.wires, self.router_mac = {}, {}

    def build(self):
        for name in self.names.values():
            sh(f"ip netns add {name}")
            for key in ("all", "default"):
                sh(f"ip netns exec {name} sysctl -qw net.ipv6.conf.{key}.accept_dad=0 "
                   f"net.ipv6.conf.{key}.router_solicitations=0 net.ipv6.conf.{key}.accept_ra=0")
            sh(f"ip netns exec {name} sysctl -qw net.ipv6.icmp.ratelimit=0")
            sh(f"ip -n {name} link set lo up")
        sh(f"ip netns exec {self.names['router']} sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv4.ip_forward=1")
        self.wire("lan0", "lan", [SITE + "1/64", "fe80::1/64", "2001:db8:1::1/64", "192.168.7.1/24"],
                  [SITE + "10/64", "fe80::10/64", "2001:db8:1::10/64", "192.168.7.10/24"])
        self.wire("lan1", "lan2", [SITE2 + "1/64", "fe80::1/64"], [SITE2 + "10/64", "fe80::10/64"])
        self.wire("up0", "net", ["2001:db8::1/64", "fe80::1/64", "198.51.100.1/24"],
                  ["2001:db8::10/64", "fe80::10/64", "198.51.100.10/24"])

    def wire(self, port, other, ours, theirs, tunnel=False):
        router, host, mac = self.names["router"], self.names[other], MAC[port]
        # A tunnel has no neighbour discovery: the same MAC on both ends and no ARP.
        macs = (f"02:00:00:00:00:{mac:02x}", f"02:00:00:00:{0 if tunnel else 1:02x}:{mac:02x}")
        sh(f"ip link add {port} netns {router} address {macs[0]} type veth peer name {port} netns {host} "
           f"address {macs[1]}")
        for namespace, addresses in ((router, ours), (host, theirs)):
            sh(f"ip -n {namespace} link set {port} addrgenmode none {'arp off' if tunnel else ''} up")
            for address in addresses:
                sh(f"ip -n {namespace} addr add {address} dev {port} {'nodad' if ':' in address else ''}")
        if theirs and not tunnel:
            sh(f"ip -n {host} -6 route add default via fe80::1 dev {port}")
        with inside(host):
            self.wires[port] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.wires[port].bind((port, 0))
        self.router_mac[port] = bytes.fromhex(macs[0].replace(":", ""))

    def unwire(self, *ports):
        for port in ports:
            sh(f"ip -n {self.names['router']} link del {port}")
            self.wires.pop(port).close()

    def router(self, command):
        sh(f"ip netns exec {self.names['router']} {command}")

    def load(self, golden):
        self.router(f"nft -f {GOLDEN}/firewall_{golden}.nft")
        print(f"--- {golden}")

    def tracked(self):
        path = "/proc/sys/net/netfilter/nf_conntrack_count"
        out = subprocess.run(["ip", "netns", "exec", self.names["router"], "cat", path], capture_output=True, text=True)
        return int(out.stdout)

    def listen(self, kind, protocol, port=None, groups=(), family=socket.AF_INET6):
        with inside(self.names["router"]):
            sock = socket.socket(family, kind, protocol)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if port is not None:
                sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
            for group, name in groups:
                index = socket.if_nametoindex(name)
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, pack(group) + struct.pack("=I", index))
        return sock

    def send(self, port, packet, dest=None):
        dest = self.router_mac[port] if dest is None else dest
        kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
        for sock in self.wires.values():
            drained(sock)
        self.wires[port].send(dest + b"\x02\0\0\0\x01" + bytes([MAC[port]]) + kind + packet)

    def arrives(self, port, match, wait=PATIENCE):
        """The first packet that comes from the router at this wire's far end and matches, or None."""
        sock, end = self.wires[port], time.monotonic() + wait
        while (left := end - time.monotonic()) > 0:
            if not select.select([sock], [], [], left)[0]:
                break
            frame, where = sock.recvfrom(65536)
            if where[2] != socket.PACKET_OUTGOING and frame[12:14] == b"\x86\xdd" and match(frame[14:]):
                return frame[14:]
        return None

    # One packet in at `port`, and what becomes of it.
    def passes(self, what, port, packet, out):
        self.send(port, packet)
        same = lambda p: p[8:40] == packet[8:40] and p[6] == packet[6] and p[40:44] == packet[40:44]
        check(f"passes: {what}", self.arrives(out, same) is not None)

    def refused(self, what, port, packet, code, out=None):
        self.send(port, packet)
        error = lambda p: p[6] == 58 and p[40] == ICMP_ERROR and p[48 + 8:48 + 40] == packet[8:40]
        got = self.arrives(port, error)
        check(f"error code {code}: {what}", got is not None and got[41] == code)

    def dropped(self, what, port, packet, out):
        self.send(port, packet)
        echo = lambda p: packet[8:40] in p and p[40] != 135
        check(f"dropped: {what}", self.arrives(out, echo, SILENCE) is None and self.arrives(port, echo, 0.01) is None)

    def heard(self, what, sock, port, packet, expected=True, match=lambda data: True, dest=None):
        drained(sock)
        self.send(port, packet, dest)
        end, got = time.monotonic() + (PATIENCE if expected else SILENCE), False
        while not got and select.select([sock], [], [], max(0, end - time.monotonic()))[0]:
            got = match(sock.recv(4096))
        check(f"{'heard' if expected else 'not heard'}: {what}", got == expected)

    def connects(self, what, where, address, port, expected=None):
        """expected: None = connects, else the error number."""
        with inside(self.names[where]):
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        # Over veths the error of the first SYN can come back while connect() still holds the socket, and then only
        # that of the second SYN, a second later, counts.
        sock.settimeout(1.0 if expected == errno.EAGAIN else 5.0)
        try:
            with inside(self.names[where]):
                info = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][4]
            got = sock.connect_ex(info)
        except TimeoutError:
            got = errno.EAGAIN
        sock.close()
        text = "connects" if expected is None else errno.errorcode[expected]
        if got != (expected or 0):
            what += f" (got {errno.errorcode.get(got, got)})"
        check(f"{text}: {what}", got == (expected or 0))

    def remove(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


def drained(sock):
    while select.select([sock], [], [], 0)[0]:
        sock.recv(65536)


ANY_GROUP = bytes.fromhex("333300000001")


# --- what the rulesets promise -----------------------------------------------------------------------------------

def edge_input(net):
    icmp = net.listen(socket.SOCK_RAW, 58, groups=[("ff02::16", "lan0")])
    kind = lambda number: lambda data: data[0] == number
    group = {"dest": ANY_GROUP}
    solicit = lambda hops: icmp6("fe80::10", "ff02::2", 133, hops=hops)
    net.heard("router solicitation from the LAN", icmp, "lan0", solicit(255), True, kind(133), **group)
    net.heard("router solicitation with hop limit 254", icmp, "lan0", solicit(254), False, kind(133), **group)
    net.heard("router solicitation from the uplink", icmp, "up0", solicit(255), False, kind(133), **group)
    advert = icmp6("fe80::10", "ff02::1", 134, body=b"\x40\0\0\0" + b"\0" * 8, hops=255)
    net.heard("router advertisement", icmp, "up0", advert, True, kind(134), **group)
    report = lambda source: with_router_alert(icmp6(source, "ff02::16", 143, hops=1))
    net.heard("MLDv2 report with router alert", icmp, "lan0", report("fe80::10"), True, kind(143), **group)
    net.heard("MLDv2 report from ::", icmp, "lan0", report("::"), True, kind(143), **group)
    net.heard("MLDv2 report from a global source", icmp, "lan0", report(SITE + "10"), False,
              lambda data: data[0] == 143 and len(data) == 8, **group)  # the kernel's own reports are longer
    query = with_router_alert(icmp6("fe80::10", "ff02::1", 130, body=b"\0" * 20, hops=1))
    net.heard("MLD query", icmp, "lan0", query, True, kind(130), **group)

    vrrp = net.listen(socket.SOCK_RAW, 112, groups=[("ff02::12", "lan0"), ("ff02::12", "lan1")])
    hello = lambda hops: ip6("fe80::10", "ff02::12", 112, b"\x31\x33\x64\x01\0\x64\0\0" + pack("fe80::5eed"), hops)
    net.heard("VRRP", vrrp, "lan0", hello(255), **group)
    net.heard("VRRP with hop limit 254", vrrp, "lan0", hello(254), False, **group)
    net.heard("VRRP where no virtual router is", vrrp, "lan1", hello(255), False, **group)

    dhcp6 = net.listen(socket.SOCK_DGRAM, 17, 546)
    net.heard("DHCPv6 answer", dhcp6, "up0", udp("fe80::10", "fe80::1", 547, 546))
    net.heard("DHCPv6 from far away", dhcp6, "up0", udp("2001:db8::10", "2001:db8::1", 547, 546), False)
    dhcp4 = net.listen(socket.SOCK_DGRAM, 17, 68, family=socket.AF_INET)
    net.heard("DHCPv4 answer", dhcp4, "lan0", udp4("192.168.7.10", "192.168.7.1", 67, 68))
    wireguard = net.listen(socket.SOCK_DGRAM, 17, 51820)
    before = net.tracked()
    net.heard("WireGuard from anywhere", wireguard, "up0", udp("2001:db8::99", "2001:db8::1", 1234, 51820))
    check("WireGuard leaves no tracked connection", net.tracked() <= before)

    control = net.listen(socket.SOCK_DGRAM, 17, 51819)
    message = lambda hops: udp("fd99::1", "fd99::a1", 51819, 51819, hops)
    net.heard("overlay control from the tunnel", control, "ulg-r1", message(255))
    net.heard("overlay control with hop limit 254", control, "ulg-r1", message(254), False)
    net.heard("overlay control from the LAN", control, "lan0", message(255), False)

    net.connects("ssh from the LAN, link-local", "lan", "fe80::1%lan0", 22)
    net.connects("ssh from the LAN, overlay address", "lan", SITE + "1", 22)
    net.connects("ssh from the LAN, IPv4", "lan", "192.168.7.1", 22)
    net.connects("ssh from another site", "far", SITE + "1", 22)
    net.connects("ssh from the internet", "net", "2001:db8::1", 22, errno.EAGAIN)
    net.connects("another port from the LAN", "lan", SITE + "1", 23, errno.EAGAIN)
    net.connects("another port from another site", "far", SITE + "1", 23, errno.EACCES)
    echo = lambda source, to: icmp6(source, to, 128)
    answer = lambda p: p[6] == 58 and p[40] == 129
    for port, source, to in (("up0", "2001:db8::10", "2001:db8::1"), ("ulg-r1", "fd99::1", "fd99::a1")):
        net.send(port, echo(source, to))
        check(f"answers pings at {port}", net.arrives(port, answer) is not None)
    net.refused("traceroute to the router", "up0", udp("2001:db8::10", "2001:db8::1", 4000, 33440), PORT)
    net.dropped("some datagram to the router", "up0", udp("2001:db8::10", "2001:db8::1", 4000, 5353), "up0")
    net.heard("ping with a source of our site out of the tunnel", icmp, "ulg-r1", echo(SITE + "77", "fd99::a1"), False,
              kind(128))


def edge_forward(net):
    host, far = SITE + "10", FAR + "9"
    before = net.tracked()
    net.passes("LAN to another site", "lan0", udp(host, far, 40000, 58000), "ulg-r1")
    net.passes("any protocol: edges do not choose", "lan0", tcp(host, far, 40000, 443, 2), "ulg-r1")
    net.passes("an answer that nobody asked for here", "ulg-r1", tcp(far, host, 443, 40001, 0x12), "lan0")
    net.passes("a connection from another site", "ulg-r1", tcp(far, host, 40002, 22, 2), "lan0")
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
    net.load("edge_appliance")
    edge_input(net)
    edge_forward(net)
    uplink_forward(net, False)
    net.load("edge_shared")
    edge_forward(net)
    uplink_forward(net, True)
    net.connects("another port from another site", "far", SITE + "1", 23, errno.EACCES)
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
    if os.geteuid() != 0:
        print("skipped: needs root")
        return 77
    net = Net()
    try:
        net.build()
        edge(net)
        relay(net)
    finally:
        net.remove()
    print(f"{failures} wrong" if failures else "all right")
    return 1 if failures else 0


sys.exit(main())
