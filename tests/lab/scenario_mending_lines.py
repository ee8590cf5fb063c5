#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the status prints for obstacles that no other scenario mends, done as it stands there: firewalld in panic mode, Docker's
chains, and a filter between hosts that the router's own bridge connects. Each obstacle ends with it."""

import os

import lab
from node import connect, switch_off_offloads
from other_firewalls import FIREWALLS, Box, lines

CONFORMANCE = ("F-03",)
NAMED_WITHIN = 10
# As dockerd leaves them with "ip6tables": true.
DOCKER = """ip6tables -P FORWARD DROP
for chain in DOCKER DOCKER-USER DOCKER-ISOLATION-STAGE-1; do ip6tables -N $chain; done
ip6tables -A DOCKER-USER -j RETURN; ip6tables -A DOCKER-ISOLATION-STAGE-1 -j RETURN
ip6tables -A FORWARD -j DOCKER-USER; ip6tables -A FORWARD -j DOCKER-ISOLATION-STAGE-1"""
DOCKER_ENDS = "ip6tables -P FORWARD ACCEPT; ip6tables -F; ip6tables -X; nft delete table ip6 filter"
BRIDGE_SETTING = "/proc/sys/net/bridge/bridge-nf-call-ip6tables"


def named(edge, words):
    return next((line for line in edge.problems() if words in line), None)


def mend(edge, run, what, words, works):
    took = lab.seconds_until(lambda: named(edge, words), 3 * NAMED_WITHIN, f"{what}: named", 0.1)
    said = named(edge, words)
    lab.step(f"{what}: named after {took:.1f} s: {said}")
    lab.check(took <= NAMED_WITHIN * lab.slowness(), f"{what}: named within {NAMED_WITHIN} s: {took:.1f} s")
    lab.check(not works(), f"{what} is an obstacle")
    line = lines(said)[0]  # of the likeliest one
    result = run(line)
    lab.check_equal(result.returncode, 0, f"{line}: {result.stdout}{result.stderr}")
    lab.wait_for(lambda: not named(edge, words) and works(), 20, f"{what}: what the status prints mends it")
    lab.step(f"{what}: mended by: {line}")


def panic(edge, works):
    firewalld = next(firewall for firewall in FIREWALLS if firewall.name == "firewalld")
    if not firewalld.there():
        return "firewalld"
    box = Box(edge.node)
    firewalld.start(box)
    done = set()

    def mended():  # its own rules are in the way first, and what mends those has a scenario
        for line in {line for problem in edge.problems() for line in lines(problem)} - done:
            done.add(line)
            box.run(line)
        return works() and not edge.problems()
    lab.wait_for(mended, 60, "beside firewalld, mended", every=1)
    box.run("firewall-cmd --panic-on")
    mend(edge, box.run, "firewalld in panic mode", "panic mode", works)
    firewalld.stop(box)
    return None


def docker(edge, works):
    node = edge.node
    node.run("sh", "-c", DOCKER)
    mend(edge, lambda line: node.run("sh", "-c", line, check=False), "Docker", "Docker drops it", works)
    node.run("sh", "-c", DOCKER_ENDS)


def bridged(edge, site, far):
    """The LAN's interface becomes a bridge with another host at a port of its own."""
    if not os.path.exists(BRIDGE_SETTING):
        return "bridge netfilter"
    node, other = edge.node, lab.Node("host-bridged")
    edge.stop()
    mac = node.out("cat", "/sys/class/net/eth0/address").strip()
    ipv4 = node.out("ip", "-o", "-4", "address", "show", "dev", "eth0").split()[3]
    connect(other, "eth0", node, "port1", site.mtu)
    for machine, interface in ((other, "eth0"), (node, "port1")):
        switch_off_offloads(machine, interface)
    node.ip(f"link add br0 address {mac} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            "link set br0 addrgenmode eui64", "address flush dev eth0", "link set eth0 master br0",
            "link set port1 master br0", "link set port1 up", "link set br0 up",
            f"address add {ipv4} dev br0", "route add default via 192.168.1.1")
    other.ip("link set eth0 up")
    node.run("sysctl", "-qw", "net.bridge.bridge-nf-call-ip6tables=1")
    edge.config["lan"][0]["interface"] = "br0"
    edge.start()
    lab.wait_for(lambda: lab.addresses(other, "fd12:") and lab.can_ping(site.host, far), 30, "the LAN is a bridge")
    across = lab.addresses(other, "fd12:")[0]
    works = lambda: lab.can_ping(site.host, across)
    lab.wait_for(works, 10, "hosts reach each other over the bridge")
    node.run("sh", "-c", "ip6tables -A FORWARD -i br0 -o br0 -j DROP")
    site.host.start("ping", "-6", "-i", "0.2", across, name="across")  # what is counted is what hosts send
    mend(edge, lambda line: node.run("sh", "-c", line, check=False), "a filter on the bridge",
         "this machine's bridge", works)
    return None


def scenario():
    world = lab.build()
    overlay = lab.overlay(world)
    overlay.edge("a").config["firewall"] = {"mode": "shared"}
    overlay.start()
    _, far = overlay.wait_until_up()
    edge, site = overlay.edge("a"), world.sites["a"]
    works = lambda: lab.can_ping(site.host, far)
    lab.wait_for(lambda: works() and not edge.problems(), 20, "nothing is in the way at first")
    docker(edge, works)
    lab.wait_for(lambda: works() and not edge.problems(), 20, "nothing is in the way any more")
    missing = [one for one in (panic(edge, works), bridged(edge, site, far)) if one]
    if missing:
        raise lab.Skip(f"not tried, because it is not there: {missing}")


if __name__ == "__main__":
    lab.main(scenario)
