#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two ulagate routers behind a relay that has WireGuard only: one key for the site, and only the Active router uses it."""

import time

import lab
import lan
from classic import PORT, TUNNEL
from daemon import VIRTUAL_ADDRESS
from keepalived import holds
from pings import gaps_during

STANDBY = "standby: a plain WireGuard relay is used only by the site's Active router"

LONG = "WireGuard's own timers"


def scenario():
    world = lab.build(routers={"a": 2})
    classic = lab.Classic(world)
    classic.start_relay()
    classic.start_edge(world.sites["b"])
    site = world.sites["a"]
    overlay = lab.overlay(world)
    one, two = (overlay.edges[edge.name] for edge in site.edges)
    for daemon in (one, two):
        use_plain_relay(daemon, classic)
        daemon.start(wait=False)
    for daemon in (one, two):
        daemon.wait_ready()
    address = overlay.host_address("a")
    overlay.host_address("b")
    lab.wait_for(lambda: lab.can_ping(world.sites["b"].host, address), 30, "host-b pings host-a")
    lab.wait_for(lambda: active(one) and not active(two), 10, "a1 is Active, a2 Backup")
    story = Story(world, classic, address)
    story.check_parts(one, two)
    story.clean_stop(one, two)
    story.returns(one, two)
    story.killed(one, two)
    story.returns(one, two, start=one.start_again)
    story.cable(one, two)
    story.relay_out_of_reach(one, two)


def use_plain_relay(daemon, classic):
    """The source design's relay knows one key, one tunnel address and one port for the site."""
    with open(daemon.key_path, "w", encoding="ascii") as file:
        file.write(classic.site_keys["a"][0] + "\n")
    daemon.config["tunnel"]["address"] = "fd99::a1"
    daemon.config["relay"][0] |= {"kind": "plain", "public_key": classic.relay_keys[1],
                                  "endpoint": f"{lab.RELAY_NAME}:{PORT}"}


def active(daemon):
    return holds(daemon.node, VIRTUAL_ADDRESS)


class Story:
    def __init__(self, world, classic, destination):
        self.world, self.classic, self.destination = world, classic, destination
        self.site, self.far = world.sites["a"], world.sites["b"].host

    def check_parts(self, one, two):
        lab.wait_for(lambda: one.relay_status().get("state") == "up", 10, "a1 says that its tunnel is up")
        lab.check_equal(two.relay_status()["state"], STANDBY, "a2 says why its tunnel is not")
        for daemon in (one, two):
            lab.check_equal(daemon.problems(), [], f"{daemon.node.name} reports no problem")
            vrrp = daemon.status()["lans"][0]["vrrp"]
            lab.check_equal(vrrp["deductions"], [], f"and {daemon.node.name} is worth its whole priority")
        lab.check_equal(two.node.out("wg", "show", "ulg-r1", "peers"), "", "the Backup has no peer")

    def handshakes(self):
        """The time of the newest one at the relay, in whole seconds."""
        key = self.classic.site_keys["a"][1]
        lines = self.world.relay.node.out("wg", "show", TUNNEL, "latest-handshakes").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(key))

    def during(self, what, action, at_most):
        return gaps_during(self.far, self.destination, what, action, at_most)

    def takes_over(self, new, action, others_gone=lambda: True):
        before = self.handshakes()
        time.sleep(1.1)  # the relay counts handshakes in whole seconds
        action()
        lab.wait_for(lambda: active(new) and others_gone(), 15, f"{new.node.name} is Active")
        seconds = lab.seconds_until(lambda: self.handshakes() > before, 5, "its handshake")
        lab.step(f"handshake {seconds:.3f} s after {new.node.name} was seen as Active")
        lab.check(seconds < 1.0 * lab.slowness(), "it shakes hands within a second")

    def clean_stop(self, one, two):
        self.during("clean stop of the Active router", lambda: self.takes_over(two, one.stop), 1.0)

    def returns(self, one, two, start=None):
        def back():
            (start or one.start)()
            lab.wait_for(lambda: active(one) and not active(two), 15, "a1 takes over again")
        self.during("the old router returns", lambda: self.takes_over(one, back), 1.0)
        lab.wait_for(lambda: two.relay_status().get("state") == STANDBY, 5, "a2 rests")

    def killed(self, one, two):
        def kill():
            self.takes_over(two, one.kill9)
            # What the dead router's kernel still sends has the relay answer to there, until a2 is heard again.
            one.node.run("ping", "-n", "-c1", "-W0.1", "-I", "fd99::a1", "fd99::1", check=False)
        self.during("kill -9 of the Active router, and a late packet of it", kill, 1.45)

    def cable(self, one, two):
        self.during("the Active router's cable is pulled",
                    lambda: self.takes_over(two, lambda: lan.pull(self.site, one.node)), 1.45)
        def plug():
            lan.plug(self.site, one.node)
            lab.wait_for(lambda: active(one) and not active(two), 15, "a1 takes over again")
        self.during("the cable is back", lambda: self.takes_over(one, plug), 1.0)

    def relay_out_of_reach(self, one, two):
        """The Active router alone cannot reach the relay: the other one takes over and keeps the site."""
        one.stop()
        lab.wait_for(lambda: active(two), 10, "a2 is Active")
        one.node.nft("table inet cut {\n chain out {\n type filter hook output priority -300\n"
                     f"udp dport {PORT} drop\n }}\n}}\n")
        one.start()
        lab.wait_for(lambda: active(one), 15, "a1 takes over, for it cannot know")
        seconds = lab.seconds_until(lambda: active(two) and not active(one), 40, "a1 gives up")
        lab.step(f"a1 held the site for {seconds:.1f} s without a tunnel")
        lab.check(seconds < 15 * lab.slowness(), "it gives up after ten seconds and a little")
        lab.wait_for(lambda: lab.can_ping(self.far, self.destination), 10, "the pings go on over a2")
        time.sleep(8)  # well beyond the preempt delay: it does not come back at once
        lab.check(active(two) and not active(one), "and it stays with a2")
        deductions = one.status()["lans"][0]["vrrp"]["deductions"]
        lab.check_equal(deductions, ["150: no relay can be reached"], "a1 says why")


if __name__ == "__main__":
    lab.main(scenario)
