# SPDX-License-Identifier: GPL-2.0-or-later
"""A site and a relay set up by hand, as the source design says: radvd, a wg-quick-style script and an nft file.

With the mistakes repaired that keep the design from working at all: the router has an address in the /64 (else
there is no way back), its input chain accepts Router Solicitations, and the relay's nft file loads. It shows that
the lab's world is right, and it is what ulagate is measured against.
"""

from topology import OVERLAY, RELAY_NAME

PORT = 51820


def keys(node):
    private = node.out("wg", "genkey").strip()
    return private, node.out("wg", "pubkey", stdin=private + "\n").strip()


def kernel_has_wireguard(node):
    if not node.ok("ip", "link", "add", "wgprobe", "type", "wireguard"):
        return False
    node.ip("link del wgprobe")
    return True


def _wireguard_up(node, name, config, address, mtu, routes):
    if not node.ok("ip", "link", "add", name, "type", "wireguard"):
        node.run("wireguard-go", name)
    node.run("wg", "setconf", name, "/dev/stdin", stdin=config)
    node.ip(f"address add {address}/128 dev {name} nodad", f"link set {name} mtu {mtu} up",
            *[f"route add {route} dev {name}" for route in routes])


class Classic:
    """setup() does all of it; the two start_… methods can be timed."""

    def __init__(self, world):
        self.world = world
        self.relay_keys = keys(world.relay.node)
        self.site_keys = {name: keys(site.edge) for name, site in world.sites.items()}

    def setup(self):
        self.start_relay()
        for site in self.world.sites.values():
            self.start_edge(site)

    def start_relay(self):
        node = self.world.relay.node
        peers = "".join(f"[Peer]\nPublicKey = {self.site_keys[name][1]}\n"
                        f"AllowedIPs = fd99::{name}1/128, {site.prefix}\n" for name, site in self.world.sites.items())
        node.sysctl(net__ipv6__conf__all__forwarding=1)
        _wireguard_up(node, "wgvpnr01", f"[Interface]\nListenPort = {PORT}\nPrivateKey = {self.relay_keys[0]}\n{peers}",
                      "fd99::1", 1420, [f"fd99::{name}1/128" for name in self.world.sites] +
                      [site.prefix for site in self.world.sites.values()])
        node.nft(_relay_firewall())

    def start_edge(self, site):
        self.start_tunnel(site)
        site.edge.nft(_edge_firewall(site))
        self.start_radvd(site)

    def start_tunnel(self, site):
        edge = site.edge
        edge.sysctl(net__ipv6__conf__eth0__accept_ra=2, net__ipv6__conf__all__forwarding=1)
        edge.ip(f"address add {site.address_with_identifier(':1')}/64 dev eth0 nodad")
        config = (f"[Interface]\nListenPort = {PORT}\nPrivateKey = {self.site_keys[site.name][0]}\n"
                  f"[Peer]\nPublicKey = {self.relay_keys[1]}\nAllowedIPs = fd99::1/128, {OVERLAY}\n"
                  f"Endpoint = {RELAY_NAME}:{PORT}\nPersistentKeepalive = 25\n")
        _wireguard_up(edge, "wgvpnr01", config, f"fd99::{site.name}1", site.mtu - 80, ["fd99::1/128", OVERLAY])

    def start_radvd(self, site):
        path = f"{site.edge.dir}/radvd.conf"
        with open(path, "w", encoding="ascii") as file:
            file.write(radvd_config(site))
        return site.edge.start("radvd", "-n", "-m", "stderr", "-C", path, "-p", f"{site.edge.dir}/radvd.pid")


def radvd_config(site):
    return f"""
interface eth0 {{
    AdvSendAdvert on;
    MinRtrAdvInterval 10;
    MaxRtrAdvInterval 30;
    AdvDefaultLifetime 0;
    AdvReachableTime 600000;
    prefix {site.prefix} {{
        AdvOnLink on;
        AdvAutonomous on;
        AdvRouterAddr on;
    }};
    route {OVERLAY} {{
        AdvRoutePreference high;
    }};
}};
"""


def _edge_firewall(site):
    return f"""
table ip6 filter {{
    chain input {{
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        iif lo accept
        udp dport {PORT} accept
        icmpv6 type {{ echo-request, echo-reply, destination-unreachable, packet-too-big, time-exceeded,
                       parameter-problem, nd-router-advert, nd-router-solicit, nd-neighbor-solicit,
                       nd-neighbor-advert }} accept
    }}
    chain forward {{
        type filter hook forward priority 0; policy drop;
        ct state vmap {{ invalid : drop, established : accept, related : accept }}
        iifname "eth0" oifname "wgvpnr01" ip6 daddr {site.prefix} reject with icmpv6 type port-unreachable
        iifname "eth0" oifname "wgvpnr01" ip6 daddr {OVERLAY} accept
        iifname "wgvpnr01" oifname "eth0" ip6 daddr {site.prefix} accept
        reject with icmpv6 type port-unreachable
    }}
}}
"""


def _relay_firewall():
    return f"""
table inet filter {{
    chain input {{
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iif lo accept
        udp dport {PORT} accept
        icmp type {{ echo-request, echo-reply, destination-unreachable, time-exceeded }} accept
        icmpv6 type {{ echo-request, echo-reply, destination-unreachable, packet-too-big, time-exceeded,
                       parameter-problem, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert }} accept
    }}
    chain forward {{
        type filter hook forward priority 0; policy drop;
        ct state vmap {{ invalid : drop, established : accept, related : accept }}
        iifname "wgvpnr01" oifname "wgvpnr01" ip6 daddr {OVERLAY} udp dport 58000-60000 accept
        iifname "wgvpnr01" oifname "wgvpnr01" ip6 daddr {OVERLAY} tcp dport 5201 accept
        iifname "wgvpnr01" oifname "wgvpnr01" ip6 daddr {OVERLAY} icmpv6 type {{ echo-request, echo-reply,
            destination-unreachable, packet-too-big, time-exceeded, parameter-problem }} accept
        reject with icmpx type host-unreachable
    }}
}}
"""
