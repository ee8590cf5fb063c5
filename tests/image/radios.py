# SPDX-License-Identifier: GPL-2.0-or-later
"""Simulated radios (mac80211_hwsim) inside a machine: one is its own, the other a guest's, who has a network
namespace there. All with what the image has: busybox, and kmod where busybox's modprobe wants other files."""

HOLDER = "/run/guest.pid"  # of the process that keeps the namespace
LEASE = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
ip route add default via "$router"
"""


def load(ssh):
    """The module is in the image for this test; it is as if two USB radios were put in."""
    ssh.run("/usr/sbin/modprobe mac80211_hwsim radios=2")


class Guest:
    """A network namespace inside the machine that has one of its radios."""

    def __init__(self, ssh, interface):
        self._ssh, self._interface = ssh, interface
        ssh.run(f"busybox unshare -n sh -c 'echo $$ >{HOLDER}; exec sleep 100000' >/dev/null 2>&1 </dev/null & sleep 1; "
                f"/usr/sbin/iw phy $(cat /sys/class/net/{interface}/phy80211/name) set netns $(cat {HOLDER})")
        self.run("ip link set lo up")

    def run(self, command, check=True, stdin=None):
        return self._ssh.run(f"busybox nsenter -t $(cat {HOLDER}) -n sh -c '{command}'", check=check, stdin=stdin).stdout


class Laptop(Guest):
    """Knows nothing but the password of the network, and believes Router Advertisements as a phone does."""

    def join(self, network):
        """`network`: for wpa_supplicant."""
        self._ssh.run("cat >/tmp/laptop.conf", stdin=network)
        self.run(f"wpa_supplicant -B -i {self._interface} -c /tmp/laptop.conf -f /tmp/laptop.log")

    def joined(self):
        return "Connected to" in self.run(f"iw dev {self._interface} link", check=False)

    def supplicant_log(self):
        return self._ssh.out("tail -n 20 /tmp/laptop.log", check=False)

    def ask_for_address(self):
        self._ssh.run("cat >/tmp/laptop-lease && chmod 755 /tmp/laptop-lease", stdin=LEASE)
        self.run(f"udhcpc -i {self._interface} -n -q -t 10 -s /tmp/laptop-lease")

    def addresses(self):
        return self.run(f"ip address show dev {self._interface}", check=False)

    def reaches(self, address):
        return "bytes from" in self.run(f"ping -c1 -W2 {address}", check=False)


class Cafe(Guest):
    """Somebody's access point, with DHCP."""

    ADDRESS = "192.168.90.1"

    def __init__(self, ssh, interface):
        super().__init__(ssh, interface)
        self.run(f"ip address add {self.ADDRESS}/24 dev {interface}")
        self.run(f"dnsmasq --conf-file=/dev/null --port=0 --interface={interface} --bind-interfaces --pid-file= "
                 "--dhcp-range=192.168.90.50,192.168.90.60 --dhcp-leasefile=/tmp/cafe.leases --user=root")

    def open(self, ssid, password):
        self._ssh.run("cat >/tmp/cafe.conf", stdin=f"interface={self._interface}\nssid={ssid}\nhw_mode=g\nchannel=6\nwpa=2\n"
                      f"wpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\nwpa_passphrase={password}\n")
        self.run("hostapd -B -P /tmp/cafe.pid /tmp/cafe.conf >/tmp/cafe.log")

    def close(self):
        self.run("kill $(cat /tmp/cafe.pid)")
