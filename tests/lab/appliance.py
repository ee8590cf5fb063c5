# SPDX-License-Identifier: GPL-2.0-or-later
"""An appliance with two uplinks and a LAN, without its router: what `ulagate-appliance run` does.

    isp-a (DHCP, DNS, RA, time) --- wan0
                                         box --- lan0 --- host
    isp-b (DHCP, DNS, RA, time) --- wan1
"""

import json
import os
import socket
import struct
import subprocess
import threading
import time

import lab
from node import Node, connect

NTP_EPOCH = 2208988800


def binary():
    path = os.path.join(os.path.dirname(os.path.dirname(lab.binary())), "image/appliance/ulagate-appliance")
    if not os.access(path, os.X_OK):
        raise lab.Skip(f"there is no {path}; tests/run lab builds it")
    return path


class Isp:
    """One that gives addresses, names and the time."""

    def __init__(self, letter, number, options=()):
        self.node = Node(f"isp-{letter}")
        self.number, self.letter = number, letter
        self.network = f"192.0.{number}"
        self.options = options
        self.dhcp = None

    def begin(self):
        self.node.ip(f"address add {self.network}.1/24 dev lan", f"address add 2001:db8:{self.number}::1/64 dev lan nodad",
                     "link set lan up")
        self.node.sysctl(net__ipv6__conf__all__forwarding=1)
        path = f"{self.node.dir}/dnsmasq.conf"
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join([
                "interface=lan", "bind-interfaces", "except-interface=lo", "no-resolv", "no-hosts", "user=root",
                f"dhcp-range={self.network}.50,{self.network}.60,255.255.255.0,2m",
                f"dhcp-option=option:ntp-server,{self.network}.1", f"dhcp-leasefile={self.node.dir}/leases",
                f"address=/isp.example/{self.network}.1", "enable-ra", f"ra-param=lan,4,60",
                f"dhcp-range=2001:db8:{self.number}::,ra-only,64",
                f"dhcp-option=option6:dns-server,[2001:db8:{self.number}::1]", *self.options, ""]))
        self.dhcp = self.node.start("dnsmasq", "--keep-in-foreground", f"--conf-file={path}", "--log-facility=-")

    def carrier(self, there):
        self.node.ip(f"link set lan {'up' if there else 'down'}")


class Appliance:
    def __init__(self, config=None, isps=("a", "b"), options=()):
        self.node = Node("box")
        self.isps = [Isp(letter, number) for number, letter in enumerate(isps, 2)]
        for index, isp in enumerate(self.isps):
            connect(self.node, f"wan{index}", isp.node, "lan")
        self.host = Node("host")
        connect(self.node, "lan0", self.host, "eth0")
        self.host.ip("link set eth0 up")
        for isp in self.isps:
            isp.begin()
        self.runtime = f"{self.node.dir}/run"
        os.makedirs(self.runtime, mode=0o700)
        self.home = f"{self.node.dir}/home"
        os.makedirs(self.home, mode=0o700)
        # What dropbear takes for root's home (/root itself may be where this tree is), and this machine's other users: its
        # dnsmasq becomes one of them, which systemd's name service would make up, but a small root has none.
        with open("/etc/passwd", encoding="utf-8") as file:
            others = [line for line in file if not line.startswith("root:")]
        with open(f"{self.node.dir}/passwd", "w", encoding="utf-8") as file:
            file.writelines([f"root:x:0:0:root:{self.home}:/bin/sh\n", *others])
        self.node.run("mount", "--bind", f"{self.node.dir}/passwd", "/etc/passwd")
        self.console = f"{self.node.dir}/console"
        open(self.console, "w").close()
        self.config = f"{self.node.dir}/ulagate.toml"
        if config:
            with open(self.config, "w", encoding="utf-8") as file:
                file.write(config)
        self.options = options
        self.process = None

    def start(self):
        self.process = self.node.start(
            binary(), "run", "--config", self.config, "--runtime-dir", self.runtime, "--dnsmasq-dir",
            f"{self.node.dir}/dns", "--state-dir", f"{self.node.dir}/state", "--resolv-conf",
            f"{self.node.dir}/resolv.dhcp", "--root-home", self.home, "--console", self.console, "--dry-clock",
            *self.options, name="ulagate-appliance")
        return self

    def default_routes(self, family="-4"):
        """(device, metric), the best first."""
        rows = json.loads(self.node.out("ip", "-j", family, "route", "show", "default") or "[]")
        return [row["dev"] for row in sorted(rows, key=lambda row: row.get("metric", 0))
                if "linkdown" not in row.get("flags", [])]

    def first(self, family="-4"):
        return next(iter(self.default_routes(family)), None)

    def status(self):
        try:
            with open(f"{self.runtime}/status", encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def get(self, path="/", host=None, address=None, request=None):
        """What the page says to a machine; nothing when it cannot be reached."""
        with (host or self.host).network():
            page = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        page.settimeout(8)
        try:
            scope = page.family == socket.AF_INET6 and address.startswith("fe80")
            page.connect((address, 80, 0, 2) if scope else (address, 80))
            page.sendall(request or f"GET {path} HTTP/1.1\r\nHost: box\r\n\r\n".encode())
            answer = b""
            while chunk := page.recv(65536):
                answer += chunk
            return answer.decode()
        except OSError:
            return ""
        finally:
            page.close()


def make_card(path):
    """A card with its first partition labelled and the state's blank, as image/build makes it."""
    sectors = 1 << 16
    entry = lambda kind, first, count: struct.pack("<B3sB3sII", 0, b"", kind, b"", first, count)
    table = entry(0x0E, 2048, 32768) + bytes(32) + entry(0xDA, 34816, 16384)
    with open(path, "wb") as file:
        file.truncate(sectors * 512)
        file.seek(446)
        file.write(table + b"\x55\xaa")
    subprocess.run(["mkfs.fat", "-F", "16", "-n", "ULAGATE", "--offset", "2048", path, "16384"], check=True, capture_output=True)


class TimeServer:
    """NTP (RFC 5905), as far as a client needs it; `ahead`: how wrong it is."""

    def __init__(self, node, ahead=0.0):
        self.ahead, self.questions = ahead, 0
        with node.network():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("0.0.0.0", 123))
        threading.Thread(target=self._serve, daemon=True).start()

    def _stamp(self):
        now = time.time() + self.ahead + NTP_EPOCH
        return struct.pack("!II", int(now) & 0xFFFFFFFF, int(now % 1 * 2**32))

    def _serve(self):
        while True:
            question, peer = self._socket.recvfrom(512)
            received = self._stamp()
            self.questions += 1
            head = struct.pack("!BBbbII4s", 0x24, 2, 6, -20, 0, 0, b"LAB\0")
            self._socket.sendto(head + received + question[40:48] + received + self._stamp(), peer)
