#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clocks that went back. WireGuard ignores, without a word, a handshake that is older than the last one it saw.

An edge with a floor for its clock on disk waits for time; one without (another disk, say) is added again by its relay. The
second needs a clock that may be set and a WireGuard that keeps its own: the kernel's, in the rig."""

import ctypes
import os
import subprocess
import time

import lab

DAY = 86400
STA_UNSYNC = 0x40
AHEAD = 8  # seconds


def scenario():
    if clock_is_synchronised():
        raise lab.Skip("a time service keeps this machine's clock: no router would call it behind")
    world = lab.build()
    overlay = lab.overlay(world)
    overlay.start()
    addresses = overlay.wait_until_up()
    edge = overlay.edge("a")
    waits_for_its_clock(overlay, edge)
    if not may_set_clock(edge.node):
        print("  the relay's replay recovery is not shown: it needs the kernel's WireGuard and a clock that may be set", flush=True)
        return
    is_cured_by_its_relay(world, overlay, edge, addresses[1])


def clock_is_synchronised():
    class Timex(ctypes.Structure):  # the beginning of struct timex
        _fields_ = [("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
                    ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
                    ("rest", ctypes.c_char * 256)]
    answer = Timex()
    return ctypes.CDLL(None).adjtimex(ctypes.byref(answer)) >= 0 and not answer.status & STA_UNSYNC


def clock_file(daemon):
    return f"{daemon.state_dir}/clock"


def read_floor(daemon):
    with open(clock_file(daemon), encoding="ascii") as file:
        return int(file.read())


def waits_for_its_clock(overlay, edge):
    lab.check(abs(read_floor(edge) - time.time()) < 60 * lab.slowness(), "the floor is written at the start")
    edge.stop()
    lab.check(abs(read_floor(edge) - time.time()) < 5 * lab.slowness(), "and at a clean stop")

    ahead = AHEAD * lab.slowness()
    floor = int(time.time() + ahead)
    with open(clock_file(edge), "w", encoding="ascii") as file:
        file.write(f"{floor}\n")
    edge.start()
    said = [problem for problem in edge.problems() if "the clock shows" in problem]
    lab.check(len(said) == 1 and utc(floor) in said[0], f"status names both times: {said[0]}")
    lab.check_equal(len(edge.lines("the clock shows")), 1, "the log says it once")
    lab.check_equal(edge.relay_status()["state"], "down: waiting for the clock", "the relay's state says so too")
    lab.check_equal(edge.node.out("wg", "show", "ulg-r1", "peers"), "", "no handshake can be begun")
    lab.check(edge.relay_status()["tx_bytes"] == 0 and time.time() < floor, "none was")
    lab.check_equal(read_floor(edge), floor, "the floor stays")

    lab.wait_for(lambda: edge.relay_status().get("state") == "up", 2 * AHEAD, "the tunnel is up")
    late = time.time() - floor
    lab.step(f"the tunnel is up {late:.1f} s after the floor was reached")
    lab.check(0 <= late < 3 * lab.slowness(), "which is at once")
    lab.check(edge.lines("the clock is correct again"), "and the log says why")
    lab.check_equal(edge.problems(), [], "no problem is left")
    overlay.wait_until_up()


def utc(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def may_set_clock(node):
    """Only in the rig's virtual machine, never a clock that others live by."""
    return "RIG_OUT" in os.environ and lab.kernel_has_wireguard(node)


def set_clock(seconds):
    """By so much. All machines of the lab share it; what counts time by itself does not notice."""
    subprocess.run(("date", "-s", f"@{time.time() + seconds:.3f}"), check=True, capture_output=True)


def is_cured_by_its_relay(world, overlay, edge, far):
    edge.stop()
    os.unlink(clock_file(edge))  # it knows no better time
    set_clock(-DAY)
    try:
        lab.step("the clock is set back one day; edge-a starts with a new interface")
        edge.start()
        took = lab.seconds_until(lambda: edge.relay_status().get("state") == "up", 40, "ulg-r1 shakes hands")
        lab.step(f"a handshake after {took:.1f} s")
        lines = overlay.relay.lines("re-adding")
        lab.check(lines and lines[-1].rstrip().endswith("a1"), f"the relay made its peer anew: {lines[-1:]}")
        lab.wait_for(lambda: lab.can_ping(world.sites["a"].host, far), 10, "the pings go on")
        lab.check_equal(edge.problems(), [], "edge-a reports no problem")
    finally:
        set_clock(DAY)


if __name__ == "__main__":
    lab.main(scenario)
