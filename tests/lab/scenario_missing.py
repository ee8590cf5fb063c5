#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Something is missing: the rest comes up, status says what is wrong, and it heals by itself when it is there."""

import os

import lab

SECOND_LAN = {"interface": "lan1", "prefix": "fd12:3456:789a:aa::/64", "ra": {"min_interval": "3s", "max_interval": "4s"}}


def scenario():
    world = lab.build()
    overlay = lab.overlay(world)
    edge_a, edge_b = overlay.edge("a"), overlay.edge("b")
    edge_a.config["lan"].append(SECOND_LAN)
    overlay.relay.config["site"][0]["prefixes"].append(SECOND_LAN["prefix"])
    os.chmod(edge_b.key_path, 0o644)
    edge_b.node.set_hosts({})
    overlay.start()
    wrong_key_file(edge_b, overlay)
    unknown_relay(edge_b, world)
    overlay.wait_until_up()
    lab.step("the hosts reach each other, with a LAN interface missing")
    missing_interface(edge_a)
    lab.wait_for(lambda: edge_a.problems() == [] and edge_b.problems() == [], 20, "no problem is left")


def wrong_key_file(daemon, overlay):
    overlay.host_address("b")
    lab.check(True, "with a key file that others can read, hosts still get addresses")
    text = lab.wait_for(lambda: [line for line in daemon.problems() if daemon.key_path in line], 5,
                        "status names the key file")
    lab.check("chmod" in " ".join(text) or "readable" in " ".join(text), f"and what is wrong with it: {text}")
    lab.check(len(daemon.lines(daemon.key_path)) >= 1, "the log says so too")
    os.chmod(daemon.key_path, 0o600)
    lab.wait_for(lambda: not any(daemon.key_path in line for line in daemon.problems()), 60,
                 "it is used as soon as it is right")


def unknown_relay(daemon, world):
    lab.wait_for(lambda: any(lab.RELAY_NAME in line for line in daemon.problems()), 15,
                 "status names the relay that has no address")
    state = daemon.relay_status()
    lab.check(state["state"] != "up" and not state["endpoint"], f"the relay is not up: {state['state']}")
    lab.check(len(daemon.lines(lab.RELAY_NAME)) <= 3, "the log is not flooded with it")
    daemon.node.set_hosts({lab.RELAY_NAME: [world.relay.ipv6, world.relay.ipv4]})
    took = lab.seconds_until(lambda: daemon.relay_status().get("state") == "up", 90, "the relay is found and up")
    lab.step(f"the relay is up {took:.1f} s after its name resolves")


def missing_interface(daemon):
    node = daemon.node
    lan = lambda: next((lan for lan in (daemon.try_status() or {"lans": []})["lans"] if lan["interface"] == "lan1"), {})
    lab.check("advertising" not in lan()["state"], f"status of the missing LAN: {lan()['state']}")
    lab.check(any("lan1" in line for line in daemon.problems()), "it is listed as a problem")
    client = lab.Node("client")
    for attempt in ("appears", "vanishes and returns", "vanishes and returns again"):
        lab.connect(node, "lan1", client, "eth0")
        node.ip("link set lan1 up")
        client.sysctl(net__ipv6__conf__eth0__accept_ra_rt_info_max_plen=64)
        client.ip("link set eth0 up")
        lab.wait_for(lambda: lan().get("state") == "advertising", 15, f"lan1 {attempt}: advertising")
        lab.wait_for(lambda: lab.addresses(client, "fd12:3456:789a:aa:"), 15, f"lan1 {attempt}: a host has an address")
        lab.wait_for(lambda: lab.can_ping(client, "fd12:3456:789a:b::1"), 15, f"lan1 {attempt}: it reaches site b")
        lab.check(True, f"lan1 {attempt}: works")
        node.ip("link del lan1")
        lab.wait_for(lambda: any("lan1" in line for line in daemon.problems()), 5, "status says that lan1 is gone")
    lab.connect(node, "lan1", client, "eth0")
    node.ip("link set lan1 up")
    client.ip("link set eth0 up")
    lab.wait_for(lambda: lan().get("state") == "advertising", 15, "lan1 is back for good")


if __name__ == "__main__":
    lab.main(scenario)
