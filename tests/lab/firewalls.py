# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's own firewalls on a machine of the lab: the real packages, of this system or of another Debian's root, with an
overlay on top so that nothing of it changes. Their programs run in the machine's network namespace, with files of their own.

The lab has no internet access, so the other Debian's root has to be there: $LAB_FIREWALLS_12 or _13 names it.
"""

import os
import shutil

import lab
from host_managers import BUS_TYPE
from measure import wait_for

NEEDED = ("ufw", "firewalld", "dbus-daemon")


def root_of(release):
    """A Debian of that release that has the packages; nothing where there is none."""
    given = os.environ.get(f"LAB_FIREWALLS_{release}")
    if given:
        return given
    with open("/etc/os-release", encoding="utf-8") as file:
        here = f'VERSION_ID="{release}"' in file.read()
    return "/" if here and all(shutil.which(program) for program in NEEDED) else None


class Box:
    """That Debian's programs on a node. What they write is gone with the node."""

    def __init__(self, node, release):
        self.node, self.place = node, f"{node.dir}/debian{release}"
        root = root_of(release)
        upper = f"{node.dir}/upper{release}"
        node.run("sh", "-ec", f"""
            mkdir -p {self.place} {upper}; mount -t tmpfs tmpfs {upper}; mkdir {upper}/up {upper}/work
            mount -t overlay overlay -o lowerdir={root},upperdir={upper}/up,workdir={upper}/work {self.place}
            mount -t proc proc {self.place}/proc; mount -t sysfs sysfs {self.place}/sys; mount --bind /dev {self.place}/dev
            mount -t tmpfs tmpfs {self.place}/run; mount -t tmpfs tmpfs {self.place}/tmp
            mkdir -p {self.place}/run/lock {self.place}/run/dbus""")

    def run(self, *argv, **options):
        return self.node.run("chroot", self.place, *argv, **{"timeout": 60, **options})

    def start(self, *argv, **options):
        return self.node.start("chroot", self.place, *argv, **options)

    def write(self, path, text):
        self.node.run("tee", f"{self.place}/{path}", stdin=text)


class Ufw:
    name = "ufw"

    def __init__(self, node, release):
        self.box = Box(node, release)
        self.box.run("ufw", "--force", "enable")

    def rule(self, *words):
        self.box.run("ufw", *words)

    def stop(self):
        self.box.run("ufw", "disable")
        self.box.run("sh", "-c", "for t in filter mangle nat raw; do ip6tables -t $t -F; ip6tables -t $t -X; iptables -t $t "
                                 "-F; iptables -t $t -X; done", check=False)


class Firewalld:
    name = "firewalld"

    def __init__(self, node, release):
        self.box = Box(node, release)
        self.box.write("run/bus.conf", f"""{BUS_TYPE}<busconfig><type>system</type>
            <listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth><policy context="default">
            <allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>
            </policy></busconfig>""")
        self.bus = self.box.start("dbus-daemon", "--nofork", "--nopidfile", "--config-file=/run/bus.conf", name="bus")
        wait_for(lambda: self.box.run("test", "-S", "/run/dbus/system_bus_socket", check=False).returncode == 0, 15,
                 "the D-Bus listens")
        self.process = self.box.start("firewalld", "--nofork", "--nopid", name="firewalld")
        wait_for(lambda: self.box.run("firewall-cmd", "--state", check=False).returncode == 0, 60, "firewalld runs")

    def rule(self, *words):
        self.box.run("firewall-cmd", *words)

    def stop(self):
        self.process.stop()
        self.bus.stop()
