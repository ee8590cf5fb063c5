#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab itself, with two routers at a site: two keepalived, a pulled cable, and the means to look at both."""

import struct
import time

import lab
import lan
from keepalived import VIRTUAL_ADDRESS, Keepalived, VirtualRouter
from pings import SteadyPings
from vrrp_capture import check_well_formed, vrrp_packets

ESSENTIAL = "two routers of a site"


def scenario():
    world = lab.build(routers={"a": 2})
    site = world.sites["a"]
    first, second = site.edges
    macs = {edge: f"02:00:00:00:0a:{number:02x}" for number, edge in enumerate(site.edges, 2)}
    lab.check_equal(lan.answering_macs(site, VIRTUAL_ADDRESS, 0.3), set(), "nobody has the virtual address yet")
    check_pings(world)

    capture = lab.Capture(site.switch, "lan", f"{lab.LAB_DIR}/vrrp.pcap", "ip6 proto 112")
    one, two = [Keepalived(edge, VirtualRouter(priority, 0.1)).start() for edge, priority in ((first, 200), (second, 100))]
    lab.wait_for(one.is_active, 10, "edge-a is Active")
    check_owner(site, macs[first], "edge-a")
    lan.pull(site, first)
    took = lab.seconds_until(two.is_active, 10, "edge-a2 takes over")
    lab.step(f"edge-a2 took over {took:.3f} s after the cable was pulled")
    check_owner(site, macs[second], "edge-a2")
    lan.plug(site, first)
    lab.wait_for(lambda: one.is_active() and not two.is_active(), 20, "edge-a is Active again")
    check_owner(site, macs[first], "edge-a again")
    one.stop()
    lab.wait_for(two.is_active, 10, "edge-a2 takes over from an edge-a that stops")

    capture.stop()
    check_capture(capture.path, macs)


def check_owner(site, mac, who):
    heard = lan.neighbor_answers(site, VIRTUAL_ADDRESS, 0.5)
    # A keepalived that has just become Active also tells everybody, unasked.
    lab.check_equal({(answer.target_mac, answer.ethernet_source, answer.hop_limit) for answer in heard}, {(mac, mac, 255)}, f"{who} alone speaks for the virtual address")
    lab.check_equal(len([answer for answer in heard if answer.flags & lan.SOLICITED]), 1, "and answers once")


def check_pings(world):
    """What the pings say of a cable that is out for half a second."""
    pings = SteadyPings(world.sites["b"].edge, "2001:db8:a::1")  # the ISP's router at site a
    lab.wait_for(lambda: len(pings.result().replies) > 50, 10, "answers")
    pulled = time.time()
    world.inet.ip("link set ispa down")
    time.sleep(0.5 * lab.slowness())
    world.inet.ip("link set ispa up")
    plugged = time.time()
    lab.wait_for(lambda: max(pings.result().replies.values()) > plugged, 10, "answers again")
    result = pings.stop()
    lab.step(f"{result}; out for {plugged - pulled:.3f} s")
    lab.check_equal(len(result.outages), 1, "the pings see one outage")
    lab.check(all(pulled - 0.1 < result.sent_at[number] < plugged + 1 for number in result.lost),
              "they lost those sent while the cable was out")
    lab.check(0.4 * lab.slowness() < result.outages[0][1] < plugged - pulled + 1, "and say how long it took")


def check_capture(path, macs):
    found = vrrp_packets(path)
    check_well_formed(found, "keepalived")
    lab.check_equal({packet.addresses for packet in found}, {(VIRTUAL_ADDRESS,)}, "the virtual address is in each")
    lab.check_equal({packet.ethernet_source for packet in found}, set(macs.values()), "both have spoken")
    lab.check_equal({(packet.router_id, packet.interval) for packet in found}, {(51, 10)}, "identifier and interval")
    lab.check_equal({packet.priority for packet in found}, {0, 100, 200}, "priorities, and 0 for good-bye")
    with open(path, "rb") as file:
        data = bytearray(file.read())
    size = struct.unpack_from("<I", data, 24 + 8)[0]
    data[24 + 16 + size - 1] ^= 1
    with open(path, "wb") as file:
        file.write(data)
    lab.check_equal([packet.checksum_is_good for packet in vrrp_packets(path)[:2]], [False, True],
                    "tshark notices a flipped bit")


if __name__ == "__main__":
    lab.main(scenario)
