#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What hosts notice when one of two relays dies, stops, or is lost to one site: ulagate beside plain WireGuard.

Plain WireGuard is two tunnels and two routes, see plain_relays.py. With a second relay standing by, it stays without a
path for as long as the first is gone: that is watched for a while.
"""

import os
import sys
import time

from table import CI, Table  # first: it finds the lab

import lab
from pings import SteadyPings
from plain_relays import PlainRelays
from relays import Relays, cut_cable, cut_site  # the lab's

REPEATS = int(os.environ.get("ULAGATE_REPEATS", "2" if CI else "10"))
PLAIN_REPEATS = 1 if CI else 3
WATCHED = 4.0 if CI else 20.0  # seconds
PATIENCE = 60
SITES = ("a", "b", "c")


class Flow:
    """100 pings a second from a site's host to another's."""

    def __init__(self, host, destination):
        self._pings = SteadyPings(host, destination)
        lab.wait_for(lambda: len(self._pings.result().replies) > 50, PATIENCE, f"answers to {host.name}")

    def wait_for_answers(self, since):
        lab.wait_for(lambda: max(self._pings.result().replies.values()) > since, PATIENCE, "answers again")

    def stop(self):
        """How many were lost, and the longest time without answers, in seconds; both may last until now. The last half
        second is still on its way."""
        result = self._pings.stop()
        end = max(result.sent_at.values())
        lost = {number for number, when in result.sent_at.items() if when < end - 0.5 * lab.slowness()} - set(result.replies)
        return len(lost), max(0.0, end - max(result.replies.values()), *(seconds for _, seconds in result.outages))


class Ours:
    def __init__(self):
        self._world = lab.build(SITES, relays=2)
        self._overlay = lab.overlay(self._world).start()
        self._relays = Relays(self._world, self._overlay)
        self._hosts = self._relays.wait_until_up(SITES)
        self._all_through_one()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._world.close()

    def _all_through_one(self):
        """Whichever a router chose first: relay 2 is away for a moment."""
        self._relays.cut(self._relays.two)
        egresses = lambda: {self._relays.egress(site, self._hosts[to]) for site in SITES for to in SITES if site != to}
        lab.wait_for(lambda: egresses() == {"ulg-r1"}, 30, "all sites go through relay 1")
        self._relays.cut(self._relays.two, False)
        self._settled()

    def _settled(self):
        for daemon in self._overlay.edges.values():
            lab.wait_for(lambda: self._relays.knows_all(daemon, len(SITES)), 60, f"{daemon.node.name} knows both relays")

    def _carrying(self):
        return self._relays.one if self._relays.egress("a", self._hosts["b"]) == "ulg-r1" else self._relays.two

    def _during(self, action, flows=(("a", "b"),)):
        """(lost, gap) of each flow from three seconds before the action to a second of answers after it."""
        running = [Flow(self._world.sites[site].host, self._hosts[to]) for site, to in flows]
        time.sleep(3 * lab.slowness())  # it is known that traffic flows
        action()
        done = time.time()
        for flow in running:
            flow.wait_for_answers(done + 1.0 * lab.slowness())
        return [flow.stop() for flow in running]

    def killed(self):
        relay = self._carrying()
        def kill():
            relay.kill9()
            self._relays.cut(relay)
        [(_, gap)] = self._during(kill)
        self._relays.cut(relay, False)
        relay.start_again()
        self._settled()
        return gap

    def stopped(self):
        relay = self._carrying()
        [(lost, _)] = self._during(relay.stop)
        relay.start_again()
        self._settled()
        return lost

    def lost_by_b(self):
        """The gap of a-b, and what a-c lost. Each time it is the relay that a-b uses now."""
        relay = self._carrying()
        probed = lambda: self._relays.probed("a", "b")
        def cut():
            lab.wait_for(probed, 30, "a-b is probed over both relays")
            self._relays.cut_site("b", relay)
        (_, gap), (others, _) = self._during(cut, (("a", "b"), ("a", "c")))
        self._relays.cut_site("b", relay, False)
        self._settled()
        return gap, others


class Theirs:
    """The same for plain WireGuard; what is done lasts WATCHED seconds and is then undone."""

    def __init__(self):
        self._world = lab.build(SITES, relays=2)
        self._plain = PlainRelays(self._world).start()
        self._hosts = {}
        for site in self._world.sites.values():
            address = lambda: lab.addresses(site.host, f"fd12:3456:789a:{site.name}:")
            self._hosts[site.name] = lab.wait_for(address, 30, f"host-{site.name} has its address")[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._world.close()

    def _during(self, action, undo, flows=(("a", "b"),)):
        running = [Flow(self._world.sites[site].host, self._hosts[to]) for site, to in flows]
        action()
        time.sleep(WATCHED * lab.slowness())
        results = [flow.stop() for flow in running]
        undo()
        return results

    def killed(self):
        cut = lambda on: cut_cable(self._world, self._world.relays[0], on)
        [(_, gap)] = self._during(lambda: cut(True), lambda: cut(False))
        return gap

    def stopped(self):
        relay = self._world.relays[0]
        [(lost, _)] = self._during(lambda: self._plain.stop_relay(relay), lambda: self._plain.start_relay(relay))
        return lost

    def lost_by_b(self):
        cut = lambda on: cut_site(self._world.sites["b"], self._world.relays[0], on)
        (_, gap), (others, _) = self._during(lambda: cut(True), lambda: cut(False), (("a", "b"), ("a", "c")))
        return gap, others


def values(repeats, measure):
    """What measure() gives, so many times."""
    found = []
    for _ in range(repeats):
        found.append(measure())
        lab.step(f"{type(measure.__self__).__name__} {measure.__name__}: {found[-1]}")
    return found


def scenario():
    table = Table("ulagate", "plain WireGuard")
    with Ours() as ours:
        killed = values(REPEATS, ours.killed)
        stopped = values(REPEATS, ours.stopped)
        alone = values(REPEATS, ours.lost_by_b)
    with Theirs() as theirs:
        plain_alone = values(PLAIN_REPEATS, theirs.lost_by_b)
        plain_killed = values(PLAIN_REPEATS, theirs.killed)
        plain_stopped = values(1, theirs.stopped)  # its tunnels need a while after it
    table.row(f"relay loses its power; theirs watched {WATCHED:.0f} s", "s", killed, plain_killed, 1.2, at_most=1)
    table.row("relay stops", "lost", stopped, plain_stopped, 0, worst=True, at_most=1)
    table.row("one site loses a relay, silently", "s", [gap for gap, _ in alone], [gap for gap, _ in plain_alone], 1.5, at_most=1)
    table.row("the same, other sites", "lost", [lost for _, lost in alone], [lost for _, lost in plain_alone], 0, worst=True)
    table.finish()


if __name__ == "__main__":
    sys.exit(lab.main(scenario))
