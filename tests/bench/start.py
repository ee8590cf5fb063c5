#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An edge router's start, memory and idle cost: ulagate beside radvd, wg and an nft file set up by a script.

Both on the same wire in the same run, each with the hosts and the relay already up. What it costs when idle is compared
with a loop in Python that does nothing ten times a second, at the same time.
"""

import os
import sys
import time

from table import CI, Table

import lab
from classic import TUNNEL

ALONE = "its times are tenths of a second"

LOOP = "import time\nwhile True: time.sleep(0.1)"
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
    loop = site.edge.start("python3", "-B", "-S", "-c", LOOP)
    time.sleep(1)
    before = {pid: (processor_time(pid), wake_ups(pid)) for pid in (edge.pid, loop.pid)}
    time.sleep(IDLE_SECONDS)
    for pid, rows in ((edge.pid, table_rows["ours"]), (loop.pid, table_rows["loop"])):
        processor, woken = before[pid]
        rows["memory"] = [lab.pss_kib(pid) / 1024]
        rows["cpu"] = [100 * (processor_time(pid) - processor) / IDLE_SECONDS]
        rows["wake-ups"] = [(wake_ups(pid) - woken) / IDLE_SECONDS]
    loop.stop()
    for daemon in overlay.all():
        daemon.stop()
    return starts


def processor_time(pid):
    """Seconds, of all its threads; /proc/PID/stat counts in hundredths, which is half of what an idle router needs."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


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
    rows = {"ours": {}, "loop": {}}
    ours = ulagate_runs(world, rows)
    theirs, their_memory = classic_runs(world)
    table = Table("ulagate", "radvd + wg + nft, or loop")
    table.row("start to first RA on the wire", "ms", [1000 * ra for ra, _ in ours], [1000 * ra for ra, _ in theirs],
              100, at_most=2)
    table.row("start to first ping across", "ms", [1000 * ping for _, ping in ours],
              [1000 * ping for _, ping in theirs], 1000, at_most=3)
    table.row("memory (PSS); beside it radvd alone", "MiB", rows["ours"]["memory"], their_memory, 6)
    for name, unit, aim, at_most in (("memory", "MiB (PSS)", 6, 2), ("wake-ups", "per s", 10, 1), ("cpu", "% of a core", 0.1, 6)):
        table.row(f"idle: {name} over {IDLE_SECONDS} s; beside it a loop", unit, rows["ours"][name], rows["loop"][name], aim,
                  at_most=at_most)
    table.finish(judge=True)


if __name__ == "__main__":
    sys.exit(lab.main(scenario))
