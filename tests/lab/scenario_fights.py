#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody undoes what is ours again and again: a few lines and a problem that names it, and all is well once that ends."""

import time

import lab

CONFORMANCE = ("F-08",)
FOR = 6  # seconds
LINES = 12  # and that of a minute would be no more than twice as many, because later ones are counted only
ENEMIES = {
    "the overlay's route": (f"ip -6 route del {lab.OVERLAY} dev ulg-r1 table 117", f"route {lab.OVERLAY}"),
    "our rule": ("ip -6 rule del table 117", "rule 200"),
    "our nft table": ("nft delete table inet ulagate", "firewall"),
    "forwarding": ("sysctl -q net.ipv6.conf.all.forwarding=0", "sysctl net/ipv6/conf/"),
    "the tunnel's port": ("wg set ulg-r1 listen-port 5555", "interface ulg-r1 "),
    "the tunnel's peers": ("wg set ulg-r1 peer $(wg show ulg-r1 peers) remove", "interface ulg-r1 "),
    "the tunnel's state": ("ip link set ulg-r1 down", "interface ulg-r1 "),
    "the site's address": (f"ip -6 address del {lab.OVERLAY.replace('::/48', ':a::1/64')} dev eth0", "address fd"),
    "the tunnel's address": ("ip -6 address del fd99::a1/128 dev lo", "address fd"),
}


def scenario():
    world = lab.build(uplinks={"a": "ipv4", "b": "ipv4"})
    overlay = lab.overlay(world).start()
    _, far = overlay.wait_until_up()
    edge = overlay.edge("a")
    for name, (command, subject) in ENEMIES.items():
        fight(edge, name, command, subject)
        lab.wait_for(lambda: lab.can_ping(world.sites["a"].host, far), 20, f"{name}: the hosts reach each other again")
    lab.wait_for(lambda: edge.problems() == [], 60, "and no problem is left", every=0.5)
    lab.check_equal(len([line for line in edge.log().splitlines() if "over: a fight" in line]),
                    len([line for line in edge.log().splitlines() if "warning ulagate: a fight" in line]),
                    "each fight has its end in the log")


def fight(edge, name, command, subject):
    before = len(edge.log().splitlines())
    enemy = edge.node.start("sh", "-c", f"while :; do {command}; sleep 0.05; done", name=f"enemy-{time.monotonic_ns()}")
    try:
        said = lab.wait_for(lambda: [problem for problem in edge.problems() if "a fight" in problem and f"({subject}" in problem],
                            20, f"{name}: status names what is fought over", every=0.1)
        lab.step(f"{name}: {said[0]}")
        time.sleep(FOR * lab.slowness())
    finally:
        enemy.stop()
    lines = edge.log().splitlines()[before:]
    lab.check(len(lines) <= LINES, f"{name}: {len(lines)} lines in the log")


if __name__ == "__main__":
    lab.main(scenario)
