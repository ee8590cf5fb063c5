# SPDX-License-Identifier: GPL-2.0-or-later
"""The LAN of a site with several routers: pulled cables, and who answers for an address on the wire."""

import fcntl
import ipaddress
import socket
import struct
import time
from dataclasses import dataclass

import packets
from node import Node, connect, switch_off_offloads

SOLICITATION, ADVERTISEMENT = 135, 136  # ICMPv6 types
ROUTER, SOLICITED, OVERRIDE = 0b100, 0b010, 0b001  # flags of an advertisement
ETH_P_IPV6 = 0x86DD
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
HALF = "half"  # the second half of a switch that was cut in two
PROBE = "fe80::9:9"  # no machine of the lab has this address


class Cable:
    """Between a router and the switch. Pulled at the switch, both ends lose the carrier, and nothing passes any more.

    By a system call that is prepared: to start ip(8) would take an emulated machine longer than the routers need to
    notice."""

    def __init__(self, site, edge):
        self._name = edge.name.encode()
        with site.switch.network():
            self._control = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)

    def pull(self):
        self._set_up(0)

    def plug(self):
        self._set_up(IFF_UP)

    def _set_up(self, up):
        now = fcntl.ioctl(self._control, SIOCGIFFLAGS, struct.pack("16sh", self._name, 0))
        flags = struct.unpack("16sh", now)[1]
        fcntl.ioctl(self._control, SIOCSIFFLAGS, struct.pack("16sh", self._name, flags & ~IFF_UP | up))


def pull(site, edge):
    Cable(site, edge).pull()


def plug(site, edge):
    Cable(site, edge).plug()


def part(site, *nodes):
    """Cuts the switch in two: these machines are on the second half, `HALF`. Nobody loses the carrier."""
    if not site.switch.ok("ip", "link", "show", HALF):
        site.switch.ip(f"link add {HALF} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                       f"link set {HALF} up")
    site.switch.ip(*[f"link set {node.name} master {HALF}" for node in nodes])


def heal(site, *nodes):
    """What part() has cut is one switch again."""
    site.switch.ip(*[f"link set {node.name} master lan" for node in nodes])


def new_card(site, edge):
    """A router's interface at the LAN is there again after it was deleted. Its IPv4 is not."""
    mac = f"02:00:00:00:{site.number:02x}:{site.edges.index(edge) + 2:02x}"
    connect(edge, "eth0", site.switch, edge.name, site.mtu, left_mac=mac)
    for node, interface in ((edge, "eth0"), (site.switch, edge.name)):
        switch_off_offloads(node, interface)
    edge.ip("link set eth0 up")
    site.switch.ip(f"link set {edge.name} master lan", f"link set {edge.name} up")


def another_host(site, number=2):
    """A second host, or a third, … on the LAN of a site; it has no IPv4."""
    host = Node(f"host-{site.name}{number}")
    mac = f"02:00:00:00:{site.number:02x}:{0x63 + number:02x}"
    connect(host, "eth0", site.switch, host.name, site.mtu, left_mac=mac)
    for node, interface in ((host, "eth0"), (site.switch, host.name)):
        switch_off_offloads(node, interface)
    host.sysctl(net__ipv6__conf__eth0__accept_ra_rt_info_max_plen=64,
                net__ipv6__conf__eth0__router_solicitation_delay=0)
    site.switch.ip(f"link set {host.name} master lan", f"link set {host.name} up")
    host.ip("link set eth0 up")
    site.other_hosts.append(host)
    return host


@dataclass(frozen=True)
class Answer:
    """A Neighbor Advertisement for the address that was asked for."""
    when: float  # CLOCK_MONOTONIC
    ethernet_source: str
    source: str
    target_mac: str  # from the option; empty without one
    flags: int  # ROUTER, SOLICITED, OVERRIDE
    hop_limit: int


def neighbor_answers(site, address, seconds=1.0, half="lan"):
    """All answers within `seconds` to one Neighbor Solicitation for an address on a site's LAN.

    It is sent from the switch with an address that nobody has, so no host's neighbour cache learns from it."""
    with site.switch.network():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IPV6))
        wire.bind((half, ETH_P_IPV6))
    with wire:
        mac = wire.getsockname()[4]
        wire.send(_solicitation(ipaddress.IPv6Address(address).packed, mac))
        return list(_collect(wire, address, time.monotonic() + seconds))


def answering_macs(site, address, seconds=1.0, half="lan"):
    """Who says that the address is its own: link-layer addresses, as hosts would learn them."""
    return {answer.target_mac or answer.ethernet_source for answer in neighbor_answers(site, address, seconds, half)}


def announce(site, address, mac):
    """A Neighbor Advertisement to all hosts of a LAN as if the router with this link-layer address sent it."""
    target = ipaddress.IPv6Address(address).packed
    body = bytes([(ROUTER | OVERRIDE) << 5, 0, 0, 0]) + target + b"\x02\x01" + bytes.fromhex(mac.replace(":", ""))
    with site.switch.network():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IPV6))
        wire.bind(("lan", ETH_P_IPV6))
    with wire:
        wire.send(packets.icmpv6(ADVERTISEMENT, body, address, "ff02::1", mac, "33:33:00:00:00:01"))


def _solicitation(target, mac):
    group = ipaddress.IPv6Address("ff02::1:ff00:0").packed[:13] + target[-3:]
    return packets.icmpv6(SOLICITATION, bytes(4) + target + b"\x01\x01" + mac, PROBE, str(ipaddress.IPv6Address(group)),
                          mac.hex(":"), (b"\x33\x33" + group[-4:]).hex(":"))


def _collect(wire, address, end):
    target = ipaddress.IPv6Address(address).packed
    while (left := end - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            frame = wire.recv(2048)
        except TimeoutError:
            return
        header, message = frame[14:54], frame[54:]
        if header[6] != socket.IPPROTO_ICMPV6 or len(message) < 24:
            continue
        if message[0] != ADVERTISEMENT or message[8:24] != target:
            continue
        # What a host's own unicast solicitation brought it comes by here too when the switch has forgotten the host; it
        # may lack the link-layer address (RFC 4861 section 4.4).
        if header[24] != 0xFF and header[24:40] != ipaddress.IPv6Address(PROBE).packed:
            continue
        yield Answer(time.monotonic(), frame[6:12].hex(":"), str(ipaddress.IPv6Address(header[8:24])),
                     _link_layer_address(message[24:]), message[4] >> 5, header[7])


def _link_layer_address(options):
    while len(options) >= 8 and options[1] > 0:
        kind, length = options[0], 8 * options[1]
        if kind == 2:
            return options[2:8].hex(":")
        options = options[length:]
    return ""
