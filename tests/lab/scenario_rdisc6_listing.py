#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""With the source design's values set explicitly, rdisc6 prints the listing of its section Troubleshooting."""

import re

import lab

ESSENTIAL = "what a stranger reads of our advertisements"

# As published, with the placeholders filled in below. rdisc6 1.0.5 writes "Neighbor" and small "medium" and "high",
# so spelling and case of these three are not compared; every other word and every number is.
LISTING = """
Hop limit :           64 ( 0x40)
Stateful address conf. :  No
Stateful other conf. :  No
Mobile home agent         :           No
Router preference : Medium
Neighbour discovery proxy  :           No
Router lifetime :            0 (0x00000000) seconds
Reachable time :       600000 (0x000927c0) milliseconds
Retransmit time :  unspecified (0x00000000)
Prefix : <SLAAC PREFIX>/64
On-link                 :          Yes
Autonomous address conf.:          Yes
Valid time :        86400 (0x00015180) seconds
Pref. time :        14400 (0x00003840) seconds
Route : <ULA PREFIX>/48
Route preference :   High
Route lifetime :           90 (0x0000005a) seconds
Source link-layer address: <ROUTER MAC ADDRESS>
from <VRRP IP ADDRESS>
"""

SOURCE_DESIGN = {"min_interval": "10s", "max_interval": "30s", "router_lifetime": "0s", "reachable_time": "600s",
                 "prefix_valid_lifetime": "1d", "prefix_preferred_lifetime": "4h", "route_lifetime": "90s",
                 "route_preference": "high"}


def normal(text):
    text = re.sub(r"[ \t]+", " ", text).replace(" :", ":").replace("( ", "(")
    text = text.lower().replace("neighbour", "neighbor")
    return [line.strip() for line in text.splitlines() if line.strip()]


def scenario():
    # An IPv4 uplink: otherwise rdisc6 -1 may well print the ISP router's advertisement.
    world = lab.build(uplinks={"a": "ipv4", "b": "ipv4"})
    daemon, site = lab.overlay(world).edge("a"), world.sites["a"]
    # With the R flag the prefix is a complete address of the router (RFC 6275 7.2); rdisc6 prints it as it is. The
    # source design's router has none to give, so its listing shows the bare prefix.
    for router_address in (False, True):
        daemon.config["lan"][0]["ra"] = {**SOURCE_DESIGN, "router_address": router_address}
        daemon.start()
        own = lab.wait_for(lambda: [address for address in lab.addresses(site.edge, "fd12:") if not address.endswith("::1")],
                           10, "edge-a has its own address")
        output = site.host.out("rdisc6", "-1", "-r", "5", "eth0")
        print(output)
        want = (LISTING.replace("<SLAAC PREFIX>", own[0] if router_address else "fd12:3456:789a:a::")
                .replace("<ULA PREFIX>", "fd12:3456:789a::").replace("<ROUTER MAC ADDRESS>", "02:00:00:00:0A:02")
                .replace("<VRRP IP ADDRESS>", lab.link_local(site.edge)))
        got = [line for line in normal(output) if not line.startswith("soliciting")]
        lab.check_equal(got, normal(want), f"rdisc6 prints the source design's listing, R flag {router_address}")
        daemon.kill9()


if __name__ == "__main__":
    lab.main(scenario)
