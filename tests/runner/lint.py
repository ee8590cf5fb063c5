# SPDX-License-Identifier: GPL-2.0-or-later
"""Format, clang-tidy, and which file includes which."""

import concurrent.futures
import glob
import os
import time

import build
import layers
from build import SANITIZE, clang
from report import ROOT, run


def sources(*endings):
    """Tracked files; in a tree without git, all."""
    listed = run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"], 30)
    if listed.code == 0:
        names = [name for name in listed.output.split("\0") if name]
    else:
        names = [os.path.relpath(path, ROOT) for folder in (*layers.FOLDERS, "tests")
                 for path in glob.glob(f"{ROOT}/{folder}/**", recursive=True)]
    return sorted(name for name in names if name.endswith(endings) and os.path.exists(f"{ROOT}/{name}"))


def run_layers(report):
    start = time.monotonic()
    for name, found in (("layers/self_test", layers.self_test()),
                        ("layers/includes", layers.findings(layers.load(ROOT)))):
        if not report.wants(name):
            continue
        if found:
            report.fail(name, time.monotonic() - start, "\n".join(found))
        else:
            report.ok(name, time.monotonic() - start)


def run_format(report):
    report.command("lint/format", [clang("clang-format"), "--dry-run", "-Werror", *sources(".h", ".cpp")], 120)


def run_tidy(report):
    """One test a file: clang-tidy takes 3 to 15 s for each."""
    names = [name for name in sources(".cpp") if not name.startswith("tests/") and report.wants(f"lint/tidy {name}")]
    if not names:
        return
    build.sanitize()  # for its compile_commands.json and generated headers
    # The compile commands are g++'s, with warnings that clang does not know.
    command = [clang("clang-tidy"), "-p", SANITIZE, "--quiet", "--extra-arg=-Wno-unknown-warning-option"]
    tidy = lambda name: (name, run([*command, f"{ROOT}/{name}"], 180))
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for name, done in pool.map(tidy, names):
            if done.code == 0:
                report.ok(f"lint/tidy {name}", done.seconds)
            else:
                report.fail(f"lint/tidy {name}", done.seconds, _without_noise(done.output), done.ending)


def _without_noise(output):
    return "\n".join(line for line in output.splitlines()
                     if not line.startswith(("Suppressed ", "Use -header-filter")) and " generated." not in line)
