# SPDX-License-Identifier: GPL-2.0-or-later
"""The emulator: this machine's own, or Debian 13's for boards that Debian 12's does not know. That one is unpacked beside
it, not installed, and started through its own dynamic loader."""

import fcntl
import functools
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / "build" / "image" / "qemu"
NAME = "qemu-system-aarch64"
sys.path.append(str(ROOT / "image/recipe"))
import archive  # noqa: E402


@functools.cache
def command(board):
    """The words that start an emulator which has this board."""
    own = subprocess.run([NAME, "-M", "help"], check=True, capture_output=True, text=True).stdout
    if any(line.split()[0] == board for line in own.splitlines() if line):
        return [NAME]
    root = _unpacked()
    libraries = next(path.parent for path in root.glob("usr/lib/*/libc.so.6"))
    loader = next(path for path in libraries.glob("ld-linux-*.so.*"))
    return [loader, "--library-path", libraries, root / "usr/bin" / NAME, "-L", root / "usr/share/qemu"]


def _unpacked():
    CACHE.mkdir(parents=True, exist_ok=True)
    native = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        source = archive.Archive(CACHE / "apt", (native,))
        source.update()
        archive.unpack(source.download(["qemu-system-arm"]), CACHE / "root")
    return CACHE / "root"
