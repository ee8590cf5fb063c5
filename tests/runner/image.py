# SPDX-License-Identifier: GPL-2.0-or-later
"""The firmware: builds its card, and runs the cases of tests/image with it, at most two machines at a time."""

import collections
import concurrent.futures
import os
import pathlib
import re
import sys
import threading

import build
from report import CI, ROOT, run

sys.path.append(f"{ROOT}/tests/image")
import figures  # noqa: E402

IMAGE = f"{ROOT}/build/image"
CARD = f"{IMAGE}/ulagate-rpi.img"
GATES = ["/usr/bin/python3", "-B", f"{ROOT}/tests/image/check_build.py", "--board", "rpi", "--keep", IMAGE]
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


def run_all(report, forward):
    """`forward` takes over the lines and the count of a program that prints them like ours. $ULAGATE_IMAGE is a card that
    was built before, and then nothing is built."""
    cases = _cases()
    figures.forget()
    if "ULAGATE_IMAGE" not in os.environ:
        pathlib.Path(CARD).unlink(missing_ok=True)  # else an old one would be tested when this build fails
        done = run(GATES, BUILD_SECONDS)
        forward(report, "image/build", done)
        if not os.path.exists(CARD):
            return
        _note_build(done.output)
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


def _note_build(output):
    """The size of what people download, and what the second build took: all that is compiled is there by then."""
    figures.note("card to download, rpi", os.path.getsize(f"{IMAGE}/ulagate-rpi.img.xz") / 1e6, "MB", 30)
    took = re.findall(r"image/rpi/build 2\s+([\d.]+) s", output)
    if took:
        figures.note("build after compiling, rpi", float(took[0]), "s", 60)


Case = collections.namedtuple("Case", "name seconds length machines")


def _cases():
    """In CI the short ones; by hand all."""
    listed = run([CASE, "--list"], 60)
    if listed.code:
        raise build.BuildFailed(listed.output)
    cases = [Case(name, int(seconds), length, int(machines))
             for name, seconds, length, machines in map(str.split, listed.output.splitlines())]
    return [case for case in cases if case.length == "short" or not CI]
