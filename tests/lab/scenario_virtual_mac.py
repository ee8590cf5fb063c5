#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two routers with the virtual MAC address: nobody ever sees another one for the virtual router, and the Backup is
silent. It moves with every failover, and somebody else's hands do not harm it."""

import bisect
import itertools
import json
import subprocess
import time

import lab
import lan
from daemon import VIRTUAL_ADDRESS
from pair import FAILOVER, FENCED, MACVLAN, VIRTUAL_MAC, Pair, active
from vrrp_capture import check_well_formed, vrrp_packets

CONFORMANCE = ("V-22", "V-24", "V-29", "V-30", "V-40", "V-41", "V-42", "V-43", "V-44", "V-49", "V-51")
ALONE = "it judges gaps of a tenth of a second"
BACK_WITHIN = 1.0  # seconds after somebody else's hand


def scenario():
    world = lab.build(routers={"a": 2})
    pair = Pair(world, lab.overlay(world))
    pair.configure(virtual_mac=True)
    switch = pair.site.switch
    wire = lab.Capture(switch, "lan", f"{lab.LAB_DIR}/lan.pcap", "ip6")
    backup = lab.Capture(switch, pair.two.node.name, f"{lab.LAB_DIR}/backup.pcap", "-Q in ip6")
    pair.overlay.start()
    pair.wait_until_up()
    macvlans(pair)
    backup.stop()
    silent(backup.path)
    solicited(pair)
    ports = [lab.Capture(switch, edge.name, f"{edge.dir}/port.pcap", "-Q in ip6") for edge in pair.site.edges]
    failovers(pair)
    for port in ports:
        port.stop()
    one_port_at_a_time([port.path for port in ports])
    foreign_hands(pair)
    wire.stop()
    on_the_wire(wire.path, pair)
    gone(pair)


def link(daemon):
    """The macvlan as the kernel has it; nothing if there is none."""
    found = daemon.node.run("ip", "-j", "address", "show", "dev", MACVLAN, check=False)
    return json.loads(found.stdout)[0] if found.returncode == 0 else None


def is_up(daemon):
    found = link(daemon)
    return found is not None and "UP" in found["flags"]


def addresses(daemon):
    return {address["local"] for address in link(daemon)["addr_info"]}


def macvlans(pair):
    for daemon in (pair.one, pair.two):
        lab.check_equal(link(daemon)["address"], VIRTUAL_MAC, f"{daemon.node.name} has {MACVLAN} with the virtual MAC")
        everything = daemon.node.out("ip", "-6", "address")
        lab.check("5eff:fe00" not in everything, "no address is made of the virtual MAC")
    lab.check_equal((is_up(pair.one), addresses(pair.one)), (True, {VIRTUAL_ADDRESS, pair.site_address}),
                    "it is up at the Active router, with the two virtual addresses and no other")
    lab.check_equal((is_up(pair.two), addresses(pair.two)), (False, set()), "and down at the Backup, without any")


def silent(path):
    lab.check(tshark(path, "icmpv6"), "the Backup speaks for itself (MLD, and what it asks its neighbours)")
    lab.check_equal(tshark(path, f"eth.src == {VIRTUAL_MAC}"), [], "it never uses the virtual MAC")
    lab.check_equal(tshark(path, f"vrrp or icmpv6.type == 134 or ipv6.src == {VIRTUAL_ADDRESS} or "
                                 f"icmpv6.nd.ns.target_address == {VIRTUAL_ADDRESS} or "
                                 f"icmpv6.nd.na.target_address == {VIRTUAL_ADDRESS}"), [],
                    "and says nothing as, or about, the virtual router")


def solicited(pair):
    """A unicast answer needs a route to the host's link-local address that a macvlan does not have by itself."""
    host = pair.site.host
    heard = lab.RouterAdvertisements(host)
    host.run("rdisc6", "-q", "-m", "-r", "1", "-w", "1500", "eth0", check=False)
    lab.check(heard.heard(VIRTUAL_ADDRESS), "a host's solicitation is answered")
    heard.close()
    lab.check_equal(pair.one.lines("warning"), [], "and the daemon complains about nothing")


def failovers(pair):
    one, two = pair.one, pair.two
    pair.cable_out_and_in()
    pair.during("clean stop", lambda: (one.stop(), pair.owner(two)), 0)
    lab.check(link(one) is None, "a clean stop removes the macvlan")
    pair.during("the router returns", lambda: (one.start(), pair.owner(one)), 0)

    def kill():
        one.kill9()
        pair.owner(two, FENCED)
    pair.during("kill -9", kill, FAILOVER)
    lab.check(is_up(one), "a killed router's macvlan is still up")
    one.start_again()
    lab.wait_for(lambda: not is_up(one) or active(one), BACK_WITHIN, "it is taken down when the daemon is back")
    pair.owner(one)


def foreign_hands(pair):
    one, two = pair.one, pair.two
    for what, daemon, command in (
            ("deleted at the Active router", one, ["ip", "link", "del", MACVLAN]),
            ("set down at the Active router", one, ["ip", "link", "set", MACVLAN, "down"]),
            ("set up at the Backup", two, ["ip", "link", "set", MACVLAN, "up"]),
            ("deleted at the Backup", two, ["ip", "link", "del", MACVLAN])):
        daemon.node.run(*command)
        took = lab.seconds_until(lambda: link(two) and not is_up(two) and is_up(one)
                                 and addresses(one) == {VIRTUAL_ADDRESS, pair.site_address}, 5,
                                 f"{MACVLAN} {what}: all is as before")
        lab.check(took < BACK_WITHIN * lab.slowness(), f"{MACVLAN} {what}: back after {took:.2f} s")
        time.sleep(0.5 * lab.slowness())
        pair.owner(one)
        lab.wait_for(lambda: lab.can_ping(pair.far, pair.destination), 5, "the far site reaches the host")


def one_port_at_a_time(paths):
    """A switch believes the last frame that it saw: one from the old router would take the hosts' packets there."""
    frames = []
    for number, path in enumerate(paths):
        spoken = fields(path, f"eth.src == {VIRTUAL_MAC}", "frame.time_epoch", "frame.protocols")
        frames += [(float(when), number, protocols.endswith(":vrrp")) for when, protocols in spoken]
    frames.sort()
    adverts = [frame for frame in frames if frame[2]]
    moves = [after[0] for before, after in itertools.pairwise(adverts) if before[1] != after[1]]
    strays = []
    for when, number, _ in frames:
        nearby = bisect.bisect(adverts, (when, number, True))
        # A router that becomes Active joins its groups just before it advertises.
        if number not in [advert[1] for advert in adverts[max(0, nearby - 1):nearby + 1]]:
            strays.append((round(when - frames[0][0], 3), number))
    lab.check_equal(len(moves), 6, "the virtual MAC has moved from port to port")
    # The kernel leaves the groups of a killed router's address when its lease ends; the next advertisement mends it.
    lab.check(len(strays) <= 4, f"no other frame from a router that is not Active any more: {strays}")


def on_the_wire(path, pair):
    packets = vrrp_packets(path)
    check_well_formed(packets, "both routers")
    lab.check_equal({packet.ethernet_source for packet in packets}, {VIRTUAL_MAC}, "advertisements: Ethernet source")
    lab.check_equal({packet.source for packet in packets}, {lab.link_local(edge) for edge in pair.site.edges},
                    "and their sources are the routers' own addresses")
    for what, condition in (("Router Advertisements", f"icmpv6.type == 134 and ipv6.src == {VIRTUAL_ADDRESS}"),
                            ("Neighbor Advertisements", "icmpv6.type == 136 and icmpv6.nd.na.target_address in "
                                                        f"{{{VIRTUAL_ADDRESS}, {pair.site_address}}}"),
                            ("what comes from the virtual addresses",
                             f"ipv6.src in {{{VIRTUAL_ADDRESS}, {pair.site_address}}}")):
        found = tshark(path, condition)
        lab.check(found, f"{what}: there are {len(found)}")
        macs = {mac for row in found for field in row for mac in field.split(",") if mac}
        lab.check_equal(macs, {VIRTUAL_MAC}, f"{what}: the virtual MAC only")
    lab.check_equal(tshark(path, f"icmpv6.type == 135 and ipv6.src == :: and "
                                 f"icmpv6.nd.ns.target_address == {VIRTUAL_ADDRESS}"), [],
                    "no duplicate address detection for the virtual address")
    lab.check_equal(tshark(path, f"eth.src == {VIRTUAL_MAC} and icmpv6.type == 133"), [],
                    "no Router Solicitation from the virtual MAC")


def tshark(path, condition):
    """[Ethernet source, link-layer addresses in options] of the packets that meet the condition."""
    return fields(path, condition, "eth.src", "icmpv6.opt.linkaddr")


def fields(path, condition, *names):
    options = [word for name in names for word in ("-e", name)]
    done = subprocess.run(["tshark", "-n", "-r", path, "-Y", condition, "-T", "fields", *options],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def gone(pair):
    pair.two.command("withdraw")
    lab.wait_for(lambda: link(pair.two) is None, 10, "`ulagate withdraw` removes the Backup's macvlan")
    pair.one.command("withdraw")
    lab.check(link(pair.one) is None, "`ulagate withdraw` removes the macvlan")
    lab.check_equal(lan.neighbor_answers(pair.site, VIRTUAL_ADDRESS, 0.3 * lab.slowness()), [],
                    "nobody answers any more")


if __name__ == "__main__":
    lab.main(scenario)
