# SPDX-License-Identifier: GPL-2.0-or-later
"""The firewalls of Debian, each started for real in a machine of the lab, with private copies of the directories that
it keeps things in. LAB_FIREWALL_ROOT=DIR takes the programs from another Debian's root instead of this machine's."""

import os

from measure import wait_for

ROOT = os.environ.get("LAB_FIREWALL_ROOT", "/")
KEPT = ("/etc/ufw", "/etc/default", "/etc/firewalld", "/etc/ferm", "/etc/firehol", "/etc/shorewall6", "/etc/foomuuri",
        "/var/lib/shorewall6", "/var/lib/foomuuri", "/var/spool/firehol", "/var/lib/ufw", "/run", "/tmp", "/var/log")
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd"><busconfig><type>system</type>
<listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth><policy context="default">
<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy></busconfig>"""


class Box:
    """A place in a machine's network where the programs of ROOT run and nothing that they write is kept."""

    def __init__(self, node):
        self.node = node
        root = "" if ROOT == "/" else ROOT
        copies = "".join(f"if [ -d {root}{path} ]; then mount -t tmpfs tmpfs /mnt && cp -a {root}{path}/. /mnt/ && "
                         f"mount --move /mnt {root}{path}; fi; " if path.startswith(("/etc", "/var")) else
                         f"mount -t tmpfs tmpfs {root}{path}; " for path in KEPT)
        extra = f"mount --bind {root} {root}; mount --rbind /proc {root}/proc; mount -t sysfs sysfs {root}/sys; " \
                f"mount --rbind /dev {root}/dev; " if root else ""
        # In a mount namespace of its own: /run is where the lab keeps its files.
        self.hold = node.start("unshare", "-m", "sh", "-ec", f"mount --make-rprivate /; {extra}{copies}"
                               f"mkdir -p {root}/run/dbus {root}/run/lock; touch {root}/run/box-is-ready; exec sleep 100000",
                               name="box")
        self.enter = ["nsenter", f"--target={self.hold.pid}", "--net", "--mount", "--", *(["chroot", ROOT] if root else [])]
        wait_for(lambda: self.ok("test -e /run/box-is-ready"), 20, f"a box in {node.name}")

    def run(self, command, timeout=60):
        return self.node.run(*self.enter, "sh", "-c", command, check=False, timeout=timeout)

    def ok(self, command):
        return self.run(command).returncode == 0

    def write(self, path, text):
        self.run(f"mkdir -p $(dirname {path})")
        self.node.run(*self.enter, "tee", path, stdin=text)

    def start(self, *argv, name):
        return self.node.start(*self.enter, *argv, name=name)


class Firewall:
    """One of them. `word`: how the status names it."""

    def __init__(self, name, word, program, start, stop):
        self.name, self.word, self.program, self._start, self._stop = name, word, program, start, stop

    def there(self):
        return any(os.access(f"{ROOT}/{place}/{self.program}", os.X_OK) for place in ("usr/sbin", "sbin", "usr/bin"))

    def start(self, box):
        return self._start(box)

    def stop(self, box):
        self._stop(box)
        # Tables that ip6tables made stay, empty, and would be suspects beside the next one.
        box.run("nft list tables | grep -E '^table ip6? (filter|nat|mangle|raw|security)$' | "
                "while read -r table; do nft delete $table; done")


def _run(*commands):
    def do(box):
        for command in commands:
            box.run(command)
    return do


def _firewalld(box):
    box.write("/run/bus.conf", BUS)
    box.start("dbus-daemon", "--nofork", "--nopidfile", "--config-file=/run/bus.conf", name="dbus")
    wait_for(lambda: box.ok("test -S /run/dbus/system_bus_socket"), 10, "a bus")
    box.firewalld = box.start("firewalld", "--nofork", "--nopid", name="firewalld")
    wait_for(lambda: box.ok("firewall-cmd --state"), 30, "firewalld runs")


def _firewalld_ends(box):
    box.firewalld.stop()


def _shorewall(box):
    box.write("/etc/shorewall6/zones", "fw firewall\nnet ipv6\n")
    box.write("/etc/shorewall6/interfaces", "?FORMAT 2\nnet eth0 -\n")
    box.write("/etc/shorewall6/policy", "fw net ACCEPT\nnet all DROP\nall all REJECT\n")
    box.run("sed -i s/STARTUP_ENABLED=No/STARTUP_ENABLED=Yes/ /etc/shorewall6/shorewall6.conf; shorewall6 start")


def _foomuuri(box):
    box.write("/etc/foomuuri/foomuuri.conf", "zone {\n  localhost\n  public eth0\n}\nlocalhost-public {\n  accept\n}\n"
              "public-localhost {\n  ssh\n  drop\n}\n")
    box.run("foomuuri start")


# ferm and FireHOL last: what they write to are the tables of the old ip6_tables, which stay, empty, when they stop.
FIREWALLS = [
    Firewall("ufw", "ufw drops it", "ufw", _run("ufw --force enable"), _run("ufw --force reset", "ip6tables -F; ip6tables -X")),
    Firewall("firewalld", "firewalld drops it", "firewalld", _firewalld, _firewalld_ends),
    Firewall("shorewall6", "Shorewall6 drops it", "shorewall6", _shorewall, _run("shorewall6 clear")),
    Firewall("foomuuri", "foomuuri drops it", "foomuuri", _foomuuri, _run("foomuuri stop")),
    Firewall("ferm", "ferm drops it" if ROOT == "/" else "ip6tables-legacy", "ferm", _run("ferm /etc/ferm/ferm.conf"), _run("ferm -F /etc/ferm/ferm.conf")),
    Firewall("firehol", "FireHOL drops it", "firehol",
             _run("sed -i s/START_FIREHOL=NO/START_FIREHOL=YES/ /etc/default/firehol; firehol start"), _run("firehol stop")),
]


def lines(problem):
    """All that a sentence of the status says would mend it."""
    return [part.split(" | or ")[0].strip() for part in problem.split("fix it with: ")[1:]]
