# SPDX-License-Identifier: GPL-2.0-or-later
"""The overlay's world: an internet, sites behind CG-NAT, relays with public addresses.

                       +--------- inet ---------+
              203.0.113.0/24            198.51.100.0/24
             2001:db8:ffff::/64           2001:db8::/64
                   |                    |             |
                 relay                isp-a         isp-b       CG-NAT, nothing new from outside
                                        |             |
                                      sw-a          sw-b        192.168.1.0/24, 2001:db8:a::/64
                                     |    |        |    |
                                edge-a  host-a  edge-b  host-b

The lab gives edges and hosts a link and nothing else but an IPv4 address (as DHCP would); IPv6 is the kernel's
own SLAAC from the ISP's Router Advertisements.
"""

from dataclasses import dataclass, field

from measure import link_local, wait_for
from node import Node, connect, switch_off_offloads

OVERLAY = "fd12:3456:789a::/48"
RELAY_NAME = "relay.example.net"


@dataclass
class Site:
    name: str  # one hexadecimal digit: a, b, …
    uplink: str = "dual"  # dual | ipv4 | ipv6
    mtu: int = 1500
    routers: int = 1
    isp: Node = None
    switch: Node = None
    edges: list = field(default_factory=list)
    host: Node = None
    other_hosts: list = field(default_factory=list)

    @property
    def edge(self):
        return self.edges[0]

    @property
    def prefix(self):
        return f"fd12:3456:789a:{self.name}::/64"

    @property
    def number(self):
        return int(self.name, 16)

    def address_with_identifier(self, identifier):
        return f"fd12:3456:789a:{self.name}:{identifier}"


@dataclass
class Relay:
    name: str  # r1, r2, …
    number: int
    node: Node = None

    @property
    def ipv4(self):
        return f"203.0.113.{10 * self.number}"

    @property
    def ipv6(self):
        return f"2001:db8:ffff::{10 * self.number}"

    @property
    def host_name(self):
        return RELAY_NAME if self.number == 1 else f"relay{self.number}.example.net"


@dataclass
class World:
    inet: Node
    sites: dict
    relays: list

    @property
    def relay(self):
        return self.relays[0]

    def nodes(self):
        found = [self.inet] + [relay.node for relay in self.relays]
        for site in self.sites.values():
            found += [site.isp, site.switch, *site.edges, site.host, *site.other_hosts]
        return found

    def close(self):
        """For scenarios that need several worlds, one after the other."""
        for node in self.nodes():
            node.close()


def build(sites=("a", "b"), uplinks=None, relays=1, mtu=1500, routers=None, offloads=False):
    """Makes the world and waits until all uplinks work. `uplinks`: {"b": "ipv6"} and the like; `routers`: {"a": 2}
    gives site a a second one, edge-a2."""
    uplinks, routers = uplinks or {}, routers or {}
    world = World(_internet(), {}, [])
    for number in range(1, relays + 1):
        world.relays.append(_relay(world.inet, Relay(f"r{number}", number)))
    for name in sites:
        site = Site(name, uplinks.get(name, "dual"), mtu, routers.get(name, 1))
        world.sites[name] = _site(world.inet, site)
    if not offloads:
        _switch_off_offloads(world)
    names = {relay.host_name: [relay.ipv6, relay.ipv4] for relay in world.relays}
    for site in world.sites.values():
        for edge in site.edges:
            edge.set_hosts(names)
    for site in world.sites.values():
        _wait_for_uplink(site, world.relay)
    return world


def _bridge(node, name, *addresses):
    node.ip(f"link add {name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            *[f"address add {address} dev {name} nodad" if ":" in address else f"address add {address} dev {name}"
              for address in addresses],
            f"link set {name} up")


def _plug(switch, bridge, port, node, interface, mtu=1500, mac=None):
    connect(node, interface, switch, port, mtu, left_mac=mac)
    switch.ip(f"link set {port} master {bridge}", f"link set {port} up")


def _router_sysctls(node):
    node.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1,
                net__ipv4__conf__all__rp_filter=0, net__ipv4__conf__default__rp_filter=0,
                net__ipv6__conf__default__accept_dad=0, net__ipv6__conf__all__accept_dad=0)


def _internet():
    inet = Node("inet")
    _router_sysctls(inet)
    _bridge(inet, "access", "198.51.100.1/24", "2001:db8::1/64")
    _bridge(inet, "servers", "203.0.113.1/24", "2001:db8:ffff::1/64")
    # Else it is the lowest of the ports', and changes with a port that is added later: what the neighbours have
    # learnt is dropped then.
    inet.ip("link set access address 02:00:00:00:fe:01", "link set servers address 02:00:00:00:fe:02")
    return inet


def _relay(inet, relay):
    node = relay.node = Node("relay" if relay.number == 1 else f"relay{relay.number}")
    node.sysctl(net__ipv6__conf__default__accept_dad=0)
    _plug(inet, "servers", f"relay{relay.number}", node, "eth0", mac=f"02:00:00:00:ff:{relay.number:02x}")
    node.sysctl(net__ipv6__conf__eth0__accept_ra=0, net__ipv4__conf__eth0__rp_filter=0)
    node.ip(f"address add {relay.ipv4}/24 dev eth0", f"address add {relay.ipv6}/64 dev eth0 nodad",
            "link set eth0 up", "route add default via 203.0.113.1", "route add default via 2001:db8:ffff::1")
    return relay


def _site(inet, site):
    site.switch = Node(f"sw-{site.name}")
    _bridge(site.switch, "lan")
    site.isp = _isp(inet, site)
    for number in range(1, site.routers + 1):
        suffix = "" if number == 1 else str(number)
        site.edges.append(_lan_machine(site, f"edge-{site.name}{suffix}", number + 1))
    site.host = _lan_machine(site, f"host-{site.name}", 100)
    return site


def _isp(inet, site):
    isp = Node(f"isp-{site.name}")
    _router_sysctls(isp)
    _plug(inet, "access", f"isp{site.name}", isp, "wan")
    _plug(site.switch, "lan", "isp", isp, "lan", site.mtu, f"02:00:00:00:{site.number:02x}:01")
    isp.sysctl(net__ipv6__conf__wan__accept_ra=0)
    isp.ip("link set wan up", "link set lan up")
    if site.uplink in ("dual", "ipv4"):
        isp.ip(f"address add 198.51.100.{site.number}/24 dev wan", "route add default via 198.51.100.1",
               "address add 192.168.1.1/24 dev lan")
    if site.uplink in ("dual", "ipv6"):
        isp.ip(f"address add 2001:db8::{site.name}/64 dev wan nodad", "route add default via 2001:db8::1",
               f"address add 2001:db8:{site.name}::1/64 dev lan nodad")
        inet.ip(f"route add 2001:db8:{site.name}::/48 via 2001:db8::{site.name}")
        _advertise_uplink(isp, site)
    isp.nft("""
        table inet isp {
            chain forward {
                type filter hook forward priority filter; policy drop;
                ct state established,related accept
                iifname "lan" accept
            }
            chain nat {
                type nat hook postrouting priority srcnat;
                meta nfproto ipv4 oifname "wan" masquerade fully-random
            }
        }
    """)
    return isp


def _advertise_uplink(isp, site):
    path = f"{isp.dir}/radvd.conf"
    with open(path, "w", encoding="ascii") as file:
        file.write(f"""interface lan {{ AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 5;
            AdvDefaultLifetime 600; prefix 2001:db8:{site.name}::/64 {{ }}; }};\n""")
    isp.start("radvd", "-n", "-m", "stderr", "-C", path, "-p", f"{isp.dir}/radvd.pid")


def _lan_machine(site, name, number):
    """An edge router or a host, as it is before any software of ours runs on it."""
    node = Node(name)
    _plug(site.switch, "lan", name, node, "eth0", site.mtu, f"02:00:00:00:{site.number:02x}:{number:02x}")
    node.sysctl(net__ipv6__conf__eth0__accept_ra=1, net__ipv6__conf__eth0__use_tempaddr=0,
                net__ipv6__conf__eth0__router_solicitation_delay=0,
                net__ipv4__conf__eth0__rp_filter=0)
    if name.startswith("host"):
        node.sysctl(net__ipv6__conf__eth0__accept_ra_rt_info_max_plen=64)
    node.ip("link set eth0 up")
    if site.uplink in ("dual", "ipv4"):
        node.ip(f"address add 192.168.1.{number}/24 dev eth0", "route add default via 192.168.1.1")
    return node


def _switch_off_offloads(world):
    for node in world.nodes():
        for line in node.out("ip", "-o", "link").splitlines():
            name = line.split(": ")[1].split("@")[0]
            if name != "lo":
                switch_off_offloads(node, name)


def _wait_for_uplink(site, relay):
    for node in (*site.edges, site.host):
        wait_for(lambda: link_local(node), 15, f"{node.name} has a link-local address")
        if site.uplink in ("dual", "ipv4"):
            wait_for(lambda: node.ok("ping", "-n", "-c1", "-W1", relay.ipv4), 15, f"{node.name} reaches the relay by IPv4")
        if site.uplink in ("dual", "ipv6"):
            wait_for(lambda: node.ok("ping", "-n", "-c1", "-W1", relay.ipv6), 15, f"{node.name} reaches the relay by IPv6")
