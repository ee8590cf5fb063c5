# SPDX-License-Identifier: GPL-2.0-or-later
"""The firmware: builds its card, and runs the cases of tests/image with it, at most two machines at a time."""

import collections
import os
import pathlib
import re
import sys

import build
from report import CI, LAST, ROOT, in_turns, run

sys.path.append(f"{ROOT}/tests/image")
import figures  # noqa: E402

IMAGE = f"{ROOT}/build/image"
CARD = f"{IMAGE}/ulagate-rpi.img"
GATES = ["/usr/bin/python3", "-B", f"{ROOT}/tests/image/check_build.py", "--once", "rpi5", "--keep", IMAGE]
CASE = f"{ROOT}/tests/image/run"
AT_ONCE = 2  # cases: the machine of each keeps a processor busy
BUILD_SECONDS = 3600  # the first time, with downloads, all to be compiled, and beside other work


def build_card(last=False):
    """The images, and what they must be. `last`: with what is left of the processor."""
    pathlib.Path(CARD).unlink(missing_ok=True)  # else an old one would be tested when this build fails
    return run([*(LAST if last else ()), *GATES], BUILD_SECONDS)


def run_all(report, forward, built=None):
    """`forward` takes over the lines and the count of a program that prints them like ours. `built`: what build_card() has
    said already. $ULAGATE_IMAGE is a card that was built before, and then nothing is built."""
    cases = _cases()
    figures.forget()
    if "ULAGATE_IMAGE" not in os.environ:
        done = built or build_card()
        forward(report, "image/build", done)
        if not os.path.exists(CARD):
            return
        _note_build(done.output)
    env = {"ULAGATE_BINARY": build.release()}
    wanted = sorted((case for case in cases if report.wants(f"image/{case.name}")), key=lambda case: -case.seconds)
    alone = [case for case in wanted if case.alone]
    for case, done in in_turns(alone, [case for case in wanted if not case.alone], AT_ONCE,
                               lambda case: run([CASE, case.name], case.seconds, env=env)):
        report.judge(f"image/{case.name}", done)
    for line in figures.table():
        print(f"      {line}", flush=True)


def _note_build(output):
    """The size of what people download, and what the second build took: all that is compiled is there by then."""
    figures.note("card to download, rpi", os.path.getsize(f"{IMAGE}/ulagate-rpi.img.xz") / 1e6, "MB", 30)
    took = re.findall(r"image/rpi/build 2\s+([\d.]+) s", output)
    if took:
        figures.note("build after compiling, rpi" + (", beside other tests" if CI else ""), float(took[0]), "s", 60)


Case = collections.namedtuple("Case", "name seconds length alone")


def _cases():
    """In CI the short ones; by hand all."""
    listed = run([CASE, "--list"], 60)
    if listed.code:
        raise build.BuildFailed(listed.output)
    cases = [Case(name, int(seconds), length, company == "alone")
             for name, seconds, length, company in map(str.split, listed.output.splitlines())]
    return [case for case in cases if case.length == "short" or not CI]
