# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's own firewalls on a machine of the lab: the real packages, from a minimal root beside this system, so that
nothing of it changes. Their programs run in the machine's network namespace, with files of their own."""

import fcntl
import os
import shutil
import subprocess

import lab
from host_managers import BUS_TYPE
from measure import wait_for

SUITES = {"12": "bookworm", "13": "trixie"}
PACKAGES = ("ufw", "firewalld", "nftables", "iptables", "dbus", "procps", "iproute2")
CACHE = f"{lab.ROOT}/build/lab_roots"


def root_of(release):
    """A Debian with the packages; made once. $LAB_FIREWALLS_12 or _13 names one that is there."""
    given = os.environ.get(f"LAB_FIREWALLS_{release}")
    if given:
        return given
    if not shutil.which("mmdebstrap"):
        raise lab.Skip("not installed: mmdebstrap; tests/setup roots installs it")
    os.makedirs(CACHE, exist_ok=True)
    path = f"{CACHE}/firewalls-{release}"
    with open(f"{path}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(f"{path}/complete"):
            subprocess.run(("rm", "-rf", "--one-file-system", path), check=True)
            made = subprocess.run(
                ("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory",
                 "--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"', f"--include={','.join(PACKAGES)}",
                 SUITES[release], path), capture_output=True, text=True, timeout=900)
            if made.returncode != 0:
                raise lab.Skip(f"no packages of Debian {release} to be had: {made.stderr.strip()[-200:]}")
            with open(f"{path}/complete", "w", encoding="ascii"):
                pass
    return path


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
