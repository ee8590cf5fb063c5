# SPDX-License-Identifier: GPL-2.0-or-later
"""Simulated radios (mac80211_hwsim) inside a machine: one for its access point, one for a guest, who has a network
namespace of its own there."""

SPACE = "laptop"
LEASE = """#!/bin/sh
[ "$1" = bound ] || exit 0
/usr/bin/ip address add "$ip/$mask" dev "$interface"
/usr/bin/ip route add default via "$router"
"""


def load(ssh):
    """The module is in the image for this test; it is as if two USB radios were put in."""
    ssh.run("/usr/sbin/modprobe mac80211_hwsim radios=2")


class Laptop:
    """Knows nothing but the password of the network, and believes Router Advertisements as a phone does."""

    def __init__(self, ssh, interface):
        self._ssh, self._interface = ssh, interface
        ssh.run(f"/usr/bin/ip netns add {SPACE} && /usr/sbin/iw phy $(cat /sys/class/net/{interface}/phy80211/name) set netns name {SPACE}")
        self.run("/usr/bin/ip link set lo up")

    def run(self, command, check=True, stdin=None):
        return self._ssh.run(f"/usr/bin/ip netns exec {SPACE} sh -c '{command}'", check=check, stdin=stdin).stdout

    def join(self, network):
        """`network`: for wpa_supplicant."""
        self._ssh.run("cat >/tmp/laptop.conf", stdin=network)
        self.run(f"wpa_supplicant -B -i {self._interface} -c /tmp/laptop.conf -f /tmp/laptop.log")

    def joined(self):
        return "Connected to" in self.run(f"/usr/sbin/iw dev {self._interface} link", check=False)

    def supplicant_log(self):
        return self._ssh.out("tail -n 20 /tmp/laptop.log", check=False)

    def ask_for_address(self):
        self._ssh.run("cat >/tmp/laptop-lease && chmod 755 /tmp/laptop-lease", stdin=LEASE)
        self.run(f"busybox udhcpc -i {self._interface} -n -q -t 10 -s /tmp/laptop-lease")

    def addresses(self):
        return self.run(f"/usr/bin/ip -o address show dev {self._interface}", check=False)

    def reaches(self, address):
        return "bytes from" in self.run(f"busybox ping -c1 -W2 {address}", check=False)
