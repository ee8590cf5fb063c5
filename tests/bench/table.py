# SPDX-License-Identifier: GPL-2.0-or-later
"""How the benchmarks print what they measured: medians and worst of the repeats, side by side with a ratio."""

import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab"))


class Table:
    def __init__(self, ours, theirs):
        self._rows = []
        self._ours, self._theirs = ours, theirs

    def row(self, name, unit, ours, theirs=None, budget=None):
        """`ours`, `theirs`: lists of values. `budget`: what ours must keep; wide, checked by verdict()."""
        self._rows.append((name, unit, ours, theirs, budget))

    def show(self):
        print(f"\n{'':44} {self._ours:>20} {self._theirs:>20} {'ratio':>7} {'budget':>9}")
        print(f"{'':44} {'median    worst':>20} {'median    worst':>20}")
        for name, unit, ours, theirs, budget in self._rows:
            ratio = f"{statistics.median(ours) / statistics.median(theirs):7.2f}" if theirs else f"{'':7}"
            print(f"{name + ', ' + unit:44} {_pair(ours):>20} {_pair(theirs):>20} {ratio} "
                  f"{'' if budget is None else budget:>9}")
        print(flush=True)

    def over_budget(self):
        return [f"{name}: median {statistics.median(ours):.3g} {unit}, budget {budget}"
                for name, unit, ours, _, budget in self._rows if budget is not None and statistics.median(ours) > budget]


def _pair(values):
    return f"{statistics.median(values):9.4g} {max(values):9.4g}" if values else ""
