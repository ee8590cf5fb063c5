#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGHUP: changes apply without losing a ping; a broken file changes nothing and is named with its line."""

import json
import time

import lab

ESSENTIAL = "a new configuration costs nothing"


def scenario():
    world = lab.build(relays=2)
    overlay = lab.overlay(world)
    second = {name: edge.config["relay"].pop() for name, edge in overlay.edges.items()}
    overlay.start()
    _, address_b = overlay.wait_until_up()
    time.sleep(2 * lab.slowness())
    host, edge = world.sites["a"].host, overlay.edge("a")
    stream = lab.PingStream(host, address_b)

    edge.config["lan"][0]["ra"] = {"route_lifetime": "40m", "route_preference": "medium"}
    edge.write_config()
    edge.reload()
    lab.wait_for(lambda: overlay_route(host)["pref"] == "medium", 20, "the host hears the new preference")
    lab.check(overlay_route(host)["expires"] > 30 * 60, "and the new lifetime")

    broken_file(edge)
    lab.check_equal(overlay_route(host)["pref"], "medium", "the host has the route as before")

    for name, daemon in overlay.edges.items():
        daemon.config["relay"].append(second[name])
        daemon.write_config()
        daemon.reload()
        lab.wait_for(lambda d=daemon: d.relay_status("r2").get("state") == "up", 20, f"{name} reaches the second relay")

    edge.config["relay"].pop()
    edge.write_config()
    edge.reload()
    lab.wait_for(lambda: not edge.node.ok("ip", "link", "show", "ulg-r2"), 10, "a relay that is taken out goes")
    time.sleep(lab.slowness())
    result = stream.stop()
    lab.step(str(result))
    lab.check(not result.lost and not result.errors, "no ping was lost meanwhile")
    lab.check_equal(result.duplicates, 0, "and none came twice")


def overlay_route(host):
    return json.loads(host.out("ip", "-j", "-6", "route", "show", lab.OVERLAY))[0]


def broken_file(daemon):
    before = daemon.kernel_state()
    good = lab.toml(daemon.config)
    daemon.write_config(good.replace('node = "a1"', "node = 5").replace("[overlay]", "[overlay]\ntypo = 1"))
    lines = [good.splitlines().index('node = "a1"') + 1, good.splitlines().index("[overlay]") + 2]
    logged = len(daemon.log().splitlines())
    daemon.reload(wait=False)
    for line in lines:
        lab.wait_for(lambda: any(f"ulagate.toml:{line}:" in text for text in daemon.log().splitlines()[logged:]), 10,
                     f"the log says ulagate.toml:{line}")
        lab.check(True, f"the log names the mistake in line {line}")
    lab.wait_for(lambda: "READY=1" in daemon.notifications(), 10, "the supervisor hears that the reload is over")
    status = daemon.status()
    said = status["last_reload"] + " ".join(status["problems"])
    lab.check(f"ulagate.toml:{lines[0]}:" in said, f"status says so: {said}")
    after = daemon.kernel_state()
    for part, value in before.items():
        lab.check_equal(after[part], value, f"the same {part} as before the broken file")
    daemon.write_config(good)
    daemon.reload()
    status = daemon.status()
    lab.check("ulagate.toml:" not in status["last_reload"] + " ".join(status["problems"]),
              "the next good file clears it")


if __name__ == "__main__":
    lab.main(scenario)
