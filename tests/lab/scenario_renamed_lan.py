#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The LAN's interface gets another name, as udev gives it one late: the other router of the site takes over, the status
says what is missing, nothing of ours is left under the new name, and all is back with the old one."""

import json

import lab
from keepalived import VIRTUAL_ADDRESS

CONFORMANCE = ("F-11",)


def of_overlay(node, interface):
    """Addresses there that ulagate set. The kernel's own, from the other router's advertisements, is a host's."""
    links = json.loads(node.out("ip", "-j", "-6", "address", "show", "dev", interface))
    return [entry["local"] for link in links for entry in link.get("addr_info", [])
            if (entry["local"].startswith("fd12:3456:789a:") or entry["local"] == VIRTUAL_ADDRESS)
            and not entry.get("mngtmpaddr")]


def rename(node, old, new, live):
    if live:
        node.ip(f"link set {old} name {new}")
    else:
        node.ip(f"link set {old} down", f"link set {old} name {new}", f"link set {new} up")


def scenario():
    world = lab.build(routers={"a": 2})
    overlay = lab.overlay(world).start()
    _, far = overlay.wait_until_up()
    first, second = overlay.edges["edge-a"], overlay.edges["edge-a2"]
    node, host = first.node, world.sites["a"].host
    lab.wait_for(lambda: VIRTUAL_ADDRESS in of_overlay(node, "eth0"), 20, "the first router is Active")
    for live in (False, True):
        stream = lab.PingStream(host, far, 0.1)
        try:
            rename(node, "eth0", "late0", live)
        except lab.CommandFailed:
            stream.stop()
            lab.step("this kernel renames no interface that is up")
            break
        lab.wait_for(lambda: any("interface eth0 does not exist" in line for line in first.problems()), 10,
                     "the status says what is missing")
        lab.wait_for(lambda: VIRTUAL_ADDRESS in of_overlay(second.node, "eth0"), 10, "the second router is Active")
        lab.wait_for(lambda: not of_overlay(node, "late0"), 10, "nothing of ours is left under the new name")
        lab.wait_for(lambda: lab.can_ping(host, far), 10, "the hosts reach the other site")
        rename(node, "late0", "eth0", live)
        node.run("ip", "route", "replace", "default", "via", "192.168.1.1")
        lab.wait_for(lambda: VIRTUAL_ADDRESS in of_overlay(node, "eth0"), 40, "the first router is Active again")
        lab.wait_for(lambda: not first.problems(), 30, "and has nothing to say")
        result = stream.stop()
        lab.check(result.longest_gap < 5 * lab.slowness(),
                  f"renamed {'while up' if live else 'as udev does it'}: longest gap {result.longest_gap:.2f} s")


if __name__ == "__main__":
    lab.main(scenario)
