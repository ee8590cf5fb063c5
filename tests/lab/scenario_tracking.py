#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A router that cannot do its work gives way to one that can, and comes back without a loss; the relay restarts under
both; and one router that is withdrawn is missed by nobody, but the last one is."""

import json
import time

import lab
import lan
from pair import FAILOVER, Pair, active, vrrp_status

CONFORMANCE = ("R-34",)
ALONE = "it judges gaps of a tenth of a second"
PROBES = 4.0  # seconds: a router asks the relay once a second, and counts the third miss when the fourth is due
CLAIMED_AGAIN = 1.5  # seconds after the restart of a relay


def scenario():
    world = lab.build(uplinks={"a": "ipv4"}, routers={"a": 2})
    pair = Pair(world, lab.overlay(world))
    pair.give_uplinks()
    pair.configure(track={"tunnel": 150, "uplink": 150, "interfaces": {"port9": 100}})
    for edge in world.sites["a"].edges:
        edge.ip("link add port9 type veth peer name port9end", "link set port9 up", "link set port9end up")
    pair.overlay.start()
    pair.wait_until_up()
    relay_restarts(pair)
    path_to_the_relay(pair)
    tracked_interface(pair)
    withdraw(pair)


def relay_restarts(pair):
    """Once while its default carries the site, once while the other router does."""
    def restart():
        pair.relay.kill9()
        pair.relay.start_again()
        ready = time.monotonic()
        claimed = lambda: len(pair.relay.lines("claimed")) > 0 or default
        wanted = "ulg-s1" if default else "ulg-s2"
        took = lab.seconds_until(lambda: claimed() and pair.active_interface() == wanted, 5, f"the relay sends to {wanted}")
        lab.step(f"the relay sends to {wanted} {took:.2f} s after it was ready")
        lab.check(time.monotonic() - ready < CLAIMED_AGAIN * lab.slowness(), "the owner is known again")
    default = True
    pair.during("the relay restarts", restart, 0.1)
    lan.pull(pair.site, pair.one.node)
    pair.owner(pair.two)
    default = False
    pair.during("the relay restarts while the second router carries the site", restart, FAILOVER)
    lan.plug(pair.site, pair.one.node)
    pair.owner(pair.one)


def path_to_the_relay(pair):
    one, two = pair.one, pair.two
    def block():
        pair.block_relay(one.node)
        took = lab.seconds_until(lambda: active(two) and not active(one), 15, "a2 is Active")
        lab.step(f"the other router is Active {took:.2f} s after the path to the relay was blocked")
        lab.check(took < (PROBES + FAILOVER + 0.5) * lab.slowness(), "after three probes and a failover")
        pair.owner(two)
    pair.during("the Active router's path to the relay is blocked", block, PROBES + FAILOVER + 0.5)
    status = vrrp_status(one)
    lab.check_equal((status["state"], status["priority"], status["configured_priority"]), ("backup", 50, 200),
                    "its priority is lower")
    lab.check_equal(status["deductions"], ["150: no relay can be reached"], "and status says why")
    def unblock():
        pair.block_relay(one.node, False)
        pair.owner(one, 30)
    pair.during("and free again", unblock, 0)
    lab.check_equal(vrrp_status(one)["deductions"], [], "nothing is deducted any more")


def tracked_interface(pair):
    one, two = pair.one, pair.two
    def down():
        one.node.ip("link set port9end down")
        took = pair.owner(two, 5)
        lab.check(took < FAILOVER * lab.slowness(), f"a2 is Active after {took:.2f} s")
    pair.during("a tracked interface loses its carrier", down, 0)
    lab.check_equal(vrrp_status(one)["deductions"], ["100: interface port9 has no carrier"], "status says why")
    def up():
        one.node.ip("link set port9end up")
        begun = time.monotonic()
        pair.owner(one, 5)
        lab.check(time.monotonic() - begun > 0.9, "after preempt_delay")
    pair.during("and has it again", up, 0)


def overlay_route(host):
    return json.loads(host.out("ip", "-j", "-6", "route", "show", lab.OVERLAY))


def withdraw(pair):
    host = pair.site.host
    heard = lab.RouterAdvertisements(host)
    def one_goes():
        pair.one.command("withdraw")
        pair.owner(pair.two, 5)
    pair.during("one of two routers is withdrawn", one_goes, 0)
    lab.check(overlay_route(host), "the host keeps the route")
    lab.check(not any(lifetimes_end(item.message) for item in heard.heard("fe80::5eed")),
              "and was never told to drop it")
    pair.two.node.start(pair.two.binary, "withdraw", "--runtime-dir", pair.two.runtime_dir, name="withdraw")
    took = lab.seconds_until(lambda: not overlay_route(host), 5, "the host loses the route with the last router")
    lab.check(took < 4 * lab.slowness(), f"after {took:.2f} s (RFC 4861 6.2.6: 3 s since the last advertisement)")
    heard.close()


def lifetimes_end(message):
    """Whether a Router Advertisement takes a route away: option 24 with lifetime 0."""
    options = message[16:]
    while len(options) >= 8 and options[1] > 0:
        if options[0] == 24 and options[4:8] == bytes(4):
            return True
        options = options[8 * options[1]:]
    return False


if __name__ == "__main__":
    lab.main(scenario)
