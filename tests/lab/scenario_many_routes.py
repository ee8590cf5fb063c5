#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A hundred thousand routes of somebody else in the main table, as a routing daemon puts them there: hosts notice nothing
while they come, stay and go, and a start and a reload beside them take no longer than without."""

import lab

CONFORMANCE = ("F-07",)
ROUTES = 100_000
ALONE = "it compares times"


def loop(daemon):
    return daemon.status()["loop"]


def told(daemon, when):
    longest = loop(daemon)["longest"]
    lab.step(f"{when}: longest turn {longest['ms']:.0f} ms ({longest['processor_ms']:.0f} ms of processor time) in "
             f"{longest['what']}, {longest['part']}; {loop(daemon)['turns_over_20ms']} over 20 ms")
    return longest["processor_ms"]


def scenario():
    world = lab.build()
    overlay = lab.overlay(world).start()
    _, far = overlay.wait_until_up()
    edge, host = overlay.edge("a"), world.sites["a"].host
    node = edge.node
    node.ip("link add other0 type veth peer name other1", "link set other0 up", "link set other1 up")
    started_alone = restarted(edge, host, far)
    reloaded_alone = reloaded(edge)
    told(edge, f"without them (reached {started_alone:.1f} s after a start, reload after {reloaded_alone:.2f} s)")
    before = loop(edge)["turns_over_20ms"]

    stream = lab.PingStream(host, far, 0.1)
    node.run("ip", "-6", "-batch", "-", stdin="".join(
        f"route add 2001:{number // 1000 + 0x1000:x}:{number % 1000:x}::/48 dev other0 proto static\n"
        for number in range(ROUTES)), timeout=300)
    told(edge, "while they came")
    over = loop(edge)["turns_over_20ms"] - before
    reload_took = reloaded(edge)
    told(edge, f"a reload after {reload_took:.2f} s")
    result = stream.stop()
    lab.check(result.replies and result.longest_gap < 2 * lab.slowness(),
              f"hosts noticed nothing: {len(result.lost)} of {result.sent} pings lost, longest gap {result.longest_gap:.2f} s")
    lab.check(over < 100, f"{over} turns over 20 ms for {ROUTES} events: they are not read anew for each")

    start_took = restarted(edge, host, far)
    computed = told(edge, f"reached {start_took:.1f} s after a start")
    lab.check(start_took < 5 * started_alone + 10, f"a start: {start_took:.1f} s, {started_alone:.1f} s without them")
    lab.check(reload_took < 5 * reloaded_alone + 5, f"a reload: {reload_took:.1f} s, {reloaded_alone:.1f} s without them")
    lab.check(computed < 1000 * lab.slowness(), f"no turn computed for long: {computed:.0f} ms")
    node.run("ip", "-6", "route", "flush", "proto", "static")
    lab.wait_for(lambda: lab.can_ping(host, far) and not edge.problems(), 20, "they are gone, and nothing is in the way")


def restarted(edge, host, far):
    edge.stop()
    edge.start_again()
    return lab.seconds_until(lambda: lab.can_ping(host, far), 60, "reached after a start", 0.1)


def reloaded(edge):
    count = len(edge.lines("config: reloaded"))
    edge.send(1)
    return lab.seconds_until(lambda: len(edge.lines("config: reloaded")) > count, 30, "reloaded", 0.02)


if __name__ == "__main__":
    lab.main(scenario)
