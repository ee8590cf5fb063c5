#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab itself: with radvd and wg set up by hand, the source design (repaired) works in this world."""

import json

import lab


def scenario():
    world = lab.build()
    a, b = world.sites["a"], world.sites["b"]
    lab.step("the uplinks work")

    check_cgnat(world, a)

    lab.Classic(world).setup()
    lab.step("radvd and wg are running")
    host_a, host_b = [lab.wait_for(lambda s=site: lab.addresses(s.host, f"fd12:3456:789a:{s.name}:"), 20,
                                   f"host-{site.name} makes itself an address")[0] for site in (a, b)]
    routes = json.loads(a.host.out("ip", "-j", "-6", "route", "show", lab.OVERLAY))
    lab.check_equal([(route["gateway"], route.get("pref")) for route in routes],
                    [(lab.link_local(a.edge), "high")], "host-a has one route to the overlay, preferred, by edge-a")
    lab.wait_for(lambda: lab.can_ping(a.host, host_b), 20, "host-a pings host-b")
    lab.check(lab.can_ping(b.host, host_a), "host-b pings host-a")
    stream = lab.PingStream(a.host, host_b)
    lab.wait_for(lambda: len(stream.result().replies) > 100, 10, "100 pings")
    result = stream.stop()
    lab.check(not result.lost, f"nothing lost: {result}")
    lab.step(f"TCP across: {lab.throughput(a.host, b.host, host_b, 1):.0f} Mbit/s")
    print(a.host.out("rdisc6", "-1", "-r", "3", "eth0", check=False))


def check_cgnat(world, site):
    """Nobody outside can open a connection; the port that outside sees is not the one that inside used."""
    inet = world.inet
    gua = lab.addresses(site.edge, f"2001:db8:{site.name}:")[0]
    lab.check(lab.can_ping(site.edge, "2001:db8::1"), "edge-a reaches the internet over IPv6")
    lab.check(not lab.can_ping(inet, gua), "nothing new comes in over IPv6")
    inet.ip("route add 192.168.1.0/24 via 198.51.100.10")
    lab.check(not lab.can_ping(inet, "192.168.1.2"), "nothing new comes in over IPv4")
    inet.ip("route del 192.168.1.0/24")


if __name__ == "__main__":
    lab.main(scenario)
