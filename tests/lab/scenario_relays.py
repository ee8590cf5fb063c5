#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two relays: one stops, one loses its power, and comes back; the sites go on through the other."""

import time

import lab
from relays import Relays, report

ESSENTIAL = "a relay dies"
ALONE = "it judges gaps of a second"
DIES = 6.0  # seconds without a path that the death of a relay may cost here; on a quiet machine it is about one


def scenario():
    world = lab.build(relays=2)
    overlay = lab.overlay(world).start()
    relays = Relays(world, overlay)
    hosts = relays.wait_until_up(("a", "b"))
    lab.step("both relays carry, and the routers know what is connected to them")
    first = {site: relays.egress(site, hosts[other]) for site, other in (("a", "b"), ("b", "a"))}
    lab.check(set(first.values()) <= {"ulg-r1", "ulg-r2"}, f"each router has chosen a relay: {first}")

    flows = [("a", hosts["b"]), ("b", hosts["a"])]
    clean_stop(relays, hosts, flows)
    power_off(relays, hosts, flows)
    restart_of_a_router(relays, hosts, flows)
    lab.check_equal(lab.ours(overlay.edge("a").kernel_state())["nft"], ["table inet ulagate {"],
                    "traffic notes are no foreign hand")
    for daemon in overlay.edges.values():
        lab.check_equal(daemon.problems(), [], f"{daemon.node.name} reports no problem")
        again = daemon.lines("another program removed")
        lab.check_equal(again, [], f"{daemon.node.name} saw no foreign hand")


def everybody_on(relays, hosts, interface):
    return all(relays.egress(site, hosts[other]) == interface for site, other in (("a", "b"), ("b", "a")))


def clean_stop(relays, hosts, flows):
    """Both sites go to the second, and nothing is lost; the first comes back, and nothing moves."""
    with relays.pings(flows) as results:
        lab.check_equal(relays.one.stop(), 0, "relay 1 stops")
        lab.wait_for(lambda: everybody_on(relays, hosts, "ulg-r2"), 10, "both sites go through relay 2")
    for flow, result in results.items():
        report(f"clean stop of relay 1, host-{flow[0]}", result)
        lab.check_equal(len(result.lost), 0, "a clean stop loses nothing")
    with relays.pings(flows) as results:
        relays.one.start_again()
        for daemon in relays.overlay.edges.values():
            lab.wait_for(lambda: daemon.relay_status("r1").get("state") == "up", 30, f"{daemon.node.name} has relay 1 again")
        time.sleep(5)
    for flow, result in results.items():
        report(f"relay 1 is back, host-{flow[0]}", result)
        lab.check_equal(len(result.lost), 0, "its return loses nothing")
    lab.check(everybody_on(relays, hosts, "ulg-r2"), "as good is no reason to move")


def power_off(relays, hosts, flows):
    """The relay that carries loses its power."""
    before = {daemon.node.name: len(daemon.lines("the overlay is reached through")) for daemon in relays.overlay.edges.values()}
    with relays.pings(flows) as results:
        time.sleep(3)  # that traffic flows is known: probes are frequent
        relays.two.kill9()
        relays.cut(relays.two)
        lab.wait_for(lambda: everybody_on(relays, hosts, "ulg-r1"), 20, "both sites go through relay 1")
    for flow, result in results.items():
        worst = report(f"power of relay 2 off, host-{flow[0]}", result)
        lab.check(worst < DIES * lab.slowness(), f"no gap above {DIES} s")
    relays.cut(relays.two, False)
    relays.two.start_again()
    for daemon in relays.overlay.edges.values():
        lab.wait_for(lambda: daemon.relay_status("r2").get("state") == "up", 30, f"{daemon.node.name} has relay 2 again")
        count = len(daemon.lines("the overlay is reached through"))
        lab.check_equal(count, before[daemon.node.name] + 1, f"{daemon.node.name} moved once and not back")


def restart_of_a_router(relays, hosts, flows):
    """What carries goes on carrying, whichever relay answers first."""
    edge = relays.overlay.edge("a")
    before = relays.egress("a", hosts["b"])
    with relays.pings(flows) as results:
        edge.kill9()
        edge.start_again()
        lab.wait_for(lambda: relays.knows_all(edge, 2), 40, "edge-a knows both relays again")
    for flow, result in results.items():
        report(f"restart of edge-a, host-{flow[0]}", result)
        lab.check_equal(len(result.lost), 0, "nothing is lost")
    lab.check_equal(relays.egress("a", hosts["b"]), before, "it goes through the same relay")
    lab.check_equal(edge.lines("the overlay is reached through")[-1:], [], "and never went elsewhere")


if __name__ == "__main__":
    lab.main(scenario)
