#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A site with a second LAN whose hosts have their internet from our router (gateway = true), as a Wi-Fi for phones.

    client --eth1-- edge-a --eth0-- sw-a --- isp-a --- inet        edge-a's eth0: its first LAN, and its uplink

The client has a static IPv4 address, as a lease would give it.
"""

import json
import time

import lab

ESSENTIAL = "a portable gateway"

NETWORK, OURS, CLIENT = "192.168.83", "192.168.83.1", "192.168.83.10"
PREFIX = "fd12:3456:789a:e::/64"
SERVER = "203.0.113.1"  # a host of the internet
GLOBAL = "2001:db8:ffff::1"  # and its global address
AT_ONCE = 0.5  # seconds

SERVE = """
import socket
server = socket.create_server(("0.0.0.0", 8080))
print("listening", flush=True)
while True:
    connection, peer = server.accept()
    connection.sendall(peer[0].encode())
    connection.close()
"""
FETCH = f"""
import socket
print(socket.create_connection(("{SERVER}", 8080), 5).recv(100).decode())
"""
# As a browser does with HTTP/3: a connected UDP socket. For TCP a plain connect().
TRY_IPV6 = f"""
import json, socket, time
def took(kind, data):
    sock = socket.socket(socket.AF_INET6, kind)
    sock.settimeout(5)
    begin = time.monotonic()
    try:
        sock.connect(("{GLOBAL}", 443))
        if data:
            sock.send(data)
            sock.recv(100)
        code = 0
    except TimeoutError:
        code = -1
    except OSError as error:
        code = error.errno
    return [code, time.monotonic() - begin]
print(json.dumps([took(socket.SOCK_DGRAM, b"hello"), took(socket.SOCK_STREAM, None)]))
"""

MANY = """
def datagram():
    time.sleep(0.025)
    return took(socket.SOCK_DGRAM, b"x")[0] > 0
print(sum(datagram() for _ in range(20)), sum(took(socket.SOCK_STREAM, None)[0] > 0 for _ in range(100)))
"""


def scenario():
    world = lab.build(uplinks={"a": "ipv4"})
    overlay = lab.overlay(world)
    edge, client = overlay.edge("a"), new_client(world)
    before = lab.kernel_state(edge.node)
    edge.config["lan"].append({"interface": "eth1", "prefix": PREFIX, "gateway": True, "ra": {}})
    overlay.relay.config["site"][0]["prefixes"].append(PREFIX)
    overlay.start()
    _, far = overlay.wait_until_up()

    advertisements(world, client)
    leaks = lab.Capture(edge.node, "eth0", f"{edge.node.dir}/eth0.pcap",
                        f"(ip src net {NETWORK}.0/24) or (ip6 src net {PREFIX} and not dst net {lab.OVERLAY})")
    internet_by_ipv4(world, client)
    other_site(client, far)
    no_internet_by_ipv6(client)
    nothing_from_outside(world, client)
    leaks.stop()
    seen = edge.node.out("tcpdump", "-n", "-r", leaks.path, check=False)
    lab.check_equal(seen, "", "nothing of the LAN leaves by the uplink with an address of its own")

    lab.check_equal(edge.problems(), [], "the router reports no problem")
    lab.check_equal(edge.stop(), 0, "it stops")
    after = lab.kernel_state(edge.node)
    lab.check_equal(after["sysctls"], before["sysctls"], "and forwarding, IPv4 too, is as it was")
    lab.check_equal(after["nft"], before["nft"], "and so is the firewall")


def new_client(world):
    edge, client = world.sites["a"].edge, lab.Node("client")
    lab.connect(client, "eth0", edge, "eth1")
    edge.sysctl(net__ipv6__conf__eth1__accept_dad=0)
    edge.ip("link set eth1 up", f"address add {OURS}/24 dev eth1")
    client.ip("link set eth0 up", f"address add {CLIENT}/24 dev eth0", f"route add default via {OURS}")
    return client


def rdisc6(node):
    return node.run("rdisc6", "-1", "-w", "3000", "eth0", check=False).stdout


def advertisements(world, client):
    lab.wait_for(lambda: lab.addresses(client, "fd12:3456:789a:e:"), 20, "the client makes itself an address")
    here, there = rdisc6(client), rdisc6(world.sites["a"].host)
    lab.check(lifetime(here) == 1800, "to the client this is a default router for 30 minutes")
    lab.check("fd12:3456:789a:e::1" in here, "with a DNS server, which is itself")
    lab.check(lifetime(there) == 0, "on the other LAN it is none")
    lab.check("DNS" not in there, "and names no DNS server")
    lab.check("default via fe80:" in client.out("ip", "-6", "route"), "the client's kernel has the default route")


def lifetime(listing):
    line = next(line for line in listing.splitlines() if line.strip().startswith("Router lifetime"))
    return int(next(word for word in line.split() if word.isdigit()))


def internet_by_ipv4(world, client):
    server = world.inet.start("python3", "-c", SERVE, name="server")
    lab.wait_for(lambda: "listening" in server.log(), 10, "a server in the internet listens")
    lab.check_equal(client.out("python3", "-c", FETCH).strip(), "198.51.100.10",
                    "the client reaches it, which sees the provider's address")
    lab.check(lab.can_ping(client, SERVER), "and pings it")
    server.stop()


def other_site(client, far):
    lab.wait_for(lambda: lab.can_ping(client, far), 20, "the client reaches a host of the other site by the overlay")


def no_internet_by_ipv6(client):
    (quic, quic_took), (tcp, tcp_took) = json.loads(client.out("python3", "-c", TRY_IPV6))
    print(f"  IPv6 to the internet: UDP error {quic} after {quic_took:.3f} s, TCP error {tcp} after {tcp_took:.3f} s")
    lab.check(quic > 0 and quic_took < AT_ONCE * lab.slowness(), "a datagram by IPv6 is answered at once")
    lab.check(tcp > 0 and tcp_took < AT_ONCE * lab.slowness(), "and so is a connection")
    many = client.out("python3", "-c", TRY_IPV6 + MANY)
    lab.check_equal(many.splitlines()[-1], "20 100",
                    "as is each of twenty datagrams at 40 a second, and of 100 connections")


def nothing_from_outside(world, client):
    isp = world.sites["a"].isp
    isp.ip(f"route add {NETWORK}.0/24 via 192.168.1.2")
    capture = lab.Capture(client, "eth0", f"{client.dir}/eth0.pcap", "ip and icmp")
    lab.check(not lab.can_ping(isp, CLIENT), "who is at the uplink cannot reach the client")
    time.sleep(0.5 * lab.slowness())
    capture.stop()
    lab.check_equal(client.out("tcpdump", "-n", "-r", capture.path, check=False), "", "and nothing of it arrives")
    isp.ip(f"route del {NETWORK}.0/24 via 192.168.1.2")


if __name__ == "__main__":
    lab.main(scenario)
