# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards as the routers of a site: hosts that know nothing but SLAAC reach the other site through them."""

import json
import time

import figures
import lab
from case_smoke import READY
from daemon import VIRTUAL_ADDRESS
from pings import SteadyPings
from registry import case
from world import Sites

FORWARD_AIM = 8  # seconds from the plug to the first forwarded packet
FORWARD_BOUND = 60  # what is a failure even on a machine that is busy with other work
FAILOVER_BOUND = 10


def host_address(site):
    """What SLAAC makes of the lab's MAC addresses."""
    return f"fd12:3456:789a:{site.name}:0:ff:fe00:{site.number:x}64"


@case(seconds=240, alone=True)
def forwarding(bench):
    """From the plug to the first packet that crosses: host, image, relay, the other site's router, host."""
    boot_and_forward(bench, "virt")


@case(seconds=240, alone=True)
def forwarding_rpi5(bench):
    """The Pi 5's image does the same; not on a Pi, which nobody emulates."""
    bench.kind = "rpi5"
    boot_and_forward(bench, "Pi 5's image on virt")


def boot_and_forward(bench, where):
    sites = Sites(bench)
    sites.start_the_rest()
    machine = sites.router(memory=512)
    # From the host, and only from there: a neighbour that has no address yet when the router asks for it (since the other
    # site calls) is asked for again no sooner than a second later, and the host's own packets would be answered as late.
    pings = SteadyPings(sites.host, host_address(sites.world.sites["b"]), interval=0.05)
    machine.start()
    lab.wait_for(lambda: pings.result().replies, FORWARD_BOUND, "host-a's pings to the other site are answered")
    first = min(pings.stop().replies.values()) - (time.time() - machine.since_start())
    figures.note(f"boot to first forwarded packet, {where} (from the plug)", first, "s", FORWARD_AIM)
    machine.wait_for(READY, 60)
    check_host(sites)
    lab.check(lab.can_ping(sites.far, host_address(sites.site)), "host-b pings host-a")
    status = json.loads(sites.ssh().wait(60).out("ulagate status --json"))
    lab.check_equal((status["node"], status["relays"][0]["state"]), ("a1", "up"), "the image's daemon says so too")


def check_host(sites):
    """What the image's Router Advertisements did to the host, and what they did not."""
    lab.check_equal(lab.addresses(sites.host, "fd12:"), [host_address(sites.site)],
                    "the host has exactly one overlay address, from its MAC")
    routes = json.loads(sites.host.out("ip", "-j", "-6", "route", "show", "root", lab.OVERLAY))
    found = {(route["dst"], route.get("pref"), route["protocol"]) for route in routes}
    lab.check_equal(found, {(lab.OVERLAY, "high", "ra"), (sites.site.prefix, "medium", "kernel")},
                    "the host has the site's prefix on its link and the overlay behind the router, preferred")
    gateway = next(route["gateway"] for route in routes if "gateway" in route)
    defaults = json.loads(sites.host.out("ip", "-j", "-6", "route", "show", "default"))
    gateways = {hop["gateway"] for route in defaults for hop in route.get("nexthops", [route])}
    lab.check(gateways and gateway not in gateways, "the image is nobody's default router")


def pair_ready(bench):
    sites = Sites(bench, routers=2)
    sites.start_the_rest()
    one, two = sites.router(0), sites.router(1)
    one.start()
    one.wait_for(READY, 120)
    two.start()
    two.wait_for(READY, 120)
    lab.wait_for(lambda: lab.can_ping(sites.far, host_address(sites.site)), 60, "host-b pings host-a")
    # The first router has the higher priority, and waits a second before it uses it.
    lab.wait_for(lambda: gateway_mac(sites) == sites.mac(0), 60, "the first router is the Active one")
    return sites, one, two


def gateway_mac(sites):
    """Who answers for the virtual address, asked by the host."""
    sites.host.run("ip", "neigh", "flush", "dev", "eth0", check=False)
    sites.host.run("ping", "-n", "-c1", "-W1", f"{VIRTUAL_ADDRESS}%eth0", check=False)
    known = json.loads(sites.host.out("ip", "-j", "-6", "neigh", "show", VIRTUAL_ADDRESS) or "[]")
    return known[0].get("lladdr") if known else None


def outage(sites, what, action, bound):
    """Pings from the other site through all of it; the longest gap."""
    pings = SteadyPings(sites.far, host_address(sites.site), interval=0.05)
    lab.wait_for(lambda: len(pings.result().replies) > 10, 30, "answers")
    action()
    begun = time.time()
    lab.wait_for(lambda: max(pings.result().replies.values()) > begun, 120, "answers again")
    time.sleep(1)
    gap = max((gap for _, gap in pings.stop().outages), default=0.0)
    figures.note(what, gap, "s")
    lab.check(gap <= bound * lab.slowness(), f"{what}: no gap above {bound} s")
    return gap


@case(seconds=400, alone=True)
def pair(bench):
    """Two cards for one site: the plug of one is pulled, and later the other is told to reboot."""
    sites, one, two = pair_ready(bench)
    outage(sites, "outage, the Active of a pair loses its power", one.pull_the_plug, FAILOVER_BOUND)
    one.start()
    one.wait_for(READY, 120)
    lab.wait_for(lambda: gateway_mac(sites) == sites.mac(0), 90, "the first router is the Active one again")

    def reboot():
        sites.ssh(0).run("reboot", check=False)
        one.wait_for_start(3, 60)
        one.wait_for(READY, 120)
    outage(sites, "outage, the Active of a pair reboots", reboot, 3)
    lab.check(two.running() and len(two.starts) == 1, "the second one was never away")


@case(seconds=300, alone=True, long=True)
def relay_image(bench):
    """The relay is a card too, with a fixed address: WireGuard between two images' kernels."""
    sites = Sites(bench)
    relay = sites.relay_machine()
    relay.start()
    relay.wait_for(READY, 120)
    sites.overlay.edge("b").start()
    router = sites.router().start()
    router.wait_for(READY, 120)
    lab.wait_for(lambda: lab.can_ping(sites.far, host_address(sites.site)), 60, "host-b pings host-a")
    lab.check("wireguard" in sites.ssh().wait(60).out("cat /proc/modules; ls /sys/module").lower(),
              "the tunnel is the kernel's")
