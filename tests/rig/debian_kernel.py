# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernel, downloaded once and unpacked into build/rig."""

import fcntl
import lzma
import pathlib
import subprocess
import sys
import tempfile


def unpacked(cache):
    """The directory of an unpacked kernel package: vmlinux (or boot/vmlinuz) and lib/modules/<release>."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cached = sorted(cache.glob("kernel-*/complete"), key=lambda path: path.stat().st_mtime)
        return cached[-1].parent if cached else _download(cache)


def release(home):
    return next((home / "lib/modules").iterdir()).name


def image(home):
    """What QEMU boots."""
    return home / "vmlinux" if (home / "vmlinux").exists() else next(home.glob("boot/vmlinuz-*"))


def _package():
    depends = subprocess.run(("apt-cache", "depends", "linux-image-amd64"), stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True).stdout.split()
    return next((word for word in depends if word.startswith("linux-image-") and word != "linux-image-amd64"), None)


def _download(cache):
    name = _package()
    if not name:
        subprocess.run(("apt-get", "-q", "update"), stdout=sys.stderr)
        name = _package()
    if not name:
        sys.exit("rig: apt knows no linux-image-amd64")
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        subprocess.run(("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name), cwd=scratch,
                       check=True, stdout=sys.stderr)
        package = next(pathlib.Path(scratch).glob("*.deb"))
        home = cache / ("kernel-" + package.name.split("_")[1].replace("%3a", "."))
        subprocess.run(("rm", "-rf", home), check=True)
        subprocess.run(("dpkg-deb", "-x", package, home), check=True)
    if (home / "usr/lib/modules").is_dir():
        (home / "lib").mkdir(exist_ok=True)
        (home / "usr/lib/modules").rename(home / "lib/modules")
    subprocess.run(("depmod", "-b", home, release(home)), check=True)
    _unpack_image(home)
    (home / "complete").touch()
    return home


def _unpack_image(home):
    """Takes the ELF kernel out of its xz wrapper: the guest would need 10 s of emulated CPU to do the same."""
    packed = next(home.glob("boot/vmlinuz-*")).read_bytes()
    start = packed.find(b"\xfd7zXZ\0")
    if start >= 0:
        image_file = lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(packed[start:])
        if image_file.startswith(b"\x7fELF"):
            (home / "vmlinux").write_bytes(image_file)
