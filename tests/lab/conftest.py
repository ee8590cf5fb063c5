# SPDX-License-Identifier: GPL-2.0-or-later
"""Every scenario_*.py as one test of pytest's: pytest tests/lab -k pair -m "essential and not alone".

A scenario makes namespaces and mounts of its own, so it runs as a process of its own, and this one never needs more than
to wait. With pytest-xdist, `-n 3` runs three at a time; not those that say ALONE.
"""

import ast
import os
import pathlib
import subprocess

import pytest

MARKERS = {"ESSENTIAL": "essential", "ALONE": "alone", "LONG": "slow"}  # module constants: why it is so
MEANING = {"essential": "part of tests/run", "alone": "measures, so that nothing else may run beside it",
           "slow": "takes longer than the others", "needs_kernel": "skips itself where the kernel lacks what it is about"}
LIMIT = 400  # seconds
SKIPPED = 77  # exit code


def pytest_configure(config):
    for marker, meaning in MEANING.items():
        config.addinivalue_line("markers", f"{marker}: {meaning}")


def pytest_collect_file(parent, file_path):
    if file_path.name.startswith("scenario_") and file_path.suffix == ".py":
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


def binary():
    """The program under test."""
    return os.environ.get("ULAGATE_BINARY", str(pathlib.Path(__file__).parents[2] / "build/release/daemon/ulagate"))


class ScenarioFile(pytest.File):
    def collect(self):
        name = self.path.stem.removeprefix("scenario_")
        scenario = Scenario.from_parent(self, name=name)
        for marker in markers(self.path.read_text(encoding="utf-8")):
            scenario.add_marker(marker)
        yield scenario


def markers(source):
    """What a scenario says of itself; read, not imported."""
    tree = ast.parse(source)
    names = [target.id for statement in tree.body if isinstance(statement, ast.Assign)
             for target in statement.targets if isinstance(target, ast.Name)]
    found = [MARKERS[name] for name in names if name in MARKERS]
    if "lab.Skip" in source:
        found.append("needs_kernel")
    return found


class ScenarioFailed(Exception):
    pass


class Scenario(pytest.Item):
    def runtest(self):
        done = subprocess.run(["/usr/bin/python3", "-B", str(self.path)], stdin=subprocess.DEVNULL, capture_output=True,
                              env={**os.environ, "ULAGATE_BINARY": binary()}, timeout=LIMIT, check=False)
        output = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode == SKIPPED:
            pytest.skip(next((line for line in output.splitlines() if "skipped: " in line), "no reason given"))
        if done.returncode:
            raise ScenarioFailed(output)
        self.add_report_section("call", "scenario", output)

    def repr_failure(self, excinfo):
        return str(excinfo.value) if isinstance(excinfo.value, ScenarioFailed) else super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, 0, self.name
