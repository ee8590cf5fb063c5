#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A router whose LAN port cannot hear or cannot be heard gives way, says why, and comes back by itself: one Active router,
and somebody answers for the virtual address, whatever is done to the port."""

import lab
import lan
from daemon import VIRTUAL_ADDRESS
from pair import Pair, active

LONG = "some forty stories"
CONFORMANCE = ("F-02", "F-03")

SETTLED = 15  # seconds: a port that comes back does duplicate address detection first
# Three changes in ten seconds, of which these stories are made, are a problem for 20 s: a restless router.
FORGOTTEN = 25
ALL_VRRP = "ff02::12"


def scenario():
    world = lab.build(routers={"a": 2})
    pair = Pair(world, lab.overlay(world))
    pair.give_uplinks()
    pair.overlay.start()
    pair.wait_until_up()
    for dip in (mtu, ipv6_off_and_on, down_and_up, renamed):
        for daemon in (pair.two, pair.one):
            lab.step(f"{dip.__name__.replace('_', ' ')}: {daemon.node.name}")
            dip(daemon.node)
            is_well(pair)
    for taken in (bridged, passed_on):
        lab.step(f"the Active router's port is {taken.__name__.replace('_', ' ')}")
        gives_way(pair, *taken(pair.one.node))
        is_well(pair)
    lab.step("what the Active router sends is refused")
    refused(pair, "meta l4proto 112 drop")
    is_well(pair)
    refused(pair, "icmpv6 type { nd-router-advert, nd-neighbor-advert } drop")
    is_well(pair)


def is_well(pair):
    lab.wait_for(lambda: active(pair.one) and not active(pair.two), SETTLED, "the first router is Active, and it alone")
    for daemon in (pair.one, pair.two):
        lab.wait_for(lambda: hears(daemon.node), 5, f"{daemon.node.name} hears VRRP")
        lab.wait_for(lambda: daemon.problems() == [], FORGOTTEN, f"{daemon.node.name} has no problems")
    lab.check(lan.neighbor_answers(pair.site, VIRTUAL_ADDRESS), "somebody answers for the virtual address")


def hears(node):
    """The kernel's word, which is what counts."""
    return any(line.split()[-1] == ALL_VRRP or line.split()[1] == ALL_VRRP
               for line in node.out("ip", "-6", "maddr", "show", "dev", "eth0").splitlines() if ALL_VRRP in line)


def mtu(node):
    """The kernel throws the link's IPv6 away, with the groups, and makes a new one."""
    node.ip("link set eth0 mtu 1200")
    lab.wait_for(lambda: not hears(node), 3, "the groups are gone")
    node.ip("link set eth0 mtu 1500")


def ipv6_off_and_on(node):
    node.sysctl(net__ipv6__conf__eth0__disable_ipv6=1)
    node.sysctl(net__ipv6__conf__eth0__disable_ipv6=0)


def down_and_up(node):
    node.ip("link set eth0 down", "link set eth0 multicast off", "link set eth0 multicast on", "link set eth0 up")


def renamed(node):
    node.ip("link set eth0 down", "link set eth0 name eth7", "link set eth7 up", "link set eth7 down",
            "link set eth7 name eth0", "link set eth0 up")


def bridged(node):
    node.ip("link add vmbr0 type bridge", "link set vmbr0 up", "link set eth0 master vmbr0")
    return "is a port of vmbr0", "link del vmbr0"


def passed_on(node):
    """Its frames go to a macvlan of mode passthru, as virtual machines have them."""
    node.ip("link add link eth0 name mv0 type macvlan mode passthru", "link set mv0 up")
    return "passes all received packets to mv0", "link del mv0"


def gives_way(pair, says, undo):
    lab.wait_for(lambda: active(pair.two) and not active(pair.one), SETTLED, "the other router takes over")
    lab.check(lan.neighbor_answers(pair.site, VIRTUAL_ADDRESS), "somebody answers for the virtual address")
    lab.wait_for(lambda: any(says in line for line in pair.one.problems()), 10, f"the status says that the port {says}")
    pair.one.node.ip(undo)


def refused(pair, rule):
    node, before = pair.one.node, len(pair.one.lines("Operation not permitted"))
    node.nft(f"table inet mute {{ chain output {{ type filter hook output priority 0; oifname eth0 {rule}; }}; }}")
    lab.wait_for(lambda: active(pair.two) and not active(pair.one), 90, "the other router takes over")
    lab.wait_for(lambda: any("fails: " in line and "sending" in line for line in pair.one.problems()), 10, "the status says why")
    lab.check(len(pair.one.lines("Operation not permitted")) - before < 8, "the log says it a few times")
    node.nft("delete table inet mute")


if __name__ == "__main__":
    lab.main(scenario)
