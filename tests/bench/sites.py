#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A relay with many sites: its start, and what one more site costs, beside wg syncconf, ip -batch and nft -f.

One more site is added by reload with few and with many sites there. What may grow with the sites that are there
already is reading the file and reading the device back once; both are measured alone for comparison.
"""

import base64
import random
import statistics
import subprocess
import sys
import time

from table import Table

import lab

FEW, MANY = 100, 10_000
REPEATS = 5


def public_key(number):
    return base64.b64encode(random.Random(number).randbytes(32)).decode()


def prefix(number):
    return f"fd12:3456:78{number >> 16:02x}:{number & 0xffff:x}::/64"


def relay_config(node, count):
    head = (f'role = "relay"\nnode = "r1"\n[overlay]\nprefix = "fd12:3456:7800::/40"\n'
            f'[tunnel]\naddress = "fd99::1"\nprivate_key = "{node.dir}/tunnel.key"\n')
    return head + "".join(
        f'[[site]]\nname = "s{number}"\nprefixes = ["{prefix(number)}"]\n[[site.router]]\nnode = "n{number}"\n'
        f'address = "fd99::2:{number:x}"\npublic_key = "{public_key(number)}"\n' for number in range(count))


def peers_and_routes(node):
    peers = len(node.out("wg", "show", "ulg-s1", "peers").splitlines())
    routes = len(node.out("ip", "-6", "route", "show", "table", "117").splitlines())
    return peers, routes


def ulagate_runs(node, count):
    """(start, [reloads with one site more]) in seconds; all peers and routes checked."""
    daemon = lab.Daemon(node, lab.binary(), {"tunnel": {}})
    daemon.write_config(relay_config(node, count))
    daemon.start_again(wait=False)
    start = daemon.wait_ready(120)
    lab.check_equal(peers_and_routes(node), (count, 2 * count + 1), f"{count} peers and their routes are in place")
    reloads = []
    for more in range(1, REPEATS + 1):
        daemon.write_config(relay_config(node, count + more))
        since = time.monotonic()
        daemon.reload()
        reloads.append(time.monotonic() - since)
        lab.check_equal(peers_and_routes(node)[0], count + more, f"{more} more")
    dumps = [seconds(node, "wg", "show", "ulg-s1", "dump") + seconds(node, "ip", "-6", "route", "show", "table", "117")
             for _ in range(REPEATS)]
    memory = lab.pss_kib(daemon.pid) / 1024
    daemon.stop()
    return start, reloads, dumps, memory


def seconds(node, *argv, stdin=None):
    since = time.monotonic()
    subprocess.run(node.command(argv), input=stdin, text=True, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - since


def wg_config(node, count):
    with open(f"{node.dir}/tunnel.key", encoding="ascii") as file:
        key = file.read().strip()
    peers = "".join(f"[Peer]\nPublicKey = {public_key(number)}\nAllowedIPs = fd99::2:{number:x}/128, {prefix(number)}\n"
                    for number in range(count))
    return f"[Interface]\nListenPort = 51821\nPrivateKey = {key}\n{peers}"


def nft_rules(count):
    """A rule a site, as one would write them by hand."""
    rules = "".join(f'  iifname "wgbench" oifname "wgbench" ip6 daddr {prefix(number)} udp dport 58000-60000 accept\n'
                    for number in range(count))
    return f"table inet filter\ndelete table inet filter\ntable inet filter {{\n chain forward {{\n{rules} }}\n}}\n"


def routes(first, count):
    return "".join(f"route replace {prefix(number)} dev wgbench\nroute replace fd99::2:{number:x}/128 dev wgbench\n"
                   for number in range(first, first + count))


def classic_runs(node, count):
    if not node.ok("ip", "link", "add", "wgbench", "type", "wireguard"):
        node.run("wireguard-go", "wgbench")
    node.ip("link set wgbench mtu 1420 up")
    start = (seconds(node, "wg", "setconf", "wgbench", "/dev/stdin", stdin=wg_config(node, count))
             + seconds(node, "ip", "-6", "-batch", "-", stdin=routes(0, count))
             + seconds(node, "nft", "-f", "-", stdin=nft_rules(count)))
    reloads = [seconds(node, "wg", "syncconf", "wgbench", "/dev/stdin", stdin=wg_config(node, count + more))
               + seconds(node, "ip", "-6", "-batch", "-", stdin=routes(count + more - 1, 1))
               + seconds(node, "nft", "-f", "-", stdin=nft_rules(count + more)) for more in range(1, REPEATS + 1)]
    node.run("rm", "-f", "/run/wireguard/wgbench.sock")
    node.run("ip", "link", "del", "wgbench", check=False)
    node.run("nft", "flush", "ruleset")
    return start, reloads


def scenario():
    table = Table("ulagate", "wg + ip + nft files")
    rest = {}
    for count in (FEW, MANY):
        node = lab.Node(f"relay{count}")
        start, reloads, dumps, memory = ulagate_runs(node, count)
        read_file = [seconds(node, lab.binary(), "check", f"{node.dir}/ulagate.toml") for _ in range(REPEATS)]
        their_start, their_reloads = classic_runs(node, count)
        table.row(f"{count} sites: start to all in place", "ms", [1000 * start], [1000 * their_start])
        table.row(f"{count} sites: one more by reload", "ms", [1000 * s for s in reloads],
                  [1000 * s for s in their_reloads])
        table.row(f"{count} sites: reading the file, alone", "ms", [1000 * s for s in read_file])
        table.row(f"{count} sites: peers and routes dumped once, alone", "ms", [1000 * s for s in dumps])
        rest[count] = [1000 * (reload - statistics.median(read_file) - statistics.median(dumps)) for reload in reloads]
        table.row(f"{count} sites: memory (PSS)", "MiB", [memory])
    growth = [many - statistics.median(rest[FEW]) for many in rest[MANY]]
    table.row(f"{MANY} sites: growth beyond file and dump", "ms", growth)
    table.show()


if __name__ == "__main__":
    sys.exit(lab.main(scenario))
