# SPDX-License-Identifier: GPL-2.0-or-later
"""FRR's vrrpd on one machine of the lab.

It does not create its macvlan: that is the administrator's, in bridge mode and with the virtual MAC address, and its
link-local address is where FRR's advertisements come from. The virtual address on it would be the administrator's
as well; with it there, FRR takes that as the source of its advertisements, so this one leaves it out.
"""

import contextlib
import json
import os
import shutil

from measure import link_local, wait_for
from node import CommandFailed

FOLDER = "/usr/lib/frr"


class Frr:
    def __init__(self, node, router_id, address, interface="eth0"):
        self.node, self.router_id, self.address, self.interface = node, router_id, address, interface
        self.macvlan = f"vrrp6-0-{router_id}"
        self.mac = f"00:00:5e:00:02:{router_id:02x}"
        self.directory = f"{node.dir}/frr"
        self.processes = []
        os.makedirs(self.directory)
        shutil.chown(self.directory, "frr", "frr")
        node.ip(f"link add {self.macvlan} link {interface} address {self.mac} type macvlan mode bridge",
                f"link set {self.macvlan} addrgenmode random", f"link set {self.macvlan} up")

    def start(self, priority, interval):
        """`interval`: seconds, whole centiseconds."""
        lines = [f"interface {self.interface}", f" vrrp {self.router_id} version 3",
                 f" vrrp {self.router_id} priority {priority}",
                 f" vrrp {self.router_id} advertisement-interval {interval * 1000:.0f}",
                 f" vrrp {self.router_id} ipv6 {self.address}"]
        meeting = f"{self.directory}/zserv.api"
        with contextlib.suppress(FileNotFoundError):
            os.remove(meeting)
        self.processes = [self._start("zebra", [])]
        wait_for(lambda: os.path.exists(meeting), 10, "zebra listens")  # else vrrpd tries again only 10 s later
        self.processes.append(self._start("vrrpd", lines))

    def _start(self, name, lines):
        path = f"{self.directory}/{name}.conf"
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        return self.node.start(f"{FOLDER}/{name}", "-f", path, "-z", f"{self.directory}/zserv.api",
                               "-i", f"{self.directory}/{name}.pid", "--vty_socket", self.directory, "--log", "stdout")

    def stop(self):
        for process in reversed(self.processes):
            process.stop()

    def status(self):
        """What `show vrrp` says about IPv6; nothing while it starts."""
        try:
            shown = self.node.out("vtysh", "--vty_socket", self.directory, "-d", "vrrpd", "-c",
                                  f"show vrrp {self.router_id} json")
            return json.loads(shown)[0]["v6"]
        except (CommandFailed, ValueError, IndexError, KeyError):
            return {}

    def source(self):
        """The address that its advertisements come from."""
        return link_local(self.node, self.macvlan)
