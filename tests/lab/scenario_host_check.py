#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What host-check says of hosts as others leave them: routes with next-hop objects (systemd-networkd 257), dhcpcd 10's, overlays that
are no /48, containers. The programs' routes and settings as they were seen, put there by hand; see also scenario_hosts.py."""

import os

import lab

ESSENTIAL = "what a host can have or lack"
CONFORMANCE = ("F-13",)
HOST_CHECK = f"{lab.ROOT}/tests/lab/host-check"
GATEWAY = "fe80::5eed"
CONF = "net__ipv6__conf__eth0__"


class Host:
    def __init__(self, name):
        self.node = lab.Node(name)
        self.node.ip("link add eth0 type bridge", "link set eth0 up", "address add fd12:3456:789a:a::7/64 dev eth0 nodad",
                     "address add fe80::7/64 dev eth0 nodad")
        self.accept_all()

    def accept_all(self):
        self.node.sysctl(**{CONF + "accept_ra": 1, CONF + "forwarding": 0, CONF + "autoconf": 1, CONF + "use_tempaddr": 0,
                            CONF + "accept_ra_rt_info_min_plen": 0, CONF + "accept_ra_rt_info_max_plen": 64})

    def says(self, code, *words, without=()):
        done = self.node.run("sh", HOST_CHECK, "eth0", check=False)
        lab.check(done.returncode == code and all(word in done.stdout for word in words) and
                  not any(word in done.stdout for word in without), f"{self.node.name}: {', '.join(words)}:\n{done.stdout}{done.stderr}")

    def program(self, name, text):
        """A program that says what the real one does."""
        path = f"/run/lab/{self.node.name}/{name}"
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, 0o755)
        real = self.node.out("sh", "-c", f"command -v {name} || true").strip()
        if not real:
            raise lab.Skip(f"there is no {name}; tests/setup hosts installs it")
        self.node.run("mount", "--bind", path, real)


def routes():
    host = Host("networkd-257")
    host.node.ip(f"nexthop add id 77 via {GATEWAY} dev eth0 proto ra",
                 "route add fd12:3456:789a::/48 nhid 77 proto ra metric 512")
    host.says(0, f"has the route to fd12:3456:789a::/48 through {GATEWAY}", "has the address fd12:3456:789a:a::7/64", "good:")
    host.node.ip("route del fd12:3456:789a::/48", "link add other type bridge", "link set other up",
                 f"route add fd12:3456:789a::/48 via {GATEWAY} dev other")
    host.says(0, "good:", without=("has the route",))


def dhcpcd():
    for version, code, words in (("10.1.0", 0, "metric 1002"), ("10.0.6", 1, "noipv6rs"), ("9.4.1", 1, "noipv6rs"),
                                 ("11.0.0", 0, "metric 1002")):
        host = Host(f"dhcpcd-{version}")
        host.node.sysctl(**{CONF + "accept_ra": 0})
        host.node.ip(f"route add fd12:3456:789a::/48 via {GATEWAY} dev eth0 metric 1002")
        host.program("dhcpcd", f"#!/bin/sh\necho 'dhcpcd {version}'\n")
        host.node.run("sh", "-c", f"mkdir -p /run/dhcpcd; mount -t tmpfs t /run/dhcpcd; echo {host.node.pid} >/run/dhcpcd/eth0.pid")
        host.says(code, words, "has the route to fd12:3456:789a::/48")


def lengths():
    host = Host("lengths")
    for longest, code, word in ((64, 0, "good:"), (60, 0, "good:"), (59, 1, "no route to a /60"), (48, 1, "no route to a /60"),
                                (47, 1, "no route to a /48"), (0, 1, "no route to a /48")):
        host.node.sysctl(**{CONF + "accept_ra_rt_info_max_plen": longest})
        host.says(code, word)
    host.accept_all()
    host.node.sysctl(**{CONF + "accept_ra_rt_info_min_plen": 33})
    host.says(1, "no route to a /32")
    # What is there shows what the overlay's is.
    host.node.ip(f"route add fd12:3456:789a:a00::/56 via {GATEWAY} dev eth0 proto ra")
    host.says(0, "good:", "has the route to fd12:3456:789a:a00::/56")
    host.node.sysctl(**{CONF + "accept_ra_rt_info_max_plen": 48})
    host.says(1, "no route to a /56")


def containers():
    host = Host("podman-macvlan")  # netavark leaves it so
    host.node.sysctl(**{CONF + "autoconf": 0, CONF + "accept_ra_rt_info_max_plen": 0})
    host.node.run("touch", "/run/.containerenv")
    try:
        host.says(1, "makes itself no address", "no route to a /48", "net.ipv6.conf.eth0.autoconf=1",
                  "net.ipv6.conf.eth0.accept_ra_rt_info_max_plen=64", "--sysctl", without=("sysctl.d",))
        host.node.run("ip", "link", "del", "eth0")
        host.node.ip("tuntap add eth0 mode tap", "link set eth0 up", "address add fd00::100/64 dev eth0 nodad",
                     "route add default via fe80::2 dev eth0")
        host.says(0, "a program on the host carries the connections", without=("problem",))
    finally:
        host.node.run("rm", "/run/.containerenv")
    if not os.path.exists("/.dockerenv"):  # this machine may be one
        host.says(1, "no route to a /48", "sysctl.d")  # on a host the same is a tap like any other


def scenario():
    routes()
    dhcpcd()
    lengths()
    containers()


if __name__ == "__main__":
    lab.main(scenario)
