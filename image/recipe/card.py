# SPDX-License-Identifier: GPL-2.0-or-later
"""From files to a slot and a card. Without mounting: mtools writes into the file systems, genimage puts them together."""

import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
MIB = 1 << 20
CONFIG_BYTES = 16 * MIB
# The file system of a slot may be smaller than its partition: what is not there need not be written by an update.
SLOT_BYTES = 96 * MIB
STATE_BYTES = 8 * MIB
# A power of two: QEMU's SD cards must be that. The disk's signature is fixed, as is all else.
CARD_BYTES = 256 * MIB
SIGNATURE = 0x756C6167

# What the boards' own firmware reads. It is the same on all of them; the Pi 5's ignores what it does not know.
CONFIG_TXT = """\
arm_64bit=1
upstream_kernel=1
os_check=0
enable_uart=1
disable_splash=1
boot_delay=0
gpu_mem=16
kernel=kernel8.img
initramfs initrd.img followkernel
# The hardware's timer runs before the kernel does, so that one that hangs is not the end.
kernel_watchdog_timeout=60
"""

# A trial ends by itself: a panic and a first process that never comes both reset the board. The initramfs is a tmpfs, and
# its half of the memory is reckoned before the kernel has what it keeps for the screen (cma) and this archive itself lies
# in: on a small machine less than the root needs. There are few files, so the kernel's tables of them may be small too.
CMDLINE = ("console=tty0 console={console} panic=10 watchdog.open_timeout=60 cma=32M initramfs_options=size=90% "
           "dhash_entries=8192 ihash_entries=4096 loglevel=4 quiet\n")

AUTOBOOT_BYTES = 512

GENIMAGE = """\
image card.img {{
    hdimage {{ partition-table-type = "mbr" disk-signature = {signature:#x} }}
    partition config {{ image = "config.vfat" partition-type = 0x0e offset = 4M size = {config} }}
    partition slot-a {{ image = "slot.vfat" partition-type = 0x0c size = {slot} }}
    partition slot-b {{ partition-type = 0x0c size = {slot} }}
    partition state {{ partition-type = 0xda size = {state} }}
}}
"""


def autoboot():
    """The firmware's choice of slot in one sector. image/boot/slot/boot_choice.cpp writes the same bytes."""
    text = b"[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"
    return text.ljust(AUTOBOOT_BYTES, b"\n")


def environment(epoch):
    return {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC", "MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"}


def fat(folder, file, size, bits, label, volume, epoch):
    """A FAT file system with all files of a folder, in the order of their names."""
    file.unlink(missing_ok=True)
    for path in folder.iterdir():
        path.chmod(0o644)
        os.utime(path, (epoch, epoch))
    with open(file, "wb") as out:
        out.truncate(size)
    subprocess.run(("mkfs.vfat", "--invariant", "-F", str(bits), "-n", label, "-i", f"{volume:08x}", file), check=True,
                   env=environment(epoch), stdout=subprocess.DEVNULL)
    subprocess.run(("mcopy", "-m", "-i", file, *sorted(folder.iterdir()), "::"), check=True, env=environment(epoch))


def slot_folder(board, source, folder, kernel, initrd, device_trees, release_text):
    """All that one slot holds; it needs nothing of the rest of the card."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    # As it is. The boards unpack nothing but gzip, and that would add 4.5 MB to the download, which is compressed better;
    # they read more and unpack nothing.
    shutil.copyfile(kernel, folder / "kernel8.img")
    shutil.copyfile(initrd, folder / "initrd.img")
    for path in device_trees:
        shutil.copyfile(path, folder / path.name)
    for name in board.boot_files:
        shutil.copyfile(source / "usr/lib/raspi-firmware" / name, folder / name)
    (folder / "config.txt").write_text(CONFIG_TXT)
    (folder / "cmdline.txt").write_text(CMDLINE.format(console=board.console))
    (folder / "ulagate-release").write_text(release_text)


def config_folder(board, source, folder):
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    if board.boot_files:
        shutil.copyfile(source / "usr/lib/raspi-firmware/bootcode.bin", folder / "bootcode.bin")
    (folder / "autoboot.txt").write_bytes(autoboot())
    for path in (HERE / "card").iterdir():
        # Windows' editor of old shows lines only with both characters.
        (folder / path.name).write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def assemble(work, slot, config, epoch):
    """card.img, from the two file systems in `work`."""
    content = sum(path.stat().st_size for path in slot.iterdir())
    # Room for the tables, in steps, so that the size of an update does not follow each byte.
    size = (content // (8 * MIB) + 1) * 8 * MIB + 4 * MIB
    if size > SLOT_BYTES:
        raise ValueError(f"{content} bytes of files are too many for a slot")
    fat(slot, work / "slot.vfat", size, 32, "SLOT", SIGNATURE + 1, epoch)
    fat(config, work / "config.vfat", CONFIG_BYTES, 16, "ULAGATE", SIGNATURE + 2, epoch)
    (work / "genimage.cfg").write_text(GENIMAGE.format(signature=SIGNATURE, config=CONFIG_BYTES, slot=SLOT_BYTES,
                                                       state=STATE_BYTES))
    (work / "empty").mkdir(exist_ok=True)
    if (work / "genimage.tmp").exists():
        shutil.rmtree(work / "genimage.tmp")
    done = subprocess.run(("genimage", "--config", work / "genimage.cfg", "--inputpath", work, "--outputpath", work, "--rootpath",
                           work / "empty", "--tmppath", work / "genimage.tmp"), env=environment(epoch), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise OSError(f"genimage: exit {done.returncode}\n{done.stdout[-3000:]}")
    # genimage ends the file where the last content ends.
    os.truncate(work / "card.img", CARD_BYTES)
    return work / "card.img"
