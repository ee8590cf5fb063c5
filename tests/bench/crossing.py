# SPDX-License-Identifier: GPL-2.0-or-later
"""A world with a stack at work, and 100 pings a second from the far site's host to site a's."""

import random
import signal
import time

import lab
import lan
from pings import SteadyPings

PHASE = random.Random(1)
PATIENCE = 60  # seconds without any answer after which a stack counts as broken


class Crossing:
    """`with Crossing(make_stack) as crossing:`"""

    def __init__(self, make_stack):
        self._world = lab.build(routers={"a": 2})
        self._site, self._far = self._world.sites["a"], self._world.sites["b"].host
        self.stack = make_stack(self._world)

    def __enter__(self):
        self.stack.start()
        address = lambda site: lab.addresses(site.host, f"fd12:3456:789a:{site.name}:")
        for site in self._world.sites.values():
            lab.wait_for(lambda: address(site), 30, f"{site.host.name} has its address")
        self._destination = address(self._site)[0]
        return self

    def __exit__(self, *_):
        self._world.close()

    def pings_during(self, what, action):
        """The pings from before the action, which is not in step with the stack, to a second of answers after it."""
        pings = SteadyPings(self._far, self._destination)
        lab.wait_for(lambda: len(pings.result().replies) > 50, PATIENCE, "the far host gets answers")
        time.sleep(PHASE.uniform(0, self.stack.rhythm))
        action()
        done = time.time()
        # To look at the answers so far takes an emulated processor from the routers: not while they are measured.
        time.sleep(lab.slowness())
        lab.wait_for(lambda: max(pings.result().replies.values()) > done + lab.slowness(), PATIENCE, "answers again")
        result = pings.stop()
        lab.step(f"{what}: {len(result.lost)} lost, gap {gap(result):.3f} s")
        return result

    def lost_during(self, what, action):
        return len(self.pings_during(what, action).lost)

    def pull_active(self):
        """The Active router's cable is pulled, at the switch. Seconds."""
        edge = lab.wait_for(self.stack.active, 10, "one router is Active")
        cable = lan.Cable(self._site, edge)
        seconds = gap(self.pings_during("cable pulled", cable.pull))
        cable.plug()
        self.stack.wait_back(edge)
        return seconds

    def power_off(self):
        """As pull_active(), and the Active router computes nothing from then on: what it does about its lost carrier
        would take the processor from those that live, where all machines of the lab share one. Seconds."""
        edge = lab.wait_for(self.stack.active, 10, "one router is Active")
        cable = lan.Cable(self._site, edge)

        def cut():
            cable.pull()
            edge.signal_all(signal.SIGSTOP)
        seconds = gap(self.pings_during("power off", cut))
        edge.signal_all(signal.SIGCONT)
        time.sleep(lab.slowness())  # it sees that it has no carrier, so that it does not come back as the Active one
        cable.plug()
        self.stack.wait_back(edge)
        return seconds


def gap(result):
    """From the last answer before to the first one after the longest run of lost pings; 0 if none was lost."""
    return max((seconds for _, seconds in result.outages), default=0.0)
