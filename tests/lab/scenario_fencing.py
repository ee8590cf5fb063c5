#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever happens to the Active router's LAN, exactly one router answers for the site afterwards. The routers have
uplinks of their own here, so that a LAN can die while the tunnel lives, and the other way round."""

import time

import lab
import lan
import power
from daemon import VIRTUAL_ADDRESS
from keepalived import holds
from pair import FAILOVER, FENCED, Pair, active, vrrp_status
from pings import SteadyPings

CONFORMANCE = ("V-38", "V-48", "V-49", "V-50")
ALONE = "it judges gaps of a tenth of a second"
BACK_WITHIN = 1.0  # seconds after somebody else's hand


def scenario():
    world = lab.build(uplinks={"a": "ipv4"}, routers={"a": 2})
    pair = Pair(world, lab.overlay(world))
    pair.give_uplinks()
    pair.overlay.start()
    pair.wait_until_up()
    lan_dies_tunnel_lives(pair)
    lost_interface(pair)
    interface_set_down(pair)
    addresses_taken_away(pair)
    machine_freezes(pair)
    leftover(pair)
    partition(pair)
    two_owners(pair)
    for daemon in pair.overlay.all():
        lab.check_equal(daemon.problems(), [], f"{daemon.node.name} reports no problem")


def lan_dies_tunnel_lives(pair):
    """The relay need not wait for the other router to become Active."""
    def pull():
        lan.pull(pair.site, pair.one.node)
        took = lab.seconds_until(lambda: pair.active_interface() == "ulg-s2", 5, "the relay sends to the other router")
        lab.check(took < 0.2 * lab.slowness(), f"at once: after {took:.3f} s")
        lab.check(pair.relay_status(pair.one)["state"] == "up", "the router without a LAN still has its tunnel")
        pair.owner(pair.two)
    pair.during("the LAN dies and the tunnel lives", pull, FAILOVER)
    lab.check(pair.relay.lines("from router 1 to router 2: released"), "the claim was released")
    def plug():
        lan.plug(pair.site, pair.one.node)
        pair.owner(pair.one)
        lab.wait_for(lambda: pair.active_interface() == "ulg-s1", 2, "the relay sends to the first router again")
    pair.during("the LAN is back", plug, 0)


def lost_interface(pair):
    one = pair.one
    def lose():
        one.node.ip("link del eth0")
        pair.owner(pair.two, 5)
    pair.during("the LAN interface is gone", lose, FAILOVER)
    lab.check(any("eth0 does not exist" in problem for problem in one.problems()), "the daemon says so")
    def give():
        lan.new_card(pair.site, one.node)
        pair.owner(one)
    pair.during("there is a new one of that name", give, 0)


def interface_set_down(pair):
    one = pair.one
    def down():
        one.node.ip("link set eth0 down")
        pair.owner(pair.two, 5)
    pair.during("somebody sets the LAN interface down", down, FAILOVER)
    lab.check(any("eth0 is down" in problem for problem in one.problems()), "the daemon says so")
    def up():
        one.node.ip("link set eth0 up")
        pair.owner(one)
    pair.during("and up again", up, 0)


def addresses_taken_away(pair):
    one = pair.one
    def take():
        for address in (VIRTUAL_ADDRESS + "/128", pair.site_address + "/64"):
            one.node.ip(f"address del {address} dev eth0")
            took = lab.seconds_until(lambda: holds(one.node, address.split("/")[0]), 5, f"{address} is back")
            lab.check(took < BACK_WITHIN * lab.slowness(), f"{address} is back after {took:.2f} s")
    pair.during("somebody removes the addresses from the Active router", take, 0.1)
    pair.owner(one, 1)
    lab.check_equal(vrrp_status(one)["state"], "active", "it never was anything but Active")


def machine_freezes(pair):
    """When it goes on, it still has the addresses, and does not know that time has passed."""
    one, two = pair.one, pair.two
    pings = SteadyPings(pair.far, pair.destination)
    lab.wait_for(lambda: len(pings.result().replies) > 20, 30, "answers")
    power.freeze(one, pair.site)
    lab.wait_for(lambda: active(two), 5, "a2 is Active")
    answers = lan.answering_macs(pair.site, VIRTUAL_ADDRESS, 0.3 * lab.slowness())
    lab.check_equal(answers, {pair.mac(two)}, "a2 alone answers while a1 is frozen")
    lab.check(active(one), "the frozen router still holds the address")
    power.thaw(one, pair.site)
    lab.step(f"one of them is Active after {pair.owner(one, FENCED):.3f} s")
    # What the frozen machine had in its queues is answered late, so it is the order of the answers that counts.
    times = sorted(pings.stop().replies.values())
    worst = max(after - before for before, after in zip(times, times[1:]))
    lab.check(worst <= FAILOVER * lab.slowness(), f"the far site had answers, but for {worst:.3f} s")


def leftover(pair):
    """A daemon that was killed and is back within the lease finds its addresses, and another router that has them."""
    one, two = pair.one, pair.two
    one.kill9()
    lab.wait_for(lambda: active(two), 5, "a2 is Active")
    lab.check(active(one), "the dead router still holds the address")
    one.start_again()
    lab.check(not active(one), "it is gone as soon as the new daemon is ready")
    lab.check_equal(vrrp_status(one)["state"], "backup", "which begins as Backup")
    pair.check_owner(two)
    pair.owner(one)


def partition(pair):
    """Two halves: `one` and a host, `two` and another host. Each half has a router, and both claim the site."""
    one, two = pair.one, pair.two
    hosts = [pair.site.host, lan.another_host(pair.site)]
    lab.wait_for(lambda: all(lab.can_ping(host, pair.far_address()) for host in hosts), 30,
                 "both hosts reach the far site")
    logged = {daemon: len(daemon.log().splitlines()) for daemon in (one, two, pair.relay)}
    lan.part(pair.site, two.node, hosts[1])
    lab.wait_for(lambda: active(one) and active(two), 5, "both are Active, each on its half")
    for daemon, half in ((one, "lan"), (two, lan.HALF)):
        answers = lan.answering_macs(pair.site, VIRTUAL_ADDRESS, 0.3 * lab.slowness(), half)
        lab.check_equal(answers, {pair.mac(daemon)}, f"{daemon.node.name} alone answers on its half")
    time.sleep(3 * lab.slowness())  # both go on claiming
    reached = [lab.can_ping(host, pair.far_address()) for host in hosts]
    lab.check(any(reached), f"one half reaches the far site, as the relay can send to one only: {reached}")
    lan.heal(pair.site, two.node, hosts[1])
    took = pair.owner(one, 2)
    lab.check(took < 1 * lab.slowness(), f"one is Active {took:.2f} s after the halves met")
    for host in hosts:
        took = lab.seconds_until(lambda: lab.can_ping(host, pair.far_address()), 3, f"{host.name} reaches the far site")
        lab.check(took < 1 * lab.slowness(), f"{host.name} reaches the far site after {took:.2f} s")
    # The loser's claim was the newer one; it gives it up as soon as it is Backup.
    took = lab.seconds_until(lambda: pair.active_interface() == "ulg-s1", FENCED, "the relay sends to it again")
    lab.check(took < 0.5 * lab.slowness(), f"and need not wait for the end of a lease: {took:.3f} s")
    lab.check(pair.relay.lines("from router 2 to router 1: released"), "the claim was released")
    lab.wait_for(lambda: one.lines("no other router claims"), 2, "the relay tells the one that stays, which tells the hosts")
    new = {daemon: daemon.log().splitlines()[logged[daemon]:] for daemon in logged}
    for daemon in (one, two, pair.relay):
        print("".join(f"    {daemon.node.name}: {line}\n" for line in new[daemon]), end="")
    conflicts = {daemon: [line for line in lines if "warning" in line] for daemon, lines in new.items()}
    lab.check_equal([len(conflicts[pair.relay]), len(conflicts[one]) + len(conflicts[two])], [1, 1],
                    "the relay and the loser have logged the conflict, once each")


def two_owners(pair):
    """Both are configured as the owner of the address: they say so, and the one with the larger address has it."""
    priorities = {daemon: vrrp_status(daemon)["priority"] for daemon in (pair.one, pair.two)}
    def set_priorities(wanted):
        for daemon, priority in wanted.items():
            daemon.config["lan"][0]["vrrp"]["priority"] = priority
            daemon.write_config()
            daemon.reload()
    said = lambda daemon: daemon.lines("only one router can own the address")
    set_priorities({daemon: 255 for daemon in priorities})
    lab.wait_for(lambda: said(pair.two), 5, "the Backup says that there are two")
    pair.owner(pair.one)
    pair.two.stop()
    pair.two.start_again()
    pair.owner(pair.two)
    lab.check_equal(len(said(pair.one)), 1, "the other one has said so too, once")
    set_priorities(priorities)
    pair.owner(pair.one)


if __name__ == "__main__":
    lab.main(scenario)
