#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Real hosts on the LAN of a router that is no default router: the kernel, systemd-networkd, NetworkManager and dhcpcd.
What each makes of the Router Advertisements, over a hand-over and to the withdrawal, and what host-check says of it."""

import json
import os
import struct
import time
from dataclasses import dataclass

import lab
import lan
import packets
from daemon import VIRTUAL_ADDRESS
from host_managers import PROGRAMS, Dhcpcd, NetworkManager, Networkd
from pair import Pair, active

ROUTE_LIFETIME = 10  # seconds: shorter than the scenario, so that a host which does not renew it loses it
HOST_CHECK = f"{lab.ROOT}/tests/lab/host-check"


@dataclass
class Host:
    name: str
    node: lab.Node
    identifier: str  # the lower half of its address
    takes_route: bool = True
    env: tuple = ()
    monitor: object = None

    @property
    def address(self):
        return f"fd12:3456:789a:a:{self.identifier}"

    def routes(self):
        """Gateways of the route into the overlay."""
        found = json.loads(self.node.out("ip", "-j", "-6", "route", "show", "root", lab.OVERLAY))
        return {(route.get("gateway"), route["protocol"]) for route in found if route["dst"] == lab.OVERLAY}

    def removed_routes(self):
        """Since it had all."""
        return [line for line in self.monitor.log().splitlines() if line.startswith(f"Deleted {lab.OVERLAY} ")]

    def check_host(self, *arguments):
        done = self.node.run("env", *self.env, HOST_CHECK, *arguments, check=False)
        return done.returncode, done.stdout + done.stderr


def scenario():
    missing = [path for path in PROGRAMS if not os.access(path, os.X_OK)]
    if missing:
        raise lab.Skip(f"not installed: {' '.join(missing)}; tests/setup hosts installs them")
    world = lab.build(uplinks={"a": "ipv4", "b": "ipv4"}, routers={"a": 2})  # nobody else advertises anything
    pair = Pair(world, lab.overlay(world))
    for daemon in (pair.one, pair.two):
        daemon.config["lan"][0]["ra"] = {"min_interval": "3s", "max_interval": "4s",
                                         "route_lifetime": f"{ROUTE_LIFETIME}s"}
    hosts = all_hosts(pair.site)
    pair.overlay.start()
    pair.wait_until_up()
    since = take_their_share(pair, hosts)
    survive_another_router(pair, hosts)
    survive_a_hand_over(pair, hosts)
    good_settings(hosts)
    bad_settings(hosts)
    renew(pair, hosts, since)
    withdraw(pair, hosts)


def all_hosts(site):
    kernel = Host("the kernel", site.host, "0:ff:fe00:a64")
    nodes = [lan.another_host(site, number) for number in range(2, 6)]
    for node in nodes[:3]:  # as it is by default
        node.sysctl(net__ipv6__conf__eth0__accept_ra_rt_info_max_plen=0)
    nodes[3].sysctl(net__ipv6__conf__eth0__accept_ra=1)
    Networkd(nodes[0], "IPv6PrivacyExtensions=no\n[IPv6AcceptRA]\nToken=static:::100\n")
    manager = NetworkManager(nodes[1], "ip6-privacy=0\naddr-gen-mode=eui64\ntoken=::200\n")
    Dhcpcd(nodes[2])
    Dhcpcd(nodes[3], "interface eth0\nnoipv6rs\n")
    return [kernel,
            Host("systemd-networkd", nodes[0], ":100"),
            Host("NetworkManager", nodes[1], ":200", env=manager.env),
            Host("dhcpcd", nodes[2], "0:ff:fe00:a67", takes_route=False),
            Host("dhcpcd that leaves IPv6 to the kernel", nodes[3], "0:ff:fe00:a68")]


def has_all(host):
    return host.address in lab.addresses(host.node, "fd12:") and (host.routes() or not host.takes_route)


def take_their_share(pair, hosts):
    for host in hosts:
        try:
            lab.wait_for(lambda: has_all(host), 15, f"{host.name} has its address and route")
        except lab.Failed as failed:
            has = host.node.out("ip", "-6", "address") + host.node.out("ip", "-6", "route")
            raise lab.Failed(f"{failed}\n{has}") from None
    since = time.monotonic()
    for host in hosts:
        lab.check_equal(lab.addresses(host.node, "fd12:"), [host.address], f"{host.name}: the address")
        lab.check_equal(host.routes(), {(VIRTUAL_ADDRESS, "ra")} if host.takes_route else set(),
                        f"{host.name}: the route into the overlay")
        lab.check_equal(host.node.out("ip", "-6", "route", "show", "default"), "", f"{host.name}: no default route")
        host.monitor = host.node.start("ip", "-6", "monitor", "route", name="routes")
    check_pings(pair, hosts)
    return since


def check_pings(pair, hosts):
    far = pair.far_address()
    for host in hosts:
        if host.takes_route:
            lab.wait_for(lambda: lab.can_ping(host.node, far), 5, f"{host.name} pings the other site")
    lab.step("they ping the other site")


def survive_another_router(pair, hosts):
    """The internet router of the site, say, which is a default router."""
    source, mac = "fe80::1:1", "02:00:00:00:0a:fe"
    body = struct.pack("!BBHII", 64, 0, 1800, 0, 0)
    sender = packets.Sender(pair.site.switch, "lan")
    for number, host in enumerate(hosts):  # to each alone: it is not meant for the edge routers
        sender.send(packets.icmpv6(packets.ADVERTISEMENT, body, source, lab.link_local(host.node), mac,
                                   f"02:00:00:00:0a:{0x64 + number:02x}"))
        default = lambda: host.node.out("ip", "-6", "route", "show", "default")
        lab.wait_for(lambda: f"via {source} " in default(), 5, f"{host.name} has a default route")
        lab.check(VIRTUAL_ADDRESS not in default() and has_all(host), f"{host.name}: which another router is")


def survive_a_hand_over(pair, hosts):
    pair.one.stop()
    lab.wait_for(lambda: active(pair.two), 5, "the other router is Active")
    check_pings(pair, hosts)


def good_settings(hosts):
    for host in hosts:
        code, said = host.check_host()
        if host.takes_route:
            lab.check(code == 0 and "good:" in said and VIRTUAL_ADDRESS in said,
                      f"host-check finds nothing wrong with {host.name}:\n{said}")
        else:
            lab.check(code == 1 and "noipv6rs" in said, f"host-check says what to do about {host.name}:\n{said}")
    code, said = hosts[0].check_host("eth7")
    lab.check(code == 2 and "no such interface" in said, "host-check says that there is no eth7")
    blind = hosts[2].node.run(HOST_CHECK, check=False)
    lab.check(blind.returncode == 2 and "good:" not in blind.stdout, "host-check cannot tell without its bus")


def expect_problem(host, words):
    code, said = host.check_host("eth0")
    lab.check(code == 1 and words in said and "good:" not in said, f"host-check, {host.name}: {words}")
    return said


def bad_settings(hosts):
    kernel, networkd, manager = hosts[:3]
    conf = "net__ipv6__conf__eth0__"
    for settings, words in (({"accept_ra": 0}, "ignores Router Advertisements (accept_ra = 0)"),
                            ({"autoconf": 0}, "makes itself no address"),
                            ({"accept_ra_rt_info_max_plen": 47}, "accepts no route to a /48"),
                            ({"accept_ra_rt_info_min_plen": 49}, "accepts no route to a /48"),
                            ({"accept_ra": 1, "forwarding": 1}, "as Docker makes it do")):
        kernel.node.sysctl(**{conf + key: value for key, value in settings.items()})
        apply_advice(kernel, expect_problem(kernel, words))
    without_route_information(kernel)
    kernel.node.sysctl(**{conf + "use_tempaddr": 2})
    code, said = kernel.check_host()
    lab.check(code == 0 and "privacy extensions are on" in said, "host-check notes privacy extensions")
    kernel.node.sysctl(**{conf + "use_tempaddr": 0})

    path = "/run/systemd/network/10-lan.network"
    text = networkd.node.out("cat", path)
    for section, line in (("[Network]", "IPv6AcceptRA=no"), ("[IPv6AcceptRA]", "UseRoutePrefix=no")):
        networkd.node.run("tee", path, stdin=f"{text}{section}\n{line}\n")
        expect_problem(networkd, line)
    networkd.node.run("tee", path, stdin=text)

    for value, words in (("yes", "ipv6.ignore-auto-routes"), ("no", "")):
        manager.node.run("env", *manager.env, "nmcli", "connection", "modify", "lan", "ipv6.ignore-auto-routes", value)
        if words:
            expect_problem(manager, words)


def without_route_information(host):
    """As with a kernel that was built so: the settings are not there."""
    conf, copy = "/proc/sys/net/ipv6/conf/eth0", f"{host.node.dir}/conf"
    host.node.run("sh", "-c", f"mkdir {copy} && for file in {conf}/*; do cp $file {copy}; done; "
                              f"rm {copy}/accept_ra_rt_info_* && mount --bind {copy} {conf}")
    expect_problem(host, "CONFIG_IPV6_ROUTE_INFO is off")
    host.node.run("umount", conf)


def apply_advice(host, said):
    """What it says to put into a file makes it content."""
    settings = "".join(line.strip() + "\n" for line in said.splitlines() if line.strip().startswith("net."))
    host.node.run("sysctl", "-q", "-p", "-", stdin=settings)
    code, said = host.check_host("eth0")
    lab.check(code == 0 and "good:" in said, "with the settings that it tells it is content")


def renew(pair, hosts, since):
    time.sleep(max(0.0, since + ROUTE_LIFETIME + 1 - time.monotonic()))
    for host in hosts:
        lab.check(has_all(host), f"{host.name}: what is advertised again stays longer than {ROUTE_LIFETIME} s")
        lab.check_equal(host.removed_routes(), [], f"{host.name}: and the route was never away")
    check_pings(pair, hosts)


def withdraw(pair, hosts):
    pair.two.node.start(pair.two.binary, "withdraw", "--runtime-dir", pair.two.runtime_dir, name="withdraw")
    for host in hosts:
        if host.takes_route:
            lab.wait_for(lambda: host.removed_routes() and not host.routes(), 15, f"{host.name} has lost the route")
    lab.step("the site has left, and no host has the route any more")


if __name__ == "__main__":
    lab.main(scenario)
