#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtual MAC address where the LAN is a bridge in the router. A port of a bridge cannot have it, which the daemon
says."""

import json

import lab
from daemon import VIRTUAL_ADDRESS
from keepalived import holds
from pair import MACVLAN, Pair

CONFORMANCE = ("V-29", "V-40", "V-42")
ALONE = "it judges gaps of a tenth of a second"


def scenario():
    world = lab.build(routers={"a": 2})
    pair = Pair(world, lab.overlay(world))
    pair.configure(virtual_mac=True)
    for daemon in (pair.one, pair.two):
        bridge(daemon)
    pair.overlay.start()
    pair.wait_until_up()
    pair.cable_out_and_in()
    port_of_a_bridge(pair.two)
    follows_the_lan(pair.two)


def bridge(daemon):
    """What was on eth0 is on br0 now, the same MAC address included."""
    node = daemon.node
    mac = node.out("cat", "/sys/class/net/eth0/address").strip()
    ipv4 = node.out("ip", "-o", "-4", "address", "show", "dev", "eth0").split()[3]
    node.ip(f"link add br0 address {mac} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            "link set br0 addrgenmode eui64", "address flush dev eth0", "link set eth0 master br0", "link set br0 up",
            f"address add {ipv4} dev br0", "route add default via 192.168.1.1")
    daemon.config["lan"][0]["interface"] = "br0"
    lab.wait_for(lambda: lab.link_local(node, "br0") and node.ok("ip", "-6", "route", "get", "2001:db8:ffff::10"), 15,
                 f"{node.name} has an uplink by its bridge")


def port_of_a_bridge(daemon):
    daemon.stop()
    daemon.config["lan"][0]["interface"] = "eth0"
    daemon.start()
    problem = lab.wait_for(lambda: next((line for line in daemon.problems() if "port of a bridge" in line), None), 5,
                           "the daemon says that a port of a bridge cannot have a macvlan")
    lab.check("eth0" in problem and "virtual_mac = false" in problem, f"and what to do: {problem}")
    lab.check_equal(len(daemon.lines("error", "port of a bridge")), 1, "the log says it once")
    lab.check(macvlan_is_on(daemon) is None, "there is none")
    lab.check(not holds(daemon.node, VIRTUAL_ADDRESS), "nor is the virtual address anywhere")


def follows_the_lan(daemon):
    """By reload, from the port to its bridge, and to another bridge."""
    daemon.node.ip("link add br1 type bridge stp_state 0 forward_delay 0", "link set br1 up")
    for interface in ("br0", "br1", "br0"):
        daemon.config["lan"][0]["interface"] = interface
        daemon.write_config()
        daemon.reload()
        lab.wait_for(lambda: macvlan_is_on(daemon) == interface, 3, f"the macvlan is on {interface}, as the LAN")
    lab.wait_for(lambda: daemon.problems() == [], 15, "all is well again")


def macvlan_is_on(daemon):
    """The interface below it; nothing if there is none."""
    found = daemon.node.run("ip", "-j", "link", "show", "dev", MACVLAN, check=False)
    return json.loads(found.stdout)[0]["link"] if found.returncode == 0 else None


if __name__ == "__main__":
    lab.main(scenario)
