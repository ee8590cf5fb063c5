#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose route, whose rule: what managers and other VPNs put into the routing tables takes nothing from the overlay;
what a hand puts before our rule, or into our table, is named within seconds, with the line that removes it."""

import json
import time

import lab

CONFORMANCE = ("F-01",)
SITE_B = "fd12:3456:789a:b::/64"

# As programs and strangers make them: nothing of it may be felt, and nothing is a problem.
HARMLESS = (
    ("NetworkManager's route from an advertisement", f"route add {lab.OVERLAY} via fe80::1234 dev eth0 metric 100 proto ra"),
    ("a longer prefix", f"route add {SITE_B} dev eth0 metric 10"),
    ("a blackhole for the overlay", f"route add blackhole {lab.OVERLAY} metric 5"),
    ("another route to our LAN", "route add fd12:3456:789a:a::/64 via fe80::1234 dev eth0 metric 1"),
    ("Tailscale's exit node", "rule add pref 5270 lookup 52"),
    ("a VPN for the LAN", "rule add pref 1100 iif eth0 lookup 52"),
    ("a VPN for the site's addresses", "rule add pref 100 from fd12:3456:789a:a::/64 lookup 52"),
    ("wg-quick", "rule add pref 32764 not fwmark 0xca6c lookup 52"),
    # The kernel chooses the preference before the second rule of all, which is ours.
    ("wg-quick, as it really adds its rule", "rule add not fwmark 0xca6c lookup 52"),
    ("a VPN for the LAN, without a preference", "rule add iif eth0 lookup 52"),
    ("a rule against private addresses, without a preference", "rule add to fc00::/7 unreachable"),
    ("a rule against private addresses", "rule add pref 10 to fc00::/7 unreachable"),
    ("what comes out of tunnels", "rule add pref 11 iif ulg-r1 prohibit"),
)
# Asked before ours, or in our own table: how it is named, and how it goes.
HARMFUL = (
    ("rule add pref 0 iif eth0 lookup 52", "ip -6 rule del pref 0 from all iif eth0 lookup 52"),
    ("rule add pref 1 to fd12:3456:789a::/48 prohibit", "ip -6 rule del pref 1 from all to fd12:3456:789a::/48 prohibit"),
    ("rule add pref 0 iif ulg-r1 blackhole", "ip -6 rule del pref 0 from all iif ulg-r1 blackhole"),
    (f"route add {lab.OVERLAY} via fe80::1234 dev eth0 metric 9 table 117", "dev eth0 metric 9 table 117"),
    (f"route add local {lab.OVERLAY} dev lo table local", f"ip -6 route del local {lab.OVERLAY} dev lo"),
)


def ip6(node, *commands):
    for command in commands:
        node.run("ip", "-6", *command.split())


def undo(command):
    return command.replace(" add ", " del ")


def named(daemon, words):
    return [line for line in daemon.problems() if words in line]


def scenario():
    world = lab.build()
    overlay = lab.overlay(world).start()
    host_address = overlay.wait_until_up()[1]
    edge, host = overlay.edge("a"), world.sites["a"].host
    node = edge.node
    ip6(node, "route add fc00::/7 via fe80::99 dev eth0 table 52")
    for what, command in HARMLESS:
        ip6(node, command)
        try:
            time.sleep(0.3)
            lab.check(lab.can_ping(host, host_address), f"{what}: the overlay is reached")
            egress = json.loads(node.out("ip", "-j", "-6", "route", "get", "fd12:3456:789a:b::1", "from",
                                      "fd12:3456:789a:a::77", "iif", "eth0"))[0]
            lab.check_equal((egress["dev"], egress["table"]), ("ulg-r1", "117"), f"{what}: hosts' packets go into the tunnel")
        finally:
            ip6(node, undo(command))
    time.sleep(1.5)
    lab.check_equal(edge.problems(), [], "and nothing of it was a problem")
    for command, mend in HARMFUL:
        harmful(edge, node, command, mend)
    local_rule_moved(edge, node, host, host_address)
    relay(overlay, world)
    lab.wait_for(lambda: lab.can_ping(host, host_address), 10, "at the end the overlay is reached")


def harmful(edge, node, command, mend):
    ip6(node, command)
    try:
        took = lab.seconds_until(lambda: named(edge, mend), 10, f"ip {command}: named")
        print(f"    after {took:.1f} s: {named(edge, mend)[0]}")
    finally:
        ip6(node, undo(command))
    lab.wait_for(lambda: not edge.problems(), 15, f"ip {undo(command)}: over")
    lab.check_equal(len([line for line in edge.log().splitlines() if mend in line and "over:" not in line]), 1,
                    "one line in the log")


def local_rule_moved(edge, node, host, host_address):
    """As systems with VRFs do it: what is for this machine itself must not go to the neighbours."""
    own = next(address for address in lab.addresses(node, "fd12:3456:789a:a:") if not address.endswith("::1"))
    ip6(node, "rule add pref 32765 lookup local", "rule del pref 0 lookup local")
    lab.wait_for(lambda: lab.can_ping(host, own) and lab.can_ping(host, host_address), 10,
                 "local rule moved: the router and the overlay are reached")
    lab.wait_for(lambda: "lookup local proto 117" in node.out("ip", "-6", "rule"), 5, "by a rule of ours before it")
    ip6(node, "rule add pref 0 lookup local", "rule del pref 32765 lookup local")
    lab.wait_for(lambda: "lookup local proto 117" not in node.out("ip", "-6", "rule"), 5, "which goes again")


def relay(overlay, world):
    daemon = overlay.relay
    node = daemon.node
    ip6(node, "rule add pref 0 iif ulg-s1 lookup 52", "route add fc00::/7 via fe80::99 dev eth0 table 52")
    lab.wait_for(lambda: named(daemon, "ip -6 rule del pref 0 from all iif ulg-s1 lookup 52"), 10,
                 "the relay names a rule for what comes out of its tunnels")
    ip6(node, "rule del pref 0 iif ulg-s1 lookup 52")
    lab.wait_for(lambda: not daemon.problems(), 15, "and says when it is over")


if __name__ == "__main__":
    lab.main(scenario)
