# SPDX-License-Identifier: GPL-2.0-or-later
"""A site with two ulagate routers: which one is Active, who answers for the addresses, what a change costs."""

import json

import lab
import lan
from daemon import VIRTUAL_ADDRESS, VIRTUAL_ROUTER
from keepalived import holds
from node import connect, switch_off_offloads
from pings import gaps_during

VIRTUAL_MAC = f"00:00:5e:00:02:{VIRTUAL_ROUTER:02x}"
MACVLAN = f"ulg-v{VIRTUAL_ROUTER}"
FENCED = 3.5  # seconds until a lease has run out, and the failover itself
FAILOVER = 0.45  # seconds that a failure may cost at 100 ms


def active(daemon):
    return holds(daemon.node, VIRTUAL_ADDRESS)


def vrrp_status(daemon):
    return daemon.status()["lans"][0]["vrrp"]


class Pair:
    """`one` has the higher priority. `half`: the bridge of the switch that the LAN is on."""

    def __init__(self, world, overlay, name="a", half="lan"):
        self.world, self.overlay, self.site, self.half = world, overlay, world.sites[name], half
        self.one, self.two = (overlay.edges[edge.name] for edge in self.site.edges)
        self.far = world.sites["b" if name == "a" else "a"].host
        self.site_address = f"fd12:3456:789a:{name}::1"
        self.destination = None  # this site's host, once it is up

    def configure(self, **values):
        for daemon in (self.one, self.two):
            daemon.config["lan"][0]["vrrp"].update(values)

    def give_uplinks(self):
        """Each router gets a cable to the ISP of its own, `wan0`, and uses the LAN for nothing else than the LAN."""
        isp = self.site.isp
        for number, edge in enumerate(self.site.edges, 2):
            connect(edge, "wan0", isp, f"up{number}")
            isp.ip(f"address add 192.168.10{number}.1/24 dev up{number}", f"link set up{number} up")
            isp.nft(f"add rule inet isp forward iifname up{number} accept")
            edge.ip(f"address add 192.168.10{number}.2/24 dev wan0", "link set wan0 up", "route del default",
                    f"route add default via 192.168.10{number}.1")
            for node, interface in ((edge, "wan0"), (isp, f"up{number}")):
                switch_off_offloads(node, interface)
                node.sysctl(**{f"net__ipv4__conf__{interface}__rp_filter": 0})

    def block_relay(self, edge, blocked=True):
        """Nothing passes the ISP from or to a router's own uplink any more."""
        isp, port = self.site.isp, f"up{self.site.edges.index(edge) + 2}"
        if blocked:
            isp.nft(f"""table inet blocked {{
                chain forward {{
                    type filter hook forward priority -1;
                    iifname {port} drop
                    oifname {port} drop
                }}
            }}""")
        else:
            isp.nft("delete table inet blocked")

    def wait_until_up(self):
        name = self.site.name
        self.destination, _ = self.overlay.wait_until_up((name, "b" if name == "a" else "a"))
        self.owner(self.one)

    @property
    def relay(self):
        return self.overlay.relay

    def far_address(self):
        return lab.addresses(self.far, "fd12:3456:789a:")[0]

    def active_interface(self):
        """The relay's interface for this site: ulg-s1 for the first router."""
        found = json.loads(self.relay.node.out("ip", "-j", "-6", "route", "show", "table", "117", self.site.prefix))
        return found[0]["dev"] if found else None

    def relay_status(self, daemon):
        return daemon.relay_status(self.world.relay.name)

    def other(self, daemon):
        return self.two if daemon is self.one else self.one

    def mac(self, daemon):
        if daemon.config["lan"][0]["vrrp"].get("virtual_mac"):
            return VIRTUAL_MAC
        return f"02:00:00:00:{self.site.number:02x}:{self.site.edges.index(daemon.node) + 2:02x}"

    def owner(self, daemon, within=15):
        """Waits until this router and no other is Active, and looks who answers on the wire."""
        name = daemon.node.name
        rival = self.other(daemon)
        alone = lambda: active(daemon) and not active(rival) and not holds(rival.node, self.site_address)
        took = lab.seconds_until(alone, within, f"{name} alone is Active")
        self.check_owner(daemon)
        return took

    def check_owner(self, daemon):
        name = daemon.node.name
        for address in (VIRTUAL_ADDRESS, self.site_address):
            answers = lan.neighbor_answers(self.site, address, 0.3 * lab.slowness(), self.half)
            lab.check_equal({(answer.ethernet_source, answer.target_mac, answer.hop_limit, answer.flags & lan.ROUTER)
                             for answer in answers}, {(self.mac(daemon), self.mac(daemon), 255, lan.ROUTER)},
                            f"{name} answers for {address}, as a router")
            solicited = [answer for answer in answers if answer.flags & lan.SOLICITED]
            lab.check_equal(len(solicited), 1, f"and {name} alone")

    def during(self, what, action, at_most):
        return gaps_during(self.far, self.destination, what, action, at_most)

    def cable_out_and_in(self):
        """The Active router's; the hosts hardly notice."""
        def pull():
            lan.pull(self.site, self.one.node)
            lab.wait_for(lambda: active(self.two), 5, f"{self.two.node.name} is Active")
        self.during("the Active router's cable is pulled", pull, FAILOVER)
        self.owner(self.two)
        def plug():
            lan.plug(self.site, self.one.node)
            self.owner(self.one)
        self.during("the cable is back", plug, 0)
