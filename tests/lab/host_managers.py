# SPDX-License-Identifier: GPL-2.0-or-later
"""What configures the network of real hosts, each in a machine of the lab: systemd-networkd, NetworkManager, dhcpcd.

They are those of this Debian, with directories of their own for all that they keep, and nobody to talk to: no systemd,
no udev. NetworkManager needs a D-Bus, which is one of its own, too.
"""

import os

from measure import wait_for

BUS_TYPE = ('<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" '
            '"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">')
PROGRAMS = ("/lib/systemd/systemd-networkd", "/usr/sbin/NetworkManager", "/usr/sbin/dhcpcd", "/usr/bin/dbus-daemon")


def _private_directories(node, *paths):
    """Empty ones, which nobody else sees."""
    for path in paths:
        node.run("sh", "-c", f"mkdir -p {path} && mount -t tmpfs tmpfs {path}")


def _without_udev(node):
    """Where /sys cannot be written to, as in a container, they do not wait until udev has seen an interface."""
    node.run("mount", "-o", "remount,bind,ro", "/sys")


def _write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)


class Networkd:
    def __init__(self, node, settings="", match="eth0", files=None):
        """`settings`: more lines of the .network file. `files`: more files, by name."""
        self.node = node
        _private_directories(node, "/run/systemd", "/var/lib/systemd", "/etc/systemd/network")
        _without_udev(node)
        node.run("sh", "-c", "mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases "
                             "/run/systemd/netif/lldp && chown -R systemd-network: /run/systemd/netif")
        node.run("tee", "/run/systemd/network/10-lan.network",
                 stdin=f"[Match]\nName={match}\n[Network]\nIPv6AcceptRA=yes\n{settings}")
        for name, text in (files or {}).items():
            node.run("tee", f"/run/systemd/network/{name}", stdin=text)
        node.run("sh", "-c", "chmod a+r /run/systemd/network/*")
        self.process = node.start("/lib/systemd/systemd-networkd", env={
            **os.environ, "SYSTEMD_LOG_LEVEL": "debug", "SYSTEMD_LOG_TARGET": "console"})


class NetworkManager:
    def __init__(self, node, settings=""):
        """`settings`: more lines of the connection's section [ipv6]."""
        self.node = node
        _private_directories(node, "/run/NetworkManager", "/var/lib/NetworkManager")
        _without_udev(node)
        bus = f"unix:path={node.dir}/bus"
        self.env = (f"DBUS_SYSTEM_BUS_ADDRESS={bus}",)  # for nmcli
        _write(f"{node.dir}/bus.conf", f"""{BUS_TYPE}<busconfig><type>system</type><listen>{bus}</listen>
            <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
            <allow user="*"/></policy></busconfig>""")
        _write(f"{node.dir}/connections/lan.nmconnection", f"""[connection]
id=lan
uuid=11111111-2222-3333-4444-555555555555
type=ethernet
interface-name=eth0
[ipv4]
method=disabled
[ipv6]
method=auto
{settings}""")
        _write(f"{node.dir}/NetworkManager.conf", f"""[main]
plugins=keyfile
no-auto-default=*
dns=none
systemd-resolved=false
auth-polkit=false
[keyfile]
path={node.dir}/connections
[logging]
level=DEBUG
""")
        self.bus = node.start("dbus-daemon", "--nofork", "--nopidfile", f"--config-file={node.dir}/bus.conf")
        wait_for(lambda: os.path.exists(f"{node.dir}/bus"), 10, "the D-Bus listens")
        self.process = node.start("NetworkManager", "--no-daemon", f"--config={node.dir}/NetworkManager.conf",
                                  f"--config-dir={node.dir}/none", f"--system-config-dir={node.dir}/none",
                                  f"--intern-config={node.dir}/intern.conf", f"--state-file={node.dir}/state",
                                  env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus})


class Dhcpcd:
    def __init__(self, node, settings=""):
        """`settings`: more lines of dhcpcd.conf."""
        self.node = node
        _private_directories(node, "/run/dhcpcd", "/var/lib/dhcpcd")
        _without_udev(node)
        _write(f"{node.dir}/dhcpcd.conf", f"noipv4\nscript /bin/true\n{settings}")
        self.process = node.start("dhcpcd", "--nobackground", "--nodev", "-d", "-f", f"{node.dir}/dhcpcd.conf", "eth0")
