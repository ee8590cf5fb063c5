# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/demo: a complete overlay on this machine, brought up step by step, measured, and taken down again."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time

import lab
import lan
import sandbox
from daemon import VIRTUAL_ADDRESS
from keepalived import holds
from pings import SteadyPings
from relays import cut_cable

PICTURE = r"""
                              internet
             .-------------+------------+--------------.
             |             |            |              |
           isp-a         relay       relay2          isp-b
             |         203.0.113.10  203.0.113.20      |
   ----------+----------                         ------+------    switches sw-a and sw-b
     |       |       |                             |       |
  edge-a  edge-a2  host-a                       edge-b   host-b

  ulagate runs on edge-a, edge-a2, edge-b and the relays; hosts know nothing but SLAAC and route information.
"""
UPLINKS = {"dual": "IPv4 with CG-NAT, and IPv6", "ipv4": "IPv4 with CG-NAT, no IPv6", "ipv6": "IPv6, no IPv4"}

ROLES = {"inet": "the internet between them", "relay": "runs ulagate, role relay", "relay2": "runs ulagate, role relay",
         "isp-a": "ISP router of site a, CG-NAT", "sw-a": "switch of site a", "edge-a": "runs ulagate, role edge, Active",
         "edge-a2": "runs ulagate, role edge, Backup", "host-a": "an ordinary host of site a", "isp-b": "ISP router of site b, CG-NAT", "sw-b": "switch of site b",
         "edge-b": "runs ulagate, role edge", "host-b": "an ordinary host of site b"}


def arguments():
    parser = argparse.ArgumentParser(prog="tests/demo", description="Builds ulagate, brings up two sites and two relays "
                                     "in network namespaces, shows that it works, and takes everything down again.")
    parser.add_argument("--stay", action="store_true", help="keep it up until Ctrl-C, and say how to enter each machine")
    parser.add_argument("--ipv6-only-uplink", metavar="SITE", action="append", choices=("a", "b"), default=[],
                        help="the ISP of this site (a or b) has no IPv4")
    parser.add_argument("--ipv4-only-uplink", metavar="SITE", action="append", choices=("a", "b"), default=[],
                        help="the ISP of this site (a or b) has no IPv6")
    parser.add_argument("--capture", metavar="FILE", type=argparse.FileType("wb"),
                        help="write all packets of the LANs and uplinks into FILE (pcapng)")
    parser.add_argument("--enter", nargs=argparse.REMAINDER, metavar="MACHINE [COMMAND]",
                        help="run a command (default: a shell) inside a machine of a demo that stays")
    given = parser.parse_args()
    both = set(given.ipv4_only_uplink) & set(given.ipv6_only_uplink)
    if both:
        parser.error(f"site {both.pop()} cannot have IPv4 only and IPv6 only")
    if given.enter is not None and not given.enter:
        parser.error("--enter needs the name of a machine: " + " ".join(ROLES))
    return given


def enter(name, *command):
    """By the name of the process that holds a machine's namespaces."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                if file.read().strip() == f"lab:{name}":
                    found.append(int(pid))
        except OSError:
            continue
    if not found:
        sys.exit(f"tests/demo: there is no machine {name} now; start one with tests/demo --stay")
    command = command or (os.environ.get("SHELL", "/bin/sh"),)
    os.execvp("nsenter", ["nsenter", f"--target={max(found)}", "--net", "--mount", "--uts", "--root", "--pid", "--",
                          *command])


class Steps:
    """What has happened, when, since the daemons were started."""

    def __init__(self):
        self.start = time.monotonic()
        self.rows = []

    def done(self, text, detail="", seconds=None):
        seconds = time.monotonic() - self.start if seconds is None else seconds
        self.rows.append((text, f"{seconds:7.3f} s", detail))
        print(f"[{seconds:7.3f} s] {text}{': ' if detail else ''}{detail}", flush=True)

    def table(self, failed):
        rows = self.rows + ([(failed, "never", "")] if failed else [])
        widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else [0, 0, 0]
        rule = "-" * (sum(widths) + 4)
        lines = [rule] + ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join([*lines, rule])


def demo(given, binary):
    uplinks = {**{site: "ipv6" for site in given.ipv6_only_uplink}, **{site: "ipv4" for site in given.ipv4_only_uplink}}
    print(PICTURE)
    for site in "ab":
        print(f"  site {site}: fd12:3456:789a:{site}::/64, uplink {UPLINKS[uplinks.get(site, 'dual')]}")
    print("\nmaking the machines and waiting for their uplinks …", flush=True)
    world = lab.build(uplinks=uplinks, routers={"a": 2}, relays=2)
    captures = start_captures(world) if given.capture else []
    overlay = lab.Overlay(world, binary)
    steps = Steps()
    failed = None
    try:
        bring_up(world, overlay, steps, seconds=1 if given.capture else 2)
    except (lab.Failed, lab.CommandFailed) as reason:
        failed = str(reason).splitlines()[0]
        print(f"\nFAILED: {reason}", flush=True)
        lab.show_logs()
    if given.capture:
        write_capture(world, captures, given.capture)
    print("\n" + steps.table(failed))
    if failed:
        return 1
    print("all of it worked")
    if given.stay:
        stay(binary)
    return 0


def bring_up(world, overlay, steps, seconds):
    sites = list(world.sites.values())
    listeners = {site.name: lab.RouterAdvertisements(site.host) for site in sites}
    routers = {site.name: VIRTUAL_ADDRESS if len(site.edges) > 1 else lab.link_local(site.edge) for site in sites}
    steps.start = time.monotonic()
    for group in (overlay.relays, list(overlay.edges.values())):
        for daemon in group:
            daemon.start(wait=False)
        for daemon in group:
            took = daemon.wait_ready()
            steps.done(f"ulagate is up on {daemon.node.name}", f"{took * 1000:.0f} ms after its start")
    for site in sites:
        lab.wait_for(lambda: listeners[site.name].heard(routers[site.name]), 15, f"first Router Advertisement on LAN {site.name}")
        first = listeners[site.name].heard(routers[site.name])[0]
        after = first.when - overlay.edge(site.name).process.started_wall
        steps.done(f"first Router Advertisement on LAN {site.name}", f"{after * 1000:.0f} ms after the start of edge-{site.name}",
                   time.monotonic() - steps.start - (time.time() - first.when))
    tunnel_steps(sites, overlay, steps)
    addresses = {site.name: overlay.host_address(site.name) for site in sites}
    for name, address in addresses.items():
        steps.done(f"host-{name} has an address", address)
    a, b = (world.sites[name].host for name in "ab")
    lab.wait_for(lambda: lab.can_ping(a, addresses["b"]), 30, "first ping from host-a to host-b")
    steps.done("first ping from host-a to host-b", addresses["b"])
    lab.wait_for(lambda: lab.can_ping(b, addresses["a"]), 30, "first ping from host-b to host-a")
    steps.done("first ping from host-b to host-a", addresses["a"])
    failover_steps(world.sites["a"], b, addresses["a"], steps)
    relay_steps(world, overlay, b, addresses["a"], steps)
    speed = lab.throughput(a, b, addresses["b"], seconds)
    steps.done("TCP from host-a to host-b (iperf3)", f"{speed:.0f} Mbit/s")


def tunnel_steps(sites, overlay, steps):
    for edge in (edge for site in sites for edge in site.edges):
        daemon = overlay.edges[edge.name]
        for number, other in enumerate(overlay.relays, 1):
            relay = lambda d=daemon, name=f"r{number}": d.relay_status(name)
            what = f"handshake of {edge.name} with {other.node.name}"
            lab.wait_for(lambda: relay().get("last_handshake_ms_ago") is not None, 30, what)
            steps.done(what, f"{relay()['endpoint']}, MTU {relay()['mtu']}")


def failover_steps(site, far, destination, steps):
    """The Active router's cable is pulled at the switch and plugged in again, under 100 pings a second."""
    first, second = site.edges
    active = lambda edge: holds(edge, VIRTUAL_ADDRESS)
    pings = SteadyPings(far, destination)
    answers_after = lambda when: max(pings.result().replies.values(), default=0) > when
    lab.wait_for(lambda: active(first) and answers_after(0), 30, f"{first.name} is Active")
    lan.pull(site, first)
    lab.wait_for(lambda: active(second), 10, f"{second.name} takes over")
    taken = time.time()
    lab.wait_for(lambda: answers_after(taken), 10, f"answers through {second.name}")
    gap = max((seconds for _, seconds in pings.result().outages), default=0)
    steps.done(f"cable of {first.name} pulled, {second.name} takes over", f"{gap * 1000:.0f} ms without answers")
    plugged = time.time()
    lan.plug(site, first)
    lab.wait_for(lambda: active(first) and not active(second), 30, f"{first.name} takes back")
    taken = time.time()
    lab.wait_for(lambda: answers_after(taken), 10, f"answers through {first.name}")
    result = pings.stop()
    since = [number for number, when in result.sent_at.items() if when > plugged]
    steps.done(f"cable of {first.name} plugged in again, {first.name} takes back",
               f"{len(set(since) & set(result.lost))} of {len(since)} pings lost")


def relay_steps(world, overlay, far, destination, steps):
    """The relay that site b uses loses its power and gets it back, under 100 pings a second from there."""
    routers = [overlay.edge("a"), overlay.edge("b")]
    is_default = lambda router, name: router.relay_status(name).get("default")
    used, other = ("r1", "r2") if is_default(routers[1], "r1") else ("r2", "r1")
    relay, spare = (next(daemon for daemon in overlay.relays if daemon.config["node"] == name) for name in (used, other))
    pings = SteadyPings(far, destination)
    answers_after = lambda when: max(pings.result().replies.values(), default=0) > when
    begun = time.time()
    lab.wait_for(lambda: answers_after(begun + 3), 30, "answers before the power fails")  # by then the relay is watched closely
    machine = next(each for each in world.relays if each.node is relay.node)
    relay.kill9()
    cut_cable(world, machine)
    lab.wait_for(lambda: all(is_default(router, other) for router in routers), 20, f"all sites go through {spare.node.name}")
    taken = time.time()
    lab.wait_for(lambda: answers_after(taken), 10, f"answers through {spare.node.name}")
    gap = max((seconds for _, seconds in pings.result().outages), default=0)
    steps.done(f"power of {relay.node.name} off, {spare.node.name} takes over", f"{gap * 1000:.0f} ms without answers")
    back = time.time()
    cut_cable(world, machine, False)
    relay.start_again()
    lab.wait_for(lambda: all(router.relay_status(used).get("state") == "up" for router in routers), 60, f"{relay.node.name} is up again")
    taken = time.time()
    lab.wait_for(lambda: answers_after(taken), 10, "answers after its return")
    result = pings.stop()
    since = [number for number, when in result.sent_at.items() if when > back]
    steps.done(f"{relay.node.name} is back", f"{len(set(since) & set(result.lost))} of {len(since)} pings lost")


def start_captures(world):
    places = [(site.switch, "lan") for site in world.sites.values()] + [(world.inet, "access"), (world.inet, "servers")]
    return [lab.Capture(node, interface, f"{lab.LAB_DIR}/{node.name}-{interface}.pcap", busy=True)
            for node, interface in places]


def write_capture(world, captures, file):
    dropped = sum(capture.stop() for capture in captures)
    merged = f"{lab.LAB_DIR}/all.pcapng"
    world.inet.run("mergecap", "-w", merged, *[capture.path for capture in captures])
    with open(merged, "rb") as source:
        shutil.copyfileobj(source, file)
    file.close()
    print(f"wrote {file.name} ({dropped} packets could not be kept)" if dropped else f"wrote {file.name}")


def stay(binary):
    print("\nIt stays until Ctrl-C. From another terminal, enter a machine with")
    for name, role in ROLES.items():
        print(f"    tests/demo --enter {name:8} # {role}")
    print(f"Status of a router: tests/demo --enter edge-a {binary} status --runtime-dir {lab.LAB_DIR}/edge-a/run", flush=True)
    try:
        while True:
            signal.pause()
    except lab.Interrupted:
        print("taken down")


def build():
    path = os.environ.get("ULAGATE_BINARY")
    if path:
        return path
    print("building ulagate …", flush=True)
    done = subprocess.run(["/usr/bin/python3", "-B", f"{lab.ROOT}/tests/runner/build.py"], stdout=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        sys.exit("tests/demo: the build failed")
    return done.stdout.split()[-1]


def main():
    given = arguments()
    if given.enter:
        enter(*given.enter)
    binary = build()
    sandbox.run(lambda: demo(given, binary))


if __name__ == "__main__":
    main()
