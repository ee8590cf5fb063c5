# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards for the machines: copies of the image that was built, each with its own files on the FAT partition."""

import os
import pathlib
import subprocess

import firmware
from measure import Failed, Skip

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SIZE = 256 << 20  # an SD card in QEMU has a power of two


def image(kind="rpi"):
    """The card image under test: $ULAGATE_IMAGE, or what tests/run image builds; those of other boards lie beside it."""
    path = pathlib.Path(os.environ.get("ULAGATE_IMAGE", ROOT / "build/image/ulagate-rpi.img"))
    if kind != "rpi":
        path = path.with_name(f"ulagate-{kind}.img")
    if not path.exists():
        raise Skip(f"there is no {path}; tests/run image builds it")
    return path


def make(target, files, kind="rpi", written=None):
    """A card of that kind with these files (name -> bytes or text) on its first partition; `written`: see put()."""
    target = pathlib.Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--sparse=always", image(kind), target], check=True)
    os.truncate(target, max(SIZE, target.stat().st_size))
    put(target, 1, files, written)
    return target


def put(card, number, files, written=None):
    """Puts files on a FAT partition, as a PC in UTC would whose clock says `written` (seconds since 1970; else now)."""
    where = f"{card}@@{firmware.partition(card, number).first_byte}"
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        _mtools(["mcopy", "-o", "-i", where, "-", f"::{name}"], data, written)


def delete(card, number, name):
    _mtools(["mdel", "-i", f"{card}@@{firmware.partition(card, number).first_byte}", f"::{name}"], b"")


def _mtools(command, data, written=None):
    clock = {"SOURCE_DATE_EPOCH": str(written)} if written else {}
    done = subprocess.run(command, input=data, capture_output=True, env={**firmware.MTOOLS, "TZ": "UTC", **clock})
    if done.returncode:
        raise Failed(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")


def region(card, number):
    """The bytes of a whole partition."""
    part = firmware.partition(card, number)
    with open(card, "rb") as file:
        file.seek(part.first_byte)
        return file.read(part.bytes)


def overwrite(card, number, offset, data):
    """Breaks something on a partition."""
    part = firmware.partition(card, number)
    with open(card, "r+b") as file:
        file.seek(part.first_byte + offset)
        file.write(data)


def append(card, data):
    """Puts bytes behind everything that is on a card, which becomes twice as large; returns where, in MiB."""
    behind = card.stat().st_size
    if len(data) > behind:
        raise Failed(f"{len(data)} bytes are too many to be put behind {behind}")
    with open(card, "r+b") as file:
        file.seek(behind)
        file.write(data)
    os.truncate(card, 2 * behind)  # a power of two, still
    return behind >> 20
