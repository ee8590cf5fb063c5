# SPDX-License-Identifier: GPL-2.0-or-later
"""Our own module, built against the headers of the very kernel that the image takes."""

import hashlib
import os
import re
import shutil

import archive
import cross

SOURCE = cross.TREE / "image/boot/tryboot"


def build(cache, source, compiler, release):
    """The stripped module, and the packages with headers that it was made with."""
    version, _ = release.rsplit("-", 1)
    packages = source.download_alone([f"linux-headers-{release}:arm64", f"linux-headers-{version}-common", f"linux-kbuild-{version}:amd64"])
    home = (cache / f"headers-{release}").resolve()
    started = home / ".started-from"
    # What was made ready in another place names files there: in a tree that was moved or copied.
    place = f"{home}\n{compiler.path}\n"
    if started.exists() and started.read_text() != place:
        shutil.rmtree(home)
    if archive.unpack(packages, home) or not started.exists():
        scripts = home / f"usr/lib/linux-kbuild-{version}/scripts"
        cross.wrap([scripts, *(path for path in scripts.rglob("*") if path.is_dir())], compiler.path)
        makefile = home / f"usr/src/linux-headers-{release}/Makefile"
        # The package names itself by where it would be installed.
        makefile.write_text(re.sub(r"(?<=[ =])/usr/src/", f"{home}/usr/src/", makefile.read_text()))
        started.write_text(place)
    work = cache / f"module-{release}"
    state = hashlib.sha256("".join([str(compiler.path), *(one.sha256 for one in [*compiler.packages, *packages]),
                                    *(path.read_text() for path in sorted(SOURCE.iterdir()))]).encode()).hexdigest()
    stamp = work / ".made-from"
    if stamp.exists() and stamp.read_text() == state:
        return next(work.glob("*.ko")), packages
    if work.exists():
        shutil.rmtree(work)
    shutil.copytree(SOURCE, work)
    environment = {**os.environ, "PATH": f"{compiler.path}/usr/bin:{os.environ['PATH']}"}
    # The path of the build would be in the module's messages. Types for tracers would need pahole, and are stripped anyway.
    cross.run(("make", "-C", home / f"usr/src/linux-headers-{release}", f"M={work}", "ARCH=arm64",
               f"CROSS_COMPILE={cross.TRIPLET}-", "CONFIG_DEBUG_INFO_BTF_MODULES=",
               f"KCFLAGS=-ffile-prefix-map={work}= -ffile-prefix-map={home}=", "modules"), environment)
    made = next(work.glob("*.ko"))
    cross.run((compiler.tool("strip"), "--strip-unneeded", "--remove-section=.BTF", "--remove-section=.comment", made), environment)
    stamp.write_text(state)
    return made, packages
