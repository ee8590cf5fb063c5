# SPDX-License-Identifier: GPL-2.0-or-later
"""One line a test, and the count at the end."""

import concurrent.futures
import fnmatch
import os
import re
import signal
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CI = os.environ.get("ULAGATE_CI") == "1"
SKIPPED = 77  # exit code

# Skips that CI accepts (patterns of names), with the reason. Any other skip is a failure there: a test that never runs
# proves nothing.
EXPECTED_SKIPS = {
    "lab/appliance_pppoe": "this kernel has no PPP; tests/run kernel runs it under Debian's",
    "lab/appliance_uplinks": "this kernel has no VLANs (8021q); tests/run kernel runs it under Debian's",
    "lab/clock": "a clock that a time service keeps is never behind; tests/run kernel runs it in a machine of its own",
    "lab/virtual_mac_vlan": "this kernel has no VLANs (8021q)",
    "*/wg WgKernelBackend.*": "needs WireGuard in the kernel; tests/run kernel runs these under Debian's kernel",
}


def slowness():
    return float(os.environ.get("LAB_SLOW", "1"))


class Report:
    def __init__(self, name_filter="", parts=()):
        self.passed = self.failed = self.skipped = 0
        self.name_filter = name_filter
        self.parts = parts  # of tests/run that were asked for
        self.results = {}  # name of a test -> passed | failed | skipped
        self.reasons = {}  # name of a failed test -> what it said was wrong, in a line

    def wants(self, name):
        return self.name_filter in name

    def _line(self, word, name, seconds, extra=""):
        print(f"{word:4}  {name:44} {seconds:6.1f} s  {extra}".rstrip(), flush=True)

    def ok(self, name, seconds, count=1, extra=""):
        self.passed += count
        self.results[name] = "passed"
        self._line("PASS", name, seconds, extra)

    def fail(self, name, seconds, log="", extra=""):
        self.failed += 1
        self.results[name] = "failed"
        self._line("FAIL", name, seconds, extra)
        lines = log.splitlines()
        wrong = [line for line in lines if line.startswith(("WRONG", "FAIL"))]
        self.reasons[name] = wrong[0] if wrong else extra
        early = [line for line in lines[:-60] if line in wrong]
        for line in [*early[:20], *lines[-60:]]:
            print(f"      | {line}", flush=True)

    def skip(self, name, reason):
        if CI and not any(fnmatch.fnmatch(name, pattern) for pattern in EXPECTED_SKIPS):
            self.fail(name, 0.0, extra=f"skipped, which CI does not accept: {reason}")
            return
        self.skipped += 1
        self.results[name] = "skipped"
        print(f"SKIP  {name:44}           {reason}", flush=True)

    def command(self, name, argv, timeout, **options):
        """Runs one test program and judges it by its exit code."""
        if not self.wants(name):
            return
        self.judge(name, run(argv, timeout, **options))

    def judge(self, name, done):
        if done.code == SKIPPED:
            reasons = re.findall(r"skipped: (.*)", done.output)
            self.skip(name, reasons[-1] if reasons else "no reason given")
        elif done.code == 0:
            self.ok(name, done.seconds)
        else:
            self.fail(name, done.seconds, done.output, done.ending)

    def finish(self):
        # Again, with the reason, where the end of a long log shows it.
        for name, reason in self.reasons.items():
            print(f"failed: {name}: {reason}".removesuffix(": "))
        if self.skipped:
            print(f"({self.skipped} skipped)")
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


class Done:
    def __init__(self, code, output, seconds, ending):
        self.code, self.output, self.seconds, self.ending = code, output, seconds, ending


# Gets what nobody else wants of the processor. Where the kernel shares that between sessions first, the session has to
# be the last one too.
LAST = ("sh", "-c", "echo 19 2>/dev/null >/proc/self/autogroup; exec chrt --idle 0 \"$@\"", "last")


def in_turns(alone, others, at_once, perform):
    """perform() of each in `alone`, one after the other, then of the others, `at_once` at a time: (which, its result) as they
    end."""
    for limit, those in ((1, alone), (at_once, others)):
        with concurrent.futures.ThreadPoolExecutor(limit) as pool:
            running = {pool.submit(perform, one): one for one in those}
            for ended in concurrent.futures.as_completed(running):
                yield running[ended], ended.result()


def run(argv, timeout, env=None, cwd=ROOT):
    """Runs a command in a process group of its own, which ends with it or after timeout seconds."""
    start = time.monotonic()
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               cwd=cwd, env={**os.environ, **(env or {})}, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=timeout * slowness())
        code = process.returncode
        ending = f"exit {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
    except subprocess.TimeoutExpired:
        output, code, ending = _end(process), 124, f"no end after {timeout * slowness():.0f} s"
    except BaseException:
        _end(process)
        raise
    return Done(code, output.decode(errors="replace"), time.monotonic() - start, ending)


def _end(process):
    """First politely, so that a test can say where it was."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            output, _ = process.communicate(timeout=10)
            return output
        except (subprocess.TimeoutExpired, ProcessLookupError):
            continue
    return b""
