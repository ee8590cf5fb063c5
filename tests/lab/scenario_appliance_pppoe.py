#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An uplink by PPPoE: a session with the provider's concentrator (rp-pppoe's), which ends and comes back."""

import os

import lab
from appliance import Appliance

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
[appliance]
[[uplink]]
kind = "ethernet"
interface = "wan0"
[uplink.pppoe]
user = "customer@isp.example"
password = "of the contract"
"""
SECRETS = '"customer@isp.example" * "of the contract" *\n'
SESSION = "ppp-wan0"


def scenario():
    box = Appliance(CONFIG, isps=("a",))
    for module in ("ppp_generic", "ppp_async", "pppoe"):
        if not box.node.ok("modprobe", module):
            raise lab.Skip("this kernel has no PPPoE")
    isp = box.isps[0].node
    box.isps[0].dhcp.stop()
    isp.ip("address flush dev lan")
    concentrator = serve(isp)
    box.start()

    lab.step("a session")
    lab.wait_for(lambda: box.first() == SESSION, 60, "the default route is the session's")
    lab.check("192.0.4.50" in box.node.out("ip", "-4", "address", "show", SESSION), "with the address that the provider gave")
    lab.check("mtu 1492" in box.node.out("ip", "link", "show", SESSION), "and 8 bytes less in a packet")
    lab.check(box.node.ok("ping", "-n", "-c1", "-W5", "192.0.4.1"), "the provider answers")
    lab.wait_for(lambda: "192.0.4.1" in open(f"{box.node.dir}/resolv.dhcp").read(), 10, "its name server is asked")
    lab.wait_for(lambda: "in use: 192.0.4.50" in box.status(), 10, "the status says so")
    lab.check("of the contract" not in box.node.out("ps", "-eo", "args"), "the password is in no command line")

    lab.step("the provider goes away")
    concentrator.stop()
    isp.run("pkill", "-f", f"pppd .*{isp.dir}/options", check=False)  # its sessions
    lab.wait_for(lambda: not box.default_routes(), 60, "the route goes with the session")
    serve(isp)
    lab.wait_for(lambda: box.first() == SESSION and box.node.ok("ping", "-n", "-c1", "-W2", "192.0.4.1"), 90, "a new session")
    lab.check_equal(box.process.stop(), 0, "SIGTERM ends it with exit code 0")


def serve(isp):
    """The concentrator, and the secrets of its customers."""
    for name, text in (("secrets", SECRETS), ("options", "require-chap\nauth\nlcp-echo-interval 5\nlcp-echo-failure 3\n"
                                              "ms-dns 192.0.4.1\nnodefaultroute\nproxyarp\n")):
        with open(f"{isp.dir}/{name}", "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(f"{isp.dir}/{name}", 0o600)
    isp.run("mount", "--bind", f"{isp.dir}/secrets", "/etc/ppp/chap-secrets")
    return isp.start("pppoe-server", "-F", "-I", "lan", "-L", "192.0.4.1", "-R", "192.0.4.50", "-N", "3",
                     "-O", f"{isp.dir}/options")


if __name__ == "__main__":
    lab.main(scenario)
