# SPDX-License-Identifier: GPL-2.0-or-later
"""The root file system and the initramfs that carries it."""

import os
import pathlib
import re
import shutil
import stat
import subprocess

import boards

HERE = pathlib.Path(__file__).resolve().parent
LIBRARIES = "usr/lib/aarch64-linux-gnu"
BUSYBOX = "usr/bin/busybox"


class RootError(Exception):
    """Something that the root needs is not where it should be."""


class Root:
    """A directory that becomes the squashfs; remembers what it took from where."""

    def __init__(self, source, target):
        self.source = source
        self.target = target
        self.taken = set()  # paths below source
        if target.exists():
            shutil.rmtree(target)
        target.mkdir(parents=True)
        target.chmod(0o755)

    def folder(self, name, mode=0o755):
        path = self.target / name
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)

    def write(self, name, text, mode=0o644):
        path = self.target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)

    def link(self, name, target):
        path = self.target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def take(self, name, to=None):
        """One file of a package; links are followed, so that a name never dangles."""
        path = self.source / name
        for _ in range(8):
            if not path.is_symlink():
                break
            link = os.readlink(path)
            path = self.source / link.lstrip("/") if link.startswith("/") else path.parent / link
        if not path.is_file():
            raise RootError(f"no package has {name}")
        # Absolute links of the packages lead out of it, so resolve() would not do.
        self.taken.add(os.path.normpath(path.relative_to(self.source)))
        self.write(to or name, path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644)

    def take_matching(self, pattern):
        names = sorted(str(path.relative_to(self.source)) for path in self.source.glob(pattern))
        if not names:
            raise RootError(f"no package has {pattern}")
        for name in names:
            self.take(name)

    def close_libraries(self, readelf):
        """Adds what the programs name as needed, and what that needs."""
        todo = [path for path in self.target.rglob("*") if path.is_file() and not path.is_symlink() and is_elf(path)]
        there = {path.name for path in (self.target / LIBRARIES).glob("*")}
        while todo:
            shown = subprocess.run((readelf, "-dl", *todo), check=True, stdout=subprocess.PIPE, text=True).stdout
            needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", shown))
            todo = []
            for name in sorted(needed - there):
                self.take(f"{LIBRARIES}/{name}")
                there.add(name)
                todo.append(self.target / LIBRARIES / name)
        self.link(f"usr/lib/ld-linux-aarch64.so.1", "aarch64-linux-gnu/ld-linux-aarch64.so.1")


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF" and not path.name.endswith(".ko")


def build(source, target, programs, modules, own_modules, tool, release_text):
    root = Root(source, target)
    for name in ("bin", "lib", "sbin"):
        root.folder(f"usr/{name}")
        root.link(name, f"usr/{name}")
    for name in ("dev", "etc", "mnt", "proc", "run", "sys", "var/lib/misc", "var/lib/ulagate", "var/log"):
        root.folder(name)
    root.folder("root", 0o700)
    root.folder("var/lib/ulagate", 0o700)
    root.folder("tmp", 0o1777)
    root.link("var/run", "../run")
    root.link("var/tmp", "../tmp")
    for name in boards.PROGRAMS:
        root.take(name)
    for pattern in boards.PLUGINS:
        root.take_matching(pattern)
    for path in programs:
        root.write(f"usr/bin/{path.name}", path.read_bytes(), 0o755)
    for name in boards.KMOD_LINKS:
        root.link(f"usr/sbin/{name}", "../bin/kmod")
    _busybox(root)
    root.close_libraries(tool("readelf"))
    for pattern in boards.FIRMWARE:
        root.take_matching(f"usr/lib/firmware/{pattern}")
    for name in ("regulatory.db", "regulatory.db.p7s"):
        # The package chooses between two signers by a link that its script makes.
        root.take(f"usr/lib/firmware/{name}-debian", f"usr/lib/firmware/{name}")
    paths = modules.closure()
    modules.copy(paths, target, tool("strip"))
    root.taken.update(str(path) for path in paths)
    for path in own_modules:
        root.write(f"usr/lib/modules/{modules.release}/updates/{path.name}", path.read_bytes())
    for path in sorted((HERE / "etc").iterdir()):
        root.write(f"etc/{path.name}", path.read_text())
    root.write("etc/ulagate-release", release_text)
    root.folder("etc/ulagate", 0o700)
    root.link("etc/mtab", "../proc/self/mounts")
    root.link("etc/resolv.conf", "../run/resolv.conf")
    if (target / "usr/bin/ulagate-init").exists():
        root.link("usr/sbin/init", "../bin/ulagate-init")
    return root


def _busybox(root):
    """Links for all that it can do and no program here does better; the program itself comes from the initramfs."""
    applets = subprocess.run(("qemu-aarch64-static", root.source / BUSYBOX, "--list"), check=True, stdout=subprocess.PIPE,
                             text=True).stdout.split()
    for name in applets:
        places = [root.target / "usr" / folder / name for folder in ("bin", "sbin")]
        if name not in ("init", "busybox", "linuxrc") and not any(os.path.lexists(place) for place in places):
            root.link(f"usr/bin/{name}", "busybox")


def settle(tree, epoch):
    """One time for all files; no bit that lets others write or runs as somebody else, but for /tmp."""
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink() and path != tree / "tmp":
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o7022)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def squash(tree, file):
    file.unlink(missing_ok=True)
    # Times are settled already; mksquashfs refuses to be told twice. The kernel keeps about six buffers of a block's size:
    # 1M would make the download 1 % smaller and take 3 MB of memory more.
    subprocess.run(("mksquashfs", tree, file, "-all-root", "-noappend", "-no-exports", "-no-xattrs", "-no-progress", "-quiet",
                    "-comp", "zstd", "-Xcompression-level", "22", "-b", "512K"), check=True, stdout=subprocess.DEVNULL)


def initramfs(root, modules, squashfs, tree, file, epoch):
    """busybox, /init, the modules it loads, and the root: a cpio whose bytes depend on nothing else."""
    if tree.exists():
        shutil.rmtree(tree)
    for name in ("bin", "dev", "modules", "proc", "sys"):
        (tree / name).mkdir(parents=True)
    shutil.copyfile(root.source / BUSYBOX, tree / "bin/busybox")
    root.taken.add(BUSYBOX)
    shutil.copyfile(HERE.parent / "boot/initramfs/init", tree / "init")
    os.link(squashfs, tree / "rootfs.squashfs")
    order = modules.early(root.target)
    for path in order:
        shutil.copyfile(path, tree / "modules" / path.name)
    (tree / "modules/order").write_text("".join(f"{path.name}\n" for path in order))
    for path in [tree, *tree.rglob("*")]:
        program = path.is_dir() or path.name in ("busybox", "init")
        path.chmod(0o755 if program else 0o644)
        os.utime(path, (epoch, epoch))
    names = sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))
    with open(file, "wb") as out:
        subprocess.run(("cpio", "--quiet", "-o", "-H", "newc", "--reproducible", "-R", "0:0"), check=True, cwd=tree,
                       input="".join(f"{name}\n" for name in names).encode(), stdout=out)
