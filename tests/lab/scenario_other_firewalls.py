#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each of Debian's firewalls, started on the Active router, on the Backup and on the relay: the status names it within
10 s, and what it says mends it. The relay starts again beside it, so that WireGuard and the control protocol have to
come in anew. LAB_FIREWALLS="ufw ferm" takes these alone."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import lab
from other_firewalls import FIREWALLS, ROOT, Box, lines

LONG = "five firewalls, each in a root of its own"
CONFORMANCE = ("F-03",)
NAMED_WITHIN = 10
MENDED_WITHIN = 120  # three rounds of FireHOL, which takes 10 s and more for each on a busy machine


def named(firewall, daemon):
    return any(firewall.word in problem for problem in daemon.problems())


def in_the_way(daemons):
    """What the status of these says that a filter drops, or that it cannot say."""
    return [f"{daemon.node.name}: {problem}" for daemon in daemons for problem in daemon.problems()
            if "drops it" in problem or problem == "no status"]


def mend(daemon, box, done):
    """What the status says now, each line once."""
    for problem in daemon.problems():
        for line in lines(problem):
            if line not in done:
                done.append(line)
                result = box.run(line)
                if result.returncode != 0:
                    raise lab.Failed(f"{daemon.node.name}: {line}: {result.stdout}{result.stderr}")


def at_once(function, machines):
    with ThreadPoolExecutor(len(machines)) as pool:
        return dict(zip([machine.node.name for machine in machines], pool.map(function, machines)))


def start_and_name(firewall, machines, boxes):
    def seconds(daemon):
        firewall.start(boxes[daemon.node.name])
        return round(lab.seconds_until(lambda: named(firewall, daemon), 3 * NAMED_WITHIN,
                                       f"{daemon.node.name} names {firewall.name}", 0.1), 1)
    took = at_once(seconds, machines)
    lab.step(f"{firewall.name}: named after {took} s")
    for name, value in took.items():
        lab.check(value <= NAMED_WITHIN * lab.slowness(),
                  f"{name} names {firewall.name} within {NAMED_WITHIN} s: {value} s")


def start_relay_anew(overlay):
    """No connection that its firewall knows already lets the routers in, and it knows none that it could call."""
    overlay.relay.stop()
    shutil.rmtree(overlay.relay.state_dir)
    overlay.relay.node.run("conntrack", "-F")
    overlay.relay.start_again()


def one(firewall, overlay, machines, boxes, works):
    start_and_name(firewall, machines, boxes)
    start_relay_anew(overlay)
    done = {daemon.node.name: [] for daemon in machines}

    def mended():
        at_once(lambda daemon: mend(daemon, boxes[daemon.node.name], done[daemon.node.name]), machines)
        return not in_the_way(machines) and works()
    try:
        lab.wait_for(mended, MENDED_WITHIN, f"what the status says mends {firewall.name}", every=1)
    except lab.Failed as reason:
        raise lab.Failed(f"{reason}: {done}; problems now: {[(d.node.name, d.problems()) for d in machines]}") from None
    for name, said in done.items():
        lab.check(said, f"{firewall.name} on {name} mended by {said}")
    lab.step(f"{firewall.name}: mended")
    at_once(lambda daemon: firewall.stop(boxes[daemon.node.name]), machines)


SERVER = "import socket\ns=socket.create_server(('::',5201),family=socket.AF_INET6)\nwhile 1: s.accept()[0].close()"
CLIENT = "import socket,sys; socket.create_connection((sys.argv[1], 5201), 2).close()"


def one_active(routers):
    states = [(daemon.try_status() or {"lans": [{}]})["lans"][0].get("vrrp", {}).get("state") for daemon in routers]
    return sorted(str(state) for state in states) == ["active", "backup"]


def scenario():
    wanted = os.environ.get("LAB_FIREWALLS", "").split() or [firewall.name for firewall in FIREWALLS]
    there = [firewall for firewall in FIREWALLS if firewall.name in wanted and firewall.there()]
    missing = [firewall.name for firewall in FIREWALLS if firewall.name in wanted and firewall not in there]
    if not there:
        raise lab.Skip(f"no other firewall in {ROOT}; tests/setup hosts installs some")
    world = lab.build(routers={"a": 2})
    overlay = lab.overlay(world)
    for daemon in overlay.all():
        daemon.config["firewall"] = {**daemon.config.get("firewall", {}), "mode": "shared"}
    overlay.start()
    _, far = overlay.wait_until_up()
    world.sites["b"].host.start("python3", "-S", "-c", SERVER)
    routers = [overlay.edges["edge-a"], overlay.edges["edge-a2"]]
    machines = [*routers, overlay.relay]
    boxes = {daemon.node.name: Box(daemon.node) for daemon in machines}

    def works():
        return one_active(routers) and world.sites["a"].host.ok("python3", "-S", "-c", CLIENT, far)
    for firewall in there:
        lab.wait_for(lambda: not in_the_way(machines) and works(), 30, f"nothing is in the way before {firewall.name}")
        one(firewall, overlay, machines, boxes, works)
    # Debian 12 has no foomuuri.
    if missing and (ROOT != "/" or missing != ["foomuuri"]):
        raise lab.Skip(f"passed beside {[firewall.name for firewall in there]}; not installed in {ROOT}: {missing}")
    lab.step(f"passed beside {[firewall.name for firewall in there]}; not installed: {missing}")


if __name__ == "__main__":
    lab.main(scenario)
