#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The firmware's manager with a configuration: the first uplink of the file is used, whatever the interfaces are called;
a LAN behind it has addresses by DHCP and names by DNS; the clock is asked for over the uplink; ssh by key."""

import json
import os

import lab
from appliance import Appliance, TimeServer, make_card

# It also runs in minimal roots and plain chroots: tests/roots/run elsewhere.
CONFORMANCE = ("F-14",)

CONFIG = """
role = "edge"
node = "box"
site = "home"

[overlay]
prefix = "fd12:3456:789a::/48"

[tunnel]
address = "fd99::a1"
private_key = "/etc/ulagate/tunnel.key"

[[relay]]
name = "r1"
address = "fd99::1"
public_key = "YW4gZXhhbXBsZTogdGhlIGtleSBvZiByZWxheSByMS4="
endpoint = "203.0.113.10:51820"

[[lan]]
interface = "lan0"
prefix = "fd12:3456:789a:1::/64"
gateway = true
ipv4 = "192.168.83.1/24"

[appliance]
ssh_keys = ["KEY"]

[[uplink]]
kind = "ethernet"
interface = "wan1"

[[uplink]]
kind = "ethernet"
interface = "wan0"
"""


def scenario():
    box = Appliance(options=["--debug"])
    key = f"{box.host.dir}/key"
    box.host.run("dropbearkey", "-t", "ed25519", "-f", key)
    public = next(line for line in box.host.out("dropbearkey", "-y", "-f", key).splitlines() if line.startswith("ssh-"))
    with open(box.config, "w", encoding="utf-8") as file:
        file.write(CONFIG.replace("KEY", public))
    card = f"{box.node.dir}/card"
    make_card(card)
    with open(f"{box.runtime}/card", "w", encoding="ascii") as file:
        file.write(card + "\n")
    servers = [TimeServer(isp.node, ahead=7.5) for isp in box.isps]
    box.start()

    lab.step("uplinks")
    lab.wait_for(lambda: box.default_routes() == ["wan1", "wan0"], 15, "the first of the file is used")
    lab.wait_for(lambda: box.first("-6") == "wan1", 15, "for IPv6 too")
    lab.check("lan0" not in box.default_routes(), "a gateway LAN is no uplink")

    lab.step("the LAN")
    script = f"{box.host.dir}/lease"
    with open(script, "w", encoding="ascii") as file:
        file.write(f'#!/bin/sh\n[ "$1" = bound ] && echo "$ip $router $dns" >{box.host.dir}/got\nexit 0\n')
    os.chmod(script, 0o755)
    box.host.run("busybox", "udhcpc", "-i", "eth0", "-f", "-q", "-n", "-s", script, "-t", "8", "-T", "1")
    with open(f"{box.host.dir}/got", encoding="ascii") as file:
        address, router, dns = file.read().split()
    lab.check(address.startswith("192.168.83."), f"a host has {address} by DHCP")
    lab.check_equal((router, dns), ("192.168.83.1", "192.168.83.1"), "router and name server are the box")
    box.host.ip(f"address add {address}/24 dev eth0")
    asks = lambda name: box.host.out("busybox", "nslookup", "-type=a", name, "192.168.83.1", check=False)
    lab.wait_for(lambda: "192.0.3.1" in asks("isp.example"), 10, "names are asked for at the uplink's server")
    lab.check("192.168.83.1" in asks("box.lan").split("Name:")[-1], "the box has a name")
    page = box.get("/status.txt", address="192.168.83.1")
    lab.check("lan0: fd12:3456:789a:1::/64, gateway 192.168.83.1/24" in page, "the page is there, on its IPv4 address")
    lab.check(not box.get(host=box.isps[1].node, address=wan_address(box)), "and not towards an uplink")

    lab.step("the other uplink's name server")
    box.isps[1].carrier(False)
    lab.wait_for(lambda: "192.0.2.1" in asks("isp.example"), 10, "is asked after the change")
    box.isps[1].carrier(True)
    lab.wait_for(lambda: "192.0.3.1" in asks("isp.example"), 20, "and the first's again")

    lab.step("the time")
    lab.wait_for(lambda: "would be set forward by 7." in box.process.log(), 15, "the servers of DHCP are asked, and their answer is used")
    lab.check(any(server.questions for server in servers), "over the uplink")
    lab.wait_for(lambda: "dry run: by 192.0." in box.status(), 10, "the status says by whom")

    lab.step("ssh")
    log_in(box, key)
    power_cut(box, card)
    lab.step("memory")
    print(f"  PSS of the manager: {lab.pss_kib(box.process.pid)} KiB")
    lab.check_equal(box.process.stop(), 0, "SIGTERM ends it with exit code 0")


def wan_address(box):
    rows = json.loads(box.node.out("ip", "-j", "-4", "address", "show", "wan1"))
    return rows[0]["addr_info"][0]["local"]


def log_in(box, key):
    """By key only. The home of root is a folder of the lab here."""
    say = lambda *more: box.host.run("dbclient", "-y", "-T", "-i", key, *more, "root@192.168.83.1", "echo in", check=False)
    lab.wait_for(lambda: say().stdout == "in\n", 10, "who has the key gets in")
    other = f"{box.host.dir}/other"
    box.host.run("dropbearkey", "-t", "ed25519", "-f", other)
    refused = box.host.run("dbclient", "-y", "-T", "-i", other, "root@192.168.83.1", "echo in", check=False)
    lab.check(refused.returncode != 0 and "in\n" not in refused.stdout, "who has another one does not")
    lab.check("password" not in refused.stderr.lower(), "and is not asked for a password")


def power_cut(box, card):
    """What has to outlive it is on the card before it happens."""
    lab.step("the state on the card")
    with open(f"{box.node.dir}/state/routers", "w", encoding="ascii") as file:
        file.write("what the daemon must not forget")
    content = lambda: open(card, "rb").read()
    lab.wait_for(lambda: b"what the daemon must not forget" in content(), 5, "a new file is on the card at once")
    host_key = open(f"{box.runtime}/ssh_host_key", "rb").read()
    os.kill(box.process.pid, 9)
    box.process.wait()
    lab.wait_for(lambda: "dropbear" not in box.node.out("ps", "-eo", "args"), 5, "children end when the manager is killed")
    os.unlink(f"{box.runtime}/ssh_host_key")
    box.start()
    lab.wait_for(lambda: box.process.log().count("lease of 192.0.3") > 2 and box.default_routes() == ["wan1", "wan0"], 15,
                 "a new manager takes over what the old one left")
    lab.wait_for(lambda: os.path.exists(f"{box.runtime}/ssh_host_key"), 5, "the host key of ssh comes back from the card")
    lab.check_equal(open(f"{box.runtime}/ssh_host_key", "rb").read(), host_key, "ssh has the host key that it had")


if __name__ == "__main__":
    lab.main(scenario)
