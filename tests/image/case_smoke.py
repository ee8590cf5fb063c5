# SPDX-License-Identifier: GPL-2.0-or-later
"""The image starts, on much and on little memory."""

import re

import figures
import lab
from registry import case
from world import Desk

READY = r"ulagate-init: ready after ([\d.]+) s"
MEMORY_AIM = 110  # thousand kB, the kernel and the root in RAM included
MEMORY_AIM_AT = 512  # MB


@case(seconds=180)
def smoke_512(bench):
    """A machine as small as a Zero 2 W: everything runs, and how much of its memory that takes."""
    desk = Desk(bench)
    machine = desk.machine({"ulagate.toml": lab.toml(desk.configuration())}, memory=MEMORY_AIM_AT).start()
    machine.wait_for(READY, 90)
    lab.step(f"ready {machine.since_start():.1f} s after the plug")
    figures.note("ready, virt 512 MB (from the plug)", machine.since_start(), "s")
    ssh = desk.ssh().wait(60)
    lab.check("a1" in ssh.out("ulagate status"), "ulagate status over ssh says who it is")
    lab.check_equal(ssh.out("cat /proc/sys/kernel/printk_devkmsg").strip(), "on", "the console gets every line of the log")
    # What the start needed is given back by then.
    lab.wait_for(lambda: "apply-rulesets" not in ssh.out("ps"), 40, "the process that applied the ruleset has ended")
    used = used_memory(ssh, MEMORY_AIM_AT)
    figures.note("memory used of 512 MB", used, "MB", MEMORY_AIM)
    lab.check(used <= MEMORY_AIM, f"{used:.0f} MB of memory are used, at most {MEMORY_AIM}")
    check_nothing_is_mounted_from_the_card(ssh)
    check_no_password(ssh)


@case(seconds=150)
def smoke_128(bench):
    """With a quarter of that it still starts."""
    desk = Desk(bench)
    machine = desk.machine({"ulagate.toml": lab.toml(desk.configuration())}, memory=128).start()
    machine.wait_for(READY, 90)
    lab.check("Out of memory" not in machine.text(), "nobody was killed for want of memory")
    desk.wait_for_page("a1", 30)


def used_memory(ssh, megabytes):
    """What is not available, in thousand kB; what the kernel took before it counted is used too. Free pages that a processor
    keeps at hand (since Linux 6.7 up to an eighth of the memory) are given back when they are needed, and no "available"
    counts them."""
    said = ssh.out("cat /proc/meminfo; grep -E '^ +count: ' /proc/zoneinfo")
    print(said)
    available = int(re.search(r"MemAvailable:\s+(\d+)", said).group(1))
    at_hand = 4 * sum(map(int, re.findall(r"^\s+count: (\d+)", said, re.M)))
    return (megabytes * 1024 - available - at_hand) / 1000


def check_nothing_is_mounted_from_the_card(ssh):
    mounts = [line.split() for line in ssh.out("cat /proc/mounts").splitlines()]
    lab.check_equal([words[:2] for words in mounts if re.match(r"/dev/(mmcblk|vd|sd)", words[0])], [],
                    "nothing of the card is mounted: it may be pulled")


def check_no_password(ssh):
    lab.check_equal([line for line in ssh.out("cat /etc/shadow 2>/dev/null || true").splitlines()
                     if line.split(":")[1][:1] not in ("*", "!")], [], "no account has a password")
