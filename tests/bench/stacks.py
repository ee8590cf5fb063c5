# SPDX-License-Identifier: GPL-2.0-or-later
"""The two stacks that are compared: both carry sites a (two routers) and b (one), and can be stopped and started."""

import shutil
import time

import lab
from daemon import VIRTUAL_ADDRESS
from keepalived import Keepalived, VirtualRouter, holds


class Stack:
    rhythm = 1.0  # the longest interval at which it says something that a take-over depends on, seconds

    def __init__(self, world):
        self.world = world
        self.site = world.sites["a"]
        self.first, self.second = self.site.edges

    def active(self):
        """The one router that holds the virtual address; None in between."""
        holders = [edge for edge in self.site.edges if holds(edge, VIRTUAL_ADDRESS)]
        return holders[0] if len(holders) == 1 else None


class Source(Stack):
    """The source design's stack: radvd, keepalived, nftables, WireGuard; the routers of site a have the same key.

    With `follow`, a router's tunnel is up while the router is Active, which keepalived's notify commands see to. The
    design as written has both up at all times; then the relay sends to the router that spoke last, in the session of
    the one that shook hands last. When that one has gone, the relay tries a new handshake after 15 s without a packet
    from the site, and then every 5 s, but reaches the Backup only once its next keepalive (every 25 s) has shown where
    it is: 15 to 30 s, whatever VRRP's interval. Repaired in both: see classic.py; the spelling of `nopreempt`; the
    priorities.
    """

    def __init__(self, world, interval, follow=True):
        super().__init__(world)
        self._interval, self._follow = interval, follow
        if not follow:
            self.rhythm = 25.0
        self._classic = lab.Classic(world)
        self._tunnels, self._radvd = {}, {}
        self._keepalived = {}

    def prepare(self):
        """All that is there before a router starts to work as one."""
        self._classic.start_relay()
        for site in self.world.sites.values():
            for edge in site.edges:
                self._classic.prepare_router(site, edge)
                self._tunnels[edge] = self._classic.tunnel(site, edge)
        for edge, priority in ((self.first, 101), (self.second, 100)):
            router = VirtualRouter(priority=priority, interval=self._interval, preempt=False)
            if self._follow:
                router.notify_active, router.notify_other = f"{self._tunnels[edge]} up", f"{self._tunnels[edge]} down"
            self._keepalived[edge] = Keepalived(edge, router)

    def start(self):
        self.prepare()
        self.start_router(self.world.sites["b"].edge)
        # With both tunnels up, it works only if the Active router's handshake is the newer one.
        if not self._follow:
            for edge in (self.second, self.first):
                edge.run(self._tunnels[edge], "up")
                time.sleep(lab.slowness())
        for edge in self.site.edges:
            self._start_radvd(edge)
            self._keepalived[edge].start()
            lab.wait_for(lambda: self.active() is self.first, 10, f"{self.first.name} is Active")

    def start_router(self, edge):
        if edge not in self._keepalived or not self._follow:
            edge.run(self._tunnels[edge], "up")
        self._start_radvd(edge)
        if edge in self._keepalived:
            self._keepalived[edge].start()

    def stop_router(self, edge):
        if edge in self._keepalived:
            self._keepalived[edge].stop()
        self._radvd[edge].stop()
        edge.run(self._tunnels[edge], "down")

    def _start_radvd(self, edge):
        """radvd on a machine with keepalived sends from the virtual address, and only while it is there."""
        site = next(site for site in self.world.sites.values() if edge in site.edges)
        self._radvd[edge] = self._classic.start_radvd(site, edge, VIRTUAL_ADDRESS if edge in self._keepalived else None)

    def wait_back(self, edge):
        lab.wait_for(lambda: self.active() not in (None, edge), 20, f"{edge.name} is back, and Backup")
        time.sleep(3 * lab.slowness())  # its radvd and its uplink settle

    def restart_active(self):
        """A clean stop of the Active router's keepalived, and its start once the other one is Active."""
        edge = self.active()
        self._keepalived[edge].stop()
        lab.wait_for(lambda: self.active() not in (None, edge), 20, "the other one is Active")
        time.sleep(lab.slowness())
        self._keepalived[edge].start()


class Ulagate(Stack):
    def __init__(self, world, interval=0.1):
        super().__init__(world)
        self._overlay = lab.overlay(world)
        self.routers = {edge: self._overlay.edges[edge.name] for site in world.sites.values() for edge in site.edges}
        for edge in self.site.edges:
            self.vrrp(edge)["interval"] = f"{interval * 1000:.0f}ms"

    def vrrp(self, edge):
        return self.routers[edge].config["lan"][0]["vrrp"]

    def prepare(self):
        for relay in self._overlay.relays:
            relay.start()

    def start(self):
        self._overlay.start()
        lab.wait_for(lambda: self.active() is self.first, 10, f"{self.first.name} is Active")

    def start_router(self, edge):
        self.routers[edge].start(wait=False)

    def stop_router(self, edge):
        self.routers[edge].stop()

    def wait_back(self, edge):
        """The first router always takes over again."""
        lab.wait_for(lambda: self.active() is self.first, 30, f"{edge.name} is back, {self.first.name} Active")
        time.sleep(lab.slowness())

    def reload(self, edge):
        self.routers[edge].write_config()
        self.routers[edge].reload()

    def upgrade(self, edge):
        """Stops the program and starts the same one from another file, as after the installation of a package."""
        daemon = self.routers[edge]
        other = f"{edge.dir}/ulagate-{time.monotonic_ns()}"
        shutil.copy(daemon.binary, other)
        daemon.stop()
        daemon.binary = other
        daemon.start()
