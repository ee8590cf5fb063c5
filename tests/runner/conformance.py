# SPDX-License-Identifier: GPL-2.0-or-later
"""Every row of tests/conformance/rows with its tests and what became of them in this run.

A unit test belongs to the rows that its name begins with (`V24_…`, `V20_V21_…`), a lab scenario to those that it
declares (`CONFORMANCE = ("V-51",)`). A row without a test and without a reason fails; so does one with a test that
failed, or that should have run and did not.
"""

import ast
import glob
import os
import re
from dataclasses import dataclass, field

from report import ROOT

UNIT_TEST = re.compile(r"^\s*(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*((?:[VRF]\d\d_)+\w*)\s*\)", re.M)
ROW = re.compile(r"([VRF]-\d\d) \| (\S+) \| ([^|]+) \| (.+)")
REASON = "    does not apply: "


@dataclass
class Row:
    name: str
    level: str
    reference: str
    requirement: str
    reason: str = ""  # why it needs no test


@dataclass(frozen=True)
class Test:
    program: str  # unit/vrrp, lab/failover
    rows: tuple
    suite: str = ""
    case: str = ""

    def __str__(self):
        return f"{self.program} {self.suite}.{self.case}" if self.case else self.program

    def result(self, results):
        """passed | failed | skipped | not run, given the results by name. A test with parameters has several."""
        found = {results[name] for name in results if self._is(name)}
        return next((word for word in ("failed", "passed", "skipped") if word in found), "not run")

    def _is(self, name):
        if not self.case:
            return name == self.program
        program, _, rest = name.partition(" ")
        suite, _, case = rest.partition(".")  # GoogleTest: [instance/]suite[/type].case[/parameter]
        return program == self.program and self.suite in suite.split("/") and case.split("/")[0] == self.case


@dataclass
class Verdict:
    table: list = field(default_factory=list)
    passed: int = 0
    wrong: dict = field(default_factory=dict)  # name of a row or test -> what is wrong


def read_rows(text):
    rows = []
    for line in text.splitlines():
        found = ROW.fullmatch(line)
        if found:
            rows.append(Row(*found.groups()))
        elif line.startswith(REASON) and rows:
            rows[-1].reason = line.removeprefix(REASON)
        elif line and not line.startswith("#"):
            raise ValueError(f"tests/conformance/rows: not a row: {line}")
    return rows


def unit_tests(path, text):
    """The tests of one source file; tests/unit/vrrp/machine_test.cpp is part of the program unit/vrrp."""
    program = "unit/" + path.rpartition("tests/unit/")[2].partition("/")[0]
    return [Test(program, _rows_of(case), suite, case) for suite, case in UNIT_TEST.findall(text)]


def _rows_of(case):
    """V20_V21_Text -> V-20, V-21"""
    prefix = re.match(r"(?:[VRF]\d\d_)+", case)[0]
    return tuple(f"{word[0]}-{word[1:]}" for word in prefix.split("_") if word)


def lab_test(path, text):
    """What a scenario declares; read, not imported."""
    name = os.path.basename(path).removeprefix("scenario_").removesuffix(".py")
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and [getattr(t, "id", "") for t in statement.targets] == ["CONFORMANCE"]:
            return [Test(f"lab/{name}", tuple(ast.literal_eval(statement.value)))]
    return []


def judge(rows, tests, results, ran):
    """`ran`: the parts that this run has run in full, so that all their tests must have a result."""
    verdict = Verdict()
    known = {row.name for row in rows}
    for test in tests:
        for row in set(test.rows) - known:
            verdict.wrong[f"{test}"] = f"there is no row {row}"
    for row in rows:
        verdict.table.append(f"{row.name}  {row.requirement} ({row.reference}; {row.level})")
        lines, problem = _judge_row(row, [test for test in tests if row.name in test.rows], results, ran)
        verdict.table += [f"      {line}" for line in lines]
        if problem:
            verdict.wrong[row.name] = problem
        else:
            verdict.passed += 1
    return verdict


def _judge_row(row, tests, results, ran):
    """(lines for the table, what is wrong)"""
    if not tests:
        if row.reason:
            return [f"does not apply: {row.reason}"], ""
        return ["open"], "no test and no reason why it needs none"
    outcomes = [(test.result(results), test) for test in tests]
    lines = [f"{outcome:8} {test}" for outcome, test in outcomes]
    bad = [f"{test} {outcome}" for outcome, test in outcomes
           if outcome == "failed" or (outcome == "not run" and test.program.partition("/")[0] in ran)]
    return lines, "; ".join(bad)


def run_all(report, ran):
    rows = read_rows(_read(f"{ROOT}/tests/conformance/rows"))
    tests = []
    for path in sorted(glob.glob(f"{ROOT}/tests/unit/**/*_test.cpp", recursive=True)):
        tests += unit_tests(path, _read(path))
    for path in sorted(glob.glob(f"{ROOT}/tests/lab/scenario_*.py")):
        tests += lab_test(path, _read(path))
    problems = self_test()
    if problems:
        report.fail("conformance/self_test", 0.0, "\n".join(problems))
    else:
        report.ok("conformance/self_test", 0.0)
    verdict = judge(rows, tests, report.results, set() if report.name_filter else ran)
    print("\n".join(verdict.table), flush=True)
    for name, text in verdict.wrong.items():
        report.fail(f"conformance/{name}", 0.0, extra=text)
    if verdict.passed:
        report.ok("conformance/rows", 0.0, verdict.passed, f"{verdict.passed} of {len(rows)} rows")


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def self_test():
    """Each rule, once kept and once broken, on a small checklist."""
    rows = read_rows("# comment\nV-01 | M | 9568 1 | one\nV-02 | S | 9568 2 | two\n    does not apply: why\n"
                     "R-01 | M | 4861 1 | three\n")
    source = "TEST(A, V01_Text) {}\nTEST_P(B, V01_R01_Text) {}\nTEST(A, Unrelated) {}\n"
    tests = unit_tests("tests/unit/vrrp/machine_test.cpp", source)
    lab = lab_test("tests/lab/scenario_x.py", 'import lab\nCONFORMANCE = ("V-01",)\n')
    good = {"unit/vrrp A.V01_Text": "passed", "unit/vrrp I/B.V01_R01_Text/0": "passed",
            "unit/vrrp I/B.V01_R01_Text/1": "passed", "lab/x": "passed"}
    every = {"unit", "lab"}
    cases = {
        "all is well": (tests + lab, good, every, set()),
        "nothing has run": (tests + lab, {}, set(), set()),
        "a V row has no test, nor has the R row": ([], good, every, {"V-01", "R-01"}),
        "a case with a parameter fails": (tests, {**good, "unit/vrrp I/B.V01_R01_Text/1": "failed"}, every,
                                          {"V-01", "R-01"}),
        "a unit test did not run": (tests, {"unit/vrrp A.V01_Text": "passed"}, every, {"V-01", "R-01"}),
        "a scenario fails": (tests + lab, {**good, "lab/x": "failed"}, every, {"V-01"}),
        "a test names no row": (tests + [Test("lab/y", ("V-99",))], {**good, "lab/y": "passed"}, every, {"lab/y"}),
        "another program has the same test": (tests, {name.replace("vrrp", "ra"): word for name, word in good.items()},
                                              every, {"V-01", "R-01"}),
    }
    found = {what: set(judge(rows, given, results, ran).wrong) for what, (given, results, ran, _) in cases.items()}
    return [f"{what}: wrong is {sorted(found[what])}, want {sorted(want)}"
            for what, (_, _, _, want) in cases.items() if found[what] != want]
