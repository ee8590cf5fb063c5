# SPDX-License-Identifier: GPL-2.0-or-later
"""The emulator: this machine's own, or Debian 13's for boards that Debian 12's does not know. That one is unpacked beside
it, not installed, and started through its own dynamic loader."""

import functools
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / "build" / "image" / "qemu"
UNPACKED = CACHE / "root"
NAME = "qemu-system-aarch64"


def fetch(board):
    """What command() needs for this board, from Debian's archive unless it is there."""
    if _own_has(board):
        return
    sys.path.append(str(ROOT / "image/recipe"))
    import archive
    native = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
    source = archive.Archive(CACHE / "apt", (native,))  # it locks the folder
    source.update()
    archive.unpack(source.download(["qemu-system-arm"]), UNPACKED)


@functools.cache
def command(board):
    """The words that start an emulator which has this board."""
    if _own_has(board):
        return [NAME]
    libraries = next(path.parent for path in UNPACKED.glob("usr/lib/*/libc.so.6"))
    loader = next(libraries.glob("ld-linux-*.so.*"))
    return [loader, "--library-path", libraries, UNPACKED / "usr/bin" / NAME, "-L", UNPACKED / "usr/share/qemu"]


@functools.cache
def _own_has(board):
    listed = subprocess.run([NAME, "-M", "help"], check=True, capture_output=True, text=True).stdout
    return board in {line.split()[0] for line in listed.splitlines() if line}
