#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the far site notices when the routers of site a change places: ulagate beside the source design's stack.

That stack was once seen to lose 10.0 s at 1 s adverts when the cable is pulled. Here it is 3 s with a tunnel that
follows keepalived, all of them VRRP's, and 15 to 30 s as written, all of them WireGuard's: see stacks.Source.

A word as argument runs only the parts whose name contains it: pulled, power, handover, killed, order.
"""

import os
import sys
import time

from table import CI, Table  # first: it finds the lab

import lab
import start_order
from crossing import Crossing
from handover import RESTART_AFTER, TUNNEL_LATE, Handover
from stacks import Source, Ulagate

REPEATS = int(os.environ.get("ULAGATE_REPEATS", "1" if CI else "10"))
SHUFFLES = REPEATS if CI else 2 * REPEATS
INTERVALS = (1.0,) if CI else (1.0, 0.1)  # seconds, of the source stack
START_AIM = 3.0


def values(repeats, make_stack, measure):
    """What measure(crossing) gives, so many times, in one world."""
    with Crossing(make_stack) as crossing:
        return [measure(crossing) for _ in range(repeats)]


def milliseconds(seconds):
    return f"{seconds * 1000:.0f} ms"


def pulled(table):
    ours = values(REPEATS, Ulagate, Crossing.pull_active)
    for interval in INTERVALS:
        theirs = values(REPEATS, lambda world: Source(world, interval), Crossing.pull_active)
        table.row(f"cable pulled; theirs {milliseconds(interval)}, by notify", "s", ours, theirs, 0.45, at_most=1)
    for interval in () if CI else INTERVALS:
        # Each in a world of its own: the router that comes back may take the tunnel from the Active one.
        theirs = [values(1, lambda world: Source(world, interval, follow=False), Crossing.pull_active)[0]
                  for _ in range(REPEATS)]
        table.row(f"cable pulled; theirs {milliseconds(interval)}, as written", "s", ours, theirs, 0.45, at_most=1)
    fast = values(REPEATS, lambda world: Ulagate(world, 0.01), Crossing.pull_active)
    table.row("cable pulled, adverts every 10 ms", "s", fast, None, 0.1)


def power(table):
    for interval, aim in ((0.1, 0.45), (0.01, 0.1)):
        ours = values(REPEATS, lambda world: Ulagate(world, interval), Crossing.power_off)
        table.row(f"power off, adverts every {milliseconds(interval)}", "s", ours, None, aim, worst=True)


def handover(table):
    def their_stop(crossing):
        lost = crossing.lost_during("clean stop", crossing.stack.restart_active)
        time.sleep(2 * lab.slowness())
        return lost
    with Crossing(Ulagate) as crossing:
        ours = Handover(crossing)
        stopped, returned = zip(*[ours.stop_and_return() for _ in range(REPEATS)])
        rows = [("the old one returns", returned)]
        for name, measure in ((f"the same, its tunnel {TUNNEL_LATE:.0f} s late", ours.return_with_late_tunnel),
                              ("reload", ours.reload), ("priority lowered and raised", ours.priority),
                              ("upgrade", ours.upgrade)):
            rows.append((name, [measure() for _ in range(REPEATS)]))
    for interval in INTERVALS:
        theirs = values(REPEATS, lambda world: Source(world, interval), their_stop)
        table.row(f"clean stop; theirs {milliseconds(interval)}, by notify", "lost", stopped, theirs, 0, worst=True, at_most=1)
    for name, lost in rows:
        table.row(name, "lost", lost, None, 0, worst=True)


def killed(table):
    with Crossing(Ulagate) as crossing:
        ours = Handover(crossing)
        table.row("kill -9 of the daemon", "s", [ours.kill() for _ in range(REPEATS)], None, 0.45)
        table.row(f"kill -9, back after {RESTART_AFTER:.0f} s", "lost",
                  [ours.kill_and_restart() for _ in range(REPEATS)], None, 0, worst=True)


def order(table):
    ours = start_order.shuffles(Ulagate, SHUFFLES)
    for interval in INTERVALS:
        theirs = start_order.shuffles(lambda world: Source(world, interval), SHUFFLES)
        table.row(f"last start to all there; theirs {milliseconds(interval)}", "s", ours, theirs, START_AIM,
                  worst=True, at_most=1)


def scenario():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    table = Table("ulagate", "source design")
    for part in (pulled, power, handover, killed, order):
        if word in part.__name__:
            part(table)
    table.finish()


if __name__ == "__main__":
    sys.exit(lab.main(scenario))
