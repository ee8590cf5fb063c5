# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages without being root: apt resolves, downloads and verifies in a directory of its own; dpkg-deb unpacks.

No maintainer script ever runs, so nothing here needs the packages' architecture, a chroot or privileges.
"""

import concurrent.futures
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

from mirror import mirror

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# How long the package lists are taken for current.
FRESH = 12 * 3600

PREFERENCES = """\
Explanation: one package comes from there, see boards.py
Package: *
Pin: release n=sid
Pin-Priority: -1

Package: raspi-firmware
Pin: release n=sid
Pin-Priority: 600
"""

SETTINGS = """\
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Post-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir "{home}/";
Dir::State "{home}/lib";
Dir::State::status "{home}/status";
Dir::Cache "{home}/cache";
Dir::Etc "{home}/etc";
Dir::Log "{home}/log";
APT::Architecture "{first}";
APT::Architectures {{ {all} }};
APT::Install-Recommends "false";
APT::Sandbox::User "";
APT::Keep-Downloaded-Packages "true";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "3";
Debug::NoLocking "true";
pkgCacheGen::Essential "none";
quiet "1";
"""


class ArchiveError(Exception):
    """Debian's archive did not give what the recipe asks for."""


@dataclasses.dataclass(frozen=True)
class Package:
    """One downloaded archive: a line of the list of what is in the image."""

    path: pathlib.Path
    name: str
    version: str
    architecture: str
    source: str
    sha256: str

    @property
    def file(self):
        return self.path.name


def package(path):
    fields = subprocess.run(("dpkg-deb", "-f", path, "Package", "Version", "Architecture", "Source"), check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    values = dict(line.split(": ", 1) for line in fields.splitlines() if ": " in line)
    name, version, architecture = (values[key] for key in ("Package", "Version", "Architecture"))
    # "Source: name (version)", absent where both are the package's own.
    source, other = re.fullmatch(r"(\S+)(?: \((.*)\))?", values.get("Source", name)).groups()
    return Package(path, name, version, architecture, f"{source}={other or version}",
                   hashlib.sha256(path.read_bytes()).hexdigest())


class Archive:
    """apt for some architectures; the first one is native."""

    def __init__(self, home, architectures):
        self.home = home.resolve()
        self.architectures = architectures
        for folder in ("etc/apt.conf.d", "etc/preferences.d", "lib/lists/partial", "cache/archives/partial", "log"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        self.lock = open(self.home / "lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        (self.home / "status").touch()
        (self.home / "etc/preferences").write_text(PREFERENCES)
        (self.home / "etc/sources.list").write_text(self._sources())
        settings = SETTINGS.format(home=self.home, first=architectures[0],
                                   all=" ".join(f'"{name}";' for name in architectures))
        (self.home / "apt.conf").write_text(settings)
        self.environment = {**os.environ, "APT_CONFIG": str(self.home / "apt.conf"), "LC_ALL": "C.UTF-8"}

    @staticmethod
    def _sources():
        main, security = mirror()
        key = f"signed-by={KEYRING}"
        return (f"deb [{key}] {main} trixie main non-free-firmware\n"
                f"deb [{key}] {main} trixie-updates main non-free-firmware\n"
                f"deb [{key}] {security} trixie-security main non-free-firmware\n"
                f"deb [{key}] {main} trixie-backports main\n"
                f"deb [{key} check-valid-until=no] {main} sid non-free-firmware\n")

    def update(self, now=False):
        """Reads the package lists, unless that was done lately."""
        stamp = self.home / "updated"
        sources = (self.home / "etc/sources.list").read_text()
        current = stamp.exists() and stamp.read_text() == sources and time.time() - stamp.stat().st_mtime < FRESH
        if current and not now:
            return
        self._run("apt-get", "-o", "APT::Update::Error-Mode=any", "update")
        stamp.write_text(sources)

    def candidate(self, package, field, release=None):
        """A field of the version that apt would install."""
        name = f"{package}/{release}" if release else package
        text = self._run("apt-cache", "--no-all-versions", "show", name)
        found = re.search(rf"^{field}: (.*)$", text, re.MULTILINE)
        if not found:
            raise ArchiveError(f"package {name} has no field {field}")
        return found.group(1)

    def lists_time(self):
        """Another one whenever the lists were read anew."""
        return (self.home / "updated").stat().st_mtime_ns

    def download(self, packages):
        """The archives of these packages and of all that they depend on, sorted by name."""
        def fetch():
            command = ("apt-get", "--yes", "--no-remove", "install", *packages)
            # A listing has only what is not there yet, so it is asked for with an empty cache.
            listing = self._run(*command, "--print-uris", "-o", f"Dir::Cache::Archives={self.home / 'empty'}/")
            archives = self.home / "cache/archives"
            names = sorted(set(re.findall(r"^'[^']*' (\S+\.deb) \d+", listing, re.MULTILINE)))
            if any(not (archives / name).exists() for name in names):
                self._run(*command, "--download-only")
            return [archives / name for name in names]
        return self._remembered("with what they need", packages, fetch)

    def download_alone(self, packages):
        """The archives of just these."""
        def fetch():
            folder = self.home / "alone"
            folder.mkdir(exist_ok=True)
            listing = self._run("apt-get", "download", "--print-uris", *packages)
            names = sorted(re.findall(r"^'[^']*' (\S+\.deb) \d+", listing, re.MULTILINE))
            if len(names) != len(packages):
                raise ArchiveError(f"apt gives {' '.join(names) or 'nothing'} for {' '.join(packages)}")
            if any(not (folder / name).exists() for name in names):
                self._run("apt-get", "download", *packages, folder=folder)
            return [folder / name for name in names]
        return self._remembered("alone", packages, fetch)

    def _remembered(self, how, packages, fetch):
        """What was found for the same question since the lists were read; each archive was read once."""
        question = hashlib.sha256(json.dumps([how, list(packages), self.lists_time()]).encode()).hexdigest()
        answer = self.home / f"answer-{question[:20]}.json"
        if answer.exists():
            found = [Package(pathlib.Path(path), *fields) for path, *fields in json.loads(answer.read_text())]
            if all(one.path.exists() for one in found):
                return found
        paths = fetch()
        missing = [path.name for path in paths if not path.exists()]
        if missing or not paths:
            raise ArchiveError(f"apt did not download {' '.join(missing) or ' '.join(packages)}")
        found = [package(path) for path in paths]
        for old in self.home.glob("answer-*.json"):
            if old.stat().st_mtime_ns < self.lists_time():
                old.unlink()
        answer.write_text(json.dumps([[str(one.path), one.name, one.version, one.architecture, one.source, one.sha256]
                                      for one in found]))
        return found

    def _run(self, *command, folder=None):
        done = subprocess.run(command, env=self.environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace")
        if done.returncode != 0:
            raise ArchiveError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout


def unpack(packages, target):
    """All files of the packages below one directory with Debian 13's links from /bin, /lib, /lib64 and /sbin into /usr.

    What is there already stays when it came from the same archives; True when it did not.
    """
    digest = hashlib.sha256("".join(one.sha256 for one in packages).encode()).hexdigest()
    stamp = target / ".unpacked"
    if stamp.exists() and stamp.read_text() == digest:
        return False
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (target / "usr" / name).mkdir(parents=True)
        (target / name).symlink_to(f"usr/{name}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        listing = list(pool.map(lambda one: _unpack(one, target), packages))
    (target / ".owners").write_text("".join(listing))
    stamp.write_text(digest)
    return True


def _unpack(package, target):
    """Lines "archive path" of what came out."""
    reader = subprocess.Popen(("dpkg-deb", "--fsys-tarfile", package.path), stdout=subprocess.PIPE)
    done = subprocess.run(("tar", "-xv", "--no-same-owner", "--no-same-permissions", "--keep-directory-symlink", "--exclude=./dev/*",
                           "-C", target), stdin=reader.stdout, check=True, stdout=subprocess.PIPE, text=True)
    reader.stdout.close()
    if reader.wait() != 0:
        raise ArchiveError(f"{package.path} cannot be unpacked")
    return "".join(f"{package.file} {name}\n" for name in done.stdout.splitlines() if not name.endswith("/"))


def owners(target):
    """file, as it is reached through /usr -> name of the archive that it came from."""
    found = {}
    for line in (target / ".owners").read_text().splitlines():
        archive, name = line.split(" ", 1)
        name = name.removeprefix("./")
        found[f"usr/{name}" if name.split("/")[0] in ("bin", "lib", "sbin") else name] = archive
    return found
