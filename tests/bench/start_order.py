# SPDX-License-Identifier: GPL-2.0-or-later
"""Routers and hosts of both sites start in any order: how long until every host has its address and its route?"""

import random
import time

import lab

WITHIN = 10  # seconds from the first start to the last one, at most
PATIENCE = 60


def shuffles(make_stack, count):
    """Seconds from the last start to the moment when all is there, for each of `count` orders; the relay is up."""
    chance = random.Random(1)  # the same orders for each stack
    world = lab.build(routers={"a": 2})
    stack = make_stack(world)
    stack.prepare()
    found = []
    for _ in range(count):
        found.append(_start_all(stack, chance))
        _stop_all(stack)
    world.close()
    return found


def _start_all(stack, chance):
    hosts = {name: site.host for name, site in stack.world.sites.items()}
    for host in hosts.values():
        host.ip("link set eth0 down")  # the kernel forgets its addresses, routes and neighbours
    edges = [edge for site in stack.world.sites.values() for edge in site.edges]
    starts = [(edge.name, lambda edge=edge: stack.start_router(edge)) for edge in edges]
    starts += [(host.name, lambda host=host: host.ip("link set eth0 up")) for host in hosts.values()]
    chance.shuffle(starts)
    within = chance.uniform(0, WITHIN) * lab.slowness()
    times = sorted(chance.uniform(0, within) for _ in starts)
    begun = time.monotonic()
    for when, (_, start) in zip(times, starts):
        time.sleep(max(0.0, begun + when - time.monotonic()))
        last = time.monotonic()
        start()
    lab.wait_for(lambda: all(_has_all(name, host) for name, host in hosts.items()), PATIENCE,
                 "every host has its address and the route")
    seconds = time.monotonic() - last
    lab.step(f"{' '.join(name for name, _ in starts)} within {times[-1]:.1f} s: {seconds:.2f} s")
    return seconds


def _has_all(site, host):
    has_route = host.out("ip", "-6", "route", "show", lab.OVERLAY, "proto", "ra").strip()
    return has_route and lab.addresses(host, f"fd12:3456:789a:{site}:")


def _stop_all(stack):
    for site in stack.world.sites.values():
        for edge in site.edges:
            stack.stop_router(edge)
