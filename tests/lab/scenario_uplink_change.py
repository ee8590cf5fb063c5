#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The uplink changes under a running tunnel, and the tunnel follows at once.

Left alone, WireGuard goes on with the source address that it used last: 15 s with traffic, more than 30 s without.
"""

import time

import lab
from uplink import SecondUplink, endpoint_at_relay

ESSENTIAL = "another network at the uplink"

SOON = 5.0  # seconds; a tenth of one is the aim, which the benchmark measures


def scenario():
    address_replaced_in_place()
    second_uplink()


def address_replaced_in_place():
    """The router keeps its cable and gets another IPv4 address, as after a renumbering by DHCP."""
    world = lab.build(uplinks={"a": "ipv4"})
    overlay = lab.overlay(world).start()
    _, far = overlay.wait_until_up()
    site, edge = world.sites["a"], overlay.edge("a")
    for idle, old, new in ((False, "192.168.1.2", "192.168.1.7"), (True, "192.168.1.7", "192.168.1.8")):
        pings = None if idle else lab.PingStream(site.host, far, 0.05)
        time.sleep(lab.slowness())
        site.edge.ip(f"address del {old}/24 dev eth0", f"address add {new}/24 dev eth0",
                     "route add default via 192.168.1.1")
        how = "without traffic" if idle else "with traffic"
        seconds = lab.seconds_until(lambda: comes_from(site.isp, new), SOON, f"the tunnel sends from {new}")
        if pings:
            time.sleep(lab.slowness())
            result = pings.stop()
            lab.check(result.longest_gap < SOON * lab.slowness(), f"{how}: {result}")
        print(f"  {how}: the tunnel has left by {new} after {seconds:.2f} s", flush=True)
        lab.check_equal(edge.relay_status()["state"], "up", f"{how}: the tunnel never counted as down")
    lab.check_equal(edge.lines("r1", "tunnel down"), [], "and the log does not speak of it either")
    world.close()


def comes_from(isp, address):
    """The provider's connection tracking has a flow to a relay from this address."""
    return f"src={address} " in isp.out("conntrack", "-L", "-p", "udp", "--dport", "51820", check=False)


def second_uplink():
    """A second provider: the default route moves there while the first address stays; then the first cable goes."""
    world = lab.build(sites=("a", "b"))
    site = world.sites["a"]
    second = SecondUplink(world, site.edge)
    site.edge.ip(*second.addresses())
    overlay = lab.overlay(world).start()
    _, far = overlay.wait_until_up()
    edge = overlay.edge("a")
    at_relay = lambda: endpoint_at_relay(overlay.relay, "a1")
    lab.check(at_relay().startswith("2001:db8:a:"), "the tunnel begins at the first provider")

    pings = lab.PingStream(site.host, far, 0.05)
    time.sleep(lab.slowness())
    site.edge.ip(*second.routes(10))
    seconds = lab.seconds_until(lambda: at_relay() == "2001:db8:90::2", SOON, "the tunnel moves to the second provider")
    print(f"  new default route, old address still there: at the relay after {seconds:.2f} s", flush=True)
    time.sleep(lab.slowness())
    site.edge.ip("link set eth1 down")
    seconds = lab.seconds_until(lambda: at_relay().startswith("2001:db8:a:"), SOON, "and back to the first one")
    print(f"  its cable is pulled: at the relay after {seconds:.2f} s", flush=True)
    time.sleep(lab.slowness())
    result = pings.stop()
    lab.check(result.longest_gap < SOON * lab.slowness(), f"pings meanwhile: {result}")

    # A cable that was in one network and comes back in another one.
    site.edge.ip("link set eth0 down")
    lab.wait_for(lambda: edge.relay_status().get("state", "").startswith("down"), 30, "no uplink: the tunnel is down")
    site.edge.ip("link set eth1 up", f"address replace 2001:db8:90::2/64 dev eth1 nodad", *second.routes(10))
    lab.wait_for(lambda: at_relay() in ("2001:db8:90::2", "198.51.100.90"), 10, "the tunnel comes up in the other network")
    lab.wait_for(lambda: edge.relay_status().get("state") == "up", 10, "and the edge says so")
    world.close()


if __name__ == "__main__":
    lab.main(scenario)
