#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""CG-NAT at its worst: mappings that end after a short time or at any time, with other ports, with another address."""

import time

import lab
from uplink import endpoint_at_relay

ESSENTIAL = "sites behind carrier-grade NAT"

FORGETS = 3


def scenario():
    world = lab.build(uplinks={"a": "ipv4", "b": "ipv4"})
    isp = world.sites["a"].isp
    isp.sysctl(net__netfilter__nf_conntrack_udp_timeout=30, net__netfilter__nf_conntrack_udp_timeout_stream=30)
    overlay = lab.overlay(world).start()
    near, far = overlay.wait_until_up()
    story = Story(world, overlay, near, far)
    story.mapping_is_kept()
    story.mapping_is_forgotten()
    story.address_changes()
    story.nobody_complains()


class Story:
    def __init__(self, world, overlay, near, far):
        self.site, self.overlay = world.sites["a"], overlay
        self.edge, self.isp = overlay.edge("a"), world.sites["a"].isp
        self.near, self.far, self.far_host = near, far, world.sites["b"].host

    def router(self):
        routers = (self.overlay.relay.try_status() or {"routers": []})["routers"]
        return next(router for router in routers if router["node"] == "a1")

    def mapping_is_kept(self):
        """Without traffic of the overlay, and with a tenth of the timeout."""
        self.isp.sysctl(net__netfilter__nf_conntrack_udp_timeout=3, net__netfilter__nf_conntrack_udp_timeout_stream=3)
        before = self.router()["endpoint"]
        time.sleep(7 * lab.slowness())
        lab.check_equal(self.router()["endpoint"], before, "an idle tunnel keeps its mapping open")
        lab.check(lab.can_ping(self.far_host, self.near), "and what comes from outside passes at once")
        self.isp.sysctl(net__netfilter__nf_conntrack_udp_timeout=30, net__netfilter__nf_conntrack_udp_timeout_stream=30)

    def mapping_is_forgotten(self):
        """Some end mappings after a minute, however busy they are; the next one has another port."""
        pings = lab.PingStream(self.site.host, self.far, 0.05)
        for _ in range(FORGETS):
            time.sleep(0.5 * lab.slowness())
            before = self.router()
            self.isp.run("conntrack", "-D", "-p", "udp", "--orig-port-dst", "51820")
            took = lab.seconds_until(lambda: self.router()["endpoint"] != before["endpoint"], 10, "another port", 0.05)
            lab.step(f"the mapping is forgotten: another port at the relay after {took:.2f} s")
        time.sleep(0.5 * lab.slowness())
        result = pings.stop()
        lab.check(result.longest_gap < 2 * lab.slowness(), f"pings meanwhile: {result}")

    def address_changes(self):
        """The provider moves its customers behind another address."""
        pings = lab.PingStream(self.site.host, self.far, 0.05)
        time.sleep(0.5 * lab.slowness())
        self.isp.ip("address del 198.51.100.10/24 dev wan", "address add 198.51.100.110/24 dev wan",
                    "route replace default via 198.51.100.1")
        self.isp.run("conntrack", "-F")
        took = lab.seconds_until(lambda: endpoint_at_relay(self.overlay.relay, "a1") == "198.51.100.110", 10,
                                 "the relay sees another address", 0.05)
        lab.step(f"CG-NAT with another address: at the relay after {took:.2f} s")
        time.sleep(0.5 * lab.slowness())
        result = pings.stop()
        lab.check(result.longest_gap < 3 * lab.slowness(), f"pings meanwhile: {result}")

    def nobody_complains(self):
        changes = self.router()["endpoint_changes"]
        lab.check(changes >= FORGETS + 1, f"the relay has counted {changes} changes of the endpoint")
        lab.check_equal(self.edge.lines("r1", "tunnel down"), [], "the tunnel was never down")
        for daemon in (self.edge, self.overlay.relay):
            lab.check_equal(daemon.problems(), [], f"{daemon.node.name} reports no problem")
            lab.check_equal([line for line in daemon.log().splitlines() if "endpoint" in line and "tunnel up" not in line],
                            [], f"and {daemon.node.name} takes it as normal")


if __name__ == "__main__":
    lab.main(scenario)
