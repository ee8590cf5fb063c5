# SPDX-License-Identifier: GPL-2.0-or-later
"""The kinds of image, and what each takes from Debian."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Board:
    name: str
    # The suite whose linux-image-arm64 is taken; None: whatever apt prefers, which is trixie-security's.
    suite: str | None
    device_trees: tuple
    # Of the firmware that runs before the kernel; the Pi 5 has all of its own in its EEPROM.
    boot_files: tuple
    console: str
    # Bytes of the compressed card, which is what people download.
    limit: int


BOARDS = {
    "rpi": Board(
        name="rpi", suite=None,
        device_trees=("bcm2837-rpi-3-b", "bcm2837-rpi-3-a-plus", "bcm2837-rpi-3-b-plus", "bcm2837-rpi-cm3-io3",
                      "bcm2837-rpi-zero-2-w", "bcm2711-rpi-4-b", "bcm2711-rpi-400", "bcm2711-rpi-cm4-io"),
        boot_files=("start_cd.elf", "fixup_cd.dat", "start4cd.elf", "fixup4cd.dat"),
        console="ttyS1,115200", limit=30_000_000),
    "rpi5": Board(
        name="rpi5", suite="trixie-backports", device_trees=("bcm2712-rpi-5-b", "bcm2712-d-rpi-5-b"),
        boot_files=(), console="ttyAMA10,115200", limit=36_000_000),
}

# What the root file system is made of. Of most packages only some programs and the libraries that those need are kept.
ROOT_PACKAGES = ("busybox-static", "kmod", "dropbear-bin", "hostapd", "wpasupplicant", "dnsmasq-base",
                 "wireguard-tools", "nftables", "iw", "wireless-regdb", "ppp", "libc6", "libstdc++6", "libboost-json1.83.0",
                 "libtomlplusplus3t64", "libfmt10", "libsodium23", "libcares2", "libqrencode4", "libnl-3-200",
                 "libnl-route-3-200", "libmnl0", "libnftables1", "libnftnl11", "libzstd1")
# These are only copied from, so what they depend on is not wanted. raspi-firmware comes from sid: it is data for another
# processor, and only that version can start the hardware watchdog before the kernel runs.
DATA_PACKAGES = ("raspi-firmware", "firmware-brcm80211")

PROGRAMS = ("usr/bin/kmod", "usr/sbin/dropbear", "usr/bin/dropbearkey", "usr/sbin/hostapd", "usr/sbin/hostapd_cli",
            "usr/sbin/wpa_supplicant", "usr/sbin/dnsmasq", "usr/bin/wg", "usr/sbin/nft",
            "usr/sbin/iw", "usr/sbin/pppd")
# Opened by name at run time, so no program lists them.
PLUGINS = ("usr/lib/pppd/*/pppoe.so",)
KMOD_LINKS = ("depmod", "insmod", "lsmod", "modinfo", "modprobe", "rmmod")

# The radios of the boards. What a Pi Zero 2 W with the other chip (43436) needs is in no Debian suite.
FIRMWARE = ("brcm/brcmfmac43430-sdio.bin", "brcm/brcmfmac43430-sdio.clm_blob", "brcm/brcmfmac43430-sdio.raspberrypi,*",
            "brcm/brcmfmac43430-sdio.txt",
            "brcm/brcmfmac43455-sdio.bin", "brcm/brcmfmac43455-sdio.clm_blob", "brcm/brcmfmac43455-sdio.raspberrypi,*",
            "brcm/brcmfmac43455-sdio.txt",
            "brcm/brcmfmac43456-sdio.bin", "brcm/brcmfmac43456-sdio.clm_blob", "brcm/brcmfmac43456-sdio.txt")
