# SPDX-License-Identifier: GPL-2.0-or-later
"""What a scenario imports. A scenario is a function that raises when it sees something wrong:

    import lab

    def scenario():
        world = lab.build()
        …
        lab.check(…, "what this proves")

    if __name__ == "__main__":
        lab.main(scenario)
"""

import os
import shutil
import sys
import time
import traceback

import sandbox
from classic import Classic, kernel_has_wireguard  # noqa: F401
from daemon import Daemon, Overlay, kernel_state, ours, same_network, toml, wireguard_go_pids  # noqa: F401
from measure import (Capture, Failed, PingStream, RouterAdvertisements, Skip, addresses, can_ping,  # noqa: F401
                     check, check_equal, cpu_seconds, link_local, pss_kib, seconds_until, throughput, wait_for)
from node import CommandFailed, Node, connect, slowness  # noqa: F401
from sandbox import LAB_DIR, Interrupted  # noqa: F401
from topology import OVERLAY, RELAY_NAME, build  # noqa: F401

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_START = time.monotonic()


def step(text):
    print(f"[{time.monotonic() - _START:6.2f} s] {text}", flush=True)


def binary():
    """The program under test: $ULAGATE_BINARY, or what tests/run and tests/demo build."""
    path = os.environ.get("ULAGATE_BINARY", f"{ROOT}/build/release/daemon/ulagate")
    if not os.access(path, os.X_OK):
        raise Skip(f"there is no {path}; tests/run lab builds it")
    return path


def overlay(world, **options):
    return Overlay(world, binary(), **options)


def main(body):
    sandbox.run(lambda: _guarded(body))


def _guarded(body):
    try:
        body()
        step("passed")
        return 0
    except Skip as reason:
        print(f"skipped: {reason}", flush=True)
        return 77
    except (Failed, CommandFailed) as reason:
        frame = traceback.extract_tb(reason.__traceback__)[-1]
        outer = [f for f in traceback.extract_tb(reason.__traceback__) if "scenario_" in f.filename] or [frame]
        show_logs()
        print(f"\nFAILED at {os.path.basename(outer[-1].filename)}:{outer[-1].lineno}: {reason}", flush=True)
        return 1
    except Exception:
        show_logs()
        traceback.print_exc(file=sys.stdout)
        return 1
    finally:
        keep_files()


def show_logs(lines=25):
    """The end of what each daemon of ours said."""
    for directory, _, names in sorted(os.walk(LAB_DIR)):
        for name in sorted(names):
            if name.startswith("ulagate") and name.endswith(".log"):
                with open(f"{directory}/{name}", encoding="utf-8", errors="replace") as file:
                    text = file.read().splitlines()
                print(f"--- {os.path.basename(directory)}/{name}")
                print("\n".join(text[-lines:]))
    sys.stdout.flush()


def keep_files():
    """LAB_KEEP=DIR: all files of the lab (configurations, logs, captures) for a look afterwards."""
    target = os.environ.get("LAB_KEEP")
    if target:
        ignore = lambda directory, names: [n for n in names if not os.path.isfile(f"{directory}/{n}")
                                           and not os.path.isdir(f"{directory}/{n}")]
        shutil.copytree(LAB_DIR, target, dirs_exist_ok=True, ignore=ignore)
