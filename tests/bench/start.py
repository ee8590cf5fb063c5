#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An edge router's start, memory and idle cost: ulagate beside radvd, wg and an nft file set up by a script.

Both on the same wire in the same run, each with the hosts and the relay already up. The budgets are those of the
project; a median over budget fails the run.
"""

import os
import sys
import time

from table import CI, Table

import lab
from classic import TUNNEL

ALONE = "its budget is a tenth of a second"

REPEATS = 7
IDLE_SECONDS = 20


def first_advertisement(listener, source, since):
    heard = [item.when for item in listener.heard(source) if item.when >= since]
    return min(heard) - since if heard else None


def measure_start(site, far_address, start):
    """Seconds from the start to the first RA on the wire, and to the first ping across."""
    source = lab.link_local(site.edge)
    listener = lab.RouterAdvertisements(site.host)
    pings = lab.PingStream(site.host, far_address)
    time.sleep(0.3)
    since = time.time()
    start()
    advertisement = lab.wait_for(lambda: first_advertisement(listener, source, since), 15, "the first RA")
    lab.wait_for(lambda: any(when > since for when in pings.result().replies.values()), 15, "the first ping")
    first_ping = min(when for when in pings.stop().replies.values() if when > since) - since
    listener.close()
    return advertisement, first_ping


def ulagate_runs(world, table_rows):
    overlay = lab.overlay(world).start()
    _, far = overlay.wait_until_up()
    edge, site = overlay.edge("a"), world.sites["a"]
    starts = []
    for _ in range(REPEATS):
        edge.stop()
        time.sleep(3.2)  # no RA within 3 s of the last one (RFC 4861 6.2.6) is a rule of the wire, not of the start
        starts.append(measure_start(site, far, lambda: edge.start(wait=False)))
    edge.wait_ready(30)
    time.sleep(3)
    table_rows["memory"] = [lab.pss_kib(edge.pid) / 1024]
    before, woken = lab.cpu_seconds(edge.pid), wake_ups(edge.pid)
    time.sleep(IDLE_SECONDS)
    table_rows["cpu"] = [100 * (lab.cpu_seconds(edge.pid) - before) / IDLE_SECONDS]
    table_rows["wake-ups"] = [(wake_ups(edge.pid) - woken) / IDLE_SECONDS]
    for daemon in overlay.all():
        daemon.stop()
    return starts


def wake_ups(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))


def classic_runs(world):
    classic = lab.Classic(world)
    classic.setup()
    site, other = world.sites["a"], world.sites["b"]
    far = lab.wait_for(lambda: lab.addresses(other.host, "fd12:3456:789a:b:"), 30, "host-b has its address")[0]
    lab.wait_for(lambda: lab.can_ping(site.host, far), 40, "host-a pings host-b")
    starts, memory = [], []
    for _ in range(REPEATS):
        stop_classic(site)
        time.sleep(3.2)
        starts.append(measure_start(site, far, lambda: classic.start_edge(site)))
        memory = [sum(lab.pss_kib(pid) for pid in pids_of("radvd", site.edge)) / 1024]
    return starts, memory


def pids_of(program, node):
    """All processes of a program in a node, its helpers too."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                if file.read().strip() == program and lab.same_network(pid, node):
                    found.append(int(pid))
        except OSError:
            continue
    return found


def stop_classic(site):
    for process in site.edge.processes:
        if process.alive() and process.argv[0] == "radvd":
            process.stop()
    site.edge.run(f"{site.edge.dir}/{TUNNEL}", "down")
    site.edge.run("nft", "flush", "ruleset")
    site.edge.run("ip", "address", "del", f"{site.address_with_identifier(':1')}/64", "dev", "eth0")


def scenario():
    world = lab.build()
    rows = {}
    ours = ulagate_runs(world, rows)
    theirs, their_memory = classic_runs(world)
    table = Table("ulagate", "radvd + wg + nft")
    table.row("start to first RA on the wire", "ms", [1000 * ra for ra, _ in ours], [1000 * ra for ra, _ in theirs],
              100)
    table.row("start to first ping across", "ms", [1000 * ping for _, ping in ours],
              [1000 * ping for _, ping in theirs], 1000)
    table.row("memory (PSS); beside it radvd alone", "MiB", rows["memory"], their_memory, 6)
    table.row(f"idle wake-ups over {IDLE_SECONDS} s", "per s", rows["wake-ups"], None, 10)
    # A machine that is shared makes up to three times as much of the same wake-ups.
    table.row(f"idle CPU over {IDLE_SECONDS} s", "% of a core", rows["cpu"], None, None if CI else 0.1)
    table.finish(judge=True)


if __name__ == "__main__":
    sys.exit(lab.main(scenario))
