# SPDX-License-Identifier: GPL-2.0-or-later
"""ulagate and a keepalived as the two routers of a LAN: every way that one takes over from the other."""

import itertools
import statistics
import time

import lab
import lan
from daemon import VIRTUAL_ADDRESS, VIRTUAL_ROUTER
from keepalived import Keepalived, VirtualRouter, holds
from vrrp_capture import check_well_formed, vrrp_packets

HIGH, EQUAL, LOW = 200, 150, 100
FENCED = 3.5  # seconds until the kernel has removed a dead ulagate's address
VIRTUAL_MAC = f"00:00:5e:00:02:{VIRTUAL_ROUTER:02x}"


class Ulagate:
    name = "ulagate"

    def __init__(self, daemon, interval, virtual_mac=False):
        self.daemon, self.node = daemon, daemon.node
        # No relay here, and a router without one would be worth less.
        daemon.config["lan"][0]["vrrp"].update(interval=f"{interval * 1000:.0f}ms", preempt_delay="0s",
                                               virtual_mac=virtual_mac, track={"tunnel": 0, "uplink": 0})

    def start(self, priority):
        self.daemon.config["lan"][0]["vrrp"]["priority"] = priority
        self.daemon.start()

    def stop(self):
        lab.check_equal(self.daemon.stop(), 0, "ulagate stops cleanly")

    def kill(self):
        self.daemon.kill9()

    def bury(self):
        """Nothing to do: the kernel takes a dead ulagate's address."""
        lab.wait_for(lambda: not self.is_active(), FENCED, "the dead ulagate has lost the address")

    def is_active(self):
        return holds(self.node, VIRTUAL_ADDRESS)

    def runs(self):
        return self.daemon.process is not None and self.daemon.process.alive()

    def heard(self):
        return self.daemon.status()["lans"][0]["vrrp_received"]

    def refused(self):
        return self.daemon.status()["lans"][0]["vrrp"]["refusals"]

    def peer(self):
        """Address and priority of the router that it heard last."""
        vrrp = self.daemon.status()["lans"][0]["vrrp"]
        return vrrp["peer"], vrrp["peer_priority"]


class Other:
    name = "keepalived"

    def __init__(self, node, interval, virtual_mac=False):
        self.node = node
        self.instance = VirtualRouter(interval=interval, virtual_mac=virtual_mac)
        self.keepalived = Keepalived(node, self.instance)

    def start(self, priority):
        self.instance.priority = priority
        self.keepalived.start()

    def stop(self):
        self.keepalived.stop()

    def kill(self):
        self.keepalived.kill9()

    def bury(self):
        """A dead keepalived keeps the address and answers for it (its issue #2361): somebody has to take it away."""
        lab.check(self.is_active(), "the dead keepalived keeps the address")
        interface = f"vrrp.{VIRTUAL_ROUTER}" if self.instance.virtual_mac else self.instance.interface
        self.node.ip(f"address del {VIRTUAL_ADDRESS}/128 dev {interface}")

    def is_active(self):
        return self.keepalived.is_active()


class Story:
    def __init__(self, world, site, daemon, node, interval, virtual_mac=False):
        self.world, self.site, self.interval = world, site, interval
        self.ulagate, self.other = Ulagate(daemon, interval, virtual_mac), Other(node, interval, virtual_mac)
        self.virtual_mac = virtual_mac
        self.macs = {edge: f"02:00:00:00:{site.number:02x}:{number:02x}" for number, edge in enumerate(site.edges, 2)}
        self.priorities = {self.ulagate: set(), self.other: set()}
        self.own = {router: lab.link_local(router.node) for router in (self.ulagate, self.other)}
        self.capture = lab.Capture(site.switch, "lan", f"{daemon.node.dir}/vrrp-{virtual_mac}.pcap", "ip6 proto 112")

    def tell(self, *leaders):
        """`leaders`: who has the higher priority in one telling after the other, "ulagate" or "keepalived"."""
        for leader in leaders:
            self.leads(*sorted((self.ulagate, self.other), key=lambda router: router.name != leader))
        self.tie()
        self.capture.stop()
        self.check_capture()

    def start(self, router, priority):
        router.start(priority)
        self.priorities[router].add(priority)

    def leads(self, first, second):
        """The first has the higher priority: it leaves in every way, and takes over again."""
        self.start(first, HIGH)
        self.owner(first, second, f"{first.name} starts alone", 4 * self.interval)
        self.start(second, LOW)
        time.sleep(4 * self.interval * lab.slowness())
        self.owner(first, second, f"{second.name} starts with the lower priority", 0)
        first.stop()
        self.owner(second, first, f"{first.name} stops", self.interval)
        self.start(first, HIGH)
        self.owner(first, second, f"{first.name} starts with the higher priority", 4 * self.interval)
        lan.pull(self.site, first.node)
        self.owner(second, first, f"{first.name}'s cable is pulled", 4 * self.interval)
        lan.plug(self.site, first.node)
        self.owner(first, second, f"{first.name}'s cable is back", 4 * self.interval + 2)  # and address detection
        first.kill()
        lab.wait_for(second.is_active, 4 * self.interval + 2, f"{second.name} takes over from a dead {first.name}")
        first.bury()
        self.owner(second, first, f"{first.name} is dead", 0)
        second.stop()
        lab.check_equal(self.answers(), [], "nobody answers when both are gone")

    def tie(self):
        """Equal priorities, and each believes to be alone: the larger address stays Active."""
        for router in (self.ulagate, self.other):
            router.start(EQUAL)
        lab.wait_for(lambda: self.ulagate.is_active() or self.other.is_active(), 4 * self.interval + 2, "one is Active")
        lan.part(self.site, self.other.node)
        lab.wait_for(lambda: self.ulagate.is_active() and self.other.is_active(), 4 * self.interval + 2,
                     "both are Active, each on its half")
        lan.heal(self.site, self.other.node)
        smaller, larger = sorted(self.own, key=lambda router: self.macs[router.node])
        self.owner(larger, smaller, "equal priorities meet", 2 * self.interval)
        self.ulagate.stop()
        self.other.stop()

    def owner(self, router, rival, what, within):
        took = lab.seconds_until(lambda: router.is_active() and not rival.is_active(), within + 2,
                                 f"{what}: {router.name} alone is Active")
        lab.step(f"{what}: {router.name} is Active after {took:.2f} s")
        mac = VIRTUAL_MAC if self.virtual_mac else self.macs[router.node]
        answers = self.answers()
        lab.check_equal({answer.target_mac for answer in answers}, {mac}, f"{what}: the address is at {router.name}")
        # With the virtual MAC address, a second one would look the same.
        solicited = [answer for answer in answers if answer.flags & lan.SOLICITED]
        lab.check_equal(len(solicited), 1, f"{what}: {router.name} alone answers for it")

    def answers(self):
        return lan.neighbor_answers(self.site, VIRTUAL_ADDRESS, 0.3 * lab.slowness())

    def check_capture(self):
        packets = vrrp_packets(self.capture.path)
        check_well_formed(packets, "both")
        lab.check_equal({(packet.router_id, packet.interval, packet.addresses) for packet in packets},
                        {(VIRTUAL_ROUTER, round(self.interval * 100), (VIRTUAL_ADDRESS,))},
                        "identifier, interval and address in every packet")
        for router, address in self.own.items():
            mine = [packet for packet in packets if packet.source == address]
            mac = VIRTUAL_MAC if self.virtual_mac else self.macs[router.node]
            lab.check_equal({packet.ethernet_source for packet in mine}, {mac}, f"{router.name}: Ethernet source")
            # Those of the tie may all be on the other half of the switch.
            lab.check_equal({packet.priority for packet in mine} - {EQUAL}, {0, *self.priorities[router]},
                            f"{router.name}: priorities, and 0 for good-bye")
            gaps = [b.when - a.when for a, b in itertools.pairwise(mine) if a.priority == b.priority > 0]
            middle = statistics.median(gaps)
            lab.check(0.9 * self.interval < middle < 1.2 * self.interval,
                      f"{router.name}: {len(mine)} packets, one each {middle:.3f} s")
        lab.check_equal({packet.source for packet in packets}, set(self.own.values()), "from nobody else")
