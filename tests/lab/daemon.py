# SPDX-License-Identifier: GPL-2.0-or-later
"""ulagate in the lab: configurations, processes, status."""

import json
import os
import re
import signal
import socket
import time

import measure
from measure import Failed, wait_for
from node import CommandFailed
from topology import OVERLAY

VIRTUAL_ROUTER, VIRTUAL_ADDRESS = 51, "fe80::5eed"  # of a site with several routers
FORWARD = ["icmpv6", "udp/58000-60000", "tcp/5201"]  # the default and iperf3


def toml(value, path=""):
    """A nested dict as TOML. Lists of dicts become [[tables]]."""
    plain, tables = [], []
    for key, item in value.items():
        name = f"{path}.{key}" if path else key
        if isinstance(item, dict):
            tables.append(f"[{name}]\n{toml(item, name)}")
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            tables += [f"[[{name}]]\n{toml(entry, name)}" for entry in item]
        else:
            plain.append(f"{key} = {json.dumps(item)}\n")
    return "".join(plain + tables)


class Daemon:
    """One ulagate: its configuration (a dict, see `config`), its process, its directories."""

    def __init__(self, node, binary, config):
        self.node, self.binary, self.config = node, binary, config
        self.config_path = f"{node.dir}/ulagate.toml"
        self.key_path = f"{node.dir}/tunnel.key"
        self.runtime_dir = f"{node.dir}/run"
        self.state_dir = f"{node.dir}/state"
        for directory in (self.runtime_dir, self.state_dir):
            os.makedirs(directory, exist_ok=True)
        self.public_key = self._make_key()
        config["tunnel"]["private_key"] = self.key_path
        self.process = None
        self._notify = None
        self._starts = 0

    def _make_key(self):
        private = self.node.out("wg", "genkey")
        with open(os.open(self.key_path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(private)
        return self.node.out("wg", "pubkey", stdin=private).strip()

    def write_config(self, text=None):
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(toml(self.config) if text is None else text)

    # Running

    def start(self, wait=True, env=None):
        self.write_config()
        return self.start_again(wait, env)

    def start_again(self, wait=True, env=None):
        """Starts with the configuration file as it is."""
        self._listen_for_notifications()
        self._starts += 1
        argv = [self.binary, "run", "--config", self.config_path, "--runtime-dir", self.runtime_dir]
        if self._knows("--state-dir"):
            argv += ["--state-dir", self.state_dir]
        variables = {**os.environ, "NOTIFY_SOCKET": f"{self.node.dir}/notify", **(env or {})}
        variables.pop("JOURNAL_STREAM", None)
        self.process = self.node.start(*argv, name=f"ulagate-{self._starts}", env=variables)
        if wait:
            self.wait_ready()
        return self

    def _knows(self, option):
        return option in self.node.run(self.binary, "--help", check=False).stdout

    def _listen_for_notifications(self):
        path = f"{self.node.dir}/notify"
        if self._notify is None:
            # Like a supervisor that always listens: with the default of 10 unread messages the daemon would block.
            with open("/proc/sys/net/unix/max_dgram_qlen", "w", encoding="ascii") as file:
                file.write("100000")
            self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._notify.bind(path)
            self._notify.setblocking(False)
        self.notifications()

    def notifications(self):
        """What the daemon has told its supervisor since the last call."""
        heard = []
        while True:
            try:
                heard += self._notify.recv(4096).decode(errors="replace").splitlines()
            except BlockingIOError:
                return heard

    def wait_ready(self, timeout=10):
        def ready():
            if not self.process.alive():
                raise Failed(f"ulagate on {self.node.name} ended:\n{self.process.log()}")
            return "READY=1" in self.notifications()
        wait_for(ready, timeout, f"ulagate on {self.node.name} says it is ready", every=0.002)
        return time.monotonic() - self.process.started

    @property
    def pid(self):
        return self.process.pid

    def kill9(self):
        self.process.send(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """A clean stop; returns the exit code."""
        return self.process.stop(signal.SIGTERM)

    def send(self, number):
        self.process.send(number)

    def reload(self, wait=True):
        self.notifications()
        self.process.send(signal.SIGHUP)
        if wait:
            wait_for(lambda: "READY=1" in self.notifications(), 10, f"ulagate on {self.node.name} has reloaded")

    # Looking at it

    def log(self):
        return self.process.log()

    def lines(self, *words):
        """Log lines that contain all words."""
        return [line for line in self.log().splitlines() if all(word in line for word in words)]

    def command(self, *arguments, check=True):
        return self.node.run(self.binary, *arguments, "--runtime-dir", self.runtime_dir, check=check)

    def status(self):
        return json.loads(self.command("status", "--json").stdout)

    def try_status(self):
        try:
            return self.status()
        except (CommandFailed, ValueError):
            return None

    def problems(self):
        status = self.try_status()
        return status["problems"] if status else ["no status"]

    def relay_status(self, name="r1"):
        status = self.try_status() or {"relays": []}
        return next((relay for relay in status["relays"] if relay["name"] == name), {})

    def kernel_state(self):
        return kernel_state(self.node)


def wireguard_go_pids(interface=None):
    """wireguard-go processes of this lab."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                argv = file.read().split(b"\0")
        except OSError:
            continue
        if argv[0].endswith(b"wireguard-go") and interface in (None, *[word.decode() for word in argv[1:]]):
            found.append(int(name))
    return found


def same_network(pid, node):
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat(f"/proc/{node.pid}/ns/net").st_ino
    except OSError:
        return False


def kernel_state(node):
    """All that a router's kernel holds and a daemon could change, as text that can be compared."""
    state = {
        "links": sorted(f"{link['ifname']} {link['mtu']} {'UP' in link['flags']}"
                        for link in json.loads(node.out("ip", "-j", "link"))),
        "addresses": sorted(f"{link['ifname']} {address['local']}/{address['prefixlen']}"
                            for link in json.loads(node.out("ip", "-j", "address"))
                            for address in link.get("addr_info", []) if "local" in address),
        "routes": sorted(_route(line) for line in node.out("ip", "-6", "-d", "route", "show", "table", "all").splitlines()
                         + node.out("ip", "-4", "-d", "route", "show", "table", "all").splitlines()),
        "rules": node.out("ip", "-6", "rule") + node.out("ip", "-4", "rule"),
        "nft": re.sub(r"(flags dynamic,timeout\n\t\ttimeout \w+\n)\t\telements = \{[^}]*\}\n", r"\1",
                      node.out("nft", "-s", "list", "ruleset")),  # without what rules put into sets
        "sysctls": sysctls(node),
        "wireguard": wireguard(node),
    }
    return state


def _route(line):
    """Without what changes by itself: life times, and the kernel's cache entries."""
    words = line.split()
    for word in ("expires", "age"):
        if word in words:
            at = words.index(word)
            del words[at:at + 2]
    return " ".join(words)


def sysctls(node):
    return node.out("sh", "-c", "cd /proc/sys && grep -rs . net/ipv6/conf/*/forwarding net/ipv6/conf/*/accept_ra "
                                "net/ipv4/ip_forward net/ipv4/conf/*/forwarding || true")


def wireguard(node):
    """Devices with keys, ports, peers, allowed addresses; not the counters."""
    text = node.out("wg", "show", "all", "dump", check=False)
    lines = []
    for line in text.splitlines():
        words = line.split("\t")
        # A peer's line: interface, key, psk, endpoint, allowed-ips, handshake, rx, tx, keepalive.
        lines.append(words if len(words) == 5 else [words[0], words[1], words[2], *sorted(words[4].split(",")), words[8]])
    return sorted(lines)


def ours(state):
    """What of a kernel_state() carries our marks; empty when we are gone."""
    return {
        "links": [line for line in state["links"] if line.startswith("ulg-")],
        "routes": [line for line in state["routes"] if "proto 117" in line],
        "rules": [line for line in state["rules"].splitlines() if "proto 117" in line],
        "nft": [line for line in state["nft"].splitlines() if line.startswith("table") and "ulagate" in line],
        "addresses": [line for line in state["addresses"] if " fd12:3456:789a:" in line or line.startswith("lo fd99::")],
    }


class Overlay:
    """Daemons on all edges and relays of a world."""

    def __init__(self, world, binary, backend=None, forward=None, peer_relays=False):
        self.world = world
        self.relays = [Daemon(relay.node, binary, self._relay_config(relay, forward)) for relay in world.relays]
        self.edges = {edge.name: Daemon(edge, binary, self._edge_config(site, number))
                      for site in world.sites.values() for number, edge in enumerate(site.edges)}
        self._introduce()
        if peer_relays:
            self._introduce_relays()
        for daemon in (*self.relays, *self.edges.values()):
            if backend:
                daemon.config["tunnel"]["backend"] = backend

    def edge(self, site):
        return self.edges[f"edge-{site}"]

    @property
    def relay(self):
        return self.relays[0]

    def all(self):
        return [*self.relays, *self.edges.values()]

    def start(self):
        """Relays first: an edge whose first handshake goes nowhere may try again only 5 s later."""
        for group in (self.relays, list(self.edges.values())):
            for daemon in group:
                daemon.start(wait=False)
            for daemon in group:
                daemon.wait_ready()
        return self

    def host_address(self, site):
        """The host's own address in the overlay, once it has made itself one."""
        host = self.world.sites[site].host
        return wait_for(lambda: measure.addresses(host, f"fd12:3456:789a:{site}:"), 30,
                        f"{host.name} makes itself an address")[0]

    def wait_until_up(self, sites=("a", "b")):
        """Both hosts reach each other; returns their addresses."""
        first, second = sites
        one, two = self.host_address(first), self.host_address(second)
        host = self.world.sites[first].host
        wait_for(lambda: measure.can_ping(host, two), 30, f"{host.name} pings {two}")
        return one, two

    def _relay_config(self, relay, forward):
        return {"role": "relay", "node": relay.name, "overlay": {"prefix": OVERLAY},
                "tunnel": {"address": f"fd99::{relay.number}"},
                "firewall": {"forward": forward or FORWARD}, "site": []}

    def _edge_config(self, site, number):
        lan = {"interface": "eth0", "prefix": site.prefix, "ra": {}}
        if len(site.edges) > 1:
            lan["vrrp"] = {"id": VIRTUAL_ROUTER, "address": VIRTUAL_ADDRESS, "priority": 200 - 50 * number,
                           "interval": "100ms", "preempt_delay": "1s"}
        return {"role": "edge", "node": f"{site.name}{number + 1}", "site": site.name, "overlay": {"prefix": OVERLAY},
                "lan": [lan], "tunnel": {"address": f"fd99::{site.name}{number + 1}"}, "relay": []}

    def _introduce_relays(self):
        """A tunnel between any two."""
        for daemon in self.relays:
            others = [pair for pair in zip(self.world.relays, self.relays) if pair[1] is not daemon]
            daemon.config["peer_relay"] = [
                {"name": relay.name, "address": f"fd99::{relay.number}", "public_key": other.public_key,
                 "endpoint": f"{relay.ipv4}:{51828 + [d for d in self.relays if d is not other].index(daemon)}"}
                for relay, other in others]

    def _introduce(self):
        """Everybody gets everybody's public key."""
        for relay, daemon in zip(self.world.relays, self.relays):
            for site in self.world.sites.values():
                routers = [{"node": f"{site.name}{number + 1}", "address": f"fd99::{site.name}{number + 1}",
                            "public_key": self.edges[edge.name].public_key, "priority": 200 - number}
                           for number, edge in enumerate(site.edges)]
                daemon.config["site"].append({"name": site.name, "prefixes": [site.prefix], "router": routers})
                for number, edge in enumerate(site.edges):
                    self.edges[edge.name].config["relay"].append(
                        {"name": relay.name, "address": f"fd99::{relay.number}", "public_key": daemon.public_key,
                         "endpoint": f"{relay.host_name}:{51820 + number}"})
