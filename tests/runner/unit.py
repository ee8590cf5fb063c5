# SPDX-License-Identifier: GPL-2.0-or-later
"""GoogleTest programs; every case counts as one test."""

import concurrent.futures
import glob
import json
import os
import re
import tempfile

import build
from report import run


def run_all(report, part, folder):
    """The programs in `folder`, as many at once as there are processors, the biggest first."""
    programs = [path for path in glob.glob(f"{folder}/unit_*") if os.path.isfile(path) and os.access(path, os.X_OK)
                and path != f"{build.RELEASE}/tests/unit_sim"]  # which has a part of its own
    programs.sort(key=os.path.getsize, reverse=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, done, cases in pool.map(lambda program: _run_one(report, part, program), programs):
            _judge(report, name, done, cases)


def _run_one(report, part, program):
    name = f"{part}/" + os.path.basename(program).removeprefix("unit_")
    select = []
    if not report.wants(name):
        select = [f"--gtest_filter=*{report.name_filter}*"]
    with tempfile.TemporaryDirectory() as directory:
        result = f"{directory}/result.json"
        done = run([program, f"--gtest_output=json:{result}", *select], 300, env={"UBSAN_OPTIONS": "print_stacktrace=1"})
        return name, done, _cases(result)


def _judge(report, name, done, cases):
    said = _said(done.output)
    failures = passed = 0
    for case in cases:
        case_name = f"{case['classname']}.{case['name']}"
        text = said.get(case_name, "")
        if case.get("failures"):
            failures += 1
            report.fail(f"{name} {case_name}", float(case["time"].rstrip("s")), text)
        elif case.get("result") == "SKIPPED":
            report.skip(f"{name} {case_name}", " ".join(text.splitlines()[1:]))  # the first line says where
        else:
            passed += 1
            report.results[f"{name} {case_name}"] = "passed"
    if done.code != 0 and not failures:
        report.fail(name, done.seconds, done.output, f"{done.ending}, {len(cases)} cases reported")
    elif passed:
        report.ok(name, done.seconds, passed, f"{passed} cases")


def _said(output):
    """What each case printed, by its name."""
    texts = {}
    for text in re.split(r"^\[ RUN      \] ", output, flags=re.M)[1:]:
        case_name, _, rest = text.partition("\n")
        texts[case_name] = re.split(r"^\[ +(?:OK|FAILED|SKIPPED) +\]", rest, maxsplit=1, flags=re.M)[0]
    return texts


def _cases(path):
    try:
        with open(path, encoding="utf-8") as file:
            suites = json.load(file)["testsuites"]
    except (OSError, ValueError):
        return []  # it crashed before it could write
    return [case for suite in suites for case in suite["testsuite"] if case.get("status") == "RUN"]
