#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Uplinks that need more of the kernel than a cable: a VLAN with DHCP is the first; a static one stands by."""

import lab
from appliance import Appliance

VLAN = 7
CONFIG = f"""
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
[appliance]
[[uplink]]
kind = "ethernet"
interface = "wan0"
vlan = {VLAN}
[[uplink]]
kind = "ethernet"
interface = "wan1"
addresses = "static"
address = ["192.0.3.9/24", "2001:db8:3::9/64"]
gateway = ["192.0.3.1", "2001:db8:3::1"]
dns = ["192.0.3.1"]
"""


def scenario():
    box = Appliance(CONFIG)
    tag(box.isps[0])
    box.start()
    lab.step("both are there")
    lab.wait_for(lambda: box.default_routes() == [f"wan0.{VLAN}", "wan1"], 20, "the VLAN's default route is first")
    lab.check("192.0.2." in box.node.out("ip", "-4", "address", "show", f"wan0.{VLAN}"), "with an address by DHCP, in the VLAN")
    lab.check("192.0.3.9/24" in box.node.out("ip", "-4", "address", "show", "wan1"), "the static one has what the file says")
    lab.check_equal(lab.addresses(box.node, "2001:db8:3::9", "wan1"), ["2001:db8:3::9"], "for IPv6 too")
    lab.wait_for(lambda: box.first("-6") == f"wan0.{VLAN}", 20, "IPv6 by SLAAC, in the VLAN")
    lab.check(box.node.ok("ping", "-n", "-c1", "-W2", "192.0.2.1"), "the VLAN's router answers")

    lab.step("the VLAN's cable is pulled")
    box.isps[0].node.ip("link set wire down")
    lab.wait_for(lambda: box.first() == "wan1", 10, "the static one is used")
    lab.wait_for(lambda: box.first("-6") == "wan1", 10, "for IPv6 too")
    lab.check("192.0.3.1" in open(f"{box.node.dir}/resolv.dhcp").read(), "and its name server")
    lab.check(box.node.ok("ping", "-n", "-c1", "-W2", "192.0.3.1"), "its router answers")
    box.isps[0].node.ip("link set wire up", "link set lan up")
    lab.wait_for(lambda: box.first() == f"wan0.{VLAN}", 30, "the VLAN is used again when the cable is in again")
    lab.check_equal(box.process.stop(), 0, "SIGTERM ends it with exit code 0")


def tag(isp):
    """The provider speaks in the VLAN only."""
    isp.dhcp.stop()
    isp.node.ip("address flush dev lan", "link set lan down", "link set lan name wire", "link set wire up")
    if not isp.node.ok("ip", "link", "add", "link", "wire", "name", "lan", "type", "vlan", "id", str(VLAN)):
        raise lab.Skip("this kernel has no VLANs")
    isp.begin()


if __name__ == "__main__":
    lab.main(scenario)
