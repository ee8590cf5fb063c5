#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A WireGuard process that hangs, and one that applies rulesets and hangs: the router goes on, and makes them anew."""

import os
import signal
import time

import lab
from relays import Relays

CONFORMANCE = ("F-07",)
ALONE = "it judges two seconds"


def scenario():
    world = lab.build(relays=2)
    overlay = lab.overlay(world).start()
    relays = Relays(world, overlay)
    hosts = relays.wait_until_up(("a", "b"))
    edge = overlay.edge("a")
    used = relays.egress("a", hosts["b"])
    unused = "ulg-r2" if used == "ulg-r1" else "ulg-r1"

    lab.step(f"the process of {unused} hangs, {used} carries")
    stream = lab.PingStream(world.sites["a"].host, hosts["b"], 0.1)
    hung = process_of(edge, unused)
    os.kill(hung, signal.SIGSTOP)
    slowest = 0.0
    end = time.monotonic() + 4
    while time.monotonic() < end:
        since = time.monotonic()
        edge.status()
        slowest = max(slowest, time.monotonic() - since)
        time.sleep(0.1)
    lab.check(slowest < 2 * lab.slowness(), f"status never took longer than {slowest:.2f} s")
    lab.wait_for(lambda: not alive(hung), 20, "the process that hung is killed")
    lab.wait_for(lambda: process_of(edge, unused) is not None, 20, "and another one is there")
    lab.check(edge.lines("was killed"), "the log says so")
    relay = unused.removeprefix("ulg-")
    lab.wait_for(lambda: edge.relay_status(relay).get("state") == "up", 60, f"{unused} is up again")
    result = stream.stop()
    lab.check(result.replies and result.longest_gap < 2 * lab.slowness(),
              f"the hosts noticed nothing: {len(result.lost)} of {result.sent} pings lost, longest gap "
              f"{result.longest_gap:.2f} s")

    lab.step("the process that applies rulesets hangs, is killed, and dies at once")
    def delete():
        edge.node.out("nft", "delete", "table", "inet", "ulagate")
        lab.wait_for(lambda: edge.node.ok("nft", "list", "table", "inet", "ulagate"), 30, "the table comes back")
    for number in (signal.SIGSTOP, signal.SIGKILL):
        delete()  # it ends when it has nothing to do
        os.kill(applier(edge), number)
        delete()
    lab.wait_for(lambda: not edge.problems(), 30, "and nothing is left to say")

    loop = edge.status()["loop"]
    print(f"  longest turn: {loop['longest']['ms']:.1f} ms ({loop['longest']['processor_ms']:.1f} ms of processor time) "
          f"in {loop['longest']['what']}, {loop['longest']['part']}; {loop['turns_over_20ms']} over 20 ms", flush=True)
    # What was waited for would be seconds. The machine may be busy; our own time is what we answer for.
    lab.check(loop["longest"]["processor_ms"] < 200 * lab.slowness(), "no turn of the loop computed for long")
    lab.check(loop["longest"]["ms"] < 2000, "no turn of the loop waited for a process")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def process_of(edge, interface):
    return next((pid for pid in lab.wireguard_go_pids(interface) if lab.same_network(pid, edge.node)), None)


def applier(edge):
    """The child of the daemon that runs libnftables."""
    def find():
        with open(f"/proc/{edge.pid}/task/{edge.pid}/children", encoding="ascii") as file:
            for pid in file.read().split():
                with open(f"/proc/{pid}/cmdline", "rb") as command:
                    if b"apply-rulesets" in command.read():
                        return int(pid)
        return None
    return lab.wait_for(find, 20, "there is a process that applies rulesets")


if __name__ == "__main__":
    lab.main(scenario)
