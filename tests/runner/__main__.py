# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/run [all | part …] [name filter]; see EVERYDAY and REST for the parts."""

import concurrent.futures
import glob
import os
import re
import sys
import time

import build
import conformance
import fuzz
import image
import lint
import unit
from report import CI, LAST, ROOT, Report, in_turns, run

ROOTS = [f"{ROOT}/tests/roots/run", "--compile", "debian13", "elsewhere", "service"]
BESIDE = concurrent.futures.ThreadPoolExecutor(1)
beside = {}  # part -> what of it runs already, with what is left of the processor, while the lab does


def run_unit(report):
    unit.run_all(report, "unit", build.unit())


def run_sanitize(report):
    """The same programs, watched by AddressSanitizer and UndefinedBehaviorSanitizer, and the simulation. Where they do not
    run without, as in `all`, this is what the table of conformance asks for."""
    unit.run_all(report, "sanitize" if "unit" in report.parts else "unit", build.sanitize())


def run_essential(report):
    """The scenarios that say ESSENTIAL = "why"."""
    programs = _scenarios(report)
    _run_lab(report, {name: programs[name] for name in _saying("ESSENTIAL", programs)})


def run_lab(report):
    """All scenarios that have not run yet."""
    programs = {name: path for name, path in _scenarios(report).items() if name not in report.results}
    _run_lab(report, programs, start_beside)


def start_beside(report):
    """Work of later parts begins, with what is left of the processor, while the lab mostly waits."""
    if CI and "image" in report.parts and "ULAGATE_IMAGE" not in os.environ:
        beside["image"] = BESIDE.submit(image.build_card, True)
    if CI and "roots" in report.parts:
        build.unit()
        beside["roots"] = BESIDE.submit(run, [*LAST, *ROOTS], 2400)
    if CI and "lint" in report.parts:
        beside["lint"] = lint.Tidy(report, last=True)


def _scenarios(report):
    """Name -> path, of those that are wanted."""
    paths = [*sorted(glob.glob(f"{ROOT}/tests/lab/scenario_*.py")), f"{ROOT}/tests/lab/firewall_packets.py"]
    programs = {f"lab/{os.path.basename(path).removeprefix('scenario_').removesuffix('.py')}": path for path in paths}
    return {name: path for name, path in programs.items() if report.wants(name)}


def _run_lab(report, programs, before_others=None):
    """Three at a time, for each has a sandbox of its own and mostly waits: first those that say ALONE = "why", which run
    by themselves, and then those that say LONG = "why", so that none of them is left over at the end."""
    env = {"ULAGATE_BINARY": build.release()}
    alone, long = _saying("ALONE", programs), _saying("LONG", programs)
    for name in alone:
        report.command(name, ["/usr/bin/python3", programs[name]], 400, env=env)
    if before_others:
        before_others(report)
    others = [name for name in dict.fromkeys([*long, *programs]) if name not in alone]
    for name, done in in_turns([], others, 3, lambda name: run(["/usr/bin/python3", programs[name]], 400, env=env)):
        report.judge(name, done)


def _saying(word, programs):
    """The names of the programs (name: path) that have a line WORD = "why"."""
    return [name for name, path in programs.items()
            if re.search(f"^{word} = ", open(path, encoding="utf-8").read(), re.M)]


def run_kernel(report):
    """The same scenarios and more under Debian's kernel; the rig prints its own lines and its own count."""
    if not os.path.exists(f"{ROOT}/tests/rig/run") or not os.path.exists(f"{ROOT}/tests/rig/suite"):
        report.skip("kernel", "there is no tests/rig/suite yet")
        return
    build.release()
    forward(report, "kernel", run([f"{ROOT}/tests/rig/run"], 1800, env={"ULAGATE_FILTER": report.name_filter}))


def forward(report, name, done):
    """What a program said that prints lines and a count like ours."""
    for line in done.output.splitlines():
        if line.startswith(("PASS", "FAIL", "SKIP", "      |")) or done.code:
            print(line)
        if line.startswith("FAIL"):
            report.reasons[line.split()[1]] = "see above"
    counts = re.findall(r"^(\d+) passed, (\d+) failed$", done.output, re.M)
    if counts:
        report.passed += int(counts[-1][0])
        report.failed += int(counts[-1][1])
    if not counts or (done.code and counts[-1][1] == "0"):
        report.fail(name, done.seconds, done.output, done.ending)


def run_roots(report):
    """On machines where nothing was installed by hand: the build with the other Debian, and in a minimal root of this one what
    was built here. In CI it runs beside the lab, which mostly waits."""
    if "roots" not in beside:
        build.release()
        build.unit()
    forward(report, "roots", beside["roots"].result() if "roots" in beside else run(ROOTS, 2400))


def run_days(report):
    """A tenth of the simulation's days, and all else that it has."""
    _simulate(report, "days", {"ULAGATE_SIM_DAYS": "20"})


def run_sim(report):
    """Days of a site in virtual time: hundreds of them; in CI one hundred."""
    _simulate(report, "sim", {"ULAGATE_SIM_DAYS": "100"} if CI else None)


def _simulate(report, part, env=None):
    """Without sanitizers, and on every core."""
    program = build.simulate()
    shards = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(shards) as pool:
        running = [pool.submit(run, [program], 900, env={"GTEST_TOTAL_SHARDS": str(shards), "GTEST_SHARD_INDEX": str(i),
                                                         **(env or {})})
                   for i in range(shards)]
    for shard, done in enumerate((one.result() for one in running), 1):
        name = f"{part}/shard {shard}"
        passed = done.output.count("[       OK ]")
        cases = done.output.split("[ RUN      ] ")[1:]
        wrong = [case.partition("[----------]")[0] for case in cases if "[       OK ]" not in case]
        for case in wrong:
            report.fail(f"{part}/" + case.partition("\n")[0], done.seconds, case, done.ending)
        if done.code and not wrong:
            report.fail(name, done.seconds, done.output, done.ending)
        elif passed:
            report.ok(name, done.seconds, passed, f"{passed} cases")


def run_fuzz(report):
    build.fuzz()
    fuzz.run_all(report)


def run_lint(report):
    lint.run_format(report)
    lint.run_using(report)
    lint.run_tidy(report, beside.get("lint"))


def run_image(report):
    """Cards in emulated machines; in CI the short cases."""
    image.run_all(report, forward, beside["image"].result() if "image" in beside else None)


def run_bench(report):
    """One after the other, so that they measure; in CI, where they only show that they work, three at a time, but those that
    say ALONE = "why"."""
    _run_benches(report, "bench")


def run_bench_kernel(report):
    """The same under Debian's kernel, with its WireGuard, on an emulated processor several times slower."""
    _run_benches(report, "bench-kernel", [f"{ROOT}/tests/rig/run", "--quiet", "--first", "--timeout", "0", "--"])


def _run_benches(report, part, wrapper=()):
    programs = [path for path in sorted(glob.glob(f"{ROOT}/tests/bench/*.py")) if os.access(path, os.X_OK)]
    if not programs:
        report.skip(part, "there is no benchmark yet")
    env = {"ULAGATE_BINARY": build.release(), "PYTHONPATH": f"{ROOT}/tests/lab"}
    names = {f"{part}/{os.path.basename(path).removesuffix('.py')}": path for path in programs}
    wanted = {name: path for name, path in names.items() if report.wants(name)}
    alone = _saying("ALONE", wanted)
    for name, done in in_turns(alone, [name for name in wanted if name not in alone], 3 if CI else 1,
                               lambda name: run([*wrapper, "/usr/bin/python3", wanted[name]], 600 if CI else 7200, env=env)):
        if done.code == 0:
            print(done.output, end="")
            report.ok(name, done.seconds)
        else:
            report.fail(name, done.seconds, done.output, done.ending)


def run_conformance(report):
    """After all others: it shows what became of their tests. Alone it shows which tests there are."""
    ran = {name.partition("/")[0] for name in report.results}
    if "lab" not in report.parts:
        ran.discard("lab")  # its essential scenarios only
    ran -= {part for part in ran if f"{part}/build" in report.results}
    conformance.run_all(report, ran)


# The everyday proof, in the order in which a mistake shows soonest.
EVERYDAY = {
    "layers": lint.run_layers,
    "unit": run_unit,
    "days": run_days,
    "essential": run_essential,
    "conformance": run_conformance,
}
# What `tests/run all` runs: all that the everyday proof has a part or a quicker form of, and more.
REST = {
    "sanitize": run_sanitize,
    "sim": run_sim,
    "fuzz": run_fuzz,
    "lab": run_lab,
    "kernel": run_kernel,
    "roots": run_roots,
    "image": run_image,
    "bench": run_bench,
    "lint": run_lint,  # in CI what it has come to beside all others since the lab
}
BY_NAME_ONLY = {"bench-kernel": run_bench_kernel}
PARTS = {**EVERYDAY, **REST, **BY_NAME_ONLY}
ALL = ["layers", *REST, "conformance"]
USAGE = f"""usage: tests/run [all | part ...] [name filter]
Without a part, the everyday proof: {" ".join(EVERYDAY)}
all: {" ".join(ALL)}
only by name: {" ".join(BY_NAME_ONLY)}"""


def main(arguments):
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return 0
    parts = ALL if "all" in arguments else [word for word in arguments if word in PARTS] or list(EVERYDAY)
    filters = [word for word in arguments if word not in PARTS and word != "all"]
    if len(filters) > 1:
        sys.exit(f"tests/run: at most one name filter: {' '.join(filters)}\n{USAGE}")
    report = Report(filters[0] if filters else "", parts)
    began = time.monotonic()
    for part in report.parts:
        start = time.monotonic()
        try:
            PARTS[part](report)
        except build.BuildFailed as failure:
            report.fail(f"{part}/build", time.monotonic() - start, failure.output)
        print(f"----  {part}: {time.monotonic() - start:.0f} s, {time.monotonic() - began:.0f} s so far", flush=True)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
