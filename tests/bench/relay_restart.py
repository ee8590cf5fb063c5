#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The relay loses its power and boots, and there is no second one: how long after it is back do the sites reach each
other? ulagate beside WireGuard as wg-quick sets it up; all of them behind CG-NAT.

Back is when `ulagate run` says that it is ready, and when the other stack's tunnel script has ended.
"""

import os
import sys
import time

from table import Table  # first: it finds the lab

import lab
import power
from classic import TUNNEL
from pings import SteadyPings

CI = os.environ.get("ULAGATE_CI") == "1"
REPEATS = int(os.environ.get("ULAGATE_REPEATS", "2" if CI else "10"))
AWAY = 3.0  # seconds without power
REST = 2.0  # seconds from its return to the first packet of a host, where nobody sent before
BUDGET = 0.5


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
    """(seconds from the relay's return to the first answer, with traffic all the time; the same from the first packet,
    where nobody sent before), a list of each."""
    world = lab.build(uplinks={"a": "ipv4", "b": "ipv4"})
    stack, host = make_stack(world), world.sites["a"].host
    busy, idle = [], []
    for _ in range(REPEATS):
        busy.append(_with_traffic(stack, host))
        lab.step(f"{make_stack.__name__}, with traffic: {busy[-1]:.3f} s")
        stack.settle()
        idle.append(_without_traffic(stack, host))
        lab.step(f"{make_stack.__name__}, without: {idle[-1]:.3f} s")
        stack.settle()
    world.close()
    return busy, idle


def _with_traffic(stack, host):
    pings = SteadyPings(host, stack.address)
    lab.wait_for(lambda: len(pings.result().replies) > 50, 30, "answers")
    stack.power_off()
    off = time.time()
    time.sleep(AWAY * lab.slowness())
    stack.boot()
    back = time.time()
    first = _first_answer(pings, off + AWAY / 2)
    pings.stop()
    return max(0.0, first - back)


def _without_traffic(stack, host):
    stack.power_off()
    time.sleep(AWAY * lab.slowness())
    stack.boot()
    time.sleep(REST * lab.slowness())
    begun = time.time()
    pings = SteadyPings(host, stack.address)
    first = _first_answer(pings, begun)
    pings.stop()
    return first - begun


def _first_answer(pings, after):
    found = lambda: [when for when in pings.result().replies.values() if when > after]
    return min(lab.wait_for(found, 60, "an answer"))


def scenario():
    table = Table("ulagate", "plain WireGuard")
    ours, theirs = measure(Ulagate), measure(Plain)
    table.row("relay back to first answer, with traffic", "s", ours[0], theirs[0], BUDGET)
    table.row("first packet to first answer, idle before", "s", ours[1], theirs[1], BUDGET)
    table.show()
    over = table.over_budget()
    if over and CI:
        # Two repeats on a machine with other work to do prove nothing; scenario_relay_restart judges there.
        lab.step("over the budgets: " + "; ".join(over))
        return
    lab.check(not over, "within the budgets" if not over else "; ".join(over))


if __name__ == "__main__":
    sys.exit(lab.main(scenario))
