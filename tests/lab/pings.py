# SPDX-License-Identifier: GPL-2.0-or-later
"""Pings at an exact rate. ping(8) sleeps in steps of the kernel's tick: asked for 100 a second, it sends 62."""

import os
import socket
import struct
import threading
import time

import lab
from measure import PingResult
from node import slowness

ECHO_REQUEST, ECHO_REPLY, ERRORS = 128, 129, range(1, 5)  # ICMPv6 types
ICMP6_FILTER = 1
SO_TIMESTAMPNS = 35


def gaps_during(node, destination, what, action, at_most):
    """Runs `action` under 100 pings a second from `node`; no gap may be longer than `at_most` seconds, and 0 means that
    none may be lost. The result of the pings."""
    pings = SteadyPings(node, destination)
    lab.wait_for(lambda: len(pings.result().replies) > 20, 30, "answers")
    action()
    time.sleep(1.0 * slowness())
    begun = time.time()
    lab.wait_for(lambda: max(pings.result().replies.values()) > begun, 30, "answers again")
    result = pings.stop()
    lab.step(f"{what}: {len(result.lost)} of {len(result.sent_at)} pings lost; "
             f"gaps {[round(gap, 3) for _, gap in result.outages]}")
    worst = max((gap for _, gap in result.outages), default=0)
    lab.check(worst <= at_most * slowness(), f"{what}: no gap above {at_most} s")
    return result


class SteadyPings:
    """Like measure.PingStream; the result also says when each one was sent (`sent_at`, by number)."""

    def __init__(self, node, destination, interval=0.01):
        with node.network():
            self._socket = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        self._socket.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, _only(ECHO_REPLY, *ERRORS))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.settimeout(0.1)
        self._destination, self._interval = (destination, 0), interval * slowness()
        self._identifier = os.urandom(2)
        self._sent_at, self._replies, self._errors = {}, {}, []
        self._duplicates = 0
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=body, daemon=True) for body in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def _send(self):
        start = time.monotonic()
        for number in range(1, 0x10000):
            time.sleep(max(0.0, start + number * self._interval - time.monotonic()))
            if self._stopping.is_set():
                return
            self._sent_at[number] = time.time()
            request = struct.pack("!BBH2sH", ECHO_REQUEST, 0, 0, self._identifier, number) + bytes(48)
            try:
                self._socket.sendto(request, self._destination)  # the kernel fills in the checksum
            except OSError as reason:
                self._errors.append(f"icmp_seq={number} {reason}")

    def _receive(self):
        while not self._stopping.is_set():
            try:
                message, ancillary, _flags, sender = self._socket.recvmsg(2048, 128)
            except TimeoutError:
                continue
            if message[0] != ECHO_REPLY:
                self._errors.append(f"from {sender[0]}: type {message[0]}, code {message[1]}")
            elif message[4:6] == self._identifier:
                number = struct.unpack("!H", message[6:8])[0]
                self._duplicates += number in self._replies
                self._replies.setdefault(number, _when(ancillary))

    def result(self):
        return PingResult(len(self._sent_at), dict(self._replies), self._duplicates, list(self._errors),
                          dict(self._sent_at))

    def stop(self):
        """Waits half a second for the last answers."""
        time.sleep(0.5 * slowness())
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._socket.close()
        return self.result()


def _only(*types):
    """struct icmp6_filter: a set bit blocks a type."""
    words = [0xFFFFFFFF] * 8
    for kind in types:
        words[kind // 32] &= ~(1 << (kind % 32))
    return struct.pack("=8I", *words)


def _when(ancillary):
    """The time by the kernel."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("qq", data)
            return seconds + nanoseconds / 1e9
    return time.time()
