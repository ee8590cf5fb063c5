# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the suite in several guests at once, one emulated processor each. A guest claims a test by making a directory
that all of them see; whoever is free takes the next."""

import os
import re
import subprocess
import sys
import tempfile
import threading

COUNT = re.compile(r"^(\d+) passed, (\d+) failed$|^\((\d+) skipped\)$")


def run(guests, command, out):
    """`command`: what runs the suite in one guest; `out`: the directory that guests can write to. The exit code."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="claims-", dir=out) as claims:
        results = []
        threads = [threading.Thread(target=lambda: results.append(_follow(command, claims))) for _ in range(guests)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    passed, failed, skipped = (sum(counts) for counts in zip(*results))
    if skipped:
        print(f"({skipped} skipped)")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


def _follow(command, claims):
    """Prints what a guest prints, except its counts, which are returned."""
    guest = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "RIG_CLAIMS": claims})
    passed, failed, skipped, ended = 0, 0, 0, False
    for line in guest.stdout:
        count = COUNT.match(line)
        if not count:
            sys.stdout.write(line)
            sys.stdout.flush()
        elif count[3]:
            skipped += int(count[3])
        else:
            passed, failed, ended = int(count[1]), int(count[2]), True
    # The others may have left it nothing to do; that nobody ran a test is for run() to say.
    idle = ended and not passed and not failed
    if guest.wait() != 0 and not failed and not idle or not ended:
        print(f"FAIL  kernel/guest: exit {guest.returncode}", flush=True)
        failed += 1
    return passed, failed, skipped
