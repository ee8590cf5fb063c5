# SPDX-License-Identifier: GPL-2.0-or-later
"""The firmware: builds its card, and runs the cases of tests/image with it, at most two machines at a time."""

import collections
import concurrent.futures
import os
import sys
import threading

import build
from report import CI, ROOT, run

sys.path.append(f"{ROOT}/tests/image")
import figures  # noqa: E402

BUILD = [f"{ROOT}/image/build", "--board", "rpi"]
GATES = f"{ROOT}/tests/image/check_build.py"
CASE = f"{ROOT}/tests/image/run"
MACHINES = 2  # at once: each keeps a processor busy
BUILD_SECONDS = 1500  # the first time, with downloads and the cross compiler's root


class Slots:
    """Lets a case start when its machines have room."""

    def __init__(self, count):
        self._free, self._changed = count, threading.Condition()

    def use(self, count, body):
        with self._changed:
            self._changed.wait_for(lambda: self._free >= count)
            self._free -= count
        try:
            return body()
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()


def run_all(report):
    cases = _cases()
    figures.forget()
    if "ULAGATE_IMAGE" not in os.environ:
        done = run(BUILD, BUILD_SECONDS)
        report.judge("image/build", done)
        if done.code:
            return
        report.command("image/gates", ["/usr/bin/python3", "-B", GATES], 600)
    slots, env = Slots(MACHINES), {"ULAGATE_BINARY": build.release()}
    # Those of two machines first: one machine alone fits in beside whatever runs.
    wanted = sorted((case for case in cases if report.wants(f"image/{case.name}")), key=lambda case: -case.machines)
    with concurrent.futures.ThreadPoolExecutor(MACHINES) as pool:
        running = {pool.submit(slots.use, case.machines, lambda case=case: run([CASE, case.name], case.seconds, env=env)):
                   case for case in wanted}
        for ended in concurrent.futures.as_completed(running):
            report.judge(f"image/{running[ended].name}", ended.result())
    for line in figures.table():
        print(f"      {line}", flush=True)


Case = collections.namedtuple("Case", "name seconds length machines")


def _cases():
    """In CI the short ones; by hand all."""
    listed = run([CASE, "--list"], 60)
    if listed.code:
        raise build.BuildFailed(listed.output)
    cases = [Case(name, int(seconds), length, int(machines))
             for name, seconds, length, machines in map(str.split, listed.output.splitlines())]
    return [case for case in cases if case.length == "short" or not CI]
