# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs of the firmware, compiled for arm64 by Debian 13's compiler against Debian 13's libraries.

The compiler and the libraries are unpacked side by side, not installed: each tool is started through that root's own
dynamic loader, since this machine's libraries may be older than the tools want.
"""

import os
import pathlib
import shutil
import subprocess

import archive

TREE = pathlib.Path(__file__).resolve().parent.parent.parent
TRIPLET = "aarch64-linux-gnu"
TOOLS = ("g++-aarch64-linux-gnu", "libexpected-dev")
# Compare with tests/setup, purpose build.
LIBRARIES = ("libc6-dev", "libstdc++6", "libboost-dev", "libboost-json-dev", "libnl-3-dev", "libnl-route-3-dev", "libmnl-dev",
             "libnftables-dev", "libnftnl-dev", "libtomlplusplus-dev", "libfmt-dev", "libsodium-dev", "libc-ares-dev",
             "libqrencode-dev", "libzstd-dev")
PROGRAMS = ("ulagate", "ulagate-appliance", "ulagate-init")

LOADER = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
STARTER = """\
#!/bin/sh
exec {root}/{loader} --argv0 "$0" --library-path {root}/usr/lib/x86_64-linux-gnu {program} "$@"
"""

TOOLCHAIN = """\
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_SYSROOT {root})
set(CMAKE_CXX_COMPILER {root}/usr/bin/{triplet}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE {triplet})
set(CMAKE_FIND_ROOT_PATH {root})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{{PKG_CONFIG_SYSROOT_DIR}} {root})
set(ENV{{PKG_CONFIG_LIBDIR}} {root}/usr/lib/{triplet}/pkgconfig:{root}/usr/share/pkgconfig)
# No path of the machine that builds goes into a program: neither in messages nor in what a link remembers.
set(CMAKE_CXX_FLAGS_INIT "-ffile-prefix-map={root}=")
set(CMAKE_SKIP_RPATH ON)
"""


class CrossRoot:
    """Where the compiler is, and what it is made of."""

    def __init__(self, path, packages):
        self.path = path
        self.packages = packages

    def tool(self, name):
        return self.path / "usr/bin" / f"{TRIPLET}-{name}"


def make_root(cache, source):
    """The unpacked compiler and libraries."""
    packages = source.download([*TOOLS, *(f"{name}:arm64" for name in LIBRARIES)])
    root = (cache / "cross").resolve()
    if archive.unpack(packages, root) or not (root / ".started-from").exists() \
            or (root / ".started-from").read_text() != str(root):
        wrap([root / "usr/bin", root / f"usr/libexec/gcc-cross/{TRIPLET}/14"], root)
        (root / ".started-from").write_text(str(root))
    return CrossRoot(root, packages)


def wrap(folders, root):
    """Puts a script in the place of each program of this machine's kind, which starts it with the root's libraries."""
    for folder in folders:
        for path in sorted(folder.iterdir()):
            program = path if path.name.endswith(".elf") else path.with_name(path.name + ".elf")
            if path.is_symlink() or not path.is_file() or not os.access(path, os.X_OK):
                continue
            if path != program:
                with open(path, "rb") as file:
                    head = file.read(20)
                # Executables of amd64; plugins are left alone.
                if head[:4] != b"\x7fELF" or head[18:20] != b"\x3e\0" or ".so" in path.name:
                    continue
                path.rename(program)
            script = program.with_name(program.name.removesuffix(".elf"))
            script.write_text(STARTER.format(root=root, loader=LOADER, program=program))
            script.chmod(0o755)


def build_programs(cross, build, jobs, version):
    """Paths of the stripped programs that there are; the tree decides which."""
    build.mkdir(parents=True, exist_ok=True)
    toolchain = build / "toolchain.cmake"
    # What CMake has noted of a tree that lay elsewhere is of no use.
    text = f"# {TREE} {build}\n" + TOOLCHAIN.format(root=cross.path, triplet=TRIPLET)
    if not toolchain.exists() or toolchain.read_text() != text:
        for left in build.glob("CMake*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        toolchain.write_text(text)
    environment = {**os.environ, "CCACHE_DIR": str(build / "ccache"), "CCACHE_COMPILERCHECK": "content",
                   "CCACHE_BASEDIR": str(TREE), "CCACHE_NOHASHDIR": "1", "CCACHE_SLOPPINESS": ""}
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    run(("cmake", "-G", "Ninja", "-S", TREE, "-B", build, f"-DCMAKE_TOOLCHAIN_FILE={toolchain}",
         "-DCMAKE_BUILD_TYPE=MinSizeRel", "-DULAGATE_TESTS=OFF", "-DULAGATE_IMAGE=ON", f"-DULAGATE_VERSION={version}", *launcher), environment)
    known = subprocess.run(("ninja", "-C", build, "-t", "targets", "all"), env=environment, check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    targets = [name for name in PROGRAMS if f"\n{name}: phony" in known]
    run(("ninja", "-C", build, "-j", str(jobs), *targets), environment)
    stripped = []
    for name in targets:
        made = next(path for path in build.glob(f"**/{name}") if path.is_file() and os.access(path, os.X_OK))
        target = build / "stripped" / name
        target.parent.mkdir(exist_ok=True)
        run((cross.tool("strip"), "--strip-all", "--remove-section=.comment", "-o", target, made), environment)
        stripped.append(target)
    return stripped


class CompileError(Exception):
    """A compiler or a tool of it said no."""


def run(command, environment, folder=None):
    done = subprocess.run([str(word) for word in command], env=environment, stdin=subprocess.DEVNULL, cwd=folder,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-60:])
        raise CompileError(f"{' '.join(str(word) for word in command)}: exit {done.returncode}\n{tail}")
