# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's world with machines of the firmware's in it: their cables end in taps on the lab's switches, and all else
(relay, the other site, hosts, the ISP) is the lab's own. The ISP's router gives addresses by DHCP, as at home."""

import copy
import fcntl
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

import cards
import lab
from machine import Machine, Port
from node import Node

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
KEY_NAME = "ed25519"
CARDS_INTERVAL = "1s"  # an emulated machine that has to share its processor is late for a tenth of a second
DEVICE_KEY = "/etc/ulagate/tunnel.key"  # where the firmware puts it


def tap(node, name, bridge=None):
    """A cable that ends in a machine: its file descriptor for QEMU, the other end in a node."""
    with node.network():
        fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    node.ip(*([f"link set {name} master {bridge}"] if bridge else []), f"link set {name} up")
    return fd


def both(mac, address):
    """A lease for this card, and for the one that a USB adapter of QEMU's makes of it."""
    return {mac: address, "40" + mac[2:]: address}


def serve_dhcp(node, interface, router, leases, pool, dns=None, ntp=None):
    """`leases`: MAC -> address, so that a test knows who is where."""
    path, state = f"{node.dir}/udhcpd-{interface}.conf", f"{node.dir}/udhcpd-{interface}.leases"
    pathlib.Path(state).touch()
    options = [f"opt subnet 255.255.255.0\nopt router {router}\nopt lease 600\n"]
    options += [f"opt dns {dns}\n"] if dns else []
    options += [f"opt ntpsrv {ntp}\n"] if ntp else []
    static = [f"static_lease {mac} {address}\n" for mac, address in leases.items()]
    pathlib.Path(path).write_text(f"start {pool[0]}\nend {pool[1]}\ninterface {interface}\nlease_file {state}\n"
                                  f"pidfile {node.dir}/udhcpd-{interface}.pid\n" + "".join(options + static))
    return node.start("busybox", "udhcpd", "-f", path, name=f"udhcpd-{interface}")


class Ssh:
    """A way into a machine, from a node that is on its LAN."""

    def __init__(self, node, address, directory):
        self.node, self.address = node, address
        self.key = f"{directory}/{KEY_NAME}"

    def _argv(self, command):
        return ["ssh", "-i", self.key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
                "-o", "ServerAliveInterval=10", f"root@{self.address}", command]

    def run(self, command, stdin=None, check=True, timeout=60):
        return self.node.run(*self._argv(command), stdin=stdin, check=check, timeout=timeout)

    def feed(self, path, command, check=True, timeout=600):
        """The command gets the file as its standard input."""
        return self.node.run("sh", "-c", 'file=$1; shift; exec "$@" <"$file"', "sh", str(path), *self._argv(command),
                             check=check, timeout=timeout)

    def send_file(self, path, target, mode="644"):
        self.feed(path, f"cat >{target} && chmod {mode} {target}")

    def out(self, command, **options):
        return self.run(command, **options).stdout

    def wait(self, seconds=30):
        lab.wait_for(lambda: self.run("true", check=False).returncode == 0, seconds, f"ssh to {self.address}", every=0.5)
        return self


def make_ssh_key(directory):
    """Returns the line for [appliance] ssh_keys."""
    path = f"{directory}/{KEY_NAME}"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True)
    return pathlib.Path(f"{path}.pub").read_text().strip()


class Bench:
    """What a case starts with: a directory for cards and scratch that goes with the case."""

    def __init__(self, case):
        self.case, self.kind = case, "rpi"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"{case}-", dir=_work()))
        self.machines = []
        self.ssh_line = make_ssh_key(self.directory)

    def card(self, name, files, written=None):
        return cards.make(self.directory / f"{name}.img", files, self.kind, written)

    def machine(self, name, files, **options):
        """A machine with a card of its own; not yet started."""
        card = options.pop("card", None) or self.card(name, files)
        machine = Machine(f"{self.case}-{name}", card, self.directory, **options)
        self.machines.append(machine)
        return machine

    def close(self):
        for machine in self.machines:
            machine.pull_the_plug()
        shutil.rmtree(self.directory, ignore_errors=True)


def _work():
    path = cards.ROOT / "build" / "image" / "work"
    path.mkdir(parents=True, exist_ok=True)
    return path


class Desk:
    """A PC with a DHCP server, and one machine at its other end: for what needs no second site."""

    ADDRESS = "192.168.77.1"

    def __init__(self, bench, board="virt"):
        self.bench, self.board = bench, board
        self.pc = Node("pc")
        self.pc.ip("link add lan type bridge stp_state 0 forward_delay 0 mcast_snooping 0", "link set lan up",
                   f"address add {self.ADDRESS}/24 dev lan")
        self.mac, self.address = "02:00:00:00:77:02", "192.168.77.2"
        serve_dhcp(self.pc, "lan", self.ADDRESS, both(self.mac, self.address), ("192.168.77.100", "192.168.77.120"))
        self.interface = "usb0" if board == "raspi3b" else "eth0"

    def machine(self, files, name="device", **options):
        port = Port(tap(self.pc, f"tap-{name}"[:15], "lan"), self.mac)
        return self.bench.machine(name, files, board=self.board, ports=[port], **options)

    def configuration(self, **more):
        """A router with a LAN and no relay."""
        return {"role": "edge", "node": "a1", "site": "a", "overlay": {"prefix": lab.OVERLAY},
                "tunnel": {"address": "fd99::a1", "private_key": DEVICE_KEY},
                "lan": [{"interface": self.interface, "prefix": "fd12:3456:789a:a::/64", "ra": {}}],
                "relay": [{"name": "r1", "address": "fd99::1", "endpoint": f"{self.ADDRESS}:51820",
                           "public_key": "BmX0Kj4nLSVvNRcUcYE0UZhkVjLJzVuJCmjvK5ev0mQ="}],
                "appliance": {"ssh_keys": [self.bench.ssh_line]}, **more}

    def ssh(self):
        return Ssh(self.pc, self.address, self.bench.directory)

    def serve(self, directory):
        """The directory's files over HTTP; returns its URL."""
        url = f"http://{self.ADDRESS}:8000"
        self.pc.start("python3", "-B", str(pathlib.Path(__file__).parent / "file_server.py"), self.ADDRESS, "8000", str(directory))
        lab.wait_for(lambda: self.pc.run("curl", "-sI", "--max-time", "5", url, check=False).returncode == 0, 60, f"{url} answers")
        return url

    def page(self, check=True):
        """The status page, as a browser on the LAN gets it."""
        done = self.pc.run("curl", "-sS", "--max-time", "10", f"http://{self.address}/", check=check)
        return done.stdout if done.returncode == 0 else ""

    def wait_for_page(self, word, seconds):
        return lab.wait_for(lambda: (lambda text: text if word in text else "")(self.page(check=False)), seconds,
                            f"a page with {word!r} on http://{self.address}/", every=0.3)


class Sites:
    """Two sites and a relay; the routers of site a run from a card, or the first `cards` of them."""

    def __init__(self, bench, routers=1, board="virt", cards=None):
        self.bench, self.board = bench, board
        self.interface = "usb0" if board == "raspi3b" else "eth0"
        self.world = lab.build(routers={"a": routers})
        self.overlay = lab.overlay(self.world)
        self.site = self.world.sites["a"]
        self.host, self.far = self.site.host, self.world.sites["b"].host
        self.machines = []
        leases = {}
        for number, edge in enumerate(self.site.edges[:cards]):
            # Its place on the switch is the machine's.
            edge.ip("link set eth0 down")
            leases.update(both(self.mac(number), self.address(number)))
        serve_dhcp(self.site.isp, "lan", "192.168.1.1", leases, ("192.168.1.150", "192.168.1.180"))

    def mac(self, number):
        return f"02:00:00:00:{self.site.number:02x}:{number + 2:02x}"

    def address(self, number):
        return f"192.168.1.{number + 2}"

    def configuration(self, number):
        """The edge's as in the lab, and what makes the machine ours to look into."""
        config = copy.deepcopy(self.overlay.edges[self.site.edges[number].name].config)
        config["tunnel"]["private_key"] = DEVICE_KEY
        for relay, place in zip(config["relay"], self.world.relays):
            relay["endpoint"] = relay["endpoint"].replace(place.host_name, place.ipv4)
        config["lan"][0]["interface"] = self.interface
        if "vrrp" in config["lan"][0]:
            config["lan"][0]["vrrp"]["interval"] = CARDS_INTERVAL
        config["appliance"] = {"ssh_keys": [self.bench.ssh_line]}
        return config

    def files(self, number, **more):
        """For the card's FAT partition."""
        config = {**self.configuration(number), **more}
        key = pathlib.Path(self.overlay.edges[self.site.edges[number].name].key_path).read_text()
        return {"ulagate.toml": lab.toml(config), "tunnel.key": key}

    def cut_the_isp_off(self):
        """The LAN has no router to the internet but the image any more."""
        self.site.switch.ip("link set isp down")

    def uplink_port(self, name, network, **options):
        """A cable to the ISP of its own, with DHCP and NAT: 192.168.NETWORK.0/24."""
        isp, mac, name = self.site.isp, f"02:00:00:00:{network:02x}:02", f"to-{name}"
        fd = tap(isp, name)
        isp.ip(f"address add 192.168.{network}.1/24 dev {name}")
        isp.nft(f"add rule inet isp forward iifname {name} accept")
        serve_dhcp(isp, name, f"192.168.{network}.1", both(mac, f"192.168.{network}.2"),
                   (f"192.168.{network}.100", f"192.168.{network}.120"))
        return Port(fd, mac, **options)

    def forget_flows(self):
        self.site.isp.run("conntrack", "-F", check=False)

    def tunnel_comes_from(self, network):
        """Packets of the tunnel have come to the ISP from these addresses since forget_flows()."""
        flows = self.site.isp.run("conntrack", "-L", "-p", "udp", check=False).stdout
        return f"src={network}" in flows

    def router(self, number=0, more=None, extra=(), **options):
        """`extra`: ports beside that of the LAN."""
        name = self.site.edges[number].name
        port = Port(tap(self.site.switch, f"vm{number}", "lan"), self.mac(number))
        machine = self.bench.machine(name, self.files(number, **(more or {})), board=self.board, ports=[port, *extra],
                                     **options)
        self.machines.append(machine)
        return machine

    def relay_machine(self):
        """The relay from a card, with a fixed address on the internet, in the place of the lab's."""
        place, daemon = self.world.relay, self.overlay.relay
        place.node.ip("link set eth0 down")
        config = copy.deepcopy(daemon.config)
        config["tunnel"]["private_key"] = DEVICE_KEY
        config["uplink"] = [{"kind": "ethernet", "interface": "eth0", "addresses": "static",
                             "address": [f"{place.ipv4}/24", f"{place.ipv6}/64"],
                             "gateway": ["203.0.113.1", "2001:db8:ffff::1"]}]
        config["appliance"] = {"ssh_keys": [self.bench.ssh_line], "ssh_from": "anywhere"}
        port = Port(tap(self.world.inet, "vmrelay", "servers"), "02:00:00:00:ff:01")
        files = {"ulagate.toml": lab.toml(config), "tunnel.key": pathlib.Path(daemon.key_path).read_text()}
        return self.bench.machine("relay", files, ports=[port])

    def start_the_rest(self):
        """The relay and the other site's router, natively."""
        for daemon in (self.overlay.relay, self.overlay.edge("b")):
            daemon.start()

    def start_natively(self, number):
        """A router of site a that is no card: the lab's own, with the cards' advertisement interval."""
        daemon = self.overlay.edges[self.site.edges[number].name]
        daemon.config["lan"][0]["vrrp"]["interval"] = CARDS_INTERVAL
        return daemon.start()

    def ssh(self, number=0):
        return Ssh(self.host, self.address(number), self.bench.directory)

    def host_address(self):
        return self.overlay.host_address("a")
