# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guest starts with: busybox, the first modules, what it has to run, and `near`.

`near` is a copy of the files that every test opens again and again. Over 9p each open, each symbolic link and each
name that does not exist costs one or more round trips to the host, and a dynamic program needs some twenty of them
to start. Everything else comes over 9p.
"""

import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys

import debian_kernel

HERE = pathlib.Path(__file__).resolve().parent
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What the guest needs before it can see the rest of /lib/modules; dependencies are added.
MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")
NEAR_PROGRAMS = """cat conntrack cp date env ethtool grep hostname ip iperf3 kill mkdir mkfifo modprobe mount
    nft nsenter ping python3 radvd rm setsid sh sleep ss sysctl tcpdump true unshare wg""".split()
NEAR_MODULES = ("lab", "pair", "random", "report", "statistics")  # and all that they import
NEAR_FILES = ("/etc/group", "/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd",
              "/usr/lib/locale/C.utf8/LC_CTYPE")


class Archive:
    """A cpio archive (newc), as the kernel unpacks it."""

    def __init__(self, file):
        self._file, self._number, self._there = file, 0, set()

    def add(self, name, mode, data=b"", mtime=0):
        if name in self._there:
            return
        self._there.add(name)
        self._number += 1
        encoded = name.encode() + b"\0"
        fields = (self._number, mode, 0, 0, 1, mtime, len(data), 0, 0, 0, 0, len(encoded), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
        for part in (header, data):
            self._file.write(part + bytes(-len(part) % 4))

    def folder(self, name):
        self.add(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        self.add(name, stat.S_IFREG | mode, data)

    def copy(self, path, below):
        """A file, directory (without what is in it) or symbolic link of this machine."""
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            data = os.readlink(path).encode()
        else:
            data = pathlib.Path(path).read_bytes() if stat.S_ISREG(status.st_mode) else b""
        self.add(f"{below}{path}", status.st_mode, data, int(status.st_mtime))

    def end(self):
        self.add("TRAILER!!!", 0)


def write(target, home, tree, near, files):
    """`home`: the unpacked kernel; `near`: programs to have near, beside the usual; `files`: for /rig, by name."""
    with open(target, "wb") as file:
        archive = Archive(file)
        for folder in ("bin", "modules", "rig", "dev", "host", "near", "rw", "new", "proc"):
            archive.folder(folder)
        archive.file("bin/busybox", pathlib.Path("/bin/busybox").read_bytes(), 0o755)
        archive.file("init", (HERE / "init").read_bytes(), 0o755)
        archive.file("rig/guest", (HERE / "guest").read_bytes())
        for name, text in files.items():
            archive.file(f"rig/{name}", text.encode())
        modules = list(_first_modules(home))
        for path in modules:
            archive.file(f"modules/{path.name}", path.read_bytes())
        archive.file("modules/order", "".join(f"{path.name}\n" for path in modules).encode())
        for path in _near(tree, near):
            archive.copy(path, "near")
        archive.end()


def _first_modules(home):
    """In the order in which they can be loaded."""
    found = {}
    for name in MODULES:
        command = ("modprobe", "-d", home, "-S", debian_kernel.release(home), "--show-depends", name)
        for line in _output(*command).splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "insmod":
                found[pathlib.Path(rest.strip())] = None
    return found


def _near(tree, near):
    """Paths of files, and of all links and directories on the way to them."""
    programs = [shutil.which(name, path=PATH) for name in NEAR_PROGRAMS]
    programs = [path for path in programs if path]
    programs += [str(path) for path in near if path.exists()]
    modules = _python_files(tree)
    libraries = re.findall(r"(/\S+) \(0x", _output("ldd", *programs, *[path for path in modules if path.endswith(".so")],
                                                   check=False, stderr=subprocess.DEVNULL))
    found = {}
    for path in (*programs, *modules, *libraries, *NEAR_FILES):
        if os.path.exists(path):
            _add_with_way(path, found)
    return sorted(found)


def _python_files(tree):
    """Modules, in source and compiled."""
    folders = [str(tree / "tests" / folder) for folder in ("lab", "runner")]
    script = (f"import sys\nsys.path += {folders!r}\nimport {', '.join(NEAR_MODULES)}\n"
              "for module in list(sys.modules.values()):\n    print(getattr(module, '__file__', None) or '')\n"
              "    print(getattr(module, '__cached__', None) or '')\n")
    return _output("/usr/bin/python3", "-c", script).split()


def _add_with_way(path, found):
    """Adds a path as it is written, and for each symbolic link in it where it leads."""
    way = "/"
    parts = list(pathlib.PurePath(path).parts[1:])
    while parts:
        part = parts.pop(0)
        if part == "..":
            way = os.path.dirname(way)
            continue
        way = os.path.join(way, part)
        found[way] = None
        if os.path.islink(way):
            link = pathlib.PurePath(os.readlink(way)).parts
            way = "/" if link[0] == "/" else os.path.dirname(way)
            parts = [*(link[1:] if link[0] == "/" else link), *parts]


def _output(*command, check=True, **more):
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, text=True, **more).stdout
