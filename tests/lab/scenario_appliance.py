#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The firmware's manager in rescue: addresses by DHCP on each cable, the first uplink that works is used, another cable
or another network is found by itself, and the page says why there is no router."""

import os

import lab
from appliance import Appliance

ESSENTIAL = "the firmware"

REASON = "ulagate.toml:3: site: is missing <b>"
KEY = "mG3BIt2S0nKqkzJIQTf5kYxBO2JCqs8vWr9xAOFJUnI="


def scenario():
    box = Appliance()
    with open(f"{box.runtime}/rescue", "w", encoding="utf-8") as file:
        file.write(REASON + "\n")
    with open(f"{box.runtime}/public_key", "w", encoding="utf-8") as file:
        file.write(KEY + "\n")
    box.start()
    uplinks(box)
    page(box)
    strangers(box)
    lab.step("memory")
    print(f"  PSS of the manager: {lab.pss_kib(box.process.pid)} KiB")
    lab.check_equal(box.process.stop(), 0, "SIGTERM ends it with exit code 0")
    lab.wait_for(lambda: "udhcpc" not in box.node.out("ps", "-eo", "args"), 3, "its children end with it")


def uplinks(box):
    lab.step("both cables in")
    lab.wait_for(lambda: box.default_routes() == ["wan0", "wan1"], 15, "a default route by each, the first one's first")
    lab.wait_for(lambda: box.default_routes("-6") == ["wan0", "wan1"], 20, "the same for IPv6")
    lab.check("192.0.2.1" in open(f"{box.node.dir}/resolv.dhcp").read(), "its name server is asked")
    lab.wait_for(lambda: "wan0 (Ethernet): in use" in box.status() and "wan1 (Ethernet): standby" in box.status(), 10,
                 "the status says which one is used")

    lab.step("the first cable is pulled")
    box.isps[0].carrier(False)
    gone = lab.seconds_until(lambda: box.first() == "wan1", 5, "the second takes over")
    print(f"  after {gone:.2f} s")
    lab.wait_for(lambda: box.first("-6") == "wan1", 5, "for IPv6 too")
    lab.wait_for(lambda: "wan0" not in box.node.out("ip", "-4", "-o", "address"), 2, "the address goes with the cable")
    lab.wait_for(lambda: "192.0.3.1" in open(f"{box.node.dir}/resolv.dhcp").read(), 5, "the second's name server is asked")
    lab.wait_for(lambda: "no cable" in box.status(), 10, "the status says why")

    lab.step("it is in again, and it is another network")
    old = box.isps[0]
    old.dhcp.stop()
    old.node.ip("address flush dev lan")
    old.network, old.number = "192.0.9", 9
    old.begin()
    back = lab.seconds_until(lambda: box.first() == "wan0", 15, "the first is used again")
    print(f"  after {back:.2f} s")
    lab.check("192.0.9." in box.node.out("ip", "-4", "address", "show", "wan0"), "with an address of the new network")
    lab.wait_for(lambda: "2001:db8:9:" in box.node.out("ip", "-6", "address", "show", "wan0"), 10, "for IPv6 too")
    lab.check("2001:db8:2:" not in box.node.out("ip", "-6", "address", "show", "wan0"), "and none of the old one")
    lab.wait_for(lambda: box.first("-6") == "wan0", 10, "IPv6 leads there too")

    lab.step("a plug that bounces ten times in a second")
    for _ in range(10):
        box.isps[1].carrier(False)
        box.isps[1].carrier(True)
    lab.wait_for(lambda: box.default_routes() == ["wan0", "wan1"], 20, "recovers")

    lab.step("the DHCP client is killed")
    os.kill(int(box.node.out("pgrep", "-f", "udhcpc.*wan0").split()[0]), 9)
    lab.wait_for(lambda: box.first() == "wan0" and "udhcpc" in box.node.out("ps", "-eo", "args"), 10, "it is started again")


def page(box):
    lab.step("the page")
    link_local = lab.link_local(box.node, "lan0")
    answer = lab.wait_for(lambda: box.get(address=link_local), 5, "it answers from the LAN, without any address configured")
    lab.check(answer.startswith("HTTP/1.1 200"), "200")
    lab.check("site: is missing &lt;b&gt;" in answer, "it says what is wrong with the file, and nothing in it is HTML")
    lab.check(KEY in answer and "<svg" in answer, "it shows the public key, and as a QR code")
    lab.check("wan0" in box.get("/status.txt", address=link_local), "as plain text too")
    lab.check("image/svg+xml" in box.get("/qr.svg", address=link_local), "the QR code alone")
    lab.check(box.get("/etc/passwd", address=link_local).startswith("HTTP/1.1 404"), "nothing else")
    lab.check(box.get(address=link_local, request=b"POST / HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 405"), "no POST")
    lab.check(box.get(address=link_local, request=b"GET /" + b"a" * 9000).startswith("HTTP/1.1 431"), "no endless head")
    lab.check("\u2588" in open(box.console, encoding="utf-8").read(), "the console has the QR code")


def strangers(box):
    lab.step("who is no neighbour, by its source, has neither page nor ssh")
    isp, box_address = box.isps[1], box.node.out("ip", "-4", "-o", "address", "show", "wan1").split()[3].split("/")[0]
    lab.check_equal(box.get(host=isp.node, address=box_address), "", "not from the internet's addresses")
    isp.node.ip("address add 192.168.77.1/24 dev lan")
    box.node.ip("address add 192.168.77.2/24 dev wan1")
    lab.check(box.get(host=isp.node, address="192.168.77.2").startswith("HTTP/1.1 200"), "but from a private one")
    lab.check("tcp dport { 22, 80 }" in box.node.out("nft", "list", "table", "inet", "ulagate_rescue"), "for ssh as well")


if __name__ == "__main__":
    lab.main(scenario)
