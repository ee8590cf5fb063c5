# SPDX-License-Identifier: GPL-2.0-or-later
"""More uplinks for a router of the lab, and changes of the one it has."""

from node import Node, connect, switch_off_offloads


class SecondUplink:
    """Another provider on another cable: eth1 of the router, behind CG-NAT for IPv4, a prefix of its own for IPv6."""

    def __init__(self, world, node, number=9):
        self.node, self.number = node, number
        self.isp = Node(f"isp-{number}")
        self.isp.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1, net__ipv4__conf__all__rp_filter=0,
                        net__ipv4__conf__default__rp_filter=0, net__ipv6__conf__default__accept_dad=0)
        connect(self.isp, "wan", world.inet, f"isp{number}")
        world.inet.ip(f"link set isp{number} master access", f"link set isp{number} up")
        connect(node, "eth1", self.isp, "lan")
        for machine, interface in ((self.isp, "wan"), (self.isp, "lan"), (node, "eth1"), (world.inet, f"isp{number}")):
            switch_off_offloads(machine, interface)
        self.isp.ip(f"address add 198.51.100.{number}0/24 dev wan", f"address add 2001:db8::{number}0/64 dev wan nodad",
                    "link set wan up", "link set lan up", "route add default via 198.51.100.1",
                    "route add default via 2001:db8::1", f"address add 10.{number}.0.1/24 dev lan",
                    f"address add 2001:db8:{number}0::1/64 dev lan nodad")
        world.inet.ip(f"route add 2001:db8:{number}0::/48 via 2001:db8::{number}0")
        # An access network drops what does not come from its own addresses (RFC 2827).
        self.isp.nft(f"""table inet isp {{
            chain forward {{
                type filter hook forward priority filter; policy drop;
                ip6 saddr != 2001:db8:{number}0::/48 iifname "lan" drop
                ct state established,related accept
                iifname "lan" accept
            }}
            chain nat {{
                type nat hook postrouting priority srcnat;
                meta nfproto ipv4 oifname "wan" ip saddr 10.{number}.0.0/24 masquerade fully-random
            }}
        }}""")
        node.sysctl(net__ipv6__conf__eth1__accept_ra=0, net__ipv6__conf__eth1__accept_dad=0,
                    net__ipv4__conf__eth1__rp_filter=0)

    def addresses(self, families=(4, 6)):
        """Lines for ip(8) that give the router its addresses there."""
        lines = {4: f"address replace 10.{self.number}.0.2/24 dev eth1",
                 6: f"address replace 2001:db8:{self.number}0::2/64 dev eth1 nodad"}
        return [*(lines[family] for family in families), "link set eth1 up"]

    def routes(self, metric, families=(4, 6)):
        gateways = {4: f"10.{self.number}.0.1", 6: f"2001:db8:{self.number}0::1"}
        return [f"route add default via {gateways[family]} dev eth1 metric {metric}" for family in families]


def break_silently(isp):
    """Two hops away: the link stays up and nobody says anything."""
    isp.nft("add chain inet isp dead { type filter hook forward priority -10; policy drop; }")


def repair(isp):
    isp.nft("delete chain inet isp dead")


def endpoint_at_relay(daemon, node):
    """The address that the relay sends to, without its port."""
    status = daemon.try_status() or {"routers": []}
    router = next((router for router in status["routers"] if router["node"] == node), {})
    return router.get("endpoint", "").rpartition(":")[0].strip("[]")
