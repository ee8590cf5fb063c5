#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What image/build promises: sizes, equal bytes twice, what is in the image and what must not be.

  check_build.py [--board rpi|rpi5]... [--once rpi|rpi5]... [--cache DIR] [--name FILTER] [--keep DIR] [--programs DIR]

Builds as uid nobody when it is started by root, else as whoever starts it. The cache keeps packages and objects between
runs; nothing else is taken from an earlier build.
"""

import argparse
import hashlib
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "tests/runner"), str(ROOT / "image/recipe")]
import boards  # noqa: E402
from report import Report  # noqa: E402

NOBODY = 65534
# Of processor time, once everything is compiled: a minute on two processors. The clock on the wall depends on who else works.
BUILD_SECONDS = 120
LIMITS = {"rpi": 30_000_000, "rpi5": 36_000_000}
DEVICE_TREES = {
    "rpi": {"raspberrypi,3-model-b", "raspberrypi,3-model-a-plus", "raspberrypi,3-model-b-plus", "raspberrypi,model-zero-2-w",
            "raspberrypi,4-model-b", "raspberrypi,400", "raspberrypi,4-compute-module"},
    "rpi5": {"raspberrypi,5-model-b"},
}
# Without these something that the README promises does not work: the drivers of each board's network, the watchdog, what
# the router's and the firewall's netlink asks for, the ciphers of WPA that no module names as a hard dependency.
MODULES = {
    "both": """bcm2835_wdt i6300esb virtio_mmio virtio_net virtio_blk wireguard macvlan 8021q bridge veth nf_tables nft_ct
        nft_nat nft_masq nft_chain_nat nft_reject_inet nft_fib_inet nft_log nft_limit brcmfmac brcmfmac_wcc cdc_ether cdc_ncm
        rndis_host huawei_cdc_ncm ipheth ax88179_178a asix r8152 lan78xx smsc95xx xhci_hcd dwc2 vfat nls_ascii
        mmc_block sdhci_iproc squashfs overlay loop ccm gcm cmac ctr aes_ce_blk aes_neon_bs pppoe rtc_ds1307 rtc_pcf8523
        usb_storage sd_mod vc4 usbhid ulagate_tryboot""",
    "rpi": "genet reset_raspberrypi bcm2835 raspberrypi_cpufreq",
    "rpi5": "macb rp1_pci clk_rp1 pinctrl_rp1 sdhci_brcmstb",
}
OURS = re.compile(r"etc/|usr/bin/ulagate|usr/lib/modules/[^/]*/(updates/|modules\.)")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, **options).stdout


AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
# Where uid nobody finds a tree that lies below a folder which only its owner may enter.
ELSEWHERE = pathlib.Path("/mnt/ulagate")
SHOWN = """
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir "$1"
mount --bind "$2" "$1"
cd "$1"
shift 2
exec "$@"
"""


def build(board, out, cache, programs):
    """Makes the image as somebody without privileges."""
    tree, before = ROOT, []
    if os.geteuid() == 0:
        before = [*AS_NOBODY]
        if subprocess.run((*AS_NOBODY, "test", "-r", ROOT / "image/build"), stderr=subprocess.DEVNULL).returncode != 0:
            tree = ELSEWHERE
            before = ["unshare", "--mount", "sh", "-ec", SHOWN, "shown", tree, ROOT, *AS_NOBODY]
    if cache.is_relative_to(ROOT):
        cache = tree / cache.relative_to(ROOT)
    command = [*before, tree / "image/build", "--board", board, "--out", out, "--cache", cache]
    if programs:
        command += ["--programs", programs]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8",
                   **{key: value for key, value in os.environ.items() if key.endswith("_proxy")}}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    return done.returncode, done.stdout


class Image:
    """The pieces of a card, taken apart with other tools than those that made it."""

    def __init__(self, board, out, work, cache):
        self.board = board
        self.out = out
        self.cache = cache
        self.slot = work / "slot"
        self.slot.mkdir()
        raw = work / "card.img"
        with open(raw, "wb") as file:
            subprocess.run(("xz", "-dc", out / f"ulagate-{board}.img.xz"), check=True, stdout=file)
        self.card = raw
        table = raw.read_bytes()[446:510]
        self.partitions = [(entry[4], int.from_bytes(entry[8:12], "little") * 512, int.from_bytes(entry[12:16], "little") * 512)
                           for entry in (table[at:at + 16] for at in range(0, 64, 16))]
        environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
        self.config = work / "config"
        self.config.mkdir()
        for folder, number in ((self.config, 0), (self.slot, 1)):
            run("mcopy", "-i", f"{raw}@@{self.partitions[number][1]}", "::*", folder, env=environment)
        self.initramfs = work / "initramfs"
        self.initramfs.mkdir()
        with open(self.slot / "initrd.img", "rb") as file:
            subprocess.run(("cpio", "-idm", "--quiet", "--no-absolute-filenames"), stdin=file, cwd=self.initramfs, check=True)
        self.root = work / "root"
        run("unsquashfs", "-no-progress", "-quiet", "-no-xattrs", "-d", self.root, self.initramfs / "rootfs.squashfs",
            stderr=subprocess.DEVNULL)
        self.release = next((self.root / "usr/lib/modules").iterdir()).name
        self.bill = [line.split() for line in (out / f"ulagate-{board}.packages").read_text().splitlines() if not line.startswith("#")]

    def files(self):
        return [path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink()]


def size(image):
    """The download is not larger than allowed."""
    found = (image.out / f"ulagate-{image.board}.img.xz").stat().st_size
    if found > LIMITS[image.board]:
        return f"{found} bytes of {LIMITS[image.board]}"
    if boards.BOARDS[image.board].limit != LIMITS[image.board]:
        return "image/build has another limit"
    return ""


def partitions(image):
    """Four partitions where the firmware and the updates look for them, and nothing but zeros in the second slot."""
    kinds = [kind for kind, _, _ in image.partitions]
    if kinds != [0x0E, 0x0C, 0x0C, 0xDA]:
        return f"types {kinds}"
    _, start, length = image.partitions[2]
    with open(image.card, "rb") as file:
        file.seek(start)
        if any(file.read(length)):
            return "slot B is not empty"
    card_bytes = image.card.stat().st_size
    if card_bytes & (card_bytes - 1):
        return f"a card of {card_bytes} bytes, which QEMU does not take"
    label = run("mlabel", "-s", "-i", f"{image.card}@@{image.partitions[0][1]}", "::", env={**os.environ, "MTOOLS_SKIP_CHECK": "1"})
    if b"ULAGATE" not in label:
        return f"label of the first partition: {label}"
    if len((image.config / "autoboot.txt").read_bytes()) != 512:
        return "autoboot.txt is not one sector"
    return ""


def device_trees(image):
    """Every board that is named in the README has its device tree."""
    found = {}
    for path in image.slot.glob("*.dtb"):
        found[run("fdtget", path, "/", "compatible", text=True).split()[0]] = path
    lacking = DEVICE_TREES[image.board] - set(found)
    if lacking:
        return f"no device tree for {' '.join(sorted(lacking))}"
    if image.board == "rpi5":
        # The stub that old kernels have knows no network.
        text = run("dtc", "-I", "dtb", "-O", "dts", "-q", found["raspberrypi,5-model-b"], text=True)
        if "ethernet@" not in text:
            return "the Pi 5's device tree has no Ethernet"
    return ""


def boot_files(image):
    """What the boards' own firmware reads is there, and the configuration names what is."""
    config = dict(line.split("=", 1) for line in (image.slot / "config.txt").read_text().splitlines() if "=" in line and line[0] != "#")
    wanted = {config["kernel"], "initrd.img", "cmdline.txt", "ulagate-release"}
    if image.board == "rpi":
        wanted |= {"start_cd.elf", "fixup_cd.dat", "start4cd.elf", "fixup4cd.dat"}
        if not (image.config / "bootcode.bin").exists():
            return "no bootcode.bin"
    lacking = sorted(name for name in wanted if not (image.slot / name).exists())
    return f"no {' '.join(lacking)}" if lacking else ""


def modes(image):
    """No file is writable for others or runs as somebody else; /tmp alone is everybody's."""
    wrong = []
    for path in [image.root, *image.root.rglob("*")]:
        if path.is_symlink() or path == image.root / "tmp":
            continue
        bits = stat.S_IMODE(path.lstat().st_mode)
        if bits & 0o7022:
            wrong.append(f"{bits:o} {path.relative_to(image.root)}")
    return "\n".join(wrong)


def secrets(image):
    """Neither the key that signs updates nor any other private key is in the image."""
    der = run("openssl", "pkey", "-in", image.cache / "development.pem", "-outform", "DER")
    needles = [der[-32:], b"PRIVATE KEY-----"]
    # busybox, dropbear and libcrypto have the words of a key file in their code, and no key after them.
    allowed = {"libcrypto.so.3", "dropbear", "dropbearkey", "wpa_supplicant", "hostapd"}
    wrong = []
    for path in [*image.files(), *image.slot.iterdir(), *image.config.iterdir(),
                 *(path for path in image.initramfs.rglob("*") if path.is_file())]:
        data = path.read_bytes()
        wrong += [str(path) for needle in needles if needle in data and (needle == needles[0] or path.name not in allowed)]
    with open(image.card, "rb") as file:
        if needles[0] in file.read():
            wrong.append("the card")
    return "\n".join(wrong)


def libraries(image):
    """Every program finds what it is linked with."""
    there = {path.name for path in (image.root / "usr/lib/aarch64-linux-gnu").iterdir()}
    wrong = []
    for path in image.files():
        with open(path, "rb") as file:
            head = file.read(20)
        if head[:4] != b"\x7fELF" or path.suffix == ".ko":
            continue
        if head[18:20] != b"\xb7\0":
            wrong.append(f"{path.relative_to(image.root)} is not for arm64")
        shown = subprocess.run(("readelf", "-d", path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
        wrong += [f"{path.relative_to(image.root)} needs {name}" for name in re.findall(r"\(NEEDED\).*\[(.*)\]", shown) if name not in there]
    return "\n".join(wrong)


def programs(image):
    """The programs of the firmware and those that it starts."""
    names = ("ulagate", "ulagate-appliance", "ulagate-init", "hostapd", "wpa_supplicant", "dnsmasq", "dropbear", "dropbearkey", "wg", "nft",
             "pppd", "kmod")
    lacking = [name for name in names if not any((image.root / "usr" / folder / name).exists() for folder in ("bin", "sbin"))]
    if lacking:
        return f"no {' '.join(lacking)}"
    init = os.readlink(image.root / "usr/sbin/init")
    return "" if init == "../bin/ulagate-init" else f"/sbin/init is {init}"


def modules(image):
    """The wanted modules are there, and what each needs, softly or not, is too."""
    home = image.root / "usr/lib/modules" / image.release
    plain = {path.name.split(".")[0].replace("-", "_") for path in home.rglob("*.ko")}
    builtin = {pathlib.PurePath(line).name.split(".")[0].replace("-", "_") for line in (home / "modules.builtin").read_text().split()}
    wanted = {*MODULES["both"].split(), *MODULES[image.board].split()}
    lacking = sorted(wanted - plain - builtin)
    if lacking:
        return f"no {' '.join(lacking)}"
    if shutil.which("modprobe") is None:
        return "no modprobe on this machine"
    wrong = subprocess.run(("modprobe", "--show-depends", "--all", "-d", image.root, "-S", image.release, *sorted(plain)),
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if wrong.returncode != 0:
        return wrong.stderr
    paths = run("modprobe", "--show-depends", "--all", "-d", image.root, "-S", image.release, *sorted(plain), text=True)
    gone = [path for path in re.findall(r"^insmod (\S+)", paths, re.MULTILINE) if not pathlib.Path(path).exists()]
    return f"named but not there: {gone}" if gone else ""


def bill(image):
    """Each file of the image is in an archive that the list of packages names with the right checksum."""
    used = {words[3]: words for words in image.bill if words[4] == "image"}
    archives = {}
    for path in image.cache.glob("apt-arm64/**/*.deb"):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest in used:
            archives[digest] = path
    lacking = [words[0] for digest, words in used.items() if digest not in archives]
    if lacking or not used:
        return f"no archive for {' '.join(lacking) or 'anything'}"
    known = set()
    for path in archives.values():
        listing = subprocess.Popen(("dpkg-deb", "--fsys-tarfile", path), stdout=subprocess.PIPE)
        names = run("tar", "-t", stdin=listing.stdout, text=True).splitlines()
        if listing.wait() != 0:
            return f"{path} cannot be read"
        for name in names:
            name = name.removeprefix("./")
            name = name if name.startswith(("usr/", "etc/", "boot/")) else f"usr/{name}"
            known.add(name.removesuffix(".xz"))
            # One of two files, and the package's script would have made the link.
            if "regulatory.db" in name:
                known.add(name.removesuffix("-debian"))
    names = {str(path.relative_to(image.root)) for path in image.files()} | {"usr/bin/busybox"}
    foreign = sorted(name for name in names - known if not OURS.match(name))
    return f"of no package: {' '.join(foreign[:20])}" if foreign else ""


def licences(image):
    """The licence texts of all that is in the image lie beside it."""
    text = (image.out / f"ulagate-{image.board}.copyright").read_text()
    lacking = [words[0] for words in image.bill if words[4] == "image" and f"\n{words[0].replace('=', ' ', 1)}\n" not in text]
    return f"not of {' '.join(lacking)}" if lacking else ""


def checksums(image):
    """SHA256SUMS is right and names all that is published."""
    lines = dict(reversed(line.split("  ", 1)) for line in (image.out / "SHA256SUMS").read_text().splitlines())
    wanted = {f"ulagate-{image.board}{ending}" for ending in (".img.xz", ".slot", ".packages", ".copyright")}
    if not wanted <= set(lines):
        return f"not named: {sorted(wanted - set(lines))}"
    return "\n".join(name for name, digest in lines.items() if hashlib.sha256((image.out / name).read_bytes()).hexdigest() != digest)


def version(image):
    """`ulagate --version` says what the card says."""
    release = dict(line.split("=", 1) for line in (image.slot / "ulagate-release").read_text().splitlines())
    if f"{release['VERSION']}\0".encode() not in (image.root / "usr/bin/ulagate").read_bytes():
        return f"the program does not name {release['VERSION']}"
    return ""


CHECKS = (size, partitions, device_trees, boot_files, modes, secrets, libraries, programs, modules, bill, licences, checksums, version)


def examine(report, board, cache, work, keep, programs_from, times):
    outs = [work / f"{board}-{number}" for number in range(1, times + 1)]
    for number, out in enumerate(outs, 1):
        out.mkdir()
        if os.geteuid() == 0:
            os.chown(out, NOBODY, NOBODY)
        started = time.monotonic()
        code, output = build(board, out, cache, programs_from)
        took = time.monotonic() - started
        if code != 0:
            report.fail(f"image/{board}/build {number}", took, output, f"exit {code}")
            return
        report.ok(f"image/{board}/build {number}", took)
    if times > 1:
        compare(report, board, outs, output)
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        subprocess.run(("cp", "-a", "--sparse=always", f"{outs[0]}/.", keep), check=True)
    apart = work / f"{board}-apart"
    apart.mkdir()
    image = Image(board, outs[0], apart, cache)
    for check in CHECKS:
        name = f"image/{board}/{check.__name__}"
        if not report.wants(name) or (check is version and programs_from):  # those are of another build
            continue
        started = time.monotonic()
        wrong = check(image)
        took = time.monotonic() - started
        if wrong:
            report.fail(name, took, wrong)
        else:
            report.ok(name, took)


def compare(report, board, outs, output):
    """Two builds: the same bytes, and the second one, for which all was compiled, was quick."""
    sums = [(out / "SHA256SUMS").read_text() for out in outs]
    if sums[0] == sums[1]:
        report.ok(f"image/{board}/equal twice", 0.0)
    else:
        report.fail(f"image/{board}/equal twice", 0.0, "\n".join(sums))
    used = float(re.findall(r"^all +[\d.]+ s +([\d.]+) s of CPU", output, re.MULTILINE)[0])
    name, words = f"image/{board}/processor time after compiling", f"{used:.1f} s, at most {BUILD_SECONDS}"
    if used <= BUILD_SECONDS:
        report.ok(name, 0.0, extra=words)
    else:
        report.fail(name, 0.0, output, words)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--board", action="append", choices=sorted(boards.BOARDS))
    parser.add_argument("--once", action="append", default=[], metavar="BOARD", choices=sorted(boards.BOARDS),
                        help="one of these boards, whose image is not built a second time")
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / "build/image/cache")
    parser.add_argument("--name", default="", help="only checks whose name has this")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="copy there what was built")
    parser.add_argument("--programs", type=pathlib.Path, metavar="DIR", help="as of image/build")
    options = parser.parse_args()
    cache = options.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0 and cache.stat().st_uid != NOBODY:
        # Made by root before: what a build without privileges needs is that it can write there.
        subprocess.run(("chown", "-R", f"{NOBODY}:{NOBODY}", cache), check=True)
    report = Report(options.name)
    with tempfile.TemporaryDirectory(prefix="image-gates-") as work:
        os.chmod(work, 0o755)
        for board in options.board or boards.BOARDS:
            examine(report, board, cache, pathlib.Path(work), options.keep, options.programs, 1 if board in options.once else 2)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
