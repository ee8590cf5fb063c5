# SPDX-License-Identifier: GPL-2.0-or-later
"""GoogleTest programs, run with the sanitizers; every case counts as one test."""

import glob
import json
import os
import tempfile

from build import SANITIZE
from report import run


def run_all(report):
    for program in sorted(glob.glob(f"{SANITIZE}/tests/unit_*")):
        if os.path.isfile(program) and os.access(program, os.X_OK):
            _run_one(report, program)


def _run_one(report, program):
    name = "unit/" + os.path.basename(program).removeprefix("unit_")
    select = []
    if not report.wants(name):
        select = [f"--gtest_filter=*{report.name_filter}*"]
    with tempfile.TemporaryDirectory() as directory:
        result = f"{directory}/result.json"
        done = run([program, f"--gtest_output=json:{result}", "--gtest_brief=1", *select], 300,
                   env={"UBSAN_OPTIONS": "print_stacktrace=1"})
        cases = _cases(result)
    failures = [case for case in cases if case.get("failures")]
    for case in failures:
        text = "\n".join(failure["failure"] for failure in case["failures"])
        report.fail(f"{name} {case['classname']}.{case['name']}", float(case["time"].rstrip("s")), text)
    for case in cases:
        if case.get("result") == "SKIPPED":
            reasons = [skip["message"] for skip in case.get("skipped", []) if "message" in skip]
            report.skip(f"{name} {case['classname']}.{case['name']}", " ".join(reasons).replace("\n", " "))
    passed = sum(case.get("result") == "COMPLETED" and not case.get("failures") for case in cases)
    if done.code != 0 and not failures:
        report.fail(name, done.seconds, done.output, f"{done.ending}, {len(cases)} cases reported")
    elif passed:
        report.ok(name, done.seconds, passed, f"{passed} cases")


def _cases(path):
    try:
        with open(path, encoding="utf-8") as file:
            suites = json.load(file)["testsuites"]
    except (OSError, ValueError):
        return []  # it crashed before it could write
    return [case for suite in suites for case in suite["testsuite"] if case.get("status") == "RUN"]
