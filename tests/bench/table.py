# SPDX-License-Identifier: GPL-2.0-or-later
"""How the benchmarks print what they measured: medians and worst of the repeats, side by side with a ratio.
They fail only on ratios."""

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

    def row(self, name, unit, ours, theirs=None, aim=None, worst=False, at_most=None):
        """`ours`, `theirs`: lists of values. `aim`: what our median should keep, or with `worst` every value, on a machine
        that has nothing else to do: a miss is printed, and no failure. `at_most`: how many times their median ours may be,
        which both took in the same run and beside the same load; more fails."""
        self._rows.append((name, unit, ours, theirs, aim, worst, at_most))

    def show(self):
        print(f"\n{'':52} {self._ours:>24} {self._theirs:>24} {'ratio':>7} {'at most':>7} {'aim':>6}")
        print(f"{'':52}" + 2 * f" {'median    worst   n':>24}")
        for name, unit, ours, theirs, aim, _, at_most in self._rows:
            print(f"{name + ', ' + unit:52} {_figures(ours):>24} {_figures(theirs):>24} {_ratio(ours, theirs):>7} "
                  f"{'' if at_most is None else at_most:>7} {'' if aim is None else aim:>6}")
        print(flush=True)

    def finish(self, judge=not CI):
        """Prints all and judges the ratios, but as a rule not in CI: of few repeats each may be the unlucky one, and the lab's
        scenarios judge there, with wide bounds."""
        self.show()
        missed = self.missed()
        if missed:
            lab.step("beyond the aims: " + "; ".join(missed))
        worse = self.worse()
        if worse and not judge:
            lab.step("beyond the ratios: " + "; ".join(worse))
        else:
            lab.check(not worse, "no ratio beyond its bound" if not worse else "; ".join(worse))

    def missed(self):
        found = []
        for name, unit, ours, _, aim, worst, _ in self._rows:
            value = (max if worst else statistics.median)(ours)
            if aim is not None and value > aim:
                found.append(f"{name}: {'worst' if worst else 'median'} {value:.3g} {unit}, aim {aim}")
        return found

    def worse(self):
        found = []
        for name, unit, ours, theirs, _, _, at_most in self._rows:
            if at_most is not None and statistics.median(ours) > at_most * statistics.median(theirs):
                found.append(f"{name}: {statistics.median(ours):.3g} {unit} is {_ratio(ours, theirs) or 'more than no'} times "
                             f"theirs, which may be {at_most}")
        return found


def _ratio(ours, theirs):
    if not theirs or not statistics.median(theirs):
        return ""
    ratio = statistics.median(ours) / statistics.median(theirs)
    return f"{ratio:.2f}" if ratio >= 0.01 else f"{ratio:.1g}"


def _figures(values):
    return f"{statistics.median(values):9.4g} {max(values):9.4g} {len(values):3}" if values else ""
