#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that do not fit: TCP is told by the clamped MSS, everything else by Packet Too Big from the router."""

import re
import time

import lab

ESSENTIAL = "large packets pass"


def scenario():
    # With both, a machine that is slow to shake hands takes the other one.
    world = lab.build(uplinks={"a": "ipv6", "b": "ipv6"})
    overlay = lab.overlay(world).start()
    _, address_b = overlay.wait_until_up()
    host_a, host_b = world.sites["a"].host, world.sites["b"].host
    mtu = overlay.edge("a").relay_status()["mtu"]
    lab.check_equal(mtu, 1420, "the tunnel over IPv6 has an MTU of 1420")
    packet_too_big(host_a, address_b, mtu)
    maximum_segment_size(host_a, host_b, address_b, mtu)


def packet_too_big(host, destination, mtu):
    host.run("ip", "-6", "route", "flush", "cache")
    fits, too_big = str(mtu - 48), str(mtu - 47)
    lab.check(host.ok("ping", "-n", "-c1", "-W5", "-M", "do", "-s", fits, destination), f"a packet of {mtu} bytes passes")
    host.run("ping", "-n", "-c1", "-W5", "-M", "do", "-s", too_big, destination, check=False)
    cached = host.out("ip", "-6", "route", "get", destination)
    lab.check(f"mtu {mtu}" in cached, "one more byte, and the router says Packet Too Big: the host knows the MTU")
    # The other host has to learn the MTU for its answers, too, so the first may be lost.
    lab.check(host.ok("ping", "-n", "-c3", "-W5", "-s", "1452", destination), "then larger ones pass in fragments")
    host.run("ip", "-6", "route", "flush", "cache")


def maximum_segment_size(host_a, host_b, address_b, mtu):
    path = f"{lab.LAB_DIR}/syn.pcap"
    capture = lab.Capture(host_b, "eth0", path, "ip6 and tcp")
    listener = host_b.start("iperf3", "-s", "-1", "-B", address_b)
    lab.wait_for(lambda: host_b.out("ss", "-Hltn", "sport = :5201").strip(), 5, "iperf3 listens")
    host_a.run("iperf3", "-c", address_b, "-t", "1", timeout=60)
    listener.wait()
    time.sleep(0.2)
    capture.stop()
    text = host_b.out("tcpdump", "-nvr", path, "tcp", check=False)
    sizes = {int(size) for size in re.findall(r"Flags \[S\.?\].*?mss (\d+)", text)}
    lab.check(sizes and max(sizes) <= mtu - 60, f"the MSS in SYN packets is at most {mtu - 60}: {sizes}")


if __name__ == "__main__":
    lab.main(scenario)
