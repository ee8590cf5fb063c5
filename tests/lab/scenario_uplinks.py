#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sites whose ISP has only IPv4 (behind CG-NAT) or only IPv6 reach each other; the tunnel's MTU follows the egress."""

import lab

ESSENTIAL = "IPv4 only, IPv6 only"

OVERHEAD = {"ipv4": 60, "ipv6": 80}


def scenario():
    for uplinks, mtu in (({"a": "ipv4", "b": "ipv6"}, 1500), ({"a": "ipv6", "b": "dual"}, 1492),
                         ({"a": "ipv4", "b": "ipv4"}, 1500)):
        world = lab.build(uplinks=uplinks, mtu=mtu)
        overlay = lab.overlay(world).start()
        address_a, address_b = overlay.wait_until_up()
        lab.check(lab.can_ping(world.sites["b"].host, address_a), f"{uplinks}: host-b pings host-a")
        lab.check(world.sites["a"].host.ok("ping", "-n", "-c8", "-i0.2", "-W5", "-s", "1452", address_b), f"{uplinks}: large packets too")
        for name, site in world.sites.items():
            check_tunnel(overlay.edge(name), site, mtu)
        world.close()


def check_tunnel(daemon, site, mtu):
    relay = daemon.relay_status()
    over_ipv6 = relay["endpoint"].startswith("[")
    way = "ipv6" if over_ipv6 else "ipv4"
    if site.uplink != "dual":
        lab.check_equal(way, site.uplink, f"site {site.name} reaches the relay over what it has")
    room = mtu - OVERHEAD[way]
    # The relay pads packets to multiples of 16 bytes, up to its own MTU.
    fits = room if room >= 1420 else room - room % 16
    lab.check_equal(relay["mtu"], fits, f"site {site.name}: MTU {mtu} over {way} less the overhead")


if __name__ == "__main__":
    lab.main(scenario)
