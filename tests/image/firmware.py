# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays the Raspberry Pi's firmware, which no emulator has: reads the card as it does and says what it would start.

What it knows: the MBR, autoboot.txt of the first partition with its [tryboot] section, config.txt and cmdline.txt of the
slot, the compressed kernel, the initramfs and the device tree. A slot that lacks a file stops a real board too, so this
is an error here.
"""

import gzip
import os
import re
import struct
import subprocess
from dataclasses import dataclass

SECTOR = 512
# What config.txt calls the board, and the device tree that upstream_kernel=1 makes the firmware load for it.
BOARDS = {
    "raspi3b": ({"all", "pi3"}, "bcm2837-rpi-3-b.dtb"),
    "raspi4b": ({"all", "pi4"}, "bcm2711-rpi-4-b.dtb"),
    "virt": ({"all"}, None),
}
MTOOLS = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}


class FirmwareError(Exception):
    """The card does not boot: a board would stand still here."""


@dataclass
class Partition:
    number: int
    kind: int
    first_byte: int
    bytes: int


@dataclass
class Boot:
    """What the firmware would start."""
    partition: int
    tryboot: bool
    kernel: bytes
    initrd: bytes
    device_tree: bytes
    command_line: str
    settings: dict


def partitions(card):
    """The four of the MBR, empty ones left out."""
    with open(card, "rb") as file:
        sector = file.read(SECTOR)
    if len(sector) < SECTOR or sector[510:] != b"\x55\xaa":
        raise FirmwareError(f"{card} has no partition table")
    found = []
    for number in range(1, 5):
        kind, first, count = struct.unpack_from("<4xB3xII", sector, 446 + 16 * (number - 1))
        if kind:
            found.append(Partition(number, kind, first * SECTOR, count * SECTOR))
    return found


def partition(card, number):
    for one in partitions(card):
        if one.number == number:
            return one
    raise FirmwareError(f"{card} has no partition {number}")


def read_file(card, number, name):
    """The content of a file of a FAT partition; nothing if it is not there."""
    image = f"{card}@@{partition(card, number).first_byte}"
    done = subprocess.run(["mcopy", "-n", "-i", image, f"::{name}", "-"], stdin=subprocess.DEVNULL,
                          capture_output=True, env=MTOOLS)
    return done.stdout if done.returncode == 0 else None


def settings(text, sections):
    """key=value lines of the sections that apply; the last of a key wins. `initramfs NAME followkernel` has no '='."""
    values, applies = {}, True
    for line in text.splitlines():
        line = line.split("#", 1)[0].strip()
        heading = re.fullmatch(r"\[(.+)\]", line)
        if heading:
            applies = heading.group(1) in sections
        elif applies and line.startswith("initramfs "):
            values["initramfs"] = line.split()[1]
        elif applies and "=" in line:
            key, _, value = line.partition("=")
            values[key.strip()] = value.strip()
    return values


def boot_partition(card, tryboot):
    """autoboot.txt is at most one sector; [tryboot] counts only if tryboot_a_b is on and the flag was set."""
    content = read_file(card, 1, "autoboot.txt")
    if content is None:
        return 1
    if len(content) > SECTOR:
        raise FirmwareError(f"autoboot.txt has {len(content)} bytes; the firmware reads no more than {SECTOR}")
    text = content.decode("ascii")
    usual = settings(text, {"all"})
    if tryboot and usual.get("tryboot_a_b") == "1":
        usual = settings(text, {"all", "tryboot"})
    return int(usual.get("boot_partition", "1"))


def boot(card, board, tryboot=False):
    sections, device_tree = BOARDS[board]
    number = boot_partition(card, tryboot)

    def need(name):
        content = read_file(card, number, name)
        if content is None:
            raise FirmwareError(f"partition {number} of the card has no {name}")
        return content

    config = settings(need("config.txt").decode("ascii"), sections | ({"tryboot"} if tryboot else set()))
    kernel = need(config.get("kernel", "kernel8.img"))
    if kernel[:2] == b"\x1f\x8b":
        kernel = gzip.decompress(kernel)
    if "initramfs" not in config:
        raise FirmwareError(f"config.txt of partition {number} names no initramfs")
    return Boot(number, tryboot, kernel, need(config["initramfs"]),
                need(device_tree) if device_tree else b"",
                need(config.get("cmdline", "cmdline.txt")).decode("ascii").split("\n")[0].strip(), config)
