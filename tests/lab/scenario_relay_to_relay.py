#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two relays with a tunnel between them. Site a loses relay 2 and site b loses relay 1: they talk through both. Then
they have relay 1 in common again, and at last both relays believe that the other one has the site."""

import re
import signal

import lab
from relays import Relays, report

SITE_B = "fd12:3456:789a:b::/64"
TRANSIT = 12.0  # seconds without a path; on a quiet machine about four (a router counts as gone after three)
NARROW = 1400  # bytes, between the relays


def scenario():
    world = lab.build(relays=2)
    overlay = lab.overlay(world, peer_relays=True).start()
    relays = Relays(world, overlay)
    hosts = relays.wait_until_up(("a", "b"))
    for daemon, other in ((relays.one, "r2"), (relays.two, "r1")):
        lab.wait_for(lambda: daemon.relay_status(other).get("connected") == 2, 20,
                     f"{daemon.node.name} knows what {other} has")
    lab.step("the relays have a tunnel")

    flow = ("a", hosts["b"])
    with relays.pings([flow]) as results:
        relays.cut_site("a", relays.two)
        relays.cut_site("b", relays.one)
        lab.wait_for(lambda: relay_egress(relays.one, hosts["b"]) == "ulg-r2", 20, "relay 1 sends to b through relay 2")
        lab.wait_for(lambda: relay_egress(relays.two, hosts["a"]) == "ulg-r1", 20, "relay 2 sends to a through relay 1")
    worst = report("a, which lost relay 2, to b, which lost relay 1", results[flow])
    lab.check(worst < TRANSIT * lab.slowness(), f"no gap above {TRANSIT} s")
    status(relays)
    packet_too_big(world, relays, hosts)

    with relays.pings([flow]) as results:
        relays.cut_site("b", relays.one, False)
        lab.wait_for(lambda: relay_egress(relays.one, hosts["b"]) == "ulg-s1", 40, "relay 1 has b itself again")
        lab.wait_for(lambda: relays.egress("b", hosts["a"]) == "ulg-r1", 60, "and b goes to a directly")
    report("b has relay 1 again", results[flow])
    lab.check_equal(len(results[flow].lost), 0, "the return loses nothing")

    loop(world, relays, hosts)
    for daemon in relays.overlay.all():
        lab.check_equal(daemon.lines("another program removed"), [], f"{daemon.node.name} saw no foreign hand")


def relay_egress(daemon, destination):
    return re.search(r" dev (\S+)", daemon.node.out("ip", "-6", "route", "get", destination)).group(1)


def status(relays):
    lab.wait_for(lambda: relays.one.relay_status("r2").get("transit") == [SITE_B], 10, "relay 1's status shows the transit")
    lab.check(f"transit to {SITE_B}" in relays.one.command("status").stdout, "also in words")
    lab.wait_for(lambda: relays.path("a", "b").get("transit"), 15, "the status of a's router shows it too")
    lab.check(f"{SITE_B} through r1 and another relay" in relays.overlay.edge("a").command("status").stdout, "in words")
    lab.check_equal(relays.overlay.edge("a").relay_status("r1").get("transit_sites"), 1, "and how many there are")


def packet_too_big(world, relays, hosts):
    """The tunnel between the relays carries less than those to the sites: the relay itself tells hosts so."""
    for here, there in ((0, 1), (1, 0)):
        world.relays[here].node.ip(f"route add {world.relays[there].ipv4}/32 dev eth0 mtu {NARROW}")
    for daemon, other in ((relays.one, "r2"), (relays.two, "r1")):
        lab.wait_for(lambda: daemon.relay_status(other).get("mtu") == 1328, 30, f"{daemon.node.name}'s tunnel follows")
    told = world.sites["a"].host.run("ping", "-n", "-c2", "-i0.2", "-W1", "-M", "do", "-s", "1352", hosts["b"], check=False).stdout
    lab.check("mtu=1328" in told or "mtu = 1328" in told, f"a host of a learns what fits: {told}")
    lab.check(lab.can_ping(world.sites["a"].host, hosts["b"], "-M", "do", "-s", "1280"), "and that gets through")


def loop(world, relays, hosts):
    """Nobody corrects what the daemons would have set right: they sleep."""
    daemons = (relays.one, relays.two)
    for daemon in daemons:
        daemon.send(signal.SIGSTOP)
    try:
        for daemon, other in zip(daemons, ("ulg-r2", "ulg-r1")):
            daemon.node.ip(f"route replace {SITE_B} via fe80::75 dev {other} metric 128 proto 117 table 117")
        before = turned_back(relays.two)
        lab.check(not lab.can_ping(world.sites["a"].host, hosts["b"]), "a packet that is for nobody")
        lab.check(turned_back(relays.two) > before, "is dropped by the second relay, and counted")
        lab.check_equal(turned_back(relays.one), 0, "the first never saw it again")
    finally:
        for daemon in daemons:
            daemon.node.ip(f"route replace {SITE_B} via fe80::75 dev ulg-s1 metric 128 proto 117 table 117")
            daemon.send(signal.SIGCONT)


def turned_back(daemon):
    rule = next(line for line in daemon.node.out("nft", "list", "chain", "inet", "ulagate", "forward").splitlines()
                if "from relay to relay" in line)
    return int(re.search(r"packets (\d+)", rule).group(1))


if __name__ == "__main__":
    lab.main(scenario)
