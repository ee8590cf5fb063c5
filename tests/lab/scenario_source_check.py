#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A host cannot send into the tunnel with a source that is not of its site, and nobody can send into a LAN from outside."""

import ipaddress
import re
import time

import lab
import packets

ESSENTIAL = "no site speaks for another"


def scenario():
    world = lab.build()
    overlay = lab.overlay(world).start()
    address_a, address_b = overlay.wait_until_up()
    path = f"{lab.LAB_DIR}/site-b.pcap"
    capture = lab.Capture(world.sites["b"].host, "eth0", path, "icmp6")
    spoof(world, address_b)
    lab.check(lab.can_ping(world.sites["a"].host, address_b), "a true source passes, after all that")
    time.sleep(0.5 * lab.slowness())
    capture.stop()
    text = world.sites["b"].host.out("tcpdump", "-nr", path, check=False)
    seen = {ipaddress.ip_address(source) for source in re.findall(r"IP6 (\S+) >", text)}
    for source in sources(world):
        lab.check(ipaddress.ip_address(source) not in seen, f"nothing from {source} reached site b")
    lab.check(ipaddress.ip_address(address_a) in seen, "the true source was seen there")


def sources(world):
    """Another site, the other site itself, another overlay, tunnel addresses, the internet."""
    gua = lab.addresses(world.sites["a"].host, "2001:db8:a:")[0]
    return ["fd12:3456:789a:c::99", "fd12:3456:789a:b::99", "fd12:3456:789b:a::99", "fd99::1", "fd99::b1", "2001:db8::dead", gua]


def spoof(world, address_b):
    """Frames straight to the router's MAC, so that the host's own source selection and routes have no say."""
    host = world.sites["a"].host
    sender = packets.Sender(host)
    for source in sources(world):
        frame = packets.icmpv6(128, b"\0\1\0\1" + bytes(16), source, address_b, "02:00:00:00:0a:64", "02:00:00:00:0a:02",
                               hop_limit=64)
        for _ in range(3):
            sender.send(frame)


if __name__ == "__main__":
    lab.main(scenario)
