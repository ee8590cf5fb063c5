# SPDX-License-Identifier: GPL-2.0-or-later
"""Each fuzzer for a short while, from its seed corpus, on every core."""

import concurrent.futures
import glob
import os
import shutil
import tempfile

from build import FUZZ
from report import CI, ROOT, run

SECONDS = int(os.environ.get("ULAGATE_FUZZ_SECONDS", "4" if CI else "10"))


def run_all(report):
    programs = [path for path in sorted(glob.glob(f"{FUZZ}/tests/fuzz/fuzz_*")) if os.path.isfile(path)]
    if not programs:
        report.skip("fuzz", "there is no fuzzer yet")
    names = {program: os.path.basename(program).removeprefix("fuzz_") for program in programs}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for running in [pool.submit(_run_one, report, program, name) for program, name in names.items()
                        if report.wants(f"fuzz/{name}")]:
            running.result()


def _run_one(report, program, name):
    with tempfile.TemporaryDirectory() as directory:
        corpus = f"{directory}/corpus"
        seeds = f"{ROOT}/tests/fuzz/corpus/{name}"
        if os.path.isdir(seeds):
            shutil.copytree(seeds, corpus)
        else:
            os.makedirs(corpus)
        done = run([program, f"-max_total_time={SECONDS}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
                    f"-artifact_prefix={directory}/", corpus], SECONDS + 120)
        runs = next((line.split()[-1] for line in done.output.splitlines()
                     if line.startswith("stat::number_of_executed_units")), "?")
        if done.code == 0:
            report.ok(f"fuzz/{name}", done.seconds, extra=f"{runs} runs")
        else:
            report.fail(f"fuzz/{name}", done.seconds, done.output + _findings(directory), done.ending)


def _findings(directory):
    """The input that broke it, as one can paste it into a test."""
    text = ""
    for path in glob.glob(f"{directory}/*-*"):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                text += f"\n{os.path.basename(path)}: {file.read(512)!r}"
    return text
