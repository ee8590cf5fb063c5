# SPDX-License-Identifier: GPL-2.0-or-later
"""The builds: what is shipped, what the unit tests run on, what the fuzzers and the simulation run on."""

import os
import shutil
import sys

from report import ROOT, run

RELEASE = f"{ROOT}/build/release"
SANITIZE = f"{ROOT}/build/sanitize"
FUZZ = f"{ROOT}/build/fuzz"
SIMULATE = f"{ROOT}/build/simulate"


class BuildFailed(Exception):
    def __init__(self, output):
        super().__init__("build failed")
        self.output = output


def clang(tool):
    """clang-tidy-14 on Debian 12; later releases have it without a number too."""
    return next((path for path in (shutil.which(f"{tool}-14"), shutil.which(tool)) if path), f"{tool}-14")


def release():
    _build(RELEASE, "-DCMAKE_BUILD_TYPE=Release", "-DULAGATE_TESTS=OFF")
    return f"{RELEASE}/daemon/ulagate"


def sanitize():
    _build(SANITIZE, "-DCMAKE_BUILD_TYPE=Debug", "-DULAGATE_SANITIZE=ON")


def fuzz():
    _build(FUZZ, "-DULAGATE_FUZZ=ON", f"-DCMAKE_CXX_COMPILER={clang('clang++')}")


def simulate():
    _build(SIMULATE, "-DCMAKE_BUILD_TYPE=Release", target="unit_sim")
    return f"{SIMULATE}/tests/unit_sim"


def _build(directory, *options, target="all"):
    if not os.path.exists(f"{directory}/build.ninja"):
        launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        _must(["cmake", "-G", "Ninja", "-S", ROOT, "-B", directory, *options, *launcher])
    _must(["cmake", "--build", directory, "--target", target, "--parallel", str(os.cpu_count() or 1)])


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
