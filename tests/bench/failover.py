#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The cable of site a's Active router is pulled at the switch: for how long does the far site not reach site a's host?

100 pings a second from the far host; a gap is the time from the last answer before to the first one after it.
"""

import os
import random
import sys
import time

from table import Table

import lab
import lan
from keepalived import VIRTUAL_ADDRESS, Keepalived, VirtualRouter, holds
from pings import SteadyPings

REPEATS = int(os.environ.get("ULAGATE_REPEATS", "10"))
REPEATS_AS_WRITTEN = 2  # each takes most of a minute
PHASE = random.Random(1)  # pulls must not be in step with the adverts
PATIENCE = 60  # seconds without any answer after which a stack counts as broken


class Source:
    """The source design's stack: radvd, keepalived, nftables, WireGuard; the routers of site a have the same key.

    With `follow`, a router's tunnel is up while the router is Active, which keepalived's notify commands see to. The
    design as written has both up at all times; then the relay sends to the router that spoke last, in the session of
    the one that shook hands last, so that a take-over waits for the Backup's next keepalive (every 25 s) and then 15 s
    for the relay to try a new handshake. Repaired in both: see classic.py; the spelling of `nopreempt`; the priorities.
    """

    def __init__(self, world, interval, follow=True):
        self._site, self._other = world.sites["a"], world.sites["b"]
        self._interval, self._follow = interval, follow
        self._classic = lab.Classic(world)

    def start(self):
        self._classic.start_relay()
        self._classic.start_edge(self._other)
        first, second = self._site.edges
        # With both tunnels up, it works only if the Active router's handshake is the newer one.
        tunnels = {edge: self._prepare(edge) for edge in (second, first)}
        for edge, priority in ((first, 101), (second, 100)):
            router = VirtualRouter(priority=priority, interval=self._interval, preempt=False)
            if self._follow:
                router.notify_active, router.notify_other = f"{tunnels[edge]} up", f"{tunnels[edge]} down"
            Keepalived(edge, router).start()
            lab.wait_for(lambda: self.active() is first, 10, f"{first.name} is Active")

    def _prepare(self, edge):
        self._classic.prepare_router(self._site, edge)
        self._classic.start_radvd(self._site, edge, VIRTUAL_ADDRESS)
        tunnel = self._classic.tunnel(self._site, edge)
        if not self._follow:
            edge.run(tunnel, "up")
            time.sleep(lab.slowness())
        return tunnel

    def active(self):
        """The one router that holds the virtual address; None in between."""
        holders = [edge for edge in self._site.edges if holds(edge, VIRTUAL_ADDRESS)]
        return holders[0] if len(holders) == 1 else None


def pull_active(world, stack, destination):
    """Seconds without an answer."""
    site, far = world.sites["a"], world.sites["b"].host
    pings = SteadyPings(far, destination)
    lab.wait_for(lambda: len(pings.result().replies) > 100, 60, "the far host gets answers")
    edge = lab.wait_for(stack.active, 10, "one router is Active")
    time.sleep(PHASE.uniform(0, 1))
    pulled = time.time()
    lan.pull(site, edge)
    lab.wait_for(lambda: max(pings.result().replies.values()) > pulled + 1, PATIENCE, "answers again")
    result = pings.stop()
    lan.plug(site, edge)
    lab.wait_for(lambda: stack.active() not in (None, edge), 20, f"{edge.name} is back, and Backup")
    gap = max((seconds for _, seconds in result.outages), default=0.0)
    lab.step(f"{edge.name} pulled: {len(result.lost)} lost, gap {gap:.3f} s")
    return gap


def gaps(repeats, make_stack):
    world = lab.build(routers={"a": 2})
    stack = make_stack(world)
    stack.start()
    destination = lab.wait_for(lambda: lab.addresses(world.sites["a"].host, "fd12:3456:789a:a:"), 30,
                               "host-a has its address")[0]
    lab.wait_for(lambda: lab.addresses(world.sites["b"].host, "fd12:3456:789a:b:"), 30, "host-b has its address")
    found = []
    for _ in range(repeats):
        found.append(pull_active(world, stack, destination))
        time.sleep(3 * lab.slowness())  # radvd and the uplink of the router that came back settle
    world.close()
    return found


def scenario():
    table = Table("source design", "")
    for interval in (1.0, 0.1):
        table.row(f"cable pulled, adverts every {interval * 1000:.0f} ms", "s",
                  gaps(REPEATS, lambda world, seconds=interval: Source(world, seconds)))
    table.row("the same, 1000 ms, as written", "s",
              [gaps(1, lambda world: Source(world, 1.0, follow=False))[0] for _ in range(REPEATS_AS_WRITTEN)])
    table.show()


if __name__ == "__main__":
    sys.exit(lab.main(scenario))
