#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ulagate and keepalived as the two routers of a site, an advertisement each second. Two sites at a time: at site a
ulagate has the higher priority and the smaller address, at site b the other way round."""

from concurrent.futures import ThreadPoolExecutor

import interop
import lab

CONFORMANCE = ("V-01", "V-11", "V-25", "V-32", "V-34", "V-35")


def scenario():
    world = lab.build(routers={"a": 2, "b": 2})
    overlay = lab.overlay(world)
    small, large = world.sites["a"], world.sites["b"]
    at_a = interop.Story(world, small, overlay.edges["edge-a"], small.edges[1], 1.0)
    at_b = interop.Story(world, large, overlay.edges["edge-b2"], large.edges[0], 1.0)
    with ThreadPoolExecutor() as pool:
        for told in [pool.submit(at_a.tell, "ulagate"), pool.submit(at_b.tell, "keepalived")]:
            told.result()


if __name__ == "__main__":
    lab.main(scenario)
