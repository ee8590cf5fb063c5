#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands as a person and as systemd use them: without root, exit codes, file modes, notifications."""

import grp
import os
import re
import shutil
import stat
import subprocess
import time

import lab

ESSENTIAL = "every command says what it should"

NOBODY = 65534
REFERENCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../daemon/reference")


def scenario():
    world = lab.build()
    overlay = lab.overlay(world)
    edge = overlay.edge("a")
    edge.write_config()
    without_root(edge)
    usage()
    control_group(edge)
    supervisor(edge)
    priority(edge)


def run(*argv, binary=None, **options):
    return subprocess.run([binary or lab.binary(), *argv], capture_output=True, text=True, check=False, timeout=60,
                          **options)


def without_root(edge):
    home = f"{edge.node.dir}/nobody"
    os.makedirs(home)
    os.chown(home, NOBODY, NOBODY)
    for parent in (edge.node.dir, os.path.dirname(edge.node.dir)):
        os.chmod(parent, 0o755)
    binary = shutil.copy(lab.binary(), f"{home}/ulagate")
    files = {name: shutil.copy(f"{REFERENCE}/{name}.toml", f"{home}/{name}.toml") for name in ("edge", "relay")}

    def as_nobody(*argv):
        return run(*argv, binary=binary, user=NOBODY, group=NOBODY, extra_groups=[], cwd=home)

    for name, file in files.items():
        checked = as_nobody("check", file)
        lab.check(checked.returncode == 0 and "good" in checked.stdout, f"check {name}.toml: {checked.stdout.strip()}")
        for view, words in (("ra", "" if name == "relay" else "prefix"), ("firewall", "table inet ulagate"),
                            ("plan", "add route")):
            shown = as_nobody("show", view, file)
            lab.check(shown.returncode == 0 and words in shown.stdout, f"show {view} {name}.toml works without root")
    with open(files["edge"], "a", encoding="utf-8") as file:
        file.write("\n[nonsense]\n")
    checked = as_nobody("check", files["edge"])
    lab.check(checked.returncode == 1 and "edge.toml:" in checked.stderr and "nonsense" in checked.stderr,
              f"a wrong file is refused with its line: {checked.stderr.strip()}")
    lab.check_equal(as_nobody("check", f"{home}/missing.toml").returncode, 1, "a missing file is an error")

    made = as_nobody("keygen", "tunnel.key")
    lab.check_equal(stat.S_IMODE(os.stat(f"{home}/tunnel.key").st_mode), 0o600, "a key file has mode 0600")
    with open(f"{home}/tunnel.key", encoding="ascii") as file:
        lab.check_equal(edge.node.out("wg", "pubkey", stdin=file.read()).strip(), made.stdout.strip(),
                        "keygen prints the public key as wg computes it")
    lab.check_equal(as_nobody("pubkey", "tunnel.key").stdout, made.stdout, "and so does pubkey")
    again = as_nobody("keygen", "tunnel.key")
    lab.check(again.returncode == 1 and "tunnel.key" in again.stderr, "keygen overwrites no key")
    os.chmod(f"{home}/tunnel.key", 0o644)
    open_key = as_nobody("pubkey", "tunnel.key")
    lab.check(open_key.returncode == 1 and "chmod" in open_key.stderr, f"a readable key is refused: {open_key.stderr.strip()}")
    piped = as_nobody("keygen")
    lab.check_equal(edge.node.out("wg", "pubkey", stdin=piped.stdout).strip(), piped.stderr.split()[-1],
                    "keygen without a file prints both keys")
    status = as_nobody("status", "--runtime-dir", home)
    lab.check(status.returncode == 1 and "control" in status.stderr, f"no daemon: {status.stderr.strip()}")


def usage():
    helped = run("--help")
    for command in ("run", "check", "show", "status", "update", "withdraw", "keygen", "pubkey"):
        lab.check(f"ulagate {command}" in helped.stdout, f"--help knows {command}")
    lab.check_equal(helped.returncode, 0, "--help is no error")
    said = run("--version").stdout
    lab.check(re.fullmatch(r"ulagate \d+\.\d+\.\d+(\+\d{8}\.[0-9a-f]{10,}(\.changed)?)?\n", said),
              f"--version names the version and, built from a repository, the commit: {said.strip()}")
    if not os.path.exists("/usr/bin/ulagate-appliance"):  # as on every machine without the project's firmware
        refused = run("update", "some.slot", "--no-reboot")
        lab.check(refused.returncode == 1 and "apt upgrade" in refused.stderr and not refused.stdout,
                  f"update without the firmware: {refused.stderr.strip()}")
    for wrong in ((), ("dance",), ("check",), ("show", "ra"), ("show", "moon", "x"), ("status", "more"), ("--loud",)):
        refused = run(*wrong)
        lab.check(refused.returncode == 2 and refused.stderr and not refused.stdout,
                  f"ulagate {' '.join(wrong)}: exit 2: {refused.stderr.strip()}")


def control_group(edge):
    edge.config["control"] = {"group": "nogroup"}
    edge.start()
    socket = os.stat(f"{edge.runtime_dir}/control")
    lab.check_equal((stat.S_IMODE(socket.st_mode), grp.getgrgid(socket.st_gid).gr_name), (0o660, "nogroup"),
                    "the control socket belongs to the configured group, mode 0660")
    edge.config["control"] = {"group": "no-such-group"}
    edge.write_config()
    edge.reload()
    lab.check("no-such-group" in edge.status()["last_reload"], "a group that does not exist refuses the reload")
    second = edge.node.run(lab.binary(), "run", "--config", edge.config_path, "--runtime-dir", edge.runtime_dir,
                           check=False)
    lab.check(second.returncode == 1 and "another ulagate" in second.stderr, f"one daemon each: {second.stderr.strip()}")
    del edge.config["control"]
    edge.stop()


def supervisor(edge):
    interval = 1.0  # seconds that systemd would wait
    edge.start(env={"WATCHDOG_USEC": str(int(interval * 1e6))})
    edge.notifications()
    time.sleep(3 * interval)
    alive = edge.notifications().count("WATCHDOG=1")
    lab.check(alive >= 4, f"the watchdog is fed twice an interval: {alive} times in three")
    edge.write_config()
    edge.send(1)  # SIGHUP
    heard = []
    lab.wait_for(lambda: heard.extend(edge.notifications()) or "READY=1" in heard, 10, "the reload ends")
    lab.check("RELOADING=1" in heard and any(line.startswith("MONOTONIC_USEC=") for line in heard),
              "RELOADING=1 with its time comes before READY=1")
    edge.stop()
    lab.check("STOPPING=1" in edge.notifications(), "STOPPING=1 at the end")
    edge.start(env={"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"})
    edge.notifications()
    time.sleep(2)
    lab.check("WATCHDOG=1" not in edge.notifications(), "a watchdog that is meant for another process is not ours")
    edge.stop()


def priority(edge):
    """Before other programs; what it starts, and its threads without hurry, are as others."""
    edge.start()
    niceness = lambda pid: os.getpriority(os.PRIO_PROCESS, pid)
    lab.check_equal(niceness(edge.pid), -20, "niceness of the daemon")
    others = [int(thread) for thread in os.listdir(f"/proc/{edge.pid}/task") if int(thread) != edge.pid]
    others += lab.wireguard_go_pids()
    lab.check(others, "it has threads or WireGuard processes")
    lab.check_equal({niceness(pid) for pid in others}, {0}, f"niceness of its {len(others)} threads and processes")
    edge.stop()
    limited = edge.node.start("setpriv", "--bounding-set=-sys_nice", edge.binary, "run", "--config", edge.config_path,
                              "--runtime-dir", edge.runtime_dir, "--state-dir", edge.state_dir, name="limited")
    lab.wait_for(edge.try_status, 10, "it runs without the right to a priority")
    lab.check("raise the priority" in limited.log(), "and says so")
    lab.check_equal(niceness(limited.pid), 0, "niceness then")
    limited.stop()


if __name__ == "__main__":
    lab.main(scenario)
