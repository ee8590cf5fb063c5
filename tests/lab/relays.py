# SPDX-License-Identifier: GPL-2.0-or-later
"""Overlays with two relays: who goes through which, and what a change costs."""

import contextlib
import json
import time

import lab
from pings import SteadyPings


def cut_cable(world, relay, cut=True):
    """The cable of a relay."""
    world.inet.ip(f"link set relay{relay.number} {'down' if cut else 'up'}")


def cut_site(site, relay, cut=True):
    """Nothing passes between a site's ISP and one relay any more, and nobody hears of it."""
    if not cut:
        site.isp.nft("delete table inet cut")
        return
    site.isp.nft(f"""table inet cut {{
        chain forward {{
            type filter hook forward priority -1;
            ip daddr {relay.ipv4} drop
            ip saddr {relay.ipv4} drop
            ip6 daddr {relay.ipv6} drop
            ip6 saddr {relay.ipv6} drop
        }}
    }}""")


class Relays:
    """Two relays; every site's router knows both."""

    def __init__(self, world, overlay):
        self.world, self.overlay = world, overlay
        self.one, self.two = overlay.relays

    def wait_until_up(self, names):
        """Everybody reaches everybody, both relays know all sites and all routers know what the relays have."""
        hosts = {name: self.overlay.host_address(name) for name in names}
        for name in names:
            for other in names:
                if name != other:
                    host = self.world.sites[name].host
                    lab.wait_for(lambda: lab.can_ping(host, hosts[other]), 30, f"host-{name} pings host-{other}")
        for daemon in self.overlay.edges.values():
            lab.wait_for(lambda: self.knows_all(daemon, len(names)), 40,
                         f"{daemon.node.name} knows what is connected to both relays")
        return hosts

    def knows_all(self, daemon, count):
        relays = (daemon.try_status() or {"relays": []})["relays"]
        return len(relays) == 2 and all(relay["state"] == "up" and relay["connected"] == count for relay in relays)

    def egress(self, edge, destination):
        """The tunnel that the kernel of the site's router takes: "ulg-r1"."""
        found = json.loads(self.world.sites[edge].edge.out("ip", "-j", "-6", "route", "get", destination))
        return found[0]["dev"]

    def machine(self, relay):
        """The daemon's place in the world."""
        return self.world.relays[0 if relay is self.one else 1]

    def cut(self, relay, cut=True):
        cut_cable(self.world, self.machine(relay), cut)

    def cut_site(self, name, relay, cut=True):
        cut_site(self.world.sites[name], self.machine(relay), cut)

    def path(self, edge, site):
        """What the router of one site says about its path to another one."""
        status = self.overlay.edge(edge).try_status() or {"sites": []}
        return next((entry for entry in status["sites"] if entry["prefix"] == f"fd12:3456:789a:{site}::/64"), {})

    def probed(self, edge, site):
        """End to end, over both relays, and both work."""
        candidates = self.path(edge, site).get("candidates", [])
        return len(candidates) == 2 and all(candidate["works"] for candidate in candidates)

    @contextlib.contextmanager
    def pings(self, flows):
        """100 pings a second for each (from site, address); the dictionary that it gives is filled at the end."""
        streams = {flow: SteadyPings(self.world.sites[flow[0]].host, flow[1]) for flow in flows}
        results = {}
        try:
            for flow, stream in streams.items():
                lab.wait_for(lambda: len(stream.result().replies) > 20, 30, f"answers to host-{flow[0]}")
            yield results
            self._wait_for_answers(streams)
        finally:
            for flow, stream in streams.items():
                results[flow] = stream.stop()

    def _wait_for_answers(self, streams):
        time.sleep(1.0 * lab.slowness())
        begun = time.time()
        for flow, stream in streams.items():
            lab.wait_for(lambda: max(stream.result().replies.values()) > begun, 40, f"answers to host-{flow[0]} again")


def report(what, result):
    lab.step(f"{what}: {len(result.lost)} of {len(result.sent_at)} pings lost; "
             f"gaps {[round(gap, 3) for _, gap in result.outages]}")
    return max((gap for _, gap in result.outages), default=0)
