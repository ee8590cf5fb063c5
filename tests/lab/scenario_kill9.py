#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 and start again: no packet lost in forwarding, nothing there twice. For edge and relay."""

import time

import lab

ESSENTIAL = "a crash costs nothing"
ALONE = "it counts every lost packet"


def scenario():
    world = lab.build()
    overlay = lab.overlay(world).start()
    _, address_b = overlay.wait_until_up()
    time.sleep(2 * lab.slowness())  # let duplicate address detection and the first advertisements pass
    for daemon in (overlay.edge("a"), overlay.relay):
        survive_kill9(world, daemon, address_b)


def survive_kill9(world, daemon, destination):
    name = daemon.node.name
    before = daemon.kernel_state()
    tunnels = sorted(pid for pid in lab.wireguard_go_pids() if lab.same_network(pid, daemon.node))
    stream = lab.PingStream(world.sites["a"].host, destination)
    lab.wait_for(lambda: len(stream.result().replies) > 50, 20, "pings across")
    daemon.kill9()
    lab.step(f"{name}: killed")
    time.sleep(1)
    daemon.start_again()
    lab.step(f"{name}: ready again after {time.monotonic() - daemon.process.started:.3f} s")
    lab.wait_for(lambda: daemon.problems() == [], 10, f"{name} has no problems")
    time.sleep(2 * lab.slowness())
    result = stream.stop()
    lab.step(f"{name}: {result}")
    lab.check(not result.lost and not result.errors, f"{name}: no packet lost")
    lab.check_equal(result.duplicates, 0, f"{name}: no packet twice")
    after = daemon.kernel_state()
    for part, value in before.items():
        lab.check_equal(after[part], value, f"{name}: the same {part} as before")
    lab.check_equal(sorted(pid for pid in lab.wireguard_go_pids() if lab.same_network(pid, daemon.node)), tunnels,
                    f"{name}: the same wireguard-go processes ({len(tunnels)})")


if __name__ == "__main__":
    lab.main(scenario)
