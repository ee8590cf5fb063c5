# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases by name: functions with a Bench, found in case_*.py."""

import importlib
import pathlib
from dataclasses import dataclass
from typing import Callable


@dataclass
class Case:
    name: str
    body: Callable
    seconds: int  # a bound for the whole case; the machine may be busy
    long: bool  # not in the short form
    alone: bool  # it has two machines, or measures: no other case beside it
    board: str  # one that this machine's QEMU may not know, see qemu.py


CASES = {}


def case(seconds, long=False, alone=False, board="virt"):
    def add(body):
        CASES[body.__name__] = Case(body.__name__, body, seconds, long, alone, board)
        return body
    return add


def load():
    for path in sorted(pathlib.Path(__file__).resolve().parent.glob("case_*.py")):
        importlib.import_module(path.stem)
    return CASES
