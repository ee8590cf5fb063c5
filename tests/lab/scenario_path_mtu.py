#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths that carry less than the router's own cable: PPPoE, IPv6 in IPv4, a black hole, 1280 bytes. The tunnel's MTU
follows what was measured, and large transfers get through."""

import re

import lab

TRANSFER = "100M"

LONG = "it moves 100 MB through each path"


def scenario():
    world = lab.build(uplinks={"a": "dual", "b": "ipv6"})
    site = world.sites["b"]
    narrow(world, site, 1492)
    overlay = lab.overlay(world).start()
    address_a, address_b = overlay.wait_until_up()
    # To the site is the harder way: the relay knows nothing of how narrow its path is.
    far, host = world.sites["a"].host, site.host

    measured(overlay, 1492, 1408, "PPPoE")
    transfer(far, host, address_b, f"PPPoE: {TRANSFER} to the site")
    transfer(host, far, address_a, f"PPPoE: {TRANSFER} from the site")
    packet_too_big(site.host, address_a, 1408)

    # What an ISP's router says about packets that are too large is dropped by somebody's firewall; and nothing at
    # this router changes, so that only traffic can show it.
    for router in (site.isp, world.inet):
        router.nft("""table inet silent {
            chain out {
                type filter hook output priority 0;
                icmpv6 type packet-too-big drop
            }
        }""")
    narrow(world, site, 1400)
    traffic = lab.PingStream(site.host, address_a, interval=0.1, size=1000)
    measured(overlay, 1400, 1312, "a path that became a black hole for packets that are too large")
    traffic.stop()
    transfer(far, host, address_b, f"the black hole: {TRANSFER} to the site")

    # IPv6 in IPv4 (this kernel has no sit device; what counts here is the room it leaves)
    narrow(world, site, 1480)
    overlay.edge("b").node.ip("link set eth0 down", "link set eth0 up")
    measured(overlay, 1480, 1392, "IPv6 in IPv4, after the cable was out")
    overlay.wait_until_up()
    transfer(far, host, address_b, f"IPv6 in IPv4: {TRANSFER} to the site")

    # What the tunnel must carry fits no more: WireGuard's packets travel in fragments, which needs Packet Too Big.
    for router in (site.isp, world.inet):
        router.nft("delete table inet silent")
    narrow(world, site, 1280)
    overlay.edge("b").node.ip("link set eth0 down", "link set eth0 up")
    measured(overlay, 1280, 1280, "an uplink of 1280 bytes")
    overlay.wait_until_up()
    transfer(far, host, address_b, f"an uplink of 1280 bytes: {TRANSFER} to the site")
    transfer(host, far, address_a, f"an uplink of 1280 bytes: {TRANSFER} from the site")


def narrow(world, site, mtu):
    """The access network of the site takes no larger packets."""
    site.isp.ip(f"link set wan mtu {mtu}")
    world.inet.ip(f"link set isp{site.name} mtu {mtu}")
    # A bridge takes the MTU of its narrowest port, and the other sites' access shall stay as wide as it was.
    world.inet.ip("link set access mtu 1500")
    world.inet.ip(f"route replace 2001:db8:{site.name}::/48 via 2001:db8::{site.name} mtu {mtu}")


def measured(overlay, path, tunnel, what):
    def now():
        relay = overlay.edge("b").relay_status()
        return (relay["path_mtu"], relay["mtu"]) == (path, tunnel)
    lab.wait_for(now, 40, f"{what}: a path of {path} bytes, a tunnel of {tunnel}", every=0.2)
    lab.step(f"{what}: path {path}, tunnel {tunnel}")


def transfer(client, server, destination, what):
    listener = server.start("iperf3", "-s", "-1", "-B", destination, name="iperf3-server")
    lab.wait_for(lambda: server.out("ss", "-Hltn", "sport = :5201").strip(), 5, "iperf3 listens")
    client.run("iperf3", "-n", TRANSFER, "-c", destination, timeout=90 * lab.slowness())
    listener.wait()
    lab.step(what)


def packet_too_big(host, destination, mtu):
    """The router says it from an address that the host can answer."""
    host.run("ip", "-6", "route", "flush", "cache")
    said = host.run("ping", "-n", "-c2", "-W2", "-M", "do", "-s", str(mtu - 47), destination, check=False).stdout
    found = re.search(rf"From (\S+) icmp_seq=\d+ Packet too big: mtu={mtu}", said)
    lab.check(found, f"one byte more than {mtu}: Packet Too Big")
    lab.check(host.ok("ping", "-n", "-c1", "-W2", found[1]), f"it comes from {found[1]}, which the host reaches")


if __name__ == "__main__":
    lab.main(scenario)
