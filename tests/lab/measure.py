# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking at what happens: waiting, pings with gaps, throughput, captures, Router Advertisements, memory."""

import itertools
import json
import re
import signal
import socket
import struct
import time
from dataclasses import dataclass, field

from node import slowness


class Failed(Exception):
    """The lab shows something else than it should."""


class Skip(Exception):
    """This machine cannot run the scenario; says why."""


def check(condition, text):
    """An assertion that says what it proves."""
    if not condition:
        raise Failed(text)
    print(f"  ok: {text}", flush=True)


def check_equal(got, want, text):
    if got != want:
        raise Failed(f"{text}\n    want: {want!r}\n    got:  {got!r}")
    print(f"  ok: {text}", flush=True)


def wait_for(predicate, timeout, what, every=0.02):
    """Returns the first true answer of predicate(); gives up after timeout seconds (longer on a slow machine)."""
    start = time.monotonic()
    while True:
        answer = predicate()
        if answer:
            return answer
        waited = time.monotonic() - start
        if waited > timeout * slowness():
            raise Failed(f"waited {waited:.1f} s in vain: {what}")
        time.sleep(every)


def seconds_until(predicate, timeout, what, every=0.005):
    start = time.monotonic()
    wait_for(predicate, timeout, what, every)
    return time.monotonic() - start


@dataclass
class PingResult:
    sent: int
    replies: dict = field(default_factory=dict)  # sequence number -> time of the first answer
    duplicates: int = 0
    errors: list = field(default_factory=list)
    sent_at: dict = field(default_factory=dict)  # sequence number -> time; only of pings.SteadyPings

    @property
    def lost(self):
        """Sequence numbers without an answer; those still on their way at the end do not count."""
        last = max(self.replies, default=0)
        return [number for number in range(1, last + 1) if number not in self.replies]

    @property
    def longest_gap(self):
        times = sorted(self.replies.values())
        return max((b - a for a, b in zip(times, times[1:])), default=0.0)

    @property
    def outages(self):
        """Every run of lost pings: (time of the last answer before it, seconds to the first one after it)."""
        found = []
        for before, after in itertools.pairwise(sorted(self.replies)):
            if after > before + 1:
                found.append((self.replies[before], self.replies[after] - self.replies[before]))
        return found

    def __str__(self):
        return (f"{len(self.replies)} answers of {self.sent}, {len(self.lost)} lost, {self.duplicates} duplicates, "
                f"longest gap {self.longest_gap * 1000:.0f} ms")


class PingStream:
    """Pings until stop(). Rate: 1/interval a second, slower on a slow machine."""

    def __init__(self, node, destination, interval=0.01, size=56, source=None):
        options = ["-I", source] if source else []
        self._process = node.start("ping", "-n", "-D", "-i", f"{interval * slowness():.3f}", "-s", str(size),
                                   "-W", "5", *options, destination, name=f"ping-{time.monotonic_ns()}")

    def result(self):
        return parse_ping(self._process.log())

    def stop(self):
        self._process.stop(signal.SIGINT)
        return self.result()


def parse_ping(text):
    sent = re.search(r"(\d+) packets transmitted", text)
    result = PingResult(int(sent.group(1)) if sent else 0)
    for line in text.splitlines():
        reply = re.match(r"\[([\d.]+)\] \d+ bytes from .*icmp_seq=(\d+)", line)
        if reply:
            number = int(reply.group(2))
            result.duplicates += number in result.replies
            result.replies.setdefault(number, float(reply.group(1)))
        elif "icmp_seq=" in line:
            result.errors.append(line)
    if not sent:
        result.sent = max(result.replies, default=0)
    return result


def can_ping(node, destination, *options):
    return node.ok("ping", "-n", "-c1", "-W", str(max(1, int(slowness()))), *options, destination)


def throughput(client, server, destination, seconds=2):
    """TCP through the overlay, Mbit/s at the receiver."""
    listener = server.start("iperf3", "-s", "-1", "-B", destination, name="iperf3-server")
    try:
        wait_for(lambda: server.out("ss", "-Hltn", "sport = :5201").strip(), 5, "iperf3 listens")
        answer = client.out("iperf3", "-J", "-t", str(seconds), "-c", destination, timeout=seconds + 30)
        return json.loads(answer)["end"]["sum_received"]["bits_per_second"] / 1e6
    finally:
        if listener.alive():
            listener.stop(signal.SIGKILL)


class Capture:
    """tcpdump into a file. `busy`: for many packets, which then arrive in blocks of up to a second."""

    def __init__(self, node, interface, path, expression="", busy=False):
        self.path = path
        self._busy = busy
        self._process = node.start("tcpdump", "-n", "-U", *([] if busy else ["--immediate-mode"]), "-s0", "-B", "65536", "-i", interface, "-w", path,
                                   *expression.split(), name=f"tcpdump-{interface}")
        wait_for(lambda: "listening on" in self._process.log(), 10, f"tcpdump listens on {interface}")

    def stop(self):
        """Ends the capture; returns how many packets the kernel could not keep."""
        time.sleep((1.2 if self._busy else 0.2) * slowness())  # what is still in the ring
        self._process.stop(signal.SIGINT)
        dropped = re.search(r"(\d+) packets dropped by kernel", self._process.log())
        return int(dropped.group(1)) if dropped else 0


@dataclass
class Heard:
    when: float  # CLOCK_REALTIME, by the kernel
    source: str
    hop_limit: int
    message: bytes


class RouterAdvertisements:
    """All Router Advertisements that reach a machine, as its kernel's ICMPv6 hands them out."""

    ICMP6_FILTER = 1
    SO_TIMESTAMPNS = 35

    def __init__(self, node, interface="eth0"):
        with node.network():
            self._socket = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        blocked = bytearray(b"\xff" * 32)
        blocked[134 // 8] &= ~(1 << (134 % 8)) & 0xFF
        blocked_words = struct.unpack("<8I", bytes(blocked))
        self._socket.setsockopt(socket.IPPROTO_ICMPV6, self.ICMP6_FILTER, struct.pack("=8I", *blocked_words))
        self._socket.setsockopt(socket.SOL_SOCKET, self.SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        self._socket.setblocking(False)
        self._heard = []

    def heard(self, source=None):
        """Everything up to now; `source`: link-local address of the sender."""
        while True:
            try:
                message, ancillary, _flags, sender = self._socket.recvmsg(4096, 256)
            except BlockingIOError:
                break
            when, hop_limit = time.time(), -1
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == self.SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", data)
                    when = seconds + nanoseconds / 1e9
                elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_HOPLIMIT:
                    hop_limit = struct.unpack("i", data)[0]
            self._heard.append(Heard(when, sender[0].split("%")[0], hop_limit, message))
        return [item for item in self._heard if source in (None, item.source)]

    def close(self):
        self._socket.close()


def link_local(node, interface="eth0"):
    found = json.loads(node.out("ip", "-j", "-6", "address", "show", "dev", interface, "scope", "link"))
    for address in found[0]["addr_info"] if found else []:
        if "local" in address and not address.get("tentative"):
            return address["local"]
    return None


def addresses(node, prefix, interface="eth0"):
    """Usable global addresses of an interface that start with `prefix` (text)."""
    found = json.loads(node.out("ip", "-j", "-6", "address", "show", "dev", interface, "scope", "global"))
    return [address["local"] for link in found for address in link.get("addr_info", [])
            if address.get("local", "").startswith(prefix) and not address.get("tentative")]


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Pss:\s+(\d+) kB", file.read(), re.M).group(1))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100.0
