# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing hangs for good: a panic, a daemon that stands still, one that never comes back."""

import lab
from case_smoke import READY
from registry import case
from world import Desk

RESTART = 90  # seconds until init has given up on a daemon that stands still and has started it again
RESET = 90  # until the watchdog resets a machine whose first process stands still
GIVE_UP = 400  # until init lets the watchdog end it all, when a daemon does not come back

# In the place of the daemon: says nothing and never ends.
HANGS = "#!/bin/sh\nwhile :; do sleep 1000; done\n"
# The first process takes no SIGSTOP, but it can be frozen like any other.
FREEZE = """mkdir -p /tmp/cg && mount -t cgroup2 none /tmp/cg && mkdir /tmp/cg/ice && echo 1 >/tmp/cg/ice/cgroup.procs &&
    (sleep 1; echo 1 >/tmp/cg/ice/cgroup.freeze) >/dev/null 2>&1 &"""


def running(bench):
    desk = Desk(bench)
    machine = desk.machine({"ulagate.toml": lab.toml(desk.configuration())}).start()
    machine.wait_for(READY, 90)
    return desk, machine, desk.ssh().wait(60)


@case(seconds=300)
def hanging(bench):
    """A daemon stands still and is started again; then the first process does, and the watchdog resets the machine."""
    _, machine, ssh = running(bench)
    pid = ssh.out("pidof ulagate").split()[0]
    ssh.run(f"kill -STOP {pid}")
    took = lab.seconds_until(lambda: (lambda now: now and pid not in now)(
        ssh.run("pidof ulagate", check=False).stdout.split()), RESTART, "init starts another daemon", every=1)
    lab.step(f"another daemon {took:.0f} s after the first stood still")
    lab.check_equal(len(machine.starts), 1, "the machine itself went on")
    ssh.run(FREEZE, check=False)
    took = lab.seconds_until(lambda: len(machine.starts) > 1, RESET, "a reset")
    lab.step(f"reset {took:.0f} s after the first process stood still")
    lab.check_equal(machine.starts[0].end, "guest-reset", "the watchdog has reset it")
    machine.wait_for(READY, 90)


@case(seconds=700, long=True)
def daemon_never_back(bench):
    """A daemon that hangs whenever it is started: nothing but a reset is left to try."""
    _, machine, ssh = running(bench)
    path = ssh.out("readlink -f $(command -v ulagate)").strip()
    ssh.run(f"cat >/tmp/hangs && chmod 755 /tmp/hangs && mv /tmp/hangs {path} && kill -STOP $(pidof ulagate)", stdin=HANGS)
    machine.wait_for_start(2, GIVE_UP)
    lab.check_equal(machine.starts[0].end, "guest-reset", "the watchdog has reset it")
    machine.wait_for(READY, 90)


@case(seconds=240)
def panic(bench):
    """A kernel that gives up starts again, on the board whose restart is in its watchdog's module."""
    desk = Desk(bench, board="raspi3b")
    machine = desk.machine({"ulagate.toml": lab.toml(desk.configuration())}).start()
    machine.wait_for(READY, 120)
    desk.ssh().wait(60).run("(sleep 1; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &", check=False)
    machine.wait_for_start(2, 60)
    lab.check_equal(machine.starts[0].end, "guest-reset", "it was reset")
    machine.wait_for(READY, 120)
