#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine on the LAN without VRRP that claims the routers' addresses by Neighbor Advertisements: it is named with its MAC
within 2 s, hosts are told the truth each time, and all is well when it has gone. With and without the virtual MAC, and at
a site with one router."""

import ipaddress
import json
import threading
import time

import lab
import lan
import packets
from daemon import VIRTUAL_ADDRESS
from pair import Pair
from pings import SteadyPings

CONFORMANCE = ("F-03", "F-06")
LONG = "a claim is forgotten after 30 s"
MAC = "02:bb:bb:bb:bb:01"
NAMED_WITHIN = 2
FORGOTTEN = 30


class Claimant(threading.Thread):
    """Sends a Neighbor Advertisement for each of the addresses from a host, `rate` times a second."""

    def __init__(self, host, addresses, rate):
        super().__init__(daemon=True)
        self._sender = packets.Sender(host)
        self._frames = [claim(address) for address in addresses]
        self._rate, self._over = rate, threading.Event()
        self.sent = 0
        self.start()

    def run(self):
        while True:
            for frame in self._frames:
                self._sender.send(frame)
                self.sent += 1
            if self._over.wait(1 / self._rate):
                return

    def stop(self):
        self._over.set()
        self.join()


def claim(address, flags=lan.OVERRIDE):
    target = ipaddress.IPv6Address(address).packed
    body = bytes([flags << 5, 0, 0, 0]) + target + b"\x02\x01" + bytes.fromhex(MAC.replace(":", ""))
    return packets.icmpv6(lan.ADVERTISEMENT, body, address, "ff02::1", MAC, "33:33:00:00:00:01")


def named(daemon, address):
    return [line for line in daemon.problems() if MAC in line and address in line]


def attack(daemon, site, addresses, rate, far):
    """Named in time, contradicted, and at most as many of ours as of the claimant's."""
    host, claimant_host = site.host, site.other_hosts[0] if site.other_hosts else lan.another_host(site)
    lines_before = len(daemon.log().splitlines())
    pings = SteadyPings(host, far)
    time.sleep(2)  # for so long after a hand-over it may be the other router that has spoken
    lab.wait_for(lambda: len(pings.result().replies) > 20, 30, "answers at first")
    begun = time.monotonic()
    claimant = Claimant(claimant_host, addresses, rate)
    for address in addresses:
        took = lab.seconds_until(lambda: named(daemon, address), 10, f"{address}: named", 0.05)
        lab.step(f"{rate} claims a second of {address}: named after {took:.2f} s: {named(daemon, address)[0]}")
        lab.check(time.monotonic() - begun <= NAMED_WITHIN * lab.slowness(), f"named within {NAMED_WITHIN} s")
    time.sleep(5)
    result = pings.stop()
    claimant.stop()
    lost = len(result.lost) / len(result.sent_at)
    lab.step(f"{claimant.sent} claims; {len(result.lost)} of {len(result.sent_at)} pings lost")
    lab.check(lost < 0.2 * lab.slowness(), f"hosts believe the router most of the time: {lost:.1%} lost")
    lab.check(len(daemon.log().splitlines()) - lines_before <= 2 * len(addresses) + 2, "the log says it once")
    lab.wait_for(lambda: lab.can_ping(host, far), 10, "the site works when it is over")


def is_over(daemon):
    lab.wait_for(lambda: daemon.problems() == [], FORGOTTEN + 10, "nobody claims anything any more")


def scenario():
    world = lab.build(routers={"a": 2})
    pair = Pair(world, lab.overlay(world))
    pair.give_uplinks()
    pair.overlay.start()
    pair.wait_until_up()
    site, far = pair.site, pair.far_address()
    for rate in (1, 10):
        attack(pair.one, site, [VIRTUAL_ADDRESS, pair.site_address], rate, far)
    lab.check_equal([line for line in pair.two.problems() if VIRTUAL_ADDRESS in line], [],
                    "the Backup does not hold it, and says nothing")
    is_over(pair.one)
    lab.step("with the virtual MAC")
    pair.configure(virtual_mac=True)
    for daemon in (pair.one, pair.two):
        daemon.write_config()
        daemon.reload()
    pair.owner(pair.one)
    lab.wait_for(lambda: lab.can_ping(site.host, far), 20, "all is well")
    attack(pair.one, site, [VIRTUAL_ADDRESS, own_address(pair.one)], 5, far)
    lab.step("a site with one router")
    other = world.sites["b"]
    daemon = pair.overlay.edge("b")
    attack(daemon, other, [own_address(daemon), pair.site_address.replace(":a::", ":b::")], 5,
           lab.addresses(site.host, "fd12:3456:789a:")[0])
    is_over(pair.one)
    is_over(daemon)


def own_address(daemon):
    found = json.loads(daemon.node.out("ip", "-j", "-6", "address", "show", "dev", "eth0", "scope", "link"))
    held = [each["local"] for link in found for each in link.get("addr_info", []) if "local" in each]
    return next(address for address in held if address != VIRTUAL_ADDRESS)


if __name__ == "__main__":
    lab.main(scenario)
