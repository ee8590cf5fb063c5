#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What site a notices when the egress to the relay changes under it: ulagate beside WireGuard as wg-quick sets it up.

Where plain WireGuard does not come back within PATIENCE, that is what counts. Words as arguments run only the rows
whose name contains one: address, route, name, silent.
"""

import os
import random
import sys
import threading
import time

from table import CI, Table  # first: it finds the lab

import lab
from crossing import gap
from dns import NameServer, use_name_server
from pings import SteadyPings
from uplink import SecondUplink, break_silently, repair

REPEATS = int(os.environ.get("ULAGATE_REPEATS", "1" if CI else "10"))
HOPELESS = min(REPEATS, 3)  # of what plain WireGuard does not survive, or takes very long for
PATIENCE = 6.0 if CI else 40.0  # seconds
OURS_PATIENCE = 60.0
TTL = 2  # seconds
PHASE = random.Random(1)


class Ours:
    patience = OURS_PATIENCE

    def __init__(self, world):
        self._overlay = lab.overlay(world)

    def start(self):
        self._overlay.start()

    def start_again(self):
        """It has come back by itself."""


class Plain:
    patience = PATIENCE

    def __init__(self, world):
        self._world = world
        self._classic = lab.Classic(world)

    def start(self):
        self._classic.setup()

    def start_again(self):
        for site in self._world.sites.values():
            tunnel = self._classic.tunnel(site, site.edge)
            site.edge.run(tunnel, "down")
            site.edge.run(tunnel, "up")


class Change:
    """A world in which something happens to the egress, and is undone; `with` one stack at work."""

    uplinks = {}
    repeats = REPEATS  # of plain WireGuard

    def __init__(self, make_stack):
        self.world, self.second = lab.build(uplinks=self.uplinks), None
        self.site, self.far = self.world.sites["a"], self.world.sites["b"]
        self.prepare()
        self.stack = make_stack(self.world)
        self.count = 0

    def prepare(self):
        """Before the stack starts."""

    def happen(self):
        raise NotImplementedError

    def undo(self):
        """What happened last; the next one begins as the first."""

    def __enter__(self):
        self.stack.start()
        address = lambda site: lab.addresses(site.host, f"fd12:3456:789a:{site.name}:")
        self.here, self.there = (lab.wait_for(lambda: address(site), 30, f"{site.host.name} has its address")[0]
                                 for site in (self.site, self.far))
        self.wait_until_well()
        return self

    def __exit__(self, *_):
        if self.second:
            self.second.isp.close()
        self.world.close()

    def wait_until_well(self):
        lab.wait_for(lambda: lab.can_ping(self.site.host, self.there), 60, "the hosts reach each other")

    def again(self):
        self.undo()
        self.stack.start_again()
        self.wait_until_well()
        time.sleep(lab.slowness())

    def measure(self, idle=False):
        """Seconds without an answer. `idle`: nothing flows before, and then the far site calls."""
        self.count += 1
        seconds = self._measure_idle() if idle else self._measure()
        lab.step(f"{type(self).__name__} {'idle ' if idle else ''}{type(self.stack).__name__}: {seconds:.3f} s")
        self.again()
        return seconds

    def _measure(self):
        pings = SteadyPings(self.site.host, self.there)
        lab.wait_for(lambda: len(pings.result().replies) > 150, 60, "answers")  # more than a tick of the daemon's
        time.sleep(PHASE.uniform(0, 1))
        self.happen()
        begun = time.time()
        # The last second proves that it stays.
        alive = lambda: max(pings.result().replies.values()) > begun + lab.slowness()
        if not self._in_time(alive):
            pings.stop()
            return self.stack.patience
        return gap(pings.stop())

    def _measure_idle(self):
        time.sleep(3 * lab.slowness())
        self.happen()
        begun = time.time()
        pings = SteadyPings(self.far.host, self.here)
        answered = self._in_time(lambda: pings.result().replies)
        replies = pings.stop().replies
        return min(replies.values()) - begun if answered else self.stack.patience

    def _in_time(self, condition):
        until = time.monotonic() + self.stack.patience * lab.slowness()
        while not condition():
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True


class Address(Change):
    """The IPv4 address of the uplink is replaced in place."""

    uplinks = {"a": "ipv4"}

    def happen(self):
        old, new = (f"192.168.1.{number}" for number in ((2, 7) if self.count % 2 else (7, 2)))
        self.site.edge.ip(f"address del {old}/24 dev eth0", f"address add {new}/24 dev eth0",
                          "route add default via 192.168.1.1")


class Route(Change):
    """The default route moves to a second uplink, and the first one and its addresses stay."""

    repeats = HOPELESS

    def prepare(self):
        self.second = SecondUplink(self.world, self.site.edge)
        self.site.edge.ip(*self.second.addresses())

    def happen(self):
        self.site.edge.ip(*self.second.routes(10, [6]))

    def undo(self):
        self.site.edge.ip(*(line.replace("add", "del", 1) for line in self.second.routes(10, [6])))


class Name(Change):
    """The relay gets another address, and a name server that keeps answers says so when the old one is over."""

    uplinks = {"a": "ipv4", "b": "ipv4"}
    repeats = HOPELESS

    def prepare(self):
        self.addresses = [self.world.relay.ipv4, "203.0.113.77"]
        self.names = NameServer(self.world.inet, {lab.RELAY_NAME: self.addresses[:1]}, TTL)
        for site in self.world.sites.values():
            site.edge.set_hosts({})
            use_name_server(site.edge, "198.51.100.1")

    def happen(self):
        old, new = self.addresses
        self.world.relay.node.ip(f"address del {old}/24 dev eth0", f"address add {new}/24 dev eth0",
                                 "route replace default via 203.0.113.1")
        self.addresses.reverse()
        threading.Timer(TTL * lab.slowness(), lambda: self.names.names.update({lab.RELAY_NAME: [new]})).start()


class Silent(Change):
    """The uplink in use dies two hops away; there is a second one."""

    repeats = HOPELESS

    def prepare(self):
        self.second = SecondUplink(self.world, self.site.edge)
        self.site.edge.ip(*self.second.addresses(), *self.second.routes(2000))

    def happen(self):
        break_silently(self.site.isp)

    def undo(self):
        """The second one goes for a moment, so that the next one begins on the first."""
        repair(self.site.isp)
        self.site.edge.ip("link set eth1 down")
        self.wait_until_well()
        self.site.edge.ip(*self.second.addresses(), *self.second.routes(2000))


ROWS = (
    ("uplink address replaced, with traffic", Address, False, 0.1),
    ("uplink address replaced, idle, far site calls", Address, True, 0.1),
    ("default route to a second uplink", Route, False, 0.3),
    (f"relay's address changes in DNS, TTL {TTL} s", Name, False, TTL + 2.0),
    ("uplink dies silently, there is a second one", Silent, False, 1.5),
)


def values(repeats, change, make_stack, idle):
    with change(make_stack) as running:
        return [running.measure(idle) for _ in range(repeats)]


def scenario():
    words = sys.argv[1:] or [""]
    table = Table("ulagate", "plain WireGuard")
    for name, change, idle, aim in ROWS:
        if any(word in change.__name__.lower() for word in words):
            ours = values(REPEATS, change, Ours, idle)
            theirs = values(HOPELESS if idle else change.repeats, change, Plain, idle)
            table.row(name, "s", ours, theirs, aim, at_most=1)
    table.finish()


if __name__ == "__main__":
    sys.exit(lab.main(scenario))
