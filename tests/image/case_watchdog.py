# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing hangs for good: a panic, a daemon that stands still, one that never comes back."""

import lab
from case_smoke import READY
from registry import case
from world import Desk

RESTART = 90  # seconds until init has given up on a daemon that stands still and has started it again
RESET = 180  # and until it lets the watchdog end it all

# In the place of the daemon: says nothing and never ends.
HANGS = "#!/bin/sh\nwhile :; do sleep 1000; done\n"


@case(seconds=500)
def daemon_hangs(bench):
    """The daemon stands still: it is started again; it never becomes ready again: the watchdog resets the machine."""
    desk = Desk(bench)
    machine = desk.machine({"ulagate.toml": lab.toml(desk.configuration())}).start()
    machine.wait_for(READY, 90)
    ssh = desk.ssh().wait(60)
    pid = ssh.out("pidof ulagate").split()[0]
    ssh.run(f"kill -STOP {pid}")
    took = lab.seconds_until(lambda: (lambda now: now and pid not in now)(
        ssh.run("pidof ulagate", check=False).stdout.split()), RESTART, "init starts another daemon", every=1)
    lab.step(f"another daemon {took:.0f} s after the first stood still")
    lab.check_equal(len(machine.starts), 1, "the machine itself went on")
    path = ssh.out("readlink -f $(command -v ulagate)").strip()
    ssh.run(f"cat >/tmp/hangs && chmod 755 /tmp/hangs && mv /tmp/hangs {path} && kill -STOP $(pidof ulagate)", stdin=HANGS)
    machine.wait_for_start(2, RESET)
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
