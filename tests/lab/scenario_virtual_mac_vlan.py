#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtual MAC address where the LAN is a VLAN, on the router's only cable."""

import lab
from pair import Pair

CONFORMANCE = ("V-29", "V-40", "V-42")
ALONE = "it judges gaps of a tenth of a second"
VLAN = 5
TAGGED = "lan5"  # the bridge of the switch for the VLAN


def scenario():
    world = lab.build(routers={"a": 2})
    pair = Pair(world, lab.overlay(world), half=TAGGED)
    pair.configure(virtual_mac=True)
    vlan(pair)
    pair.overlay.start()
    pair.wait_until_up()
    pair.cable_out_and_in()


def vlan(pair):
    """The host is in the VLAN, and the routers' uplink is outside it, untagged."""
    switch = pair.site.switch
    if not switch.ok("ip", "link", "add", "link", "lan", "name", "probe", "type", "vlan", "id", "9"):
        raise lab.Skip("this kernel has no VLANs")
    switch.ip("link del probe")
    switch.ip(f"link add {TAGGED} type bridge stp_state 0 forward_delay 0 mcast_snooping 0", f"link set {TAGGED} up",
              f"link set {pair.site.host.name} master {TAGGED}")
    for daemon in (pair.one, pair.two):
        name, interface = daemon.node.name, f"eth0.{VLAN}"
        switch.ip(f"link add link {name} name {name}.{VLAN} type vlan id {VLAN}",
                  f"link set {name}.{VLAN} master {TAGGED}", f"link set {name}.{VLAN} up")
        daemon.node.ip(f"link add link eth0 name {interface} type vlan id {VLAN}", f"link set {interface} up")
        daemon.config["lan"][0]["interface"] = interface


if __name__ == "__main__":
    lab.main(scenario)
