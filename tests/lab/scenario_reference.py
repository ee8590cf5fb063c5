#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`ulagate run` with the two reference files, only names, keys and paths adapted: two sites reach each other."""

import re

import lab

ESSENTIAL = "the reference files run as they are"

EXAMPLE_KEY = re.compile(r'public_key\s*=\s*"[^"]+"')
ROUTER = '\n[[site]]\nname = "b"\nprefixes = ["fd12:3456:789a:b::/64"]\n[[site.router]]\nnode = "b1"\n' \
         'address = "fd99::b1"\npublic_key = "{}"\n'


def reference(name):
    with open(f"{lab.ROOT}/daemon/reference/{name}.toml", encoding="utf-8") as file:
        return file.read()


def adapted(text, daemon, public_key):
    text = text.replace('"/etc/ulagate/tunnel.key"', f'"{daemon.key_path}"')
    text, count = EXAMPLE_KEY.subn(f'public_key = "{public_key}"', text)
    lab.check(count >= 1, f"{daemon.node.name}: the example key is replaced")
    return text


def edge_text(daemon, site, relay_key):
    """The reference edge is a router of site a; another site's file differs in these four lines."""
    text = adapted(reference("edge"), daemon, relay_key)
    for line in ('node = "a1"', 'site = "a"', 'prefix = "fd12:3456:789a:a::/64"', 'address = "fd99::a1"'):
        lab.check(line in " ".join(text.split()) or line in re.sub(r" +", " ", text), f"the reference edge has {line}")
    for old, new in (('"a1"', f'"{site}1"'), ('"a"', f'"{site}"'), ("789a:a::/64", f"789a:{site}::/64"),
                     ("fd99::a1", f"fd99::{site}1")):
        text = text.replace(old, new)
    return text


def scenario():
    world = lab.build()
    overlay = lab.overlay(world)
    relay, edges = overlay.relay, {name: overlay.edge(name) for name in ("a", "b")}
    for name, edge in edges.items():
        edge.write_config(edge_text(edge, name, relay.public_key))
    relay.write_config(adapted(reference("relay"), relay, edges["a"].public_key) + ROUTER.format(edges["b"].public_key))
    for daemon in (relay, *edges.values()):
        daemon.start_again()
    lab.step("all daemons are ready with the reference files")
    overlay.wait_until_up()
    lab.step("the hosts reach each other")
    for daemon in (relay, *edges.values()):
        lab.check_equal(daemon.problems(), [], f"{daemon.node.name} reports no problem")


if __name__ == "__main__":
    lab.main(scenario)
