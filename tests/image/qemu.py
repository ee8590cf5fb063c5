#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The emulator: this machine's own, or Debian 13's for boards that Debian 12's does not know. That one is unpacked beside
it, not installed, and started through its own dynamic loader.

    tests/image/qemu.py BOARD     fetches what the board needs; the cases themselves have no network
"""

import functools
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / "build" / "image" / "qemu"
UNPACKED = CACHE / "root"
NAME = "qemu-system-aarch64"


@functools.cache
def command(board):
    """The words that start an emulator which has this board."""
    if _own_has(board):
        return [NAME]
    if not UNPACKED.exists():
        from measure import Skip
        raise Skip(f"{NAME} of this machine knows no {board}; tests/run image fetches one that does")
    libraries = next(path.parent for path in UNPACKED.glob("usr/lib/*/libc.so.6"))
    loader = next(libraries.glob("ld-linux-*.so.*"))
    return [loader, "--library-path", libraries, UNPACKED / "usr/bin" / NAME, "-L", UNPACKED / "usr/share/qemu"]


def _own_has(board):
    listed = subprocess.run([NAME, "-M", "help"], check=True, capture_output=True, text=True).stdout
    return board in {line.split()[0] for line in listed.splitlines() if line}


def main(board):
    if _own_has(board):
        return
    sys.path.append(str(ROOT / "image/recipe"))
    import archive
    native = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
    source = archive.Archive(CACHE / "apt", (native,))  # it locks the folder
    source.update()
    archive.unpack(source.download(["qemu-system-arm"]), UNPACKED)
    print(*command(board))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main(*sys.argv[1:])
