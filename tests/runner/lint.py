# SPDX-License-Identifier: GPL-2.0-or-later
"""Format, clang-tidy, and which file includes which."""

import concurrent.futures
import glob
import hashlib
import json
import os
import pathlib
import re
import shlex
import time

import build
import layers
from build import RELEASE, clang
from report import LAST, ROOT, run


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


def run_using(report):
    """clang-tidy's misc-unused-using-decls takes a neighbour's use, in what is compiled as one, for a use."""
    start = time.monotonic()
    if not report.wants("lint/using"):
        return
    unused = []
    for name in sources(".cpp"):
        text = pathlib.Path(ROOT, name).read_text(encoding="utf-8")
        words = re.findall(r"^ *using (?:\w+::)+(\w+);$|^ *namespace (\w+) = ", text, re.M)
        unused += [f"{name}: {word} is declared and not used" for word in map("".join, words)
                   if len(re.findall(rf"\b{word}\b", text)) == 1]
    if unused:
        report.fail("lint/using", time.monotonic() - start, "\n".join(unused))
    else:
        report.ok("lint/using", time.monotonic() - start)


def run_tidy(report, begun=None):
    """One test for what is compiled as one. `begun`: what runs already, with what is left of the processor; what it has not
    come to is left for another run."""
    tidy = begun or Tidy(report)
    for name, done in tidy.results(wait=begun is None):
        if done is None:
            report.ok(f"lint/tidy {name}", 0, 1, "as it was when it passed before")
        elif done.code == 0:
            report.ok(f"lint/tidy {name}", done.seconds)
        else:
            report.fail(f"lint/tidy {name}", done.seconds, _without_noise(done.output), done.ending)


class Tidy:
    """clang-tidy over all that is compiled, begun at once. `last`: with what is left of the processor."""

    def __init__(self, report, last=False):
        # Not the sanitized build's commands: what its precompiled headers declare would all be looked at.
        build.configure_release()
        # The compile commands are g++'s, with warnings that clang does not know.
        # What is compiled as one includes source files; that none of ours does is shown by layers/includes.
        self._command = [clang("clang-tidy"), "-p", RELEASE, "--quiet", "--extra-arg=-Wno-unknown-warning-option",
                         "--checks=-bugprone-suspicious-include"]
        self._judged = _Judged(self._command)
        self._last, self._pool = last, concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count())
        names = [name for name in self._judged.commands if report.wants(f"lint/tidy {name}")]
        if last and names:
            # So that each has its turn, where only some are come to.
            head = run(["git", "-c", f"safe.directory={ROOT}", "rev-parse", "HEAD"], 30)
            first = int(head.output[:8], 16) % len(names) if head.code == 0 else 0
            names = names[first:] + names[:first]
        self._running = {name: self._pool.submit(self._one, name) for name in names}

    def results(self, wait):
        """(what is compiled as one, how clang-tidy ended or None when it is known to pass), of all, or without waiting of
        those that have been begun."""
        if not wait:
            left = [name for name, future in self._running.items() if future.cancel()]
            if left:
                print(f"      lint/tidy: {len(self._running) - len(left)} of {len(self._running)} read in the time that was left; "
                      "`tests/run lint` reads all", flush=True)
        for name, future in sorted(self._running.items()):
            if not future.cancelled():
                yield name, future.result()

    def _one(self, name):
        seen = self._judged.seen(name)
        if seen and seen.exists():
            return None
        done = run([*(LAST if self._last else ()), *self._command, self._judged.commands[name]["file"]], 900 if self._last else 180)
        if seen and done.code == 0:
            seen.touch()
        return done


class _Judged:
    """Which files clang-tidy has passed on this machine, in any clone: it is not asked again about the same text (with
    every file that is included), the same compiler options and the same checks."""

    def __init__(self, command):
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        self.folder = cache / "ulagate" / "tidy"
        self.folder.mkdir(parents=True, exist_ok=True)
        version = run([command[0], "--version"], 30).output
        checks = pathlib.Path(f"{ROOT}/.clang-tidy").read_text(encoding="utf-8")
        self.same_for_all = f"{version}\0{checks}\0{command[3:]}"
        with open(f"{RELEASE}/compile_commands.json", encoding="utf-8") as file:
            entries = {self._name(entry): entry for entry in json.load(file)}
        self.commands = {name: entry for name, entry in sorted(entries.items()) if not name.startswith("tests/")}

    @staticmethod
    def _name(entry):
        """"wg/ulagate_wg 1" for the second batch of that library; a file's own name when it is compiled alone."""
        name = os.path.relpath(entry["file"], ROOT)
        return re.sub(r"^build/release/(.*)CMakeFiles/(.*)\.dir/Unity/unity_(\d+)_cxx\.cxx$", r"\1\2 \3", name)

    def seen(self, name):
        """A file that is there when `name`, as it is now, has passed before; None where that cannot be known."""
        entry = self.commands[name]
        words = [word for word in shlex.split(entry["command"]) if not word.endswith("ccache")]
        words = words[:words.index("-o")] + words[words.index("-o") + 2:]
        listed = run([*words, "-M", "-w"], 60, cwd=entry["directory"])
        if listed.code != 0:
            return None
        whole = hashlib.sha256(f"{self.same_for_all}\0{words}".replace(ROOT, ".").encode())
        for path in listed.output.replace("\\\n", " ").split()[1:]:
            whole.update(pathlib.Path(entry["directory"], path).read_bytes())
        return self.folder / whole.hexdigest()


def _without_noise(output):
    return "\n".join(line for line in output.splitlines()
                     if not line.startswith(("Suppressed ", "Use -header-filter")) and " generated." not in line)
