#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The relay loses its power and boots: it remembers where the sites were, and reaches them through their NAT."""

import signal
import time

import lab
import power
from pings import SteadyPings

AWAY = 3.0  # seconds without power
SOON = 4.0  # seconds; half a one is the aim, which the benchmark measures, and left alone it takes WireGuard some 15

LONG = "the relay writes its routers down every 30 s"


def scenario():
    world = lab.build(uplinks={"a": "ipv4", "b": "ipv4"})
    overlay = lab.overlay(world).start()
    address_a, address_b = overlay.wait_until_up()
    story = Story(world, overlay.relay, overlay.edges.values(), world.sites["a"].host, address_b)
    story.wait_until_remembered()
    story.with_traffic()
    story.without_any_action_of_the_edges()
    story.clean_restart()
    story.torn_file()
    story.disk_full()
    world.close()
    carried_by_the_second_router()


def carried_by_the_second_router():
    """A relay that has just booted sends to the first router, until the second one claims its site."""
    world = lab.build(routers={"a": 2}, uplinks={"a": "ipv4", "b": "ipv4"})
    overlay = lab.overlay(world).start()
    address_a, _ = overlay.wait_until_up()
    story = Story(world, overlay.relay, overlay.edges.values(), world.sites["b"].host, address_a)
    two = overlay.edges["edge-a2"]
    for daemon, priority in ((two, 250), (overlay.edge("a"), 150)):
        # Both lose their tunnel, one some tenths of a second before the other: without this they would change places.
        daemon.config["lan"][0]["vrrp"] |= {"priority": priority, "track": {"tunnel": 0}}
        daemon.write_config()
        daemon.reload()
    site_route = lambda: world.relay.node.out("ip", "-6", "route", "show", "table", "117",
                                           world.sites["a"].prefix)
    lab.wait_for(lambda: "ulg-s2" in site_route(), 20, "the second router carries the site")
    story.wait_until_remembered()
    story.pinging("power off and on, the second router carries the site", story.reboot)
    lab.check("ulg-s2" in site_route(), "and carries it again")


class Story:
    def __init__(self, world, relay, edges, host, destination):
        self.world, self.relay, self.edges = world, relay, list(edges)
        self.host, self.destination = host, destination
        self.file = f"{relay.state_dir}/routers"
        self.keys = sorted(edge.public_key for edge in self.edges)

    def remembered(self):
        """Key -> endpoint, as the relay has them on disk."""
        text = self.relay.node.run("cat", self.file, check=False).stdout
        return {words[0]: words[1] for words in (line.split() for line in text.splitlines()) if len(words) == 3}

    def endpoints(self):
        """The same, as WireGuard has them."""
        return {key: value for key, value in self.wg("endpoints")}

    def wg(self, what):
        lines = self.relay.node.out("wg", "show", "all", what).splitlines()
        return [line.split("\t")[-2:] for line in lines]  # wg(8) puts the interface only where it pleases

    def connected(self):
        """Keys of the routers that have shaken hands with this relay's device."""
        return sorted(key for key, when in self.wg("latest-handshakes") if when != "0")

    def wait_until_remembered(self):
        # Written some seconds after a change, but at most every 30 s.
        lab.wait_for(lambda: self.remembered() == self.endpoints(), 45, "the relay has all endpoints on disk")
        lab.check(all(where.startswith("198.51.100.") for where in self.remembered().values()),
                  f"they are the NATs' addresses: {sorted(self.remembered().values())}")

    def pinging(self, what, action):
        """Runs `action`, which returns when the relay is back, under 100 pings a second."""
        pings = SteadyPings(self.host, self.destination)
        lab.wait_for(lambda: len(pings.result().replies) > 20, 30, "answers")
        action()
        back = time.time()
        lab.wait_for(lambda: max(pings.result().replies.values()) > back, 40, f"{what}: answers again")
        result = pings.stop()
        again = max((begun + gap for begun, gap in result.outages), default=back)
        lab.step(f"{what}: answers {(again - back) * 1000:+.0f} ms after the relay was ready; {result}")
        lab.check(again - back < SOON * lab.slowness(), f"{what}: no more than {SOON:.0f} s after it is back")

    def reboot(self):
        power.off(self.relay)
        time.sleep(AWAY * lab.slowness())
        self.relay.start_again()

    def with_traffic(self):
        self.pinging("power off and on", self.reboot)
        lab.check(self.relay.lines("initiating handshakes to 2"), "the relay has reconnected to both")
        lab.wait_for(lambda: self.reconnects() == [], 15, "and stopped doing so when they had answered")

    def reconnects(self):
        return [key for key, seconds in self.wg("persistent-keepalive") if seconds != "off"]

    def without_any_action_of_the_edges(self):
        """The edges' daemons stand still, and no host talks: their WireGuard alone would not notice for minutes."""
        lab.wait_for(lambda: self.connected() == self.keys, 10, "both are connected")
        for edge in self.edges:
            edge.send(signal.SIGSTOP)
        self.reboot()
        seconds = lab.seconds_until(lambda: self.connected() == self.keys, 20, "both are connected to the new relay")
        lab.step(f"edges asleep: both connected {seconds:.3f} s after the relay was ready")
        lab.check(seconds < SOON * lab.slowness(), f"edges asleep: within {SOON:.0f} s")
        lab.check(lab.can_ping(self.host, self.destination), "and the sites reach each other")
        remembered = self.remembered()
        self.relay.node.run("rm", self.file)
        power.off(self.relay)
        self.relay.start_again()
        time.sleep(SOON * lab.slowness())
        lab.check_equal(self.connected(), [], "a relay that has forgotten them waits in vain for as long")
        for edge in self.edges:
            edge.send(signal.SIGCONT)
        lab.wait_for(lambda: self.connected() == self.keys, 30, "until the edges notice")
        lab.check(len(remembered) == 2, "it had known both")
        self.wait_until_remembered()

    def clean_restart(self):
        def restart():
            self.relay.stop()
            self.relay.start_again()
        self.pinging("clean stop and start", restart)
        lab.check_equal(self.relay.problems(), [], "the relay reports no problem")

    def torn_file(self):
        """As after a power cut on a file system that keeps no promises."""
        self.relay.stop()
        with open(self.file, encoding="ascii") as file:
            lines = file.read().splitlines()
        with open(self.file, "wb") as file:
            file.write(lines[0].encode() + b"\n" + lines[1][:50].encode() + b"\0" * 4000)
        self.relay.start_again()
        lab.check(self.relay.lines("warning routers", "malformed lines ignored: 1"), "it says that a line is torn")
        lab.check(self.relay.lines("initiating handshakes to 1 "), "and uses the one that is whole")
        lab.wait_for(lambda: lab.can_ping(self.host, self.destination), 30, "the other site comes by itself")

    def disk_full(self):
        self.relay.stop()
        node = self.relay.node
        node.run("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", self.relay.state_dir)
        node.run("dd", "if=/dev/zero", f"of={self.relay.state_dir}/all", "bs=4k", check=False)
        self.relay.start_again()
        lab.wait_for(lambda: lab.can_ping(self.host, self.destination), 30, "a full disk does no harm")
        lab.wait_for(lambda: self.relay.lines("No space left on device"), 20, "the relay says that it cannot write")
        lab.check_equal(self.remembered(), {}, "there is no half of a file")
        node.run("rm", f"{self.relay.state_dir}/all")
        self.wait_until_remembered()


if __name__ == "__main__":
    lab.main(scenario)
