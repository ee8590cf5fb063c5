#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two ulagate routers at a site, in every way that one can go and come back: who answers, and what is lost."""

import signal
import time

import lab
import lan
from daemon import VIRTUAL_ADDRESS
from keepalived import holds
from pair import FENCED
from pings import gaps_during

ESSENTIAL = "a router dies"
CONFORMANCE = ("V-22", "V-24", "V-29", "V-30", "V-32", "V-34", "V-44", "V-49", "V-51")
SITE_ADDRESS = "fd12:3456:789a:a::1"
LATE = 0.2  # seconds; the Backup takes over after 0.04

ALONE = "it judges gaps of a tenth of a second"


def scenario():
    world = lab.build(routers={"a": 2})
    overlay = lab.overlay(world)
    overlay.start()
    site = world.sites["a"]
    macs = {edge.name: f"02:00:00:00:0a:{number:02x}" for number, edge in enumerate(site.edges, 2)}
    address_a, _ = overlay.wait_until_up()
    one, two = (overlay.edges[edge.name] for edge in site.edges)
    lab.wait_for(lambda: active(one) and not active(two), 10, "a1 is Active, a2 Backup")
    check_owner(site, macs["edge-a"], "a1")
    check_calm(one, two)
    story = Story(world, overlay, site, macs, address_a)
    story.clean_stop(one, two)
    story.preempt(one, two)
    story.hosts_hear_late(one, two)
    story.preempt(one, two)
    story.reload(one, two)
    story.killed(one, two)
    story.frozen(one, two)
    story.cable(one, two)
    for daemon in overlay.all():
        lab.check_equal(daemon.problems(), [], f"{daemon.node.name} reports no problem")


def active(daemon):
    return holds(daemon.node, VIRTUAL_ADDRESS)


def check_calm(*daemons):
    """While nothing happens, nothing happens: longer than any lease."""
    time.sleep(5)
    for daemon in daemons:
        vrrp = daemon.status()["lans"][0]["vrrp"]
        lab.check(vrrp["in_state_ms"] > 5000, f"{daemon.node.name} is {vrrp['state']} for {vrrp['in_state_ms']} ms")


def check_owner(site, mac, who):
    for address in (VIRTUAL_ADDRESS, SITE_ADDRESS):
        answers = lan.neighbor_answers(site, address, 0.3)
        lab.check_equal({(answer.target_mac, answer.hop_limit) for answer in answers}, {(mac, 255)},
                        f"{who} alone answers for {address}")
        lab.check(all(answer.flags & 0b100 for answer in answers), "and says that it is a router")


class Story:
    def __init__(self, world, overlay, site, macs, destination):
        self.world, self.overlay, self.site, self.macs = world, overlay, site, macs
        self.destination = destination
        self.far = world.sites["b"].host

    def owner(self, daemon):
        name = daemon.node.name
        lab.wait_for(lambda: active(daemon), 10, f"{name} is Active")
        check_owner(self.site, self.macs[name], name)

    def during(self, what, action, at_most):
        return gaps_during(self.far, self.destination, what, action, at_most)

    def clean_stop(self, one, two):
        result = self.during("clean stop of the Active router", one.stop, 0.05)
        lab.check_equal(len(result.lost), 0, "a clean stop loses nothing")
        self.owner(two)

    def hosts_hear_late(self, one, two):
        """The relay knows the new router at once, the hosts a while later: by a word that we say for it."""
        def stop():
            two.node.nft("table inet late { chain out { type filter hook output priority -300;"
                         " icmpv6 type { nd-neighbor-advert, nd-router-advert } drop; }; }")
            one.send(signal.SIGTERM)
            time.sleep(LATE)
            lan.announce(self.site, VIRTUAL_ADDRESS, self.macs[two.node.name])
            lab.check(one.process.alive(), "the old router forwards until the hosts can know")
            one.process.wait()
            two.node.nft("delete table inet late")
        result = self.during(f"a clean stop that hosts hear of {LATE} s later", stop, 0.05)
        lab.check_equal(len(result.lost), 0, "nothing is lost meanwhile")

    def preempt(self, one, two):
        def back():
            one.start()
            lab.wait_for(lambda: active(one) and not active(two), 15, "a1 takes over again")
        result = self.during("the old router returns", back, 0.05)
        lab.check_equal(len(result.lost), 0, "its return loses nothing")
        self.owner(one)

    def reload(self, one, two):
        def change():
            one.config["lan"][0]["vrrp"]["priority"] = 100
            one.write_config()
            one.reload()
            lab.wait_for(lambda: active(two) and not active(one), 15, "a lower priority hands over")
            one.config["lan"][0]["vrrp"]["priority"] = 200
            one.write_config()
            one.reload()
            lab.wait_for(lambda: active(one) and not active(two), 15, "and the higher one comes back")
        result = self.during("priority change by reload", change, 0.05)
        lab.check_equal(len(result.lost), 0, "a change of priority loses nothing")
        self.owner(one)

    def killed(self, one, two):
        self.during("kill -9 of the Active router", one.kill9, 0.45)
        died = time.monotonic()
        lab.wait_for(lambda: active(two), 5, "a2 is Active")
        lab.wait_for(lambda: not active(one) and not holds(one.node, SITE_ADDRESS), 5,
                     "the kernel takes the addresses from the dead router")
        lab.check(time.monotonic() - died < FENCED * lab.slowness(), "within the lease")
        self.owner(two)
        one.start_again()
        lab.wait_for(lambda: active(one) and not active(two), 15, "a1 takes over again")

    def frozen(self, one, two):
        def freeze():
            one.send(signal.SIGSTOP)
            lab.wait_for(lambda: active(two), 5, "a2 is Active")
            time.sleep(FENCED * lab.slowness())
        self.during("SIGSTOP of the Active router", freeze, 0.45)
        lab.check(not active(one), "the frozen router has lost the address")
        self.owner(two)
        self.during("SIGCONT", lambda: one.send(signal.SIGCONT), 0.45)
        lab.wait_for(lambda: active(one) and not active(two), 15, "a1 takes over again")
        self.owner(one)

    def cable(self, one, two):
        def pull():
            lan.pull(self.site, one.node)
            lab.wait_for(lambda: active(two), 5, "a2 is Active")
        self.during("the Active router's cable is pulled", pull, 0.45)
        lab.check(not active(one), "without a carrier there is no address")
        self.owner(two)
        def plug():
            lan.plug(self.site, one.node)
            lab.wait_for(lambda: active(one) and not active(two), 15, "a1 takes over again")
        result = self.during("the cable is back", plug, 0.05)
        lab.check_equal(len(result.lost), 0, "its return loses nothing")
        self.owner(one)


if __name__ == "__main__":
    lab.main(scenario)
