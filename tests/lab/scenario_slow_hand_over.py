#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A pair that advertises every five seconds: its Backup waits three before it takes over from an Active router that stops, and
that one forwards until then."""

import lab
from pair import Pair, active
from pings import SteadyPings

LONG = "the Backup is Active 18 s after its start"


def scenario():
    world = lab.build(uplinks={"a": "ipv4", "b": "ipv4"}, routers={"a": 2})
    pair = Pair(world, lab.overlay(world))
    pair.configure(interval="5s")
    pair.overlay.start()
    lab.wait_for(lambda: active(pair.one) != active(pair.two), 60, "one of them is Active")
    first, second = (pair.one, pair.two) if active(pair.one) else (pair.two, pair.one)
    destination = lab.wait_for(lambda: lab.addresses(pair.site.host, "fd12:"), 40, "the host has an address")[0]
    lab.wait_for(lambda: lab.can_ping(pair.far, destination), 40, "the other site pings it")
    pings = SteadyPings(pair.far, destination, interval=0.02)
    lab.wait_for(lambda: len(pings.result().replies) > 50, 20, "answers")
    first.stop()
    lab.check(active(second), "the Backup has taken over when the other one has ended")
    result = pings.stop()
    lab.check_equal(len(result.lost), 0, f"pings lost of {result.sent}: {result.outages}")


if __name__ == "__main__":
    lab.main(scenario)
