# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets by hand, and the small network of firewall_packets.py that they are sent through."""
import contextlib, ctypes, errno, os, pathlib, select, socket, struct, subprocess, time

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "unit" / "firewall" / "golden"
LIBC = ctypes.CDLL(None, use_errno=True)
VIRTUAL, VIRTUAL2 = "fe80::5eed", "fe80::beef"  # the virtual routers of the LANs; the first is closed
VIRTUAL_MAC = bytes.fromhex("00005e000233")
SITE, SITE2, FAR, FAR2 = (f"fd12:3456:789a:{x}::" for x in "abcd")
MAC = {"lan0": 0x10, "lan1": 0x11, "up0": 0x12, "ulg-r1": 0x13, "ulg-s1": 0x14, "ulg-s2": 0x15,
       "p1": 0x16, "p2": 0x17}
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


def neighbor(kind, source, destination, target, hops=255):
    """A solicitation (135) or advertisement (136) about `target`, from a host of lan0."""
    address_of_link = bytes([kind - 134, 1]) + b"\x02\0\0\0\x01" + bytes([MAC["lan0"]])
    flags = b"\0\0\0\0" if kind == 135 else b"\x60\0\0\0"
    return icmp6(source, destination, kind, body=flags + pack(target) + address_of_link, hops=hops)


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
        self.router(f"ip addr add {VIRTUAL}/128 dev lan0 nodad")
        self.wire("lan1", "lan2", [SITE2 + "1/64", "fe80::1/64", f"{VIRTUAL2}/128"], [SITE2 + "10/64", "fe80::10/64"])
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

    def output(self, command):
        return subprocess.run(["ip", "netns", "exec", self.names["router"], *command.split()], check=True,
                              capture_output=True, text=True).stdout

    def load(self, golden):
        self.router(f"nft -f {GOLDEN}/{golden}.nft")
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
    def passes(self, what, port, packet, out, dest=None):
        self.send(port, packet, dest)
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

    def dropped_on(self, out, what, port, packet):
        """Nothing of it leaves there, whatever the sender is told."""
        self.send(port, packet)
        check(f"nothing at {out}: {what}", self.arrives(out, lambda p: packet[8:40] in p, SILENCE) is None)

    def answers(self, what, port, packet, kind, expected=True, dest=None):
        """Whether an ICMPv6 message of that type comes back."""
        self.send(port, packet, dest)
        got = self.arrives(port, lambda p: p[6] == 58 and p[40] == kind, PATIENCE if expected else SILENCE)
        check(f"{'answers' if expected else 'does not answer'}: {what}", (got is not None) == expected)

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
