#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ulagate and FRR's vrrpd hear, believe and obey each other. Only that: FRR puts no address anywhere by itself, and
sends its advertisements from another address of its macvlan than the machine's own."""

import os
import time

import frr
import lab
from daemon import VIRTUAL_ADDRESS, VIRTUAL_ROUTER
from interop import Ulagate
from vrrp_capture import check_well_formed, vrrp_packets

CONFORMANCE = ("V-01", "V-09", "V-11", "V-26", "V-34")
INTERVAL = 0.1  # seconds


def scenario():
    if not os.access(f"{frr.FOLDER}/vrrpd", os.X_OK):
        raise lab.Skip("there is no vrrpd of FRR; tests/setup installs it")
    world = lab.build(sites=("a",), routers={"a": 2})
    site = world.sites["a"]
    daemon = lab.overlay(world).edges["edge-a"]
    other = frr.Frr(site.edges[1], VIRTUAL_ROUTER, VIRTUAL_ADDRESS)
    capture = lab.Capture(site.switch, "lan", f"{lab.LAB_DIR}/vrrp.pcap", "ip6 proto 112")
    for virtual_mac in (False, True):
        meet(Ulagate(daemon, INTERVAL, virtual_mac), other, "with" if virtual_mac else "without")
    capture.stop()
    check_capture(capture.path, lab.link_local(daemon.node), other)


def meet(ulagate, other, with_or_without):
    lab.step(f"{with_or_without} a virtual MAC address of ulagate")
    other.start(100, INTERVAL)
    state_of(other, "Master")
    ulagate.start(200)
    lab.wait_for(ulagate.is_active, 5, "ulagate takes over from a lower priority")
    state_of(other, "Backup")
    heard = other.status()["stats"]["adverRx"]
    time.sleep(10 * INTERVAL * lab.slowness())
    status = other.status()
    lab.check(status["stats"]["adverRx"] > heard + 4, "FRR accepts ulagate's advertisements")
    lab.check_equal((status["status"], status["masterAdverInterval"]), ("Backup", INTERVAL * 1000),
                    "stays Backup, and has learned the interval")
    ulagate.stop()
    state_of(other, "Master")
    ulagate.start(50)
    heard = ulagate.heard()
    time.sleep(10 * INTERVAL * lab.slowness())
    lab.check(ulagate.heard() > heard + 4, "ulagate accepts FRR's advertisements")
    lab.check_equal(ulagate.refused(), [], "and refuses none")
    lab.check(not ulagate.is_active(), "it stays Backup of a higher priority")
    lab.check_equal(ulagate.peer(), (other.source(), 100), "and knows who is Active")
    other.stop()
    lab.wait_for(ulagate.is_active, 5, "it takes over from an FRR that stops")
    ulagate.stop()


def state_of(other, state):
    lab.wait_for(lambda: other.status().get("status") == state, 10, f"FRR is {state}", every=0.1)


def check_capture(path, own, other):
    found = vrrp_packets(path)
    check_well_formed(found, "both")
    lab.check_equal({packet.source for packet in found}, {own, other.source()}, "both have spoken, and nobody else")
    body = lambda packet: (packet.router_id, packet.interval, packet.addresses)
    lab.check_equal({body(packet) for packet in found}, {(VIRTUAL_ROUTER, 10, (VIRTUAL_ADDRESS,))},
                    "both say the same of the virtual router")
    lab.check_equal({packet.priority for packet in found if packet.source == own}, {0, 50, 200}, "ulagate's priorities")
    lab.check_equal({packet.ethernet_source for packet in found if packet.source == other.source()}, {other.mac},
                    "FRR's Ethernet source")


if __name__ == "__main__":
    lab.main(scenario)
