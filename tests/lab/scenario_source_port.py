#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An edge's UDP port is a wish: a stale NAT mapping is left for another port, and so is a port that somebody else has."""

import sys
import time

import lab

CONFORMANCE = ("F-09",)
WISH = 51820
SOON = 20  # seconds
OLD, NEW = "198.51.100.10", "198.51.100.110"


def scenario():
    world = lab.build(uplinks={"a": "ipv4", "b": "ipv4"})
    translate(world, OLD)
    overlay = lab.overlay(world).start()
    overlay.wait_until_up()
    edge = overlay.edge("a")
    lab.check_equal(edge.relay_status()["listen_port"], WISH, "the configured port is used")
    mapping_goes_stale(world, edge)
    port_is_taken(edge)


def translate(world, address):
    """As a plain router does it: what is open keeps the address that it began with."""
    world.sites["a"].isp.nft("flush chain inet isp nat\n"
                             f'add rule inet isp nat meta nfproto ipv4 oifname "wan" snat ip to {address}')


def is_up(edge):
    return edge.relay_status().get("state") == "up"


def mapping_goes_stale(world, edge):
    """The provider gives another address; the old one is another customer's now."""
    isp = world.sites["a"].isp
    translate(world, NEW)
    isp.ip(f"address add {NEW}/24 dev wan", f"address del {OLD}/24 dev wan",
           f"address replace {NEW}/24 dev wan", "route replace default via 198.51.100.1")
    world.inet.ip(f"route add blackhole {OLD}/32")
    lab.wait_for(lambda: not is_up(edge), 20, "the edge notices")
    took = lab.seconds_until(lambda: is_up(edge), 3 * SOON, "the tunnel works again", every=0.1)
    port = edge.relay_status()["listen_port"]
    lab.step(f"a stale mapping: up again {took:.1f} s after it was noticed, from port {port}")
    lab.check(took < SOON * lab.slowness(), f"within {SOON} s")
    lab.check(port != WISH, "from another port")
    lab.check(len(edge.lines("no replies reach UDP port", str(WISH))) == 1, "the log says why, once")
    def follows():
        rules = edge.node.out("nft", "list", "set", "inet", "ulagate", "wireguard")
        return str(port) in rules and str(WISH) not in rules

    lab.wait_for(follows, 5, "the firewall follows")


def port_is_taken(edge):
    """Somebody's WireGuard has it before the daemon starts, and gives it back later."""
    edge.stop()
    other = edge.node.start(sys.executable, "-c", "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
                            f"s.bind(('', {WISH})); print('mine', flush=True); time.sleep(3600)", name="other")
    try:
        lab.wait_for(lambda: "mine" in other.log(), 10, "somebody else has the port")
        edge.start()
        took = lab.seconds_until(lambda: is_up(edge), 30, "the tunnel works all the same", every=0.1)
        port = edge.relay_status()["listen_port"]
        lab.step(f"a taken port: up {took:.1f} s after the start, from port {port}")
        lab.check(port != WISH, "from another port")
        said = [problem for problem in edge.problems() if f"UDP port {WISH}" in problem]
        lab.check(len(said) == 1 and str(port) in said[0], f"status names both: {said}")
    finally:
        other.stop()
    took = lab.seconds_until(lambda: edge.relay_status()["listen_port"] == WISH, 60, "the port is free: it is used again",
                             every=0.2)
    time.sleep(2 * lab.slowness())
    lab.check(is_up(edge), f"up, {took:.0f} s after the port was free")
    lab.check_equal(edge.problems(), [], "and nothing is wrong any more")


if __name__ == "__main__":
    lab.main(scenario)
