# SPDX-License-Identifier: GPL-2.0-or-later
"""Update files for the tests, made of the slot that was built: a good one, and ones that cannot live."""

import os
import pathlib
import subprocess

import cards
import firmware

MAKE = cards.ROOT / "image/boot/slot/make-update"
# The key that belongs to the UPDATE_KEY of the image under test.
KEY = pathlib.Path(os.environ.get("ULAGATE_UPDATE_KEY", cards.ROOT / "build/image/cache/development.pem"))
COMPATIBLES = ("raspberrypi,3-model-b", "linux,dummy-virt")


def release(card, number=2):
    """What the slot says of itself: key=value lines."""
    text = firmware.read_file(card, number, "ulagate-release").decode()
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def make(card, target, later, change=None, version=None, key=KEY):
    """An update file of slot A's content, `later` seconds younger than it; `change` gets the FAT image's path."""
    facts = release(card)
    slot = pathlib.Path(f"{target}.fat")
    slot.write_bytes(cards.region(card, 2))
    if change:
        change(slot)
    compatibles = [word for name in COMPATIBLES for word in ("--compatible", name)]
    subprocess.run([MAKE, "--board", facts["BOARD"], "--version", version or facts["VERSION"] + "+test",
                    "--build-time", str(int(facts["BUILD_TIME"]) + later), *compatibles, "--key", key,
                    "--level", "3", slot, target], check=True)
    slot.unlink()
    return target


def replace_file(slot, name, content):
    subprocess.run(["mcopy", "-o", "-i", slot, "-", f"::{name}"], input=content, check=True, env=firmware.MTOOLS)


def read_file(slot, name):
    return subprocess.run(["mcopy", "-n", "-i", slot, f"::{name}", "-"], check=True, capture_output=True,
                          env=firmware.MTOOLS).stdout


def no_root(slot):
    """The initramfs starts, and finds no root file system that it could read."""
    initrd = bytearray(read_file(slot, "initrd.img"))
    # The archive is not compressed again. busybox, which comes first, has the magic number too.
    at = initrd.index(b"hsqs", initrd.index(b"rootfs.squashfs\0"))
    initrd[at:at + 65536] = bytes(65536)
    replace_file(slot, "initrd.img", bytes(initrd))


def no_initramfs(slot):
    """The kernel finds nothing to run."""
    replace_file(slot, "initrd.img", b"\0" * 4096)
