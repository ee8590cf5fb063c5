#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody deletes what is ours: it is back within a second, and the log says so once."""

import os
import signal
import time

import lab

WITHIN = 1.0  # seconds: what the kernel reports when it changes
# WireGuard reports nothing, and settings are looked at once a second; a process that is killed takes its time to die,
# and another one to start. The relay's new interface is there at once, but its peers have a keepalive until the routers
# answer.
LATER = 2.5
ALONE = "it judges a second, and beside three others a wireguard-go that has to die and start again takes it"
LATE = ("a peer", "forwarding", "wireguard-go", "the interface of all sites")


def scenario():
    world = lab.build()
    overlay = lab.overlay(world).start()
    address_a, address_b = overlay.wait_until_up()
    time.sleep(2 * lab.slowness())
    edge = overlay.edge("a")
    failures = []
    for daemon, damages in ((edge, edge_damages(edge)), (overlay.relay, relay_damages(overlay.relay))):
        for name, damage, words in damages:
            try:
                heals(daemon, name, damage, words)
            except lab.Failed as failure:
                print(f"  FAILED: {failure}", flush=True)
                failures.append(str(failure))
    # An edge notices 15 s after it has sent data that the relay's new interface does not know its session; one that
    # sends nothing only when its key is due, up to 2 min later. So both hosts talk.
    host_a, host_b = (world.sites[name].host for name in "ab")
    streams = [lab.PingStream(host_a, address_b, 0.5), lab.PingStream(host_b, address_a, 0.5)]
    lab.wait_for(lambda: all(stream.result().replies for stream in streams), 60, "the hosts reach each other after all")
    lab.check(not failures, f"all of it healed {'; '.join(failures)}".strip())


def edge_damages(daemon):
    """What somebody does, and the words that a log line about it has."""
    node = daemon.node
    own = next(address for address in lab.addresses(node, "fd12:3456:789a:a:") if not address.endswith("::1"))
    yield "the route to the overlay", ["ip", "-6", "route", "del", lab.OVERLAY, "dev", "ulg-r1", "table", "117"], [
        lab.OVERLAY]
    yield "the route to the site", ["ip", "-6", "route", "del", "fd12:3456:789a:a::/64", "table", "117"], [
        "fd12:3456:789a:a::/64"]
    yield "the rule", ["ip", "-6", "rule", "del", "table", "117"], ["rule 200"]
    yield "the router's address", ["ip", "address", "del", f"{own}/64", "dev", "eth0"], [own]
    yield "the address ::1", ["ip", "address", "del", "fd12:3456:789a:a::1/64", "dev", "eth0"], ["fd12:3456:789a:a::1"]
    yield "our nft table", ["nft", "delete", "table", "inet", "ulagate"], ["firewall"]
    yield "the whole ruleset", ["nft", "flush", "ruleset"], ["firewall"]
    yield "the MTU of the tunnel", ["ip", "link", "set", "ulg-r1", "mtu", "1300"], ["set interface ulg-r1"]
    yield "the tunnel's state", ["ip", "link", "set", "ulg-r1", "down"], ["set interface ulg-r1"]
    yield "the tunnel interface", ["ip", "link", "del", "ulg-r1"], ["create interface ulg-r1"]
    yield "a peer", ["wg", "set", "ulg-r1", "peer", daemon.config["relay"][0]["public_key"], "remove"], ["configure interface ulg-r1", "peer"]
    yield "forwarding", ["sysctl", "-q", "net.ipv6.conf.all.forwarding=0"], ["all/forwarding"]
    yield "wireguard-go", kill_wireguard_go, ["create interface ulg-r1"]


def relay_damages(daemon):
    yield "the route to a site", ["ip", "-6", "route", "del", "fd12:3456:789a:b::/64", "table", "117"], [
        "fd12:3456:789a:b::/64"]
    yield "our nft table", ["nft", "delete", "table", "inet", "ulagate"], ["firewall"]
    yield "the rule", ["ip", "-6", "rule", "del", "table", "117"], ["rule 200"]
    yield "forwarding", ["sysctl", "-q", "net.ipv6.conf.all.forwarding=0"], ["all/forwarding"]
    yield "the interface of all sites", ["ip", "link", "del", "ulg-s1"], ["create interface ulg-s1"]


def kill_wireguard_go(node):
    pids = [pid for pid in lab.wireguard_go_pids() if lab.same_network(pid, node)]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return bool(pids)


def heals(daemon, name, damage, words):
    node = daemon.node
    before = comparable(daemon)
    logged = len(daemon.log().splitlines())
    if callable(damage):
        if not damage(node):
            print(f"  --: {name}: not used on this kernel")
            return
    else:
        node.run(*damage)
    took = lab.seconds_until(lambda: comparable(daemon) == before, 10, f"{node.name}: {name} is back")
    limit = LATER if name in LATE else WITHIN
    lab.check(took < limit * lab.slowness(), f"{node.name}: {name} is back after {took:.2f} s")
    time.sleep(1.5 * lab.slowness())
    lab.check_equal(comparable(daemon), before, f"{node.name}: {name} stays")
    new = daemon.log().splitlines()[logged:]
    # Other lines may name it too: a turn that took long, a tunnel that is tried anew because its peer was missing.
    about = [line for line in new if all(word in line for word in words) and "another program" in line]
    print("".join(f"    {line}\n" for line in new), end="")
    lab.check_equal(len(about), 1, f"{node.name}: {name}: logged once (a line with {' '.join(words)})")


def comparable(daemon):
    state = daemon.kernel_state()
    state["nft"] = "table inet ulagate" in state["nft"]  # handles differ in a table that is made again
    # Link-local addresses of a tunnel are random, and so are the kernel's routes for them.
    state["addresses"] = [line for line in state["addresses"] if "fe80::" not in line]
    state["routes"] = [line for line in state["routes"] if "proto 117" in line]
    return state


if __name__ == "__main__":
    lab.main(scenario)
