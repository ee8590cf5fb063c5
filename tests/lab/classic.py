# SPDX-License-Identifier: GPL-2.0-or-later
"""A site and a relay set up by hand, as the source design says: radvd, a wg-quick-style script and an nft file.

With the mistakes repaired that keep the design from working at all: the router has an address in the /64 (else
there is no way back), its input chain accepts Router Solicitations and VRRP, and the relay's nft file loads. It shows
that the lab's world is right, and it is what ulagate is measured against.
"""

import os

from topology import OVERLAY, RELAY_NAME

PORT = 51820
TUNNEL = "wgvpnr01"


def keys(node):
    private = node.out("wg", "genkey").strip()
    return private, node.out("wg", "pubkey", stdin=private + "\n").strip()


def kernel_has_wireguard(node):
    if not node.ok("ip", "link", "add", "wgprobe", "type", "wireguard"):
        return False
    node.ip("link del wgprobe")
    return True


def tunnel_script(node, name, config, address, mtu, routes):
    """Writes what wg-quick would do to a file, which takes `up` or `down`. wireguard-go closes its port after its
    interface has gone, and `down` waits for that, or the next `up` would find the port in use."""
    with open(f"{node.dir}/{name}.conf", "w", encoding="ascii") as file:
        file.write(config)
    path = f"{node.dir}/{name}"
    add_routes = "".join(f"    ip route add {route} dev {name}\n" for route in routes)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o755), "w", encoding="ascii") as file:
        file.write(f"""#!/bin/sh
case $1 in
up)
    set -e
    ip link add {name} type wireguard 2>/dev/null || wireguard-go {name} 2>/dev/null
    wg setconf {name} {node.dir}/{name}.conf
    ip address add {address}/128 dev {name} nodad
    ip link set {name} mtu {mtu} up
{add_routes}    ;;
down)
    port=$(wg show {name} listen-port)
    rm -f /run/wireguard/{name}.sock # ends wireguard-go
    ip link del {name} 2>/dev/null || true
    for _ in $(seq 100); do
        [ -z "$(ss -Hlnu "sport = :$port")" ] && break
        sleep 0.05
    done
    ;;
esac
""")
    return path


class Classic:
    """setup() does all of it; the start_… methods can be timed."""

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
        config = f"[Interface]\nListenPort = {PORT}\nPrivateKey = {self.relay_keys[0]}\n{peers}"
        routes = [route for name, site in self.world.sites.items() for route in (f"fd99::{name}1/128", site.prefix)]
        node.run(tunnel_script(node, TUNNEL, config, "fd99::1", 1420, routes), "up")
        node.nft(_relay_firewall())

    def start_edge(self, site):
        self.prepare_router(site, site.edge)
        site.edge.run(self.tunnel(site, site.edge), "up")
        self.start_radvd(site, site.edge)

    def prepare_router(self, site, edge):
        edge.sysctl(net__ipv6__conf__eth0__accept_ra=2, net__ipv6__conf__all__forwarding=1)
        own = site.address_with_identifier(f":{site.edges.index(edge) + 1}")
        edge.ip(f"address add {own}/64 dev eth0 nodad")
        edge.nft(_edge_firewall(site))

    def tunnel(self, site, edge):
        """A command that takes `up` or `down`. All routers of a site have the same key and tunnel address, because the
        relay knows one peer a site."""
        config = (f"[Interface]\nListenPort = {PORT}\nPrivateKey = {self.site_keys[site.name][0]}\n"
                  f"[Peer]\nPublicKey = {self.relay_keys[1]}\nAllowedIPs = fd99::1/128, {OVERLAY}\n"
                  f"Endpoint = {RELAY_NAME}:{PORT}\nPersistentKeepalive = 25\n")
        return tunnel_script(edge, TUNNEL, config, f"fd99::{site.name}1", site.mtu - 80, ["fd99::1/128", OVERLAY])

    def start_radvd(self, site, edge, advertised=None):
        """`advertised`: the virtual router's address, which radvd sends from while this machine has it."""
        path = f"{edge.dir}/radvd.conf"
        with open(path, "w", encoding="ascii") as file:
            file.write(radvd_config(site, advertised))
        return edge.start("radvd", "-n", "-m", "stderr", "-C", path, "-p", f"{edge.dir}/radvd.pid")


def radvd_config(site, advertised=None):
    source = f"AdvRASrcAddress {{ {advertised}; }};" if advertised else ""
    return f"""
interface eth0 {{
    AdvSendAdvert on;
    MinRtrAdvInterval 10;
    MaxRtrAdvInterval 30;
    AdvDefaultLifetime 0;
    AdvReachableTime 600000;
    {source}
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
        meta l4proto vrrp accept
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
