# SPDX-License-Identifier: GPL-2.0-or-later
"""A relay with thousands of routers boots: when does it reach out to which? Nobody answers, which is the worst case."""

import base64
import ipaddress
import random
import struct
import time

import lab
from node import connect

INITIATION = 148  # octets
FIRST = int(ipaddress.ip_address("198.18.0.1"))
LAST_SEEN = 1_700_000_000


def measure(count):
    """(the most first handshakes within a second, seconds from ready to the last one, the slowest `ulagate status`, the
    daemon's share of a processor meanwhile in percent, its memory in MiB)"""
    relay, internet = lab.Node("herd-relay"), lab.Node("herd-internet")
    connect(relay, "eth0", internet, "eth0")
    relay.ip("address add 192.0.2.1/24 dev eth0", "link set eth0 up", "route add default via 192.0.2.2")
    internet.ip("address add 192.0.2.2/24 dev eth0", "link set eth0 up")
    daemon = lab.Daemon(relay, lab.binary(), {"tunnel": {}})
    daemon.write_config(_config(relay, count))
    with open(f"{daemon.state_dir}/routers", "w", encoding="ascii") as file:
        file.writelines(f"{_key(number)} {ipaddress.ip_address(FIRST + number)}:51820 {LAST_SEEN - number}\n"
                        for number in range(count))
    path = f"{internet.dir}/herd.pcap"
    capture = lab.Capture(internet, "eth0", path, f"udp and udp[4:2] = {INITIATION + 8}", busy=True)
    daemon.start_again(wait=False)
    daemon.wait_ready(120)
    ready, used = time.time(), lab.cpu_seconds(daemon.pid)
    slowest = 0.0
    # A relay that is short of processor time reaches out more slowly, never faster.
    while len(_firsts(path)) < count and time.time() < ready + count / 30 + 10 * lab.slowness():
        slowest = max(slowest, _seconds(daemon.status))
        time.sleep(1)
    share = 100 * (lab.cpu_seconds(daemon.pid) - used) / (time.time() - ready)
    memory = lab.pss_kib(daemon.pid) / 1024
    dropped = capture.stop()
    lab.check_equal(dropped, 0, "the capture is complete")
    firsts = _firsts(path)
    lab.check_equal(len(firsts), count, f"the relay has reached out to all {count}")
    order = sorted(firsts, key=firsts.get)
    late = sum(abs(place - number) > 60 for place, number in enumerate(order))
    lab.check(late == 0, "who was there last came first")
    times = sorted(firsts.values())
    busiest = max(_within_a_second(times, start) for start in range(len(times)))
    for node in (relay, internet):
        node.close()
    return busiest, times[-1] - ready, slowest, share, memory


def _seconds(action):
    since = time.monotonic()
    action()
    return time.monotonic() - since


def _within_a_second(times, start):
    end = start
    while end < len(times) and times[end] < times[start] + 1:
        end += 1
    return end - start


def _key(number):
    return base64.b64encode(random.Random(number).randbytes(32)).decode()


def _config(node, count):
    head = (f'role = "relay"\nnode = "r1"\n[overlay]\nprefix = "fd12:3456:7800::/40"\n'
            f'[tunnel]\naddress = "fd99::1"\nprivate_key = "{node.dir}/tunnel.key"\n')
    return head + "".join(
        f'[[site]]\nname = "s{number}"\nprefixes = ["fd12:3456:7800:{number:x}::/64"]\n[[site.router]]\nnode = "n{number}"\n'
        f'address = "fd99::2:{number:x}"\npublic_key = "{_key(number)}"\n' for number in range(count))


def _firsts(path):
    """Number of a router -> when it was sent something first."""
    with open(path, "rb") as file:
        data = file.read()
    firsts, at = {}, 24
    while at + 16 + 34 <= len(data):
        seconds, microseconds, length = struct.unpack_from("=III", data, at)
        number = int.from_bytes(data[at + 16 + 30:at + 16 + 34], "big") - FIRST  # Ethernet, then IPv4's destination
        firsts.setdefault(number, seconds + microseconds / 1e6)
        at += 16 + length
    return firsts
