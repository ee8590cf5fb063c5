# SPDX-License-Identifier: GPL-2.0-or-later
"""The builds: what is shipped (the simulation shares its objects), what the unit tests and the fuzzers run on.

The sanitized builds use clang, which takes half of g++'s time for them; what is shipped is g++'s.
"""

import os
import shutil
import sys

from report import ROOT, run

RELEASE = f"{ROOT}/build/release"
SANITIZE = f"{ROOT}/build/sanitize"
FUZZ = f"{ROOT}/build/fuzz"
# What was compiled once on this machine, in whichever clone, is not compiled again.
os.environ.setdefault("CCACHE_BASEDIR", ROOT)
os.environ.setdefault("CCACHE_NOHASHDIR", "1")
os.environ.setdefault("CCACHE_SLOPPINESS", "pch_defines,time_macros")  # what it asks for with precompiled headers
RELEASE_OPTIONS = ("-DCMAKE_BUILD_TYPE=Release", "-DULAGATE_TESTS=ON")


class BuildFailed(Exception):
    def __init__(self, output):
        super().__init__("build failed")
        self.output = output


def clang(tool):
    """clang-tidy-14 on Debian 12; later releases have it without a number too."""
    return next((path for path in (shutil.which(f"{tool}-14"), shutil.which(tool)) if path), f"{tool}-14")


def _clang_options():
    return f"-DCMAKE_CXX_COMPILER={clang('clang++')}", "-DULAGATE_PRECOMPILE=ON"


def release():
    _build(RELEASE, ["ulagate", "ulagate-appliance"], *RELEASE_OPTIONS)
    return f"{RELEASE}/daemon/ulagate"


def unit():
    """The folder of the unit tests' programs."""
    _build(RELEASE, ["unit_tests"], *RELEASE_OPTIONS)
    return f"{RELEASE}/tests"


def simulate():
    _build(RELEASE, ["unit_sim"], *RELEASE_OPTIONS)
    return f"{RELEASE}/tests/unit_sim"


def sanitize():
    """The folder of the unit tests' programs, with the simulation's."""
    # More debug information than lines costs time, and clang 14 with libstdc++ 12 makes of it what does not assemble.
    _build(SANITIZE, ["unit_tests", "unit_sim"], "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-gline-tables-only",
           "-DULAGATE_SANITIZE=ON", *_clang_options())
    return f"{SANITIZE}/tests"


def fuzz():
    _build(FUZZ, ["all"], "-DULAGATE_FUZZ=ON", *_clang_options())


def configure_release():
    """compile_commands.json and the generated headers only; with the files that have come since it was made."""
    _configure(RELEASE, *RELEASE_OPTIONS)
    _must(["ninja", "-C", RELEASE, "build.ninja"])


def _configure(directory, *options):
    if not os.path.exists(f"{directory}/build.ninja"):
        launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        _must(["cmake", "-G", "Ninja", "-S", ROOT, "-B", directory, *options, *launcher])


def _build(directory, targets, *options):
    _configure(directory, *options)
    _must(["cmake", "--build", directory, "--target", *targets, "--parallel", str(os.cpu_count() or 1)])


def _must(argv):
    done = run(argv, 1500)
    if done.code != 0:
        tail = "\n".join(done.output.splitlines()[-60:])
        raise BuildFailed(f"{' '.join(argv)}: {done.ending}\n{tail}")


if __name__ == "__main__":
    try:
        print(release())
    except BuildFailed as failure:
        sys.exit(failure.output)
