#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Beside a stateful firewall, in mode shared, what its user would write for any other router is enough: out is allowed,
and what belongs to it comes back (F-04). The real ufw and firewalld, of Debian 12 and 13, on edge-a."""

import time

import lab
from firewalls import Firewalld, Ufw, root_of

PORT = 8080
SERVE = f"""
import socket
server = socket.create_server(("::", {PORT}), family=socket.AF_INET6)
print("listening", flush=True)
while True:
    connection, _ = server.accept()
    connection.sendall(b"hello")
    connection.close()
"""
FETCH = """
import socket
print(socket.create_connection(("{}", %d), 4).recv(100).decode())
""" % PORT
ANSWER = """
import socket
sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sock.bind(("::", 58000))
print("listening", flush=True)
while True:
    data, peer = sock.recvfrom(100)
    sock.sendto(data, peer)
"""
ASK = """
import socket
sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sock.settimeout(2)
sock.sendto(b"hello", ("{}", 58000))
print(sock.recv(100).decode())
"""
# What the manuals say for a router between two interfaces, and for a host that is pinged.
UFW = (("route", "allow", "in", "on", "eth0", "out", "on", "ulg-r1"),)
FIREWALLD = (("--zone=internal", "--add-interface=eth0"), ("--zone=work", "--add-interface=ulg-r1"),
             ("--new-policy", "lan-overlay", "--permanent"),
             ("--policy", "lan-overlay", "--add-ingress-zone", "internal", "--permanent"),
             ("--policy", "lan-overlay", "--add-egress-zone", "work", "--permanent"),
             ("--policy", "lan-overlay", "--set-target", "ACCEPT", "--permanent"), ("--reload",),
             ("--zone=internal", "--add-interface=eth0"), ("--zone=work", "--add-interface=ulg-r1"))


def hello(host, program, address):
    return "hello" in host.run("python3", "-S", "-c", program.format(address), check=False).stdout


def beside(world, edge, make, release, rules):
    here, there = world.sites["a"].host, world.sites["b"].host
    firewall = make(world.sites["a"].edge, release)
    what = f"{firewall.name} of Debian {release}"
    one, two = lab.addresses(here, "fd12:3456:789a:a:")[0], lab.addresses(there, "fd12:3456:789a:b:")[0]
    time.sleep(1)
    lab.check(not hello(here, FETCH, two), f"{what} as it comes lets no connection through")
    for rule in rules:
        firewall.rule(*rule)
    lab.check(hello(here, FETCH, two), f"{what}: a TCP connection from the LAN")
    lab.check(hello(here, ASK, two), f"{what}: a UDP exchange from the LAN")
    lab.check(lab.can_ping(here, two), f"{what}: a ping from the LAN")
    lab.check(not hello(there, FETCH, one), f"{what}: what begins at the other site stays out")
    status = edge.relay_status()
    lab.check(status["up"] if "up" in status else status["state"] == "up", f"{what}: the tunnel stays")
    firewall.stop()
    lab.wait_for(lambda: hello(there, FETCH, one), 10, f"without {what} all is as before")


def scenario():
    world = lab.build()
    overlay = lab.overlay(world, forward=["any"])
    edge = overlay.edge("a")
    edge.config["firewall"] = {"mode": "shared"}
    for site in world.sites.values():
        for program in (SERVE, ANSWER):
            site.host.start("python3", "-S", "-u", "-c", program)
    overlay.start()
    overlay.wait_until_up()
    releases = [release for release in ("12", "13") if root_of(release)]
    if not releases:
        raise lab.Skip("not installed: ufw, firewalld; tests/setup hosts installs them")
    for release in releases:
        beside(world, edge, Ufw, release, UFW)
        beside(world, edge, Firewalld, release, FIREWALLD)


CONFORMANCE = ("F-04",)

if __name__ == "__main__":
    lab.main(scenario)
