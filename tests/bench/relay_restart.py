#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The relay loses its power and boots, and there is no second one: how long after it is back do the sites reach each
other? ulagate beside WireGuard as wg-quick sets it up; all of them behind CG-NAT. And ten thousand routers, of which
none answers.

Back is when `ulagate run` says that it is ready, and when the other stack's tunnel script has ended.

A word as argument runs only the part whose name contains it: restart, thousands.
"""

import os
import sys
import time

from table import CI, Table  # first: it finds the lab

import herd
import lab
import power
from classic import TUNNEL
from pings import SteadyPings

REPEATS = int(os.environ.get("ULAGATE_REPEATS", "2" if CI else "10"))
AWAY = 3.0  # seconds without power
REST = 2.0  # seconds from its return to the first packet of a host, where nobody sent before
AIM = 0.5
HERD = 1_000 if CI or "RIG_OUT" in os.environ else 10_000  # routers; an emulated processor takes too long for the many
HERD_AIM = 345  # a second: 30 every tenth of it, and some lateness


class Ulagate:
    def __init__(self, world):
        self._overlay = lab.overlay(world).start()
        self.address = self._overlay.wait_until_up()[1]
        self._relay = self._overlay.relay
        self.settle()

    def settle(self):
        """Until the relay has written down where its routers are."""
        def on_disk():
            try:
                with open(f"{self._relay.state_dir}/routers", encoding="ascii") as file:
                    return len(file.readlines()) == len(self._overlay.edges)
            except FileNotFoundError:
                return False
        lab.wait_for(on_disk, 45, "the relay remembers its routers")

    def power_off(self):
        power.off(self._relay)

    def boot(self):
        self._relay.start_again()


class Plain:
    def __init__(self, world):
        self._node = world.relay.node
        lab.Classic(world).setup()
        host = world.sites["b"].host
        self.address = lab.wait_for(lambda: lab.addresses(host, "fd12:3456:789a:b:"), 30, "host-b has an address")[0]
        lab.wait_for(lambda: lab.can_ping(world.sites["a"].host, self.address), 30, "host-a pings host-b")

    def settle(self):
        pass

    def power_off(self):
        self._node.run(f"{self._node.dir}/{TUNNEL}", "down")

    def boot(self):
        self._node.run(f"{self._node.dir}/{TUNNEL}", "up")


def measure(make_stack):
    """Seconds to the first answer, a list of each: with traffic all the time, from the relay's return and from the
    start of what brings its tunnels back; and from the first packet, where nobody sent before."""
    world = lab.build(uplinks={"a": "ipv4", "b": "ipv4"})
    stack, host = make_stack(world), world.sites["a"].host
    back, started, idle = [], [], []
    for _ in range(REPEATS):
        for values, value in zip((back, started), _with_traffic(stack, host)):
            values.append(value)
        lab.step(f"{make_stack.__name__}, with traffic: {back[-1]:.3f} s")
        stack.settle()
        idle.append(_without_traffic(stack, host))
        lab.step(f"{make_stack.__name__}, without: {idle[-1]:.3f} s")
        stack.settle()
    world.close()
    return back, started, idle


def _with_traffic(stack, host):
    pings = SteadyPings(host, stack.address)
    lab.wait_for(lambda: len(pings.result().replies) > 50, 30, "answers")
    stack.power_off()
    off = time.time()
    time.sleep(AWAY * lab.slowness())
    start = time.time()
    stack.boot()
    back = time.time()
    first = _first_answer(pings, off + AWAY / 2)
    pings.stop()
    return max(0.0, first - back), first - start


def _without_traffic(stack, host):
    stack.power_off()
    time.sleep(AWAY * lab.slowness())
    stack.boot()
    time.sleep(REST * lab.slowness())
    pings = SteadyPings(host, stack.address)
    first = _first_answer(pings, 0)
    return first - pings.stop().sent_at[1]


def _first_answer(pings, after):
    found = lambda: [when for when in pings.result().replies.values() if when > after]
    return min(lab.wait_for(found, 60, "an answer"))


def restart(table):
    ours, theirs = measure(Ulagate), measure(Plain)
    table.row("relay back to first answer, with traffic", "s", ours[0], theirs[0], AIM, at_most=1)
    table.row("the same from the start of its tunnels", "s", ours[1], theirs[1])
    table.row("first packet to first answer, idle before", "s", ours[2], theirs[2], AIM, at_most=1)


def thousands(table):
    busiest, last, slowest, share, memory = herd.measure(HERD)
    table.row(f"{HERD} routers: first handshakes in a second", "at most", [busiest], None, HERD_AIM)
    table.row(f"{HERD} routers: from ready to the last one's", "s", [last])
    table.row(f"{HERD} routers: `ulagate status` meanwhile", "s", [slowest])
    table.row(f"{HERD} routers: the daemon meanwhile", "% of a CPU", [share])
    table.row(f"{HERD} routers: the daemon's memory (PSS)", "MiB", [memory])


def scenario():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    table = Table("ulagate", "plain WireGuard")
    for part in (restart, thousands):
        if word in part.__name__:
            part(table)
    table.finish()


if __name__ == "__main__":
    sys.exit(lab.main(scenario))
