# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that loses its power and boots again, its disk is all that it keeps; and one that stands still for a while."""

import os
import signal

import lab
import lan


def off(daemon):
    """Nothing is said to anybody."""
    daemon.send(signal.SIGSTOP)  # it would repair what is gone
    _lose_tunnels(daemon.node)
    daemon.kill9()
    daemon.node.nft("flush ruleset")
    daemon.node.run("ip", "-6", "route", "flush", "table", "117")
    daemon.node.run("ip", "-6", "rule", "del", "table", "117")
    daemon.node.run("ip", "-6", "address", "flush", "dev", "lo", "scope", "global")


def freeze(daemon, site):
    """As a virtual machine that its host suspends. Its kernel is ours and goes on, so this is true only for times that
    are shorter than a lease; but nothing of what it says is heard."""
    lan.part(site, daemon.node)
    for pid in _wireguard_go(daemon.node):
        os.kill(pid, signal.SIGSTOP)
    daemon.send(signal.SIGSTOP)


def thaw(daemon, site):
    lan.heal(site, daemon.node)
    for pid in _wireguard_go(daemon.node):
        os.kill(pid, signal.SIGCONT)
    daemon.send(signal.SIGCONT)


def _wireguard_go(node):
    return [pid for pid in lab.wireguard_go_pids() if lab.same_network(pid, node)]


def _lose_tunnels(node):
    for pid in _wireguard_go(node):
        os.kill(pid, signal.SIGKILL)
        lab.wait_for(lambda: not os.path.exists(f"/proc/{pid}/fd/0"), 5, "the end of a wireguard-go")
    node.run("sh", "-c", "rm -f /run/wireguard/*.sock")
    for line in node.out("ip", "-o", "link", "show", "type", "wireguard").splitlines():
        node.ip(f"link del {line.split(': ')[1]}")
