#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A relay by its name: its address changes in DNS, name servers die, and the site's network goes from IPv4 to IPv6.

The router's configuration is never touched, nor is its daemon told anything.
"""

import ipaddress

import lab
from dns import NameServer, use_name_server
from uplink import SecondUplink

ESSENTIAL = "a relay by its name"

TTL = 2
NAT64 = "64:ff9b::" + format(ipaddress.IPv6Address(int(ipaddress.IPv4Address("203.0.113.77"))))[2:]


def scenario():
    world = lab.build(sites=("a",), uplinks={"a": "ipv4"})
    story = Story(world)
    story.only_ipv4()
    story.relay_moves()
    story.name_server_dies()
    story.boot_without_dns()
    story.only_ipv6()
    story.only_nat64()


class Story:
    def __init__(self, world):
        self.world, self.relay, self.node = world, world.relay, world.sites["a"].edge
        self.node.set_hosts({})
        self.names = NameServer(world.inet, {lab.RELAY_NAME: [self.relay.ipv6, self.relay.ipv4]}, TTL)
        use_name_server(self.node, "198.51.100.1")
        self.overlay = lab.overlay(world).start()
        self.edge = self.overlay.edge("a")

    def status(self):
        return self.edge.relay_status()

    def is_up_at(self, address):
        at = f"[{address}]:51820" if ":" in address else f"{address}:51820"
        status = self.status()
        return status.get("state") == "up" and status.get("endpoint") == at

    def comes_up_at(self, address, timeout, what):
        took = lab.seconds_until(lambda: self.is_up_at(address), timeout, f"{what}: up at {address}", every=0.05)
        lab.step(f"{what}: up at {address} after {took:.2f} s")

    def only_ipv4(self):
        self.comes_up_at(self.relay.ipv4, 10, "an uplink with IPv4 only, a name with both")
        # What follows is the death of a relay that has worked, which is noticed by the answers that stay away.
        lab.wait_for(lambda: self.status().get("round_trip_ms") is not None, 10, "the relay answers probes")
        lab.check_equal(self.edge.problems(), [], "nothing is wrong with that")

    def relay_moves(self):
        new = "203.0.113.77"
        self.names.names[lab.RELAY_NAME] = [self.relay.ipv6, new]
        self.relay.node.ip(f"address add {new}/24 dev eth0", f"address del {self.relay.ipv4}/24 dev eth0",
                           f"address replace {new}/24 dev eth0", "route replace default via 203.0.113.1")
        self.comes_up_at(new, 15, f"the relay's address changes in DNS (time to live {TTL} s)")
        self.ipv4 = new

    def name_server_dies(self):
        """What was known last stays, also when the relay comes back only later."""
        self.names.silent = True
        asked = len(self.names.questions)
        self.overlay.relay.stop()
        lab.wait_for(lambda: self.status().get("state") != "up", 10, "the tunnel is down")
        lab.wait_for(lambda: len(self.names.questions) > asked, 5, "the name is asked for at once")
        self.overlay.relay.start_again()
        self.comes_up_at(self.ipv4, 15, "no name server: the last good address")

    def boot_without_dns(self):
        self.edge.stop()
        self.edge.start_again()
        self.comes_up_at(self.ipv4, 15, "a start without DNS, with what is on disk")
        self.names.silent = False

    def only_ipv6(self):
        """Carried to another place, where the cable has IPv6 only and another name server."""
        self.uplink = SecondUplink(self.world, self.node)
        self.node.ip("route del default via 192.168.1.1")
        lab.wait_for(lambda: self.status().get("state") != "up", 10, "the tunnel is down")
        use_name_server(self.node, "2001:db8::1")
        self.node.ip(*self.uplink.addresses([6]), *self.uplink.routes(100, [6]))
        self.comes_up_at(self.relay.ipv6, 15, "an uplink with IPv6 only")

    def only_nat64(self):
        """The IPv4 internet behind NAT64 (RFC 6146) and DNS64 (RFC 6147), which say where it is; nothing else works."""
        isp = self.uplink.isp
        NameServer(isp, {lab.RELAY_NAME: [NAT64]}, TTL)
        use_name_server(self.node, "2001:db8:90::1")
        # The translator as the router sees it: that address answers, and it is the relay.
        isp.nft(f"""table ip6 nat64 {{
            chain in {{
                type nat hook prerouting priority dstnat;
                ip6 daddr {NAT64} dnat to {self.relay.ipv6}
            }}
            chain out {{
                type nat hook postrouting priority srcnat;
                ct original ip6 daddr {NAT64} masquerade
            }}
            chain natively {{
                type filter hook forward priority filter;
                ip6 daddr {self.relay.ipv6} ct original ip6 daddr {self.relay.ipv6} drop
            }}
        }}""")
        self.comes_up_at(NAT64, 20, "an uplink with NAT64 only")


if __name__ == "__main__":
    lab.main(scenario)
