# SPDX-License-Identifier: GPL-2.0-or-later
"""The numbers that the cases measure, kept until all have run, and the table of them."""

import fcntl
import json
import pathlib

PATH = pathlib.Path(__file__).resolve().parent.parent.parent / "build" / "image" / "figures"


def forget():
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text("")


def note(what, value, unit, at_most=None):
    """`at_most`: the aim of the project, printed beside it. The case that measures it says what is a failure."""
    PATH.parent.mkdir(parents=True, exist_ok=True)
    with PATH.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps({"what": what, "value": value, "unit": unit, "at_most": at_most}) + "\n")
    print(f"  figure: {what}: {value:.1f} {unit}", flush=True)


def table():
    """Lines, in the order of the alphabet; the last value of each counts."""
    found = {}
    if PATH.exists():
        for line in PATH.read_text().splitlines():
            entry = json.loads(line)
            found[entry["what"]] = entry
    lines = []
    for what, entry in sorted(found.items()):
        aim = "" if entry["at_most"] is None else f"  (aim: at most {entry['at_most']:g})"
        lines.append(f"{what:52} {entry['value']:8.1f} {entry['unit']:3}{aim}")
    return lines
