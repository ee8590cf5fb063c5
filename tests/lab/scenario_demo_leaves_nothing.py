#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/demo, interrupted or killed at any point, leaves no process, file or interface; the next run works."""

import os
import signal
import subprocess
import time

import lab

POINTS = {"making the machines": "at the beginning", "ulagate is up on relay": "while daemons start",
          "handshake of edge-a": "with tunnels up"}

LONG = "it begins a dozen demos"


def scenario():
    for word, when in POINTS.items():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            end_demo(word, when, number)
    demo_that_stays()
    before = traces()
    done = subprocess.run(demo(), stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    lab.check_equal(done.returncode, 0, "the next demo runs through, with exit code 0")
    nothing_left(before, "the demo that ran through")


def demo():
    return [f"{lab.ROOT}/tests/demo"]


def end_demo(word, when, number):
    before = traces()
    name = f"{number.name} {when}"
    process = subprocess.Popen(demo(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    for line in process.stdout:
        if word in line:
            break
    else:
        raise lab.Failed(f"the demo ended before it said {word!r}")
    os.kill(process.pid, number)
    process.stdout.read()
    code = process.wait(timeout=20 * lab.slowness())
    lab.check_equal(code, -number if number == signal.SIGKILL else 130, f"{name}: exit code")
    nothing_left(before, name)


def demo_that_stays():
    before = traces()
    process = subprocess.Popen([*demo(), "--stay", "--ipv4-only-uplink", "a", "--ipv6-only-uplink", "b"],
                               stdout=subprocess.PIPE, text=True, start_new_session=True)
    for line in process.stdout:
        if "Status of a router:" in line:
            break
    else:
        raise lab.Failed("the demo does not stay")
    inside = subprocess.run([*demo(), "--enter", "host-a", "ping", "-n", "-c1", "-W5", "fd12:3456:789a:b::1"], check=False)
    lab.check_equal(inside.returncode, 0, "one can enter a machine of a demo that stays, and reach the other site")
    status = subprocess.run(["sh", "-c", f"{lab.ROOT}/{line.split(': ', 1)[1]}"], stdout=subprocess.PIPE, text=True, check=False)
    lab.check("edge a1 of site a" in status.stdout, "the command that it prints for the status works")
    os.kill(process.pid, signal.SIGINT)
    lab.check("taken down" in process.stdout.read(), "Ctrl-C takes it down")
    lab.check_equal(process.wait(), 0, "with exit code 0")
    nothing_left(before, "the demo that stayed")


def traces():
    """All that a run could leave: this scenario has process and network namespaces of its own to look at."""
    interfaces = subprocess.run(["ip", "-br", "link"], stdout=subprocess.PIPE, text=True, check=True).stdout
    with open("/proc/self/mounts", encoding="ascii") as file:
        mounts = file.read()
    files = [f"{directory}/{name}" for directory in ("/run", "/tmp", "/dev/shm", "/var/tmp")
             if os.path.isdir(directory) for name in sorted(os.listdir(directory)) if "ulagate" in name or "lab" in name]
    return {"processes": sorted(processes()), "interfaces": interfaces, "mounts": mounts, "files": files}


def processes():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                yield pid, file.read().replace("\0", " ")
        except OSError:
            continue


def nothing_left(before, name):
    lab.wait_for(lambda: traces()["processes"] == before["processes"], 5, f"{name}: all processes have ended")
    time.sleep(0.1)
    after = traces()
    for kind, value in before.items():
        lab.check_equal(after[kind], value, f"{name}: the same {kind} as before")


if __name__ == "__main__":
    os.environ["ULAGATE_BINARY"] = os.environ.get("ULAGATE_BINARY", f"{lab.ROOT}/build/release/daemon/ulagate")
    lab.main(scenario)
