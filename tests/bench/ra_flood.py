#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a flood of Router Solicitations does to hosts that are real: those that were here before, and new ones.

10,000 solicitations a second, each from another IPv6 address, for 10 s: "one MAC" tells another link-layer address in
each but all its frames come from one, as from a program on one machine; "one MAC, own address" also tells that one;
"random MACs" has another one in each frame too, so that each looks like a host that has just come. Real hosts have MAC
addresses of their own. Times are those of the router's port at the switch, by the kernel.

The kernel's neighbour table is one for all network namespaces of a machine: with `shared` and `off` nothing keeps these
floods from filling it, and other tests on the machine would suffer.
"""

import random
import sys
import threading
import time
from dataclasses import dataclass, field

from table import CI, Table  # first: it finds the lab

import lab
import lan
import packets
from ra import MAX_INTERVAL, MIN_DELAY, MIN_INTERVAL, messages

MODES = ("appliance", "shared", "off")
RATE = 10_000  # solicitations a second
SECONDS = 3 if CI else 10
HOSTS = 6 if CI else 20  # of each kind; each asks once
ROUTER = "fe80::5eed"
KNOWN, NEW = "c", "d"  # in the addresses of the real hosts
VRRP_INTERVAL = 0.1  # seconds


@dataclass
class Run:
    """What one flood did."""
    sent: int = 0
    waits: dict = field(default_factory=dict)  # KNOWN, NEW: seconds
    unanswered: int = 0
    answers: float = 0  # a second
    cost: float = 0  # CPU seconds per 10,000 solicitations
    growth: float = 0  # KiB that nobody shares
    multicast_gap: float = 0
    multicast_early: int = 0
    vrrp_gap: float = 0


def random_mac(numbers):
    return "02:98:" + ":".join(f"{numbers.randrange(256):02x}" for _ in range(4))


def flood_frames(kind):
    numbers = random.Random(kind)
    frames = []
    for _ in range(RATE * (1 if kind == "one MAC, own address" else SECONDS)):
        source = f"fe80::b:{numbers.randrange(1, 65536):x}:{numbers.randrange(65536):x}:{numbers.randrange(65536):x}"
        told, sender = random_mac(numbers), "02:98:00:00:00:01"
        if kind == "random MACs":
            sender = told
        elif kind == "one MAC, own address":
            told = sender
        option = b"\x01\x01" + bytes.fromhex(told.replace(":", ""))
        frames.append(packets.solicitation(source, sender, option))
    return frames


KINDS = ("one MAC", "one MAC, own address", "random MACs")


class Bench:
    def __init__(self, mode, frames):
        self._mode, self._frames = mode, frames
        self._world = lab.build(sites=("a",), uplinks={"a": "ipv4"})
        self._site = self._world.sites["a"]
        # A router too, which has a neighbour table of its own outside the lab.
        self._site.isp.nft("table inet other { chain input { type filter hook input priority -1; "
                           "icmpv6 type nd-router-solicit drop; }; }")
        self._daemon = lab.overlay(self._world).edge("a")
        own = self._daemon.config["lan"][0]
        own["ra"] = {"min_interval": f"{MIN_INTERVAL}s", "max_interval": f"{MAX_INTERVAL}s"}
        own["vrrp"] = {"id": 51, "address": ROUTER, "priority": 200, "interval": f"{1000 * VRRP_INTERVAL:.0f}ms"}
        self._daemon.config["firewall"] = {"mode": mode}
        self._real = packets.Sender(lan.another_host(self._site))
        self._flooder = packets.Sender(self._site.host)

    def run(self):
        heard = lab.RouterAdvertisements(self._site.host)
        self._daemon.start(wait=False)
        lab.wait_for(lambda: heard.heard(ROUTER), 20, "the first advertisement")
        heard.close()
        found = {}
        for kind in KINDS:
            found[kind] = self._flood(kind)
            time.sleep(11)  # then times are quiet again
        self._daemon.stop()
        self._world.close()
        return found

    def _ask(self, kind, number):
        self._real.send(packets.solicitation(f"fe80::{kind}:0:0:{number:x}", f"02:97:00:00:{kind}0:{number:02x}"))

    def _flood(self, kind):
        run = Run()
        for number in range(HOSTS):
            self._ask(KNOWN, number + 1)
            time.sleep(0.05)
        time.sleep(1)
        capture = self._capture()
        before, own, begun = lab.cpu_seconds(self._daemon.pid), own_memory(self._daemon.pid), time.time()
        answered = self._advertised()
        thread = threading.Thread(target=lambda: setattr(run, "sent",
                                                         self._flooder.flood(self._frames[kind], RATE, SECONDS)))
        thread.start()
        for number in range(HOSTS):  # the last second is for the answers
            self._pause_until(begun + 0.3 + number * (SECONDS - 1.3) / HOSTS)
            self._ask(KNOWN, number + 1)
            self._pause_until(begun + 0.3 + (number + 0.5) * (SECONDS - 1.3) / HOSTS)
            self._ask(NEW, number + 1)
        thread.join()
        run.answers = (self._advertised() - answered) / (time.time() - begun)
        run.cost = (lab.cpu_seconds(self._daemon.pid) - before) * 10_000 / run.sent
        time.sleep((MAX_INTERVAL + 0.5) * lab.slowness())
        run.growth = own_memory(self._daemon.pid) - own
        ended = time.time()
        lab.check_equal(capture.stop(), 0, "the capture is complete")
        judge(run, capture.path, begun, ended)
        known, new = (f"{1000 * max(run.waits[who]):.0f}" for who in (KNOWN, NEW))
        lab.step(f"{self._mode}, {kind}: {run.sent} solicitations; hosts wait up to {known} ms, new ones {new} ms")
        lab.step(f"the flood: {run.sent} of {RATE * SECONDS} solicitations")
        return run

    def _pause_until(self, when):
        time.sleep(max(0.0, when - time.time()))

    def _advertised(self):
        return self._daemon.status()["lans"][0]["advertisements_sent"]

    def _capture(self):
        real = "ip6[{0}:4] == 0xc0000 or ip6[{0}:4] == 0xd0000"
        asks = f"(ip6[6] == 58 and ip6[40] == {packets.SOLICITATION} and ({offset(real, 8)}))"
        answers = f"(ip6[6] == 58 and ip6[40] == {packets.ADVERTISEMENT} and (ip6[24] == 255 or {offset(real, 24)}))"
        return lab.Capture(self._site.switch, self._site.edge.name, f"{self._site.switch.dir}/flood.pcap",
                           f"ip6 and ({asks} or {answers} or ip6[6] == 112)", busy=True)


def offset(expression, address):
    """`expression` with {0} standing for the third and fourth group of an address that begins there."""
    return expression.format(address + 6 + 2)


def own_memory(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Anonymous:"))


def judge(run, path, begun, ended):
    seen = list(messages(path))
    waiting, run.waits = {}, {KNOWN: [], NEW: []}
    multicasts, adverts = [], [begun]
    for item in seen:
        if item.protocol == 112:
            adverts.append(item.when)
        elif item.kind == packets.SOLICITATION:
            waiting.setdefault(item.source, item.when)
        elif item.multicast:
            multicasts.append(item.when)
            for host, since in waiting.items():
                note(run, host, item.when - since)
            waiting.clear()
        elif item.destination in waiting:
            note(run, item.destination, item.when - waiting.pop(item.destination))
    run.unanswered = len(waiting)
    times = [begun, *multicasts, ended]
    run.multicast_gap = max(b - a for a, b in zip(times, times[1:]))
    run.multicast_early = sum(b - a < MIN_DELAY - 0.01 for a, b in zip(multicasts, multicasts[1:]))
    run.vrrp_gap = max(b - a for a, b in zip(adverts, adverts[1:]))


def note(run, host, wait):
    run.waits[f"{host[9]:x}"].append(wait)


def scenario():
    frames = {kind: flood_frames(kind) for kind in KINDS}
    table = Table("ulagate", "")
    for mode in sys.argv[1:] or MODES:
        for kind, run in Bench(mode, frames).run().items():
            name = f"{mode}, {kind}: "
            table.row(name + "known hosts wait", "ms", [1000 * wait for wait in run.waits[KNOWN]], aim=1000, worst=True)
            table.row(name + "new hosts wait", "ms", [1000 * wait for wait in run.waits[NEW]], aim=1000, worst=True)
            table.row(name + "never answered", "hosts", [run.unanswered], aim=0)
            table.row(name + "answers", "1/s", [run.answers])
            table.row(name + "CPU per 10,000", "s", [run.cost], aim=0.2)
            table.row(name + "memory grows by", "KiB", [run.growth], aim=1024)
            table.row(name + "multicasts apart", "s", [run.multicast_gap], aim=MAX_INTERVAL + 0.5)
            table.row(name + "multicasts early", "", [run.multicast_early], aim=0)
            table.row(name + "VRRP apart", "ms", [1000 * run.vrrp_gap], aim=3000 * VRRP_INTERVAL)
    table.finish()


if __name__ == "__main__":
    sys.exit(lab.main(scenario))
