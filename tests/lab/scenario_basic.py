#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two sites behind CG-NAT and a relay: hosts that know nothing but SLAAC reach each other."""

import json
import os
import re

import lab

ESSENTIAL = "two sites reach each other"


def scenario():
    world = lab.build()
    overlay = lab.overlay(world).start()
    lab.step("all daemons are ready")
    address_a, address_b = overlay.wait_until_up()
    lab.step("the hosts reach each other")
    host_a, host_b = world.sites["a"].host, world.sites["b"].host
    lab.check(lab.can_ping(host_b, address_a), "host-b pings host-a")

    check_host(world.sites["a"])
    check_router_addresses(world, host_a)
    check_unknown_destinations(host_a)
    check_status(overlay)
    lab.step(f"TCP across: {lab.throughput(host_a, host_b, address_b, 1):.0f} Mbit/s")
    for daemon in overlay.all():
        settings = [line.split(": ", 1)[1] for line in daemon.lines("set sysctl")]
        lab.check_equal(len(settings), len(set(settings)), f"{daemon.node.name} sets each kernel setting once")
    for daemon in overlay.all():
        lab.check_equal(daemon.problems(), [], f"{daemon.node.name} reports no problem")
    check_files(overlay)


def check_files(overlay):
    """What daemons leave on disk is what daemon/docs/files.md says."""
    with open(f"{lab.ROOT}/daemon/docs/files.md", encoding="utf-8") as file:
        page = file.read()
    for daemon in overlay.all():
        running = set(os.listdir(daemon.runtime_dir))
        lab.check_equal(daemon.stop(), 0, f"{daemon.node.name} stops cleanly")
        for folder, names in (("/run/ulagate", running | set(os.listdir(daemon.runtime_dir))),
                              ("/var/lib/ulagate", set(os.listdir(daemon.state_dir)))):
            known = set(re.findall(rf"^\| `{folder}/([a-z_-]+)`", page, re.M))
            lab.check(names, f"{daemon.node.name} has files in its {folder}: {' '.join(sorted(names))}")
            lab.check_equal(names - known, set(), "all of them are in files.md")


def check_host(site):
    """What the host's kernel made of the Router Advertisements, and that nothing else changed for it."""
    host, edge = site.host, lab.link_local(site.edge)
    lab.check_equal(lab.addresses(host, "fd12:"), [f"fd12:3456:789a:{site.name}:0:ff:fe00:{site.number:x}64"],
                    "the host has exactly one overlay address, from its MAC")
    routes = json.loads(host.out("ip", "-j", "-6", "route", "show", "root", lab.OVERLAY))
    found = {(route["dst"], route.get("gateway"), route.get("pref"), route["protocol"]) for route in routes}
    lab.check_equal(found, {(lab.OVERLAY, edge, "high", "ra"), (site.prefix, None, "medium", "kernel")},
                    "the host has the site's prefix on its link and the overlay behind the router, preferred")
    defaults = json.loads(host.out("ip", "-j", "-6", "route", "show", "default"))
    gateways = {hop["gateway"] for route in defaults for hop in route.get("nexthops", [route])}
    lab.check(edge not in gateways, "the router is nobody's default router")
    lab.check(gateways, "the host keeps its ISP's default route")


def check_router_addresses(world, host):
    for site in ("a", "b"):
        lab.check(lab.can_ping(host, f"fd12:3456:789a:{site}::1"), f"host-a pings the router of site {site}")
    own = [address for address in lab.addresses(world.sites["b"].edge, "fd12:3456:789a:b:") if address != "fd12:3456:789a:b::1"]
    lab.check_equal(len(own), 1, "edge-b has one address of its own beside ::1")
    lab.check(lab.can_ping(host, own[0]), "host-a pings edge-b by that address")


def check_unknown_destinations(host):
    """Nobody has to wait for a time-out where there is no route."""
    for destination in ("fd12:3456:789a:c::1", "fd12:3456:789a:ffff::1"):
        # Several, because the kernel of the router that answers sends one host only so many errors in a second.
        answer = host.run("ping", "-n", "-c4", "-i0.5", "-W2", destination, check=False)
        lab.check("unreachable" in answer.stdout or "prohibited" in answer.stdout,
                  f"a destination without a site ({destination}) is answered with an error at once")


def check_status(overlay):
    status = overlay.edge("a").status()
    lab.check_equal((status["role"], status["node"], status["site"], status["overlay"]),
                    ("edge", "a1", "a", lab.OVERLAY), "status says who it is")
    lan, relay = status["lans"][0], status["relays"][0]
    lab.check_equal((lan["interface"], lan["prefix"], lan["state"]), ("eth0", "fd12:3456:789a:a::/64", "advertising"),
                    "status of the LAN")
    lab.check(lan["advertisements_sent"] >= 1 and lan["last_advertisement_ms_ago"] is not None, "it counts advertisements")
    # It has addresses of both families, and the one that answers first is used.
    mtu = 1420 if relay["endpoint"].startswith("[") else 1440
    lab.check_equal((relay["name"], relay["state"], relay["mtu"]), ("r1", "up", mtu), "status of the relay")
    lab.check(relay["endpoint"].endswith(":51820") and relay["rx_bytes"] > 0 and relay["tx_bytes"] > 0,
              "endpoint and counters of the relay")
    routers = {router["node"]: router["up"] for router in overlay.relay.status()["routers"]}
    lab.check_equal(routers, {"a1": True, "b1": True}, "the relay sees both routers up")
    text = overlay.edge("a").command("status").stdout
    lab.check("a1" in text and "r1" in text and "{" not in text, "status for people")


if __name__ == "__main__":
    lab.main(scenario)
