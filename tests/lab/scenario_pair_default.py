#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A pair of routers that advertise themselves as default routers, on the LAN by which they reach the internet: hosts take
the Active one, the routers neither it nor themselves. Each still hears what the other advertises."""

import json

import lab
from daemon import VIRTUAL_ADDRESS
from pair import Pair

ESSENTIAL = "two routers that are default routers"
CONFORMANCE = ("F-01",)


def defaults(node):
    return {route.get("gateway") for route in json.loads(node.out("ip", "-j", "-6", "route", "show", "default"))}


def scenario():
    world = lab.build(routers={"a": 2})
    pair = Pair(world, lab.overlay(world))
    for daemon in (pair.one, pair.two):
        daemon.config["lan"][0]["ra"] = {"router_lifetime": "30m", "min_interval": "3s", "max_interval": "4s"}
    pair.two.config["lan"][0]["ra"]["mtu"] = 1400  # so that each finds fault with the other
    pair.overlay.start()
    pair.wait_until_up()
    host = pair.site.host
    lab.wait_for(lambda: VIRTUAL_ADDRESS in defaults(host), 10, "hosts have the Active router as default router")
    lab.wait_for(lambda: advertised(pair.two), 10, "the Backup hears what the Active router advertises")
    for daemon in (pair.one, pair.two):
        routers_own(daemon)
    pair.one.stop()
    pair.owner(pair.two)
    lab.wait_for(lambda: lab.can_ping(pair.far, pair.destination), 10, "the site is reached by the other")
    pair.one.start_again()
    pair.owner(pair.one)
    lab.wait_for(lambda: advertised(pair.two), 10, "the other is Backup again, and hears")
    for daemon in (pair.one, pair.two):
        routers_own(daemon)


def advertised(daemon):
    return any(VIRTUAL_ADDRESS in router["address"] for router in daemon.status()["lans"][0].get("other_routers", []))


def routers_own(daemon):
    found = defaults(daemon.node)
    lab.check(found and VIRTUAL_ADDRESS not in found, f"{daemon.node.name}: its default router is the ISP's: {found}")
    lab.check("nd-router-advert counter packets" in daemon.node.out("nft", "list", "chain", "inet", "ulagate", "input_outside"),
              f"{daemon.node.name}: by a rule")


if __name__ == "__main__":
    lab.main(scenario)
