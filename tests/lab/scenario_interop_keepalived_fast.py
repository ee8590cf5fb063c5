#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ulagate and keepalived as the two routers of a site, ten advertisements a second; ulagate has the larger address.
Then both with the virtual MAC address."""

import interop
import lab

CONFORMANCE = ("V-01", "V-10", "V-11", "V-25", "V-32", "V-34", "V-35", "V-36", "V-40")


def scenario():
    world = lab.build(sites=("a",), routers={"a": 2})
    site = world.sites["a"]
    daemon = lab.overlay(world).edges["edge-a2"]
    interop.Story(world, site, daemon, site.edges[0], 0.1).tell("ulagate", "keepalived")
    interop.Story(world, site, daemon, site.edges[0], 0.1, virtual_mac=True).tell("ulagate", "keepalived")


if __name__ == "__main__":
    lab.main(scenario)
