# SPDX-License-Identifier: GPL-2.0-or-later
"""How the benchmarks print what they measured: medians and worst of the repeats, side by side with a ratio."""

import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab"))

import lab  # noqa: E402

CI = os.environ.get("ULAGATE_CI") == "1"


class Table:
    def __init__(self, ours, theirs):
        self._rows = []
        self._ours, self._theirs = ours, theirs

    def row(self, name, unit, ours, theirs=None, budget=None, worst=False):
        """`ours`, `theirs`: lists of values. `budget`: what our median must keep, or with `worst` every value."""
        self._rows.append((name, unit, ours, theirs, budget, worst))

    def show(self):
        print(f"\n{'':52} {self._ours:>24} {self._theirs:>24} {'ratio':>7} {'budget':>9}")
        print(f"{'':52}" + 2 * f" {'median    worst   n':>24}")
        for name, unit, ours, theirs, budget, _ in self._rows:
            ratio = f"{_ratio(ours, theirs):>7}"
            print(f"{name + ', ' + unit:52} {_figures(ours):>24} {_figures(theirs):>24} {ratio} "
                  f"{'' if budget is None else budget:>9}")
        print(flush=True)

    def finish(self, judge=not CI):
        """Prints all and judges, but as a rule not in CI: few repeats on a machine with other work to do prove nothing, and the
        lab's scenarios judge there, with wide bounds."""
        self.show()
        over = self.over_budget()
        if over and not judge:
            lab.step("over the budgets: " + "; ".join(over))
        else:
            lab.check(not over, "within the budgets" if not over else "; ".join(over))

    def over_budget(self):
        found = []
        for name, unit, ours, _, budget, worst in self._rows:
            value = (max if worst else statistics.median)(ours)
            if budget is not None and value > budget:
                found.append(f"{name}: {'worst' if worst else 'median'} {value:.3g} {unit}, budget {budget}")
        return found


def _ratio(ours, theirs):
    if not theirs or not statistics.median(theirs):
        return ""
    ratio = statistics.median(ours) / statistics.median(theirs)
    return f"{ratio:.2f}" if ratio >= 0.01 else f"{ratio:.1g}"


def _figures(values):
    return f"{statistics.median(values):9.4g} {max(values):9.4g} {len(values):3}" if values else ""
