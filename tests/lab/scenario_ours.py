#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What we create and keep is ours: IPv6 on our interfaces whatever new ones inherit, their settings whoever writes them,
the files under /run whoever removes them; and there is one daemon in a network namespace."""

import os
import subprocess
import time

import lab
from host_managers import PROGRAMS, Networkd

CONFORMANCE = ("F-10",)
SETTINGS = {"disable_ipv6": "1", "addr_gen_mode": "0", "accept_ra": "2"}


def scenario():
    world = lab.build()
    overlay = lab.overlay(world)
    edge, relay = overlay.edge("a"), overlay.relay
    for daemon in (edge, relay):  # a hardening file, or a VPN's "no leaks by IPv6"
        daemon.node.sysctl(net__ipv6__conf__default__disable_ipv6=1)
    overlay.start()
    host_address = overlay.wait_until_up()[1]
    host = world.sites["a"].host
    lab.check_equal(edge.problems(), [], "IPv6 off for new interfaces is no problem")
    for setting, value in SETTINGS.items():
        settings_heal(edge, setting, value)
    lab.wait_for(lambda: lab.can_ping(host, host_address), 30, "the overlay is reached after all")
    strange_address(edge)
    lan_switched_off(edge, host, host_address)
    files_come_back(edge)
    second_daemon(edge)
    manager(edge, host, host_address)


def settings_heal(daemon, setting, value):
    path = f"net/ipv6/conf/ulg-r1/{setting}"
    before = daemon.node.get_sysctl(path)
    daemon.node.run("tee", f"/proc/sys/{path}", stdin=value)
    lab.wait_for(lambda: daemon.node.get_sysctl(path) == before, 5, f"{setting} of ulg-r1 is {before} again")


def strange_address(daemon):
    daemon.node.run("ip", "address", "add", "fe80::1234/64", "dev", "ulg-r1", "nodad")
    lab.wait_for(lambda: "fe80::1234" not in daemon.node.out("ip", "address", "show", "dev", "ulg-r1"), 5,
                 "a link-local address on a tunnel goes")


def lan_switched_off(daemon, host, host_address):
    daemon.node.sysctl(net__ipv6__conf__eth0__disable_ipv6=1)
    lab.wait_for(lambda: any("IPv6 is switched off on interface eth0" in line for line in daemon.problems()), 5,
                 "IPv6 off on the LAN is named")
    daemon.node.sysctl(net__ipv6__conf__eth0__addr_gen_mode=1)
    daemon.node.sysctl(net__ipv6__conf__eth0__disable_ipv6=0)
    lab.wait_for(lambda: any("addr_gen_mode = 1" in line for line in daemon.problems()), 5,
                 "and that nobody makes a link-local address")
    daemon.node.sysctl(net__ipv6__conf__eth0__addr_gen_mode=0)
    lab.wait_for(lambda: not daemon.problems(), 20, "all of it is over")
    lab.wait_for(lambda: lab.can_ping(host, host_address), 30, "the overlay is reached")


def files_come_back(daemon):
    for what in ("control", "lock", "sysctls", ""):
        path = f"{daemon.runtime_dir}/{what}"
        subprocess.run(["rm", "-rf", path], check=True)
        lab.wait_for(lambda: os.path.exists(path) and daemon.try_status(), 5, f"{what or 'the directory'} is there again")
    lab.wait_for(lambda: os.path.exists(f"{daemon.runtime_dir}/sysctls"), 5, "with what the settings were before us")


def second_daemon(daemon):
    os.remove(f"{daemon.runtime_dir}/lock")
    for directory in (daemon.runtime_dir, f"{daemon.node.dir}/elsewhere"):
        done = daemon.node.run(daemon.binary, "run", "--config", daemon.config_path, "--runtime-dir", directory, "--state-dir",
                               f"{directory}-state", check=False)
        lab.check(done.returncode != 0 and "another ulagate is running" in done.stdout + done.stderr,
                  f"a second daemon is refused: {(done.stdout + done.stderr).strip()[:200]}")
    lab.wait_for(daemon.try_status, 5, "the first one answers")


def manager(daemon, host, host_address):
    if not os.access(PROGRAMS[0], os.X_OK):
        return lab.step(f"not installed: {PROGRAMS[0]}; tests/setup hosts installs it")
    with open(f"{lab.ROOT}/daemon/managers/00-ulagate.network", encoding="ascii") as file:
        mark = file.read()
    before = interface(daemon)
    networkd = Networkd(daemon.node, "LinkLocalAddressing=ipv6\n", match="*", files={"00-ulagate.network": mark})
    lab.wait_for(lambda: "ulg-r1: Unmanaged" in networkd.process.log() or "unmanaged" in networkd.process.log(), 20,
                 "networkd finds ulg-r1 unmanaged")
    time.sleep(3)
    lab.check_equal(interface(daemon), before, "it left the tunnel alone")
    lab.check(lab.can_ping(host, host_address), "the overlay is reached beside it")
    return None


def interface(daemon):
    settings = [daemon.node.get_sysctl(f"net/ipv6/conf/ulg-r1/{name}") for name in SETTINGS]
    return settings, daemon.node.out("ip", "-o", "address", "show", "dev", "ulg-r1"), daemon.node.out(
        "ip", "-6", "route", "show", "table", "117")


if __name__ == "__main__":
    lab.main(scenario)
