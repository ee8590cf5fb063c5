#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Router Advertisements, ulagate beside radvd on the same kind of wire: start, answers to hosts, a flood, cost.

Each advertises the same prefix and route on a LAN of its own, one after the other. Times are those of the router's port
at the switch, by the kernel, for what it gets and what it sends.
"""

import ipaddress
import os
import re
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass, field

from table import CI, Table  # first: it finds the lab

import lab
import lan
import packets
from start import first_advertisement, pids_of

REPEATS = int(os.environ.get("ULAGATE_REPEATS", "1" if CI else "7"))  # starts
SOLICITATIONS = 100 if CI else 1_000
# Hosts that ask in turn. The kernel remembers each in its neighbour table, which holds 1024 of all namespaces.
HOSTS = 200
PAUSE = 0.025  # seconds between two solicitations, so that nobody's limit on answers is what is measured
FLOOD_RATE = 10_000  # solicitations a second
FLOOD_SECONDS = 3 if CI else 10
MIN_INTERVAL, MAX_INTERVAL = 3, 4  # seconds
MIN_DELAY = 3.0  # seconds between two multicast advertisements, RFC 4861 section 10
ASK_EVERY = 1.5  # seconds, the real host under the flood


@dataclass
class Run:
    """What one program did."""
    starts: list = field(default_factory=list)  # seconds
    delays: list = field(default_factory=list)  # seconds from a host's solicitation to the answer
    unanswered: int = 0
    answer_cost: float = 0  # CPU seconds per 10,000 solicitations, each answered
    flood_sent: int = 0
    flood_answers: int = 0
    flood_cost: float = 0  # CPU seconds per 10,000 solicitations
    multicast_gap: float = 0  # seconds, the longest under the flood
    multicast_early: int = 0  # multicast advertisements less than 3 s after another one
    host_waits: list = field(default_factory=list)  # seconds, a real host under the flood
    memory: float = 0  # KiB, before the flood
    growth: float = 0  # KiB, by the flood


@dataclass(frozen=True)
class Seen:
    """A Router Solicitation or Advertisement on the wire."""
    when: float  # CLOCK_REALTIME
    kind: int
    source: bytes
    destination: bytes
    protocol: int = socket.IPPROTO_ICMPV6

    @property
    def multicast(self):
        return self.destination[0] == 0xFF


class Ulagate:
    def __init__(self, world):
        self._daemon = lab.overlay(world).edge("a")
        self._daemon.config["lan"][0]["ra"] = {"min_interval": f"{MIN_INTERVAL}s", "max_interval": f"{MAX_INTERVAL}s"}

    def start(self):
        self._daemon.start(wait=False)

    def stop(self):
        self._daemon.stop()

    def pids(self):
        return [self._daemon.pid]


class Radvd:
    def __init__(self, world):
        self._site = world.sites["a"]
        self._edge, self._process = self._site.edge, None
        self._edge.sysctl(net__ipv6__conf__all__forwarding=1)
        with open(f"{self._edge.dir}/radvd.conf", "w", encoding="ascii") as file:
            file.write(f"""interface eth0 {{
                AdvSendAdvert on; MinRtrAdvInterval {MIN_INTERVAL}; MaxRtrAdvInterval {MAX_INTERVAL};
                AdvDefaultLifetime 0;
                prefix {self._site.prefix} {{ AdvValidLifetime 86400; AdvPreferredLifetime 14400; }};
                route {lab.OVERLAY} {{ AdvRoutePreference high; AdvRouteLifetime 1800; }};
            }};\n""")

    def start(self):
        self._process = self._edge.start("radvd", "-n", "-m", "stderr", "-C", f"{self._edge.dir}/radvd.conf", "-p",
                                         f"{self._edge.dir}/radvd.pid")

    def stop(self):
        self._process.stop()

    def pids(self):
        return pids_of("radvd", self._edge)


def cpu(program):
    return sum(lab.cpu_seconds(pid) for pid in program.pids())


def memory(program):
    return sum(lab.pss_kib(pid) for pid in program.pids())


def own_memory(program):
    """KiB that nobody shares: the PSS also changes when somebody else who uses a library comes or goes."""
    found = 0
    for pid in program.pids():
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            found += int(re.search(r"^Anonymous:\s+(\d+) kB", file.read(), re.M).group(1))
    return found


class Bench:
    """One program on a wire that it has for itself."""

    def __init__(self, kind):
        self._world = lab.build(sites=("a",), uplinks={"a": "ipv4"})  # no ISP advertisements between them
        self._site = self._world.sites["a"]
        self._router = lab.link_local(self._site.edge)
        self._program = kind(self._world)
        self._name = kind.__name__.lower()
        self._host = lan.another_host(self._site)  # the real one; the others are addresses that site.host sends from
        self._address = lab.wait_for(lambda: lab.link_local(self._host), 15, "the second host has an address")
        self._run = Run()

    def run(self):
        for number in range(REPEATS):
            if number:
                self._program.stop()
                # Its last word was multicast, and the next one less than 3 s later would break a rule of the wire.
                time.sleep(MIN_DELAY + 0.2)
            self._run.starts.append(self._start())
        time.sleep(lab.slowness())
        self._ask()
        self._flood()
        self._program.stop()
        self._world.close()
        return self._run

    def _start(self):
        heard = lab.RouterAdvertisements(self._host)
        since = time.time()
        self._program.start()
        took = lab.wait_for(lambda: first_advertisement(heard, self._router, since), 20, "the first advertisement")
        heard.close()
        lab.step(f"{self._name}: first advertisement after {1000 * took:.0f} ms")
        return took

    def _ask(self):
        """Hosts ask one after the other, each with an address and a MAC address of its own."""
        senders = [(f"fe80::a:{number:x}", f"02:99:00:00:{number >> 8:02x}:{number & 255:02x}")
                   for number in range(1, HOSTS + 1)]
        frames = [packets.solicitation(address, mac) for address, mac in senders]
        sender, capture = packets.Sender(self._site.host), self._capture("asked")
        before = cpu(self._program)
        for number in range(SOLICITATIONS):
            sender.send(frames[number % HOSTS])
            time.sleep(PAUSE * lab.slowness())
        time.sleep(lab.slowness())
        self._run.answer_cost = (cpu(self._program) - before) * 10_000 / SOLICITATIONS
        asked = {ipaddress.IPv6Address(address).packed for address, _ in senders}
        self._run.delays, self._run.unanswered = answers(self._end(capture), asked)
        lab.step(f"{self._name}: {len(self._run.delays)} solicitations answered, {self._run.unanswered} not")
        lab.check(len(self._run.delays) >= SOLICITATIONS / 2, "most hosts have an answer")

    def _flood(self):
        """From as many senders, and one host that is real."""
        frames = [packets.solicitation(f"fe80::b:{number:x}", f"02:98:00:00:{number >> 8:02x}:{number & 255:02x}")
                  for number in range(1, HOSTS + 1)]
        sender, result = packets.Sender(self._site.host), self._run
        self._real_host_asks()  # it has been here before the flood
        capture = self._capture("flood", f"and ip6[40] == {packets.ADVERTISEMENT}")
        result.memory, own = memory(self._program), own_memory(self._program)
        before, begun = cpu(self._program), time.time()
        thread = threading.Thread(target=lambda: setattr(result, "flood_sent",
                                                         sender.flood(frames, FLOOD_RATE, FLOOD_SECONDS)))
        thread.start()
        while thread.is_alive():
            result.host_waits.append(self._real_host_asks())
            time.sleep(max(0.0, ASK_EVERY - result.host_waits[-1]))
        ended = time.time()
        time.sleep((MAX_INTERVAL + 0.5) * lab.slowness())  # one more interval, in which all calms down
        result.flood_cost = (cpu(self._program) - before) * 10_000 / result.flood_sent
        result.growth = own_memory(self._program) - own
        seen = self._end(capture)
        result.flood_answers = sum(not item.multicast and item.when <= ended for item in seen)
        multicasts = [item.when for item in seen if item.multicast]
        times = [begun, *multicasts, time.time()]
        result.multicast_gap = max(b - a for a, b in zip(times, times[1:]))
        result.multicast_early = sum(b - a < MIN_DELAY - 0.01 for a, b in zip(multicasts, multicasts[1:]))
        lab.step(f"{self._name}: {result.flood_sent} solicitations, {result.flood_answers} answers")
        lab.step(f"the flood: {result.flood_sent} of {FLOOD_RATE * FLOOD_SECONDS} solicitations")

    def _real_host_asks(self):
        """Seconds until an advertisement, its own or one for all, has reached the host; it asks anew every 4 s
        (RTR_SOLICITATION_INTERVAL)."""
        heard, since = lab.RouterAdvertisements(self._host), time.time()
        sender = packets.Sender(self._host)
        frame = packets.solicitation(self._address, f"02:00:00:00:{self._site.number:02x}:65")
        asked = []
        def answered():
            if len(asked) <= (time.time() - since) / 4:
                asked.append(sender.send(frame))
            return first_advertisement(heard, self._router, since)
        took = lab.wait_for(answered, 30, "the real host has an answer", every=0.005)
        heard.close()
        return took

    def _capture(self, name, more=""):
        path = f"{self._site.switch.dir}/{name}.pcap"
        kinds = f"ip6[40] == {packets.SOLICITATION} or ip6[40] == {packets.ADVERTISEMENT}"
        return lab.Capture(self._site.switch, self._site.edge.name, path, f"icmp6 and ({kinds}) {more}", busy=True)

    def _end(self, capture):
        lab.check_equal(capture.stop(), 0, f"{self._name}: the capture is complete")
        return list(messages(capture.path))


def messages(path):
    """The Router Solicitations and Advertisements of a capture (and what else it was to catch)."""
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at + 16 <= len(data):
        seconds, microseconds, length, _ = struct.unpack("=4I", data[at:at + 16])
        frame = data[at + 16:at + 16 + length]
        yield Seen(seconds + microseconds / 1e6, frame[54], frame[22:38], frame[38:54], frame[20])
        at += 16 + length


def answers(seen, hosts):
    """([seconds until each solicitation of these hosts was answered], how many were not). A multicast advertisement
    answers all."""
    waiting, delays = {}, []
    for item in seen:
        if item.kind == packets.SOLICITATION:
            if item.source in hosts:
                waiting.setdefault(item.source, item.when)
        elif item.multicast:
            delays += [item.when - asked for asked in waiting.values()]
            waiting.clear()
        elif item.destination in waiting:
            delays.append(item.when - waiting.pop(item.destination))
    return delays, len(waiting)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def scenario():
    ours, theirs = Bench(Ulagate).run(), Bench(Radvd).run()
    table = Table("ulagate", "radvd")

    def row(name, unit, get, aim=None, worst=False, at_most=None):
        table.row(name, unit, get(ours), get(theirs), aim, worst, at_most)

    row("start to first advertisement", "ms", lambda run: [1000 * value for value in run.starts], 100, at_most=3)
    row("solicitation to answer (RFC: 0 to 500 ms)", "ms", lambda run: [1000 * value for value in run.delays], 550,
        worst=True)
    row("the same, least", "ms", lambda run: [1000 * min(run.delays)])
    row("the same, 95 of 100", "ms", lambda run: [1000 * percentile(run.delays, 0.95)], 500)
    row(f"of {SOLICITATIONS} not answered", "hosts", lambda run: [run.unanswered], 0)
    row("CPU per 10,000 solicitations, one by one", "s", lambda run: [run.answer_cost])
    flood = f"flood, {FLOOD_RATE}/s for {FLOOD_SECONDS} s: "
    # Each of the hosts that seem to ask is answered once a second; see ra_flood.py for hosts that are all different.
    row(flood + "answers", "1/s", lambda run: [run.flood_answers / FLOOD_SECONDS], HOSTS + 5)
    row("flood: multicast advertisements apart, at most", "s", lambda run: [run.multicast_gap], MAX_INTERVAL + 0.5)
    row("flood: multicast less than 3 s after another", "", lambda run: [run.multicast_early], 0)
    row("flood: a real host waits for an answer", "ms", lambda run: [1000 * value for value in run.host_waits], 1000)
    row("flood: CPU per 10,000 solicitations", "s", lambda run: [run.flood_cost], 0.2)
    # Nobody else runs it here, so all of its libraries counts.
    row("memory (PSS) before the flood", "MiB", lambda run: [run.memory / 1024], 8)
    row("memory that the flood adds", "KiB", lambda run: [run.growth], 1024)
    table.finish()


if __name__ == "__main__":
    sys.exit(lab.main(scenario))
