# SPDX-License-Identifier: GPL-2.0-or-later
"""What strangers may make the router remember: neighbours (F-08) and connections (F-04). For firewall_packets.py."""
import select, socket, struct, time

from firewall_wire import FAR, PATIENCE, SITE, SITE2, check, drained, icmp6, neighbor, pack, tcp, udp

MANY, FEW = 100, 62  # of so many new ones in a moment, at most so many leave something: 42, and 17 a second
# The kernel's table is one for all network namespaces, and has room for 1,024: we stay far below.


def entries(net):
    return {line.split()[0] for line in net.output("ip -6 neigh show nud all").splitlines() if "NOARP" not in line}


def link_address(kind, number):
    return bytes([kind, 1]) + b"\x02\xac" + struct.pack("!I", number)


def frames(net, port, packets):
    """Sends them as fast as they go, each from a MAC address of its own."""
    for number, packet in enumerate(packets):
        net.wires[port].send(net.router_mac[port] + b"\x02\xac" + struct.pack("!I", number) + b"\x86\xdd" + packet)


def new_entries(net, port, packets):
    before = entries(net)
    frames(net, port, packets)
    time.sleep(0.2)
    made = len(entries(net) - before)
    net.router("ip -6 neigh flush all")
    return made


def neighbours(net):
    router = "fe80::1"
    sources = [f"fe80::ac:{number:x}" for number in range(MANY)]
    hosts = [f"{SITE}ac:{number:x}" for number in range(MANY)]
    solicit = lambda kind, of, body: [icmp6(source, "ff02::2" if kind == 133 else "ff02::1", kind, hops=255,
                                            body=body + link_address(1, number)) for number, source in enumerate(of)]
    floods = {
        "router solicitations": ("lan0", solicit(133, sources, bytes(4))),
        "router advertisements": ("lan0", solicit(134, sources, bytes(12))),
        "neighbour solicitations": ("lan0", [icmp6(source, router, 135, hops=255, body=bytes(4) + pack(router) +
                                                   link_address(1, number)) for number, source in enumerate(sources)]),
        "pings from link-local addresses": ("lan0", [icmp6(source, router, 128) for source in sources]),
        "pings from addresses of the site": ("lan0", [icmp6(host, SITE + "1", 128) for host in hosts]),
        "connections from addresses of the site": ("lan0", [tcp(host, SITE + "1", 1, 22, 2) for host in hosts]),
        "what has no answer but an error": ("lan0", [udp(host, "fd12:3456:789a:ffff::1", 1, 2) for host in hosts]),
        "a scan from another site": ("ulg-r1", [icmp6(FAR + "9", host, 128) for host in hosts]),
        "a scan with many sources of it": ("ulg-r1", [udp(f"{FAR}{number + 16:x}", host, 1, 2)
                                                      for number, host in enumerate(hosts)]),
        "answers to hosts that are not there": ("ulg-r1", [icmp6(FAR + "9", host, 129) for host in hosts]),
        "a scan from another LAN": ("lan1", [udp(SITE2 + "10", host, 1, 2) for host in hosts]),
    }
    for what, (port, packets) in floods.items():
        time.sleep(2.6)  # the limits have forgotten the last one
        for name in ("known", "heard"):
            net.router(f"nft 'flush set inet ulagate {name}'")
        made = new_entries(net, port, packets)
        check(f"{made} neighbours after {MANY} packets: {what}", made <= FEW)
    time.sleep(2.6)
    known_hosts(net)


def arrived(net, source, host):
    """How many of MANY packets, from the tunnel, a host of the LAN gets."""
    drained(net.wires["lan0"])
    frames(net, "ulg-r1", [udp(source, host, 7, 8) for _ in range(MANY)])
    got, end = 0, time.monotonic() + PATIENCE
    while got < MANY and select.select([net.wires["lan0"]], [], [], max(0, end - time.monotonic()))[0]:
        got += net.wires["lan0"].recv(65536)[14 + 40:14 + 44] == struct.pack("!HH", 7, 8)
    return got


def known_hosts(net):
    """During a scan, who has answered once is reached at any rate; so is a host that nobody knew, from elsewhere."""
    host, far = SITE + "10", FAR + "9"
    net.passes("to a host that answers", "ulg-r1", udp(far, host, 1, 2), "lan0")
    end, known = time.monotonic() + PATIENCE, False
    while not known and time.monotonic() < end:
        known = f"0x{pack(host).hex()} " in net.output("nft list set inet ulagate known")
    check("who has answered our solicitation is known", known)
    frames(net, "ulg-r1", [icmp6(far, f"{SITE}ad:{number:x}", 128) for number in range(MANY)])
    got = arrived(net, far, host)
    check(f"{got} of {MANY} packets reach a known host during a scan", got == MANY)
    # What the kernel has known for long it uses for five seconds without asking.
    time.sleep(2.6)
    net.router(f"ip -6 neigh replace {host} lladdr 02:00:00:00:01:10 dev lan0 nud stale")
    net.router("nft 'flush set inet ulagate known'")
    got = arrived(net, far, host)
    check(f"{got} of {MANY} packets reach a host that the kernel remembers", got == MANY)
    net.router("ip -6 neigh flush all")
    # A host that was never heard of, and another site than the one that scans.
    net.router("nft 'flush set inet ulagate known'")
    net.passes("from a quiet site to a host that nobody knew", "ulg-r1", udp("fd12:3456:789a:77::1", host, 1, 2), "lan0")
    solicitation = neighbor(135, "fe80::10", "fe80::1", "fe80::1")
    net.answers("a neighbour's own solicitation", "lan0", solicitation, 136)


def strangers(net):
    """A flood of packets to our port leaves few connections; whom we have sent to is a connection of ours."""
    ours = "2001:db8::1"
    with net.listen(socket.SOCK_DGRAM, 17, 51820) as wireguard:
        wireguard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        before = net.tracked()
        flood = [udp(f"2001:db8:5::{number:x}", ours, 1234, 51820) for number in range(1, 1001)]
        frames(net, "up0", flood)
        time.sleep(0.3)
        left = net.tracked() - before
        check(f"{left} connections after {len(flood)} strangers", left <= 200)
        net.router("nft 'add table inet other'")
        net.router("nft 'add chain inet other i { type filter hook input priority 0; policy drop; }'")
        net.router("nft 'add rule inet other i ct state established accept'")
        net.router("nft 'add rule inet other i icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept'")
        net.heard("a stranger, where others take answers only", wireguard, "up0", flood[0], False)
        wireguard.sendto(b"hello", ("2001:db8::10", 1234))
        for _ in range(3):
            net.heard("the answer of whom we have sent to", wireguard, "up0", udp("2001:db8::10", ours, 1234, 51820))
        net.router("nft 'delete table inet other'")
