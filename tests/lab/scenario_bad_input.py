#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Floods, forgeries and garbage: memory does not grow, timers are kept, hosts and the control socket are answered."""

import itertools
import os
import random
import socket
import stat
import time

import lab
import packets

RATE = 10_000  # packets a second
# Different senders. The kernel itself remembers each in its neighbour table, which holds 1024 of all namespaces.
SENDERS = 200
SECONDS = 5
MAX_GROWTH_KIB = 1024

PROMPT = 1.0  # second
NOBODY = "fe80::dead:1"

ALONE = "floods leave no room for timing of others"
CONFORMANCE = ("R-32", "R-39", "R-42", "R-43")


def scenario():
    world = lab.build(uplinks={"a": "ipv4", "b": "ipv4"})  # no ISP advertisements between ours
    overlay = lab.overlay(world)
    edge, host = overlay.edge("a"), world.sites["a"].host
    edge.config["lan"][0]["ra"] = {"min_interval": "3s", "max_interval": "4s"}
    overlay.start()
    _, address_b = overlay.wait_until_up()
    sender = packets.Sender(host)
    router = lab.link_local(edge.node)
    known, new = packets.solicitation(lab.link_local(host), mac_of(host)), newcomers(host)
    sender.send(known)
    sender.send(packets.solicitation(NOBODY, "02:99:00:00:00:01", b""))
    lab.wait_for(lambda: lan(edge)["replies_unresolved"] > 0, 10, "a host that nobody can resolve is noticed")
    answered = [flood(name, frames, sender, edge, host, router, [known, next(new), known, next(new)])
                for name, frames in floods(router).items()]
    for who, first in (("that was answered before", 0), ("that is new", 1)):
        answers = [part[first::2] for part in answered]
        lab.check(2 * sum(map(sum, answers)) >= sum(map(len, answers)),
                  f"a host {who} was answered within {PROMPT} s during the floods: {answers}")
    # By itself: in the flood, of which the firewall lets only some through (limits for senders that nobody knows), it may
    # be among what is dropped.
    for _ in range(20):
        sender.send(packets.advertisement(router, "02:99:00:00:00:02", lifetime=9000))
        time.sleep(0.2)
    check_forgeries(edge)
    lab.check(lab.can_ping(host, address_b), "the hosts reach each other after the floods")
    check_control_socket(edge)
    lab.check_equal([text for text in edge.problems() if "split brain" not in text], [], "no other problem is left")


def lan(edge):
    return edge.status()["lans"][0]


def mac_of(node):
    return node.out("cat", "/sys/class/net/eth0/address").strip()


def newcomers(host):
    """Solicitations of a host that has another address each time."""
    for number in itertools.count(1):
        address = f"fe80::c:{number:x}"
        host.ip(f"address add {address}/64 dev eth0 nodad")
        yield packets.solicitation(address, mac_of(host))


def check_forgeries(edge):
    """The router's own address was used by somebody, and hundreds of others were made up."""
    state = lan(edge)
    lab.check(0 < len(state["other_routers"]) <= 16, f"{len(state['other_routers'])} of the other routers are remembered")
    lab.check(state["other_routers_forgotten"] > 0, f"{state['other_routers_forgotten']} were forgotten")
    lab.check(state["split_brain_advertisements"] > 0, "advertisements from our own address are counted")
    lab.check(any("split brain" in text for text in edge.problems()), "and are a problem that status names")
    noted = edge.lines("ra:", "advertises")
    lab.check(0 < len(noted) <= 15, f"the log has {len(noted)} lines about them")


def floods(router):
    numbers = random.Random(1)
    mac = lambda: "02:99:" + ":".join(f"{numbers.randrange(256):02x}" for _ in range(4))
    source = lambda: f"fe80::{numbers.randrange(1, 65536):x}:{numbers.randrange(1, 65536):x}"
    garbage = lambda: numbers.randbytes(numbers.randrange(0, 200))
    route_loop = b"\x18\x00" + bytes(6)  # an option of length 0
    return {
        "valid solicitations": [packets.solicitation(source(), mac()) for _ in range(SENDERS)],
        "valid solicitations of one machine": [packets.solicitation(source(), "02:99:00:00:00:02", option(mac()))
                                               for _ in range(SENDERS)],
        "solicitations from nowhere": [packets.solicitation("::", mac(), b"") for _ in range(10)],
        "malformed solicitations": [packets.solicitation(source(), mac(), garbage()) for _ in range(SENDERS)]
        + [packets.solicitation(source(), mac(), hop_limit=64), packets.solicitation(source(), mac(), code=7),
           packets.solicitation(source(), mac(), route_loop), packets.solicitation(source(), mac(), checksum=0xBAD)],
        "advertisements of many routers": [packets.advertisement(source(), mac()) for _ in range(SENDERS)],
        "malformed advertisements": [packets.advertisement(source(), mac(), options=garbage()) for _ in range(SENDERS)]
        + [packets.advertisement(source(), mac(), hop_limit=1), packets.advertisement(source(), mac(), options=route_loop),
           packets.advertisement(router, mac(), lifetime=9000)],
    }


def option(mac):
    """Source link-layer address."""
    return b"\x01\x01" + bytes.fromhex(mac.replace(":", ""))


def flood(name, frames, sender, edge, host, router, questions):
    """Which questions of an honest host were answered in time."""
    heard = lab.RouterAdvertisements(host)
    before = lab.pss_kib(edge.pid)
    start = time.time()
    sent, asked = 0, []
    for question in questions:
        asked.append(time.time())
        sender.send(question)
        sent += sender.flood(frames, RATE, SECONDS / len(questions))
    time.sleep(4.5 * lab.slowness())  # one more interval after it
    end = time.time()
    growth = lab.pss_kib(edge.pid) - before
    lab.step(f"{name}: {sent} packets; {growth:+d} KiB")
    lab.check(sent >= RATE * SECONDS / 2 / lab.slowness(), "the flood was one")
    lab.check(growth <= MAX_GROWTH_KIB, "memory has not grown by more than 1 MiB")
    advertised = [item.when for item in heard.heard(router)]
    times = [start, *advertised, end]
    heard.close()
    gap = max(b - a for a, b in zip(times, times[1:]))
    lab.check(len(times) > 2 and gap < 4 + 1.5 * lab.slowness(), f"advertisements went on: at most {gap:.1f} s apart")
    answer = edge.status()
    lab.check(answer["role"] == "edge", "the daemon answers")
    if name.startswith("malformed"):
        lab.check(answer["lans"][0]["refused"] > 0, "it counts what it refuses")
    return [any(0 <= when - at <= PROMPT * lab.slowness() for when in advertised) for at in asked]


def check_control_socket(edge):
    path = f"{edge.runtime_dir}/control"
    lab.check_equal(stat.S_IMODE(os.stat(path).st_mode), 0o660, "the control socket has mode 0660")
    before = lab.pss_kib(edge.pid)
    numbers = random.Random(2)
    for data in (b"\n", b"{}\n", b"[]\n", b'{"command":5}\n', b'{"command":"format disk"}\n', b"GET / HTTP/1.0\r\n\r\n",
                 b"\0" * 100 + b"\n", b"[" * 100_000 + b"\n", b"x" * 1_000_000, numbers.randbytes(5000) + b"\n"):
        answer = talk(path, data)
        lab.check(b"uptime" not in answer, f"{data[:20]!r} is refused: {answer[:60]!r}")
    silent = [connect(path) for _ in range(200)]
    time.sleep(0.5 * lab.slowness())
    growth = lab.pss_kib(edge.pid) - before
    lab.check(growth <= MAX_GROWTH_KIB, f"200 silent clients and the garbage cost {growth} KiB")
    for client in silent:
        client.close()
    lab.wait_for(lambda: (edge.try_status() or {}).get("node") == "a1", 10, "status answers afterwards")


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(5 * lab.slowness())
    try:
        client.connect(path)
    except OSError:
        pass  # refusing is fine too
    return client


def talk(path, data):
    client = connect(path)
    answer = b""
    try:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        while chunk := client.recv(65536):
            answer += chunk
    except OSError:
        pass  # it may close as soon as it has seen enough
    client.close()
    return answer


if __name__ == "__main__":
    lab.main(scenario)
