#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A site leaves: hosts lose the route at once, and the machine is as it was before us. SIGTERM cleans up too."""

import json
import time

import lab

ESSENTIAL = "a planned stop costs nothing"
CONFORMANCE = ("R-33",)


def overlay_route(host):
    return json.loads(host.out("ip", "-j", "-6", "route", "show", lab.OVERLAY))


def scenario():
    world = lab.build()
    before = {node.name: lab.kernel_state(node) for node in routers(world)}
    overlay = lab.overlay(world).start()
    overlay.wait_until_up()
    withdraw(world.sites["a"], overlay.edge("a"))
    gone(overlay.edge("a"), before)
    lab.check_equal(overlay.edge("b").stop(), 0, "edge-b stops on SIGTERM with exit code 0")
    gone(overlay.edge("b"), before)
    lab.check_equal(overlay.relay.stop(), 0, "the relay stops with exit code 0")
    gone(overlay.relay, before)


def routers(world):
    return [world.relay.node, *(site.edge for site in world.sites.values())]


def withdraw(site, daemon):
    lab.check(overlay_route(site.host), f"{site.host.name} has the route")
    # RFC 4861 6.2.6 allows one multicast advertisement in 3 s, the last ones included.
    lab.wait_for(lambda: daemon.status()["lans"][0]["last_advertisement_ms_ago"] > 3100, 30, "3 s without advertisement")
    start = time.monotonic()
    command = daemon.node.start(daemon.binary, "withdraw", "--runtime-dir", daemon.runtime_dir, name="withdraw")
    lab.wait_for(lambda: not overlay_route(site.host), 5, f"{site.host.name} loses the route")
    took = time.monotonic() - start
    lab.check(took < lab.slowness(), f"{site.host.name} lost the route within 1 s ({took:.2f} s)")
    # The router goes on forwarding while it repeats the bad news, three advertisements in all.
    lab.wait_for(lambda: not daemon.process.alive(), 15, f"the daemon on {daemon.node.name} ends")
    lab.step(f"{daemon.node.name}: ended after {time.monotonic() - start:.1f} s")
    lab.check_equal((command.wait(), daemon.process.wait()), (0, 0), "command and daemon end with exit code 0")


def gone(daemon, before):
    name = daemon.node.name
    lab.check("STOPPING=1" in daemon.notifications(), f"{name} told its supervisor that it is stopping")
    after = daemon.kernel_state()
    lab.check(not any(lab.ours(after).values()), f"{name}: nothing of ours is left: {lab.ours(after)}")
    for part in ("links", "nft", "sysctls", "rules", "wireguard"):
        lab.check_equal(after[part], before[name][part], f"{name}: the same {part} as before us")
    left = [pid for pid in lab.wireguard_go_pids() if lab.same_network(pid, daemon.node)]
    lab.check_equal(left, [], f"{name}: no wireguard-go process is left")


if __name__ == "__main__":
    lab.main(scenario)
