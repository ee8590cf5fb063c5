# SPDX-License-Identifier: GPL-2.0-or-later
"""Which kernel modules are in the image: those wanted by name, and all that those need."""

import lzma
import pathlib
import re
import shutil
import subprocess

# The initramfs loads these, in this order: the watchdogs first, since before them no panic ends in a reset.
EARLY = ("bcm2835_wdt", "i6300esb", "loop", "squashfs", "overlay")

WANTED = {
    "card": """mmc_block sdhci-iproc bcm2835 sdhci-brcmstb? vfat nls_ascii nls_cp437 nls_iso8859-1 nls_utf8 sd_mod
        usb-storage uas""",
    "Pi": """bcm2835_thermal bcm2711_thermal raspberrypi-cpufreq raspberrypi-hwmon? reset-raspberrypi pcie-brcmstb
        nvmem-rmem gpio-regulator fixed leds-gpio ledtrig-heartbeat ledtrig-timer bcm2835-rng iproc-rng200 i2c-bcm2835
        i2c-brcmstb rtc-ds1307 rtc-pcf8523 rtc-pcf85063 clk-raspberrypi pwm-bcm2835 bcm2835-mailbox""",
    "Pi 5": "macb rp1_pci? clk-rp1? pinctrl-rp1? gpio-fan? phy-broadcom? rtc-rpi?",
    "screen": "vc4",
    "keyboard": "hid-generic usbhid",
    "USB": "dwc2 xhci-pci xhci-plat-hcd xhci-hcd ehci-pci phy-generic usb-nop-xceiv?",
    "Ethernet": "genet bcm7xxx broadcom mdio-bcm-unimac lan78xx microchip smsc95xx smsc",
    "USB Ethernet": "asix ax88179_178a r8152 rtl8150 aqc111 dm9601 mcs7830 sr9700 pegasus realtek ax88796b?",
    "tethering": "cdc_ether cdc_ncm cdc_eem cdc_subset rndis_host huawei_cdc_ncm ipheth cdc_mbim qmi_wwan cdc_acm option",
    "Wi-Fi": "brcmfmac brcmfmac-wcc brcmfmac-cyw rfkill ccm gcm cmac ctr aes-ce-blk aes-ce-ccm aes-neon-bs aes-neon-blk ghash-ce",
    "virtual machine": """virtio_mmio virtio_pci virtio_net virtio_blk virtio-rng virtio_console virtio_balloon
        mac80211_hwsim i6300esb""",
    "watchdog": "bcm2835_wdt",
    "root": "loop squashfs overlay",
    "router": """wireguard macvlan 8021q bridge br_netfilter veth tun dummy ppp_generic ppp_async ppp_synctty pppoe pppox
        ppp_deflate sch_fq_codel sch_cake sch_fq inet_diag tcp_diag udp_diag af_packet_diag ip6_udp_tunnel udp_tunnel""",
    "firewall": """nf_tables nft_ct nft_chain_nat nft_nat nft_masq nft_redir nft_log nft_limit nft_hash nft_reject
        nft_reject_inet nft_reject_ipv4 nft_reject_ipv6 nft_reject_netdev? nft_fib nft_fib_inet nft_fib_ipv4 nft_fib_ipv6
        nft_fib_netdev nft_flow_offload nft_tunnel nf_conntrack nf_conntrack_netlink nf_nat nf_log_syslog nfnetlink_log
        nf_flow_table nf_flow_table_inet nf_conntrack_ftp nf_nat_ftp nf_conntrack_tftp nf_nat_tftp nf_conntrack_sip
        nf_nat_sip nf_conntrack_pptp nf_nat_pptp nf_dup_netdev nft_dup_netdev nft_fwd_netdev nft_socket nft_quota nft_connlimit""",
    "ciphers": """chacha20poly1305? libchacha20poly1305 libcurve25519 chacha-neon? poly1305-neon? chacha_generic? curve25519-generic?
        sha256-arm64? sha2-ce? libsha256? crc32c-cryptoapi? crc32c_generic? crc-ccitt""",
}


class ModuleError(Exception):
    """The kernel package lacks what the image needs."""


def wanted(name):
    return name.rstrip("?"), name.endswith("?")


def plain(name):
    return name.replace("-", "_")


class Modules:
    """The modules of one kernel release below an unpacked root."""

    def __init__(self, root, release):
        self.root = root
        self.release = release
        self.home = root / "usr/lib/modules" / release
        self.files = {plain(path.name.split(".")[0]): path for path in (self.home / "kernel").rglob("*.ko*")}
        builtin = (self.home / "modules.builtin").read_text().split()
        self.builtin = {plain(pathlib.PurePath(name).name.split(".")[0]) for name in builtin}

    def closure(self, extra=()):
        """Paths of all wanted modules with what they need, softly too."""
        if not (self.home / "modules.dep.bin").exists():
            subprocess.run(("depmod", "-b", self.root, self.release), check=True)
        names = [wanted(name) for group in WANTED.values() for name in group.split()]
        lacking = [name for name, optional in names
                   if not optional and plain(name) not in self.files and plain(name) not in self.builtin]
        if lacking:
            raise ModuleError(f"kernel {self.release} has no module {' '.join(lacking)}")
        todo = [plain(name) for name, _ in names if plain(name) in self.files]
        paths = set()
        done = set()
        soft = self._soft()
        while todo:
            batch = [name for name in todo if name not in done]
            done.update(batch)
            if not batch:
                break
            shown = subprocess.run(("modprobe", "--show-depends", "--all", "--ignore-install", "-d", self.root, "-S", self.release,
                                    *batch), check=True, stdout=subprocess.PIPE, text=True).stdout
            found = {pathlib.Path(path) for path in re.findall(r"^insmod (\S+)", shown, re.MULTILINE)}
            paths |= found
            todo = [other for path in found for other in soft.get(plain(path.name.split(".")[0]), ()) if other in self.files]
            todo += [plain(path.name.split(".")[0]) for path in found]
        return sorted({path.resolve().relative_to(self.root.resolve()) for path in paths})

    def _soft(self):
        """module -> those it asks for at run time. Without them an access point takes no key."""
        soft = {}
        for line in (self.home / "modules.softdep").read_text().splitlines():
            words = line.split()
            if words[:1] == ["softdep"]:
                soft.setdefault(plain(words[1]), []).extend(plain(word) for word in words[2:] if not word.endswith(":"))
        aliases = {}
        for line in (self.home / "modules.alias").read_text().splitlines():
            words = line.split()
            if words[:1] == ["alias"] and words[1].startswith("crypto-"):
                aliases.setdefault(plain(words[1]), []).append(plain(words[2]))
        # A soft dependency may be an alias: crypto-ccm, crypto-gcm(aes).
        return {name: [target for other in others for target in [other, *aliases.get(other, ())]] for name, others in soft.items()}

    def copy(self, paths, target, strip):
        """Unpacked, so that the squashfs can compress them well, and without the types for tracers, which are a tenth."""
        copies = []
        for path in paths:
            to = target / str(path).removesuffix(".xz")
            to.parent.mkdir(parents=True, exist_ok=True)
            data = (self.root / path).read_bytes()
            to.write_bytes(lzma.decompress(data) if path.suffix == ".xz" else data)
            copies.append(to)
        # This takes the signature away too, which nothing here asks for: the kernel comes from the same file system.
        subprocess.run((strip, "--strip-unneeded", "--remove-section=.BTF", "--remove-section=.comment", *copies), check=True)
        home = target / "usr/lib/modules" / self.release
        for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
            shutil.copyfile(self.home / name, home / name)

    def index(self, target):
        subprocess.run(("depmod", "-b", target, self.release), check=True)
        for name in ("alias", "dep", "symbols"):
            # The kernel's tools read the .bin of these; the text is for people.
            (target / "usr/lib/modules" / self.release / f"modules.{name}").unlink()

    def early(self, target):
        """Files of the initramfs' modules in the order in which they can be loaded, from the indexed copy."""
        order = []
        for name in EARLY:
            if plain(name) in self.builtin:
                continue
            shown = subprocess.run(("modprobe", "--show-depends", "--ignore-install", "-d", target, "-S", self.release, name),
                                   check=True, stdout=subprocess.PIPE, text=True).stdout
            for path in re.findall(r"^insmod (\S+)", shown, re.MULTILINE):
                if pathlib.Path(path) not in order:
                    order.append(pathlib.Path(path))
        return order
