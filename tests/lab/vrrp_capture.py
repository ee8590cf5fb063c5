# SPDX-License-Identifier: GPL-2.0-or-later
"""The VRRP packets of a capture, as tshark understands them: a second opinion on what we send."""

import subprocess
from dataclasses import dataclass

from measure import check, check_equal

FIELDS = ["frame.time_epoch", "eth.src", "eth.dst", "ipv6.src", "ipv6.dst", "ipv6.hlim", "vrrp.version", "vrrp.type",
          "vrrp.virt_rtr_id", "vrrp.prio", "vrrp.addr_count", "vrrp.short_adver_int", "vrrp.ipv6_addr",
          "vrrp.checksum.status", "_ws.malformed", "_ws.expert.severity"]
GOOD_CHECKSUM = "1"
PI_ERROR = str(0x800000)


@dataclass(frozen=True)
class VrrpPacket:
    when: float  # CLOCK_REALTIME
    ethernet_source: str
    ethernet_destination: str
    source: str
    destination: str
    hop_limit: int
    version: int
    type: int
    router_id: int
    priority: int
    address_count: int
    interval: int  # centiseconds
    addresses: tuple
    checksum_is_good: bool
    malformed: bool


def vrrp_packets(path):
    """`path`: what measure.Capture wrote."""
    fields = [word for name in FIELDS for word in ("-e", name)]
    done = subprocess.run(["tshark", "-n", "-r", path, "-Y", "vrrp and ipv6", "-T", "fields", *fields],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
    return [_packet(line.split("\t")) for line in done.stdout.splitlines()]


def _packet(columns):
    row = dict(zip(FIELDS, columns))
    number = lambda name: int(row[name] or -1)
    return VrrpPacket(float(row["frame.time_epoch"]), row["eth.src"], row["eth.dst"], row["ipv6.src"], row["ipv6.dst"],
                      number("ipv6.hlim"), number("vrrp.version"), number("vrrp.type"), number("vrrp.virt_rtr_id"),
                      number("vrrp.prio"), number("vrrp.addr_count"), number("vrrp.short_adver_int"),
                      tuple(word for word in row["vrrp.ipv6_addr"].split(",") if word),
                      row["vrrp.checksum.status"] == GOOD_CHECKSUM,
                      bool(row["_ws.malformed"]) or PI_ERROR in row["_ws.expert.severity"].split(","))


def check_well_formed(packets, what):
    """RFC 9568 5.1 and 5.2: what every advertisement has, whatever its content."""
    check(packets, f"{what}: there are VRRP packets ({len(packets)})")
    wrong = [packet for packet in packets if packet.malformed or not packet.checksum_is_good
             or packet.address_count != len(packet.addresses)]
    check_equal(wrong[:3], [], f"{what}: tshark finds no malformed VRRP packet and no bad checksum")
    headers = {(packet.ethernet_destination, packet.destination, packet.hop_limit, packet.version, packet.type,
                packet.source.startswith("fe80:")) for packet in packets}
    check_equal(headers, {("33:33:00:00:00:12", "ff02::12", 255, 3, 1, True)},
                f"{what}: to ff02::12 with hop limit 255 from a link-local address, version 3, type 1")
