#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Three sites and two relays. Site b loses relay 1 alone: its traffic moves to relay 2, that of the others stays."""

import time

import lab
from relays import Relays, report

ALONE = "it judges gaps of a second"
MOVES = 8.0  # seconds that a site may be without a path here; on a quiet machine it is about 1.5


def scenario():
    world = lab.build(("a", "b", "c"), relays=2)
    overlay = lab.overlay(world).start()
    relays = Relays(world, overlay)
    hosts = relays.wait_until_up(("a", "b", "c"))
    all_through_relay_1(relays, hosts)
    moved_before = len(moves_to_b(overlay))  # relay 2 was away: a-b may have moved a moment before the whole overlay did

    flows = [("a", hosts["b"]), ("a", hosts["c"])]
    with relays.pings(flows) as results:
        lab.wait_for(lambda: relays.probed("a", "b"), 15, "a-b is probed end to end over both relays")
        relays.cut_site("b", relays.one)
        lab.wait_for(lambda: relays.egress("a", hosts["b"]) == "ulg-r2", 20, "a reaches b through relay 2")
        lab.check_equal(relays.egress("a", hosts["c"]), "ulg-r1", "and c through relay 1 as before")
        time.sleep(3)
    to_b, to_c = (results[flow] for flow in flows)
    worst = report("a to b, which lost relay 1", to_b)
    report("a to c", to_c)
    lab.check(worst < MOVES * lab.slowness(), f"a-b has no gap above {MOVES} s")
    lab.check_equal(len(to_c.lost), 0, "a-c lost nothing")
    site = relays.path("a", "b")
    lab.check_equal(site["relay"], "r2", "the status says so")
    lab.check(site["why"] in ("no answer over r1", "not connected to r1"), f"and why: {site['why']}")

    back(relays, hosts)
    moves = moves_to_b(overlay)[moved_before:]
    lab.check_equal(len(moves), 2, f"there and back, once each: {moves}")


def moves_to_b(overlay):
    """What router a said whenever site b alone got another relay than the overlay."""
    return overlay.edge("a").lines("fd12:3456:789a:b::/64 through")


def all_through_relay_1(relays, hosts):
    """Whichever a router chose first: relay 2 is away for a moment."""
    relays.cut(relays.two)
    for site, other in (("a", "b"), ("b", "c"), ("c", "a")):
        lab.wait_for(lambda: relays.egress(site, hosts[other]) == "ulg-r1", 30, f"{site} goes through relay 1")
    relays.cut(relays.two, False)
    lab.wait_for(lambda: all(relays.knows_all(daemon, 3) for daemon in relays.overlay.edges.values()), 60,
                 "all routers know what is connected to both relays")


def back(relays, hosts):
    """The path over relay 1 works again: b comes back to it after ten good seconds."""
    with relays.pings([("a", hosts["b"]), ("a", hosts["c"])]) as results:
        relays.cut_site("b", relays.one, False)
        lab.wait_for(lambda: relays.egress("a", hosts["b"]) == "ulg-r1", 90, "a reaches b through relay 1 again")
    for flow, result in results.items():
        report(f"return, host-{flow[0]} to {flow[1]}", result)
        lab.check_equal(len(result.lost), 0, "the return loses nothing")


if __name__ == "__main__":
    lab.main(scenario)
