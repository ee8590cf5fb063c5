#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each of Debian's firewalls, started on the Active router, on the Backup and on the relay: the status names it within
10 s, and what it says mends it."""

import threading

import lab
from other_firewalls import FIREWALLS, ROOT, Box, lines

CONFORMANCE = ("F-03",)
NAMED_WITHIN = 10


def named(firewall, daemon):
    return any(firewall.word in problem for problem in daemon.problems())


def mend(daemon, box, done):
    """What the status says now, each line once."""
    for problem in daemon.problems():
        for line in lines(problem):
            if line not in done:
                done.append(line)
                result = box.run(line)
                lab.check(result.returncode == 0, f"{daemon.node.name}: {line}: {result.stderr or result.stdout}")


def one(firewall, overlay, machines, boxes, check):
    took = {}
    def start_and_time(daemon):
        firewall.start(boxes[daemon.node.name])
        took[daemon.node.name] = round(lab.seconds_until(lambda: named(firewall, daemon), 3 * NAMED_WITHIN, "named", 0.1), 1)
    threads = [threading.Thread(target=start_and_time, args=(daemon,)) for daemon in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lab.step(f"{firewall.name}: named after {took} s")
    for daemon in machines:
        seconds = took.get(daemon.node.name)
        lab.check(seconds is not None and seconds <= NAMED_WITHIN * lab.slowness(),
                  f"{daemon.node.name} names {firewall.name} within {NAMED_WITHIN} s: {seconds}: {daemon.problems()}")
    done = {daemon.node.name: [] for daemon in machines}
    def mended():
        for daemon in machines:
            mend(daemon, boxes[daemon.node.name], done[daemon.node.name])
        return not any(named(firewall, daemon) for daemon in machines) and check()
    lab.wait_for(mended, 60, f"what the status says mends {firewall.name}", every=1)
    lab.step(f"{firewall.name}: mended by {done}")
    for daemon in machines:
        firewall.stop(boxes[daemon.node.name])


SERVER = "import socket\ns=socket.create_server(('::',5201),family=socket.AF_INET6)\nwhile 1: s.accept()[0].close()"
CLIENT = "import socket,sys; socket.create_connection((sys.argv[1], 5201), 2).close()"


def scenario():
    there = [firewall for firewall in FIREWALLS if firewall.there()]
    if not there:
        raise lab.Skip(f"no other firewall in {ROOT}; tests/setup hosts installs some")
    world = lab.build(routers={"a": 2})
    overlay = lab.overlay(world)
    for daemon in overlay.all():
        daemon.config["firewall"] = {**daemon.config.get("firewall", {}), "mode": "shared"}
    overlay.start()
    _, far = overlay.wait_until_up()
    world.sites["b"].host.start("python3", "-S", "-c", SERVER)
    machines = [overlay.edges["edge-a"], overlay.edges["edge-a2"], overlay.relay]
    boxes = {daemon.node.name: Box(daemon.node) for daemon in machines}
    for firewall in there:
        lab.wait_for(lambda: not any("drops it" in problem for daemon in machines for problem in daemon.problems()), 20,
                     f"nothing is in the way before {firewall.name}")
        one(firewall, overlay, machines, boxes,
            lambda: world.sites["a"].host.ok("python3", "-S", "-c", CLIENT, far))


if __name__ == "__main__":
    lab.main(scenario)
