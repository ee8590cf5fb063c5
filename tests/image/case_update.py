# SPDX-License-Identifier: GPL-2.0-or-later
"""New versions: written into the other slot, tried, kept or left again. The firmware's part is played, see firmware.py;
on the Pi the kernel asks for the trial through the mailbox, as it does on a board."""

import random
import time

import cards
import figures
import firmware
import lab
import updates
from case_sites import gateway_mac, host_address
from case_smoke import READY
from pair import active
from pings import SteadyPings
from registry import case
from world import Desk, Sites

A, B = 2, 3
OUTAGE_AIM = 15  # seconds, of a router that is alone
WRITING = 600  # seconds for 40 MB on the Pi's emulated card, on a busy machine; 60 on a calm one
COMMITTED = 240  # seconds until a good version has shown itself
CARD_RATE = 10_000_000  # bytes a second, as a usual card writes: a slot takes 6 s


@case(seconds=1200)
def update(bench):
    """Write, verify, trial boot, commit; then it is the usual version. Pings from the other site say what it cost."""
    sites = Sites(bench, board="raspi3b")
    sites.start_the_rest()
    machine = sites.router().start()
    machine.wait_for(READY, 120)
    lab.wait_for(lambda: lab.can_ping(sites.far, host_address(sites.site)), 60, "host-b pings host-a")
    file = updates.make(machine.card, bench.directory / "new.slot", 3600)
    before = cards.region(machine.card, A)
    ssh = sites.ssh().wait(60)
    pings = SteadyPings(sites.far, host_address(sites.site), interval=0.1)
    started = time.monotonic()
    said = ssh.feed(file, "ulagate update - 2>&1", check=False, timeout=WRITING).stdout
    print(said)
    trial = machine.wait_for_start(2, 120)
    lab.step(f"the trial began {trial.at - started:.0f} s after the command")
    lab.check_equal((trial.partition, trial.tryboot), (B, True), "the machine asked the firmware for a trial of slot B")
    machine.wait_for(READY, 120)
    lab.wait_for(lambda: firmware.boot_partition(machine.card, False) == B, COMMITTED, "slot B is the usual one", every=1)
    lab.step(f"committed {time.monotonic() - trial.at:.0f} s after the trial began")
    result = pings.stop()
    figures.note("update outage, a router alone (raspi3b)", max((gap for _, gap in result.outages), default=0), "s", OUTAGE_AIM)
    lab.check_equal(cards.region(machine.card, A) == before, True, "not a byte of slot A was touched")
    sites.ssh().wait(60).run("reboot", check=False)
    lab.check_equal(machine.wait_for_start(3, 90).partition, B, "the next boot is slot B's")
    machine.wait_for(READY, 120)


@case(seconds=1200, long=True)
def update_pair(bench):
    """The Active router of a pair updates itself, beside one of the lab's own: it hands over, is tried, and takes back."""
    sites = Sites(bench, routers=2, board="raspi3b", cards=1)
    sites.start_the_rest()
    other = sites.start_natively(1)
    machine = sites.router().start()
    machine.wait_for(READY, 120)
    lab.wait_for(lambda: gateway_mac(sites) == sites.mac(0), 120, "the card is the Active one", every=1)
    file = updates.make(machine.card, bench.directory / "new.slot", 3600)
    pings = SteadyPings(sites.far, host_address(sites.site), interval=0.05)
    print(sites.ssh().wait(60).feed(file, "ulagate update - 2>&1", check=False, timeout=WRITING).stdout)
    trial = machine.wait_for_start(2, 120)
    lab.check_equal((trial.partition, trial.tryboot), (B, True), "the machine asked the firmware for a trial of slot B")
    lab.check(active(other), "the other router is the Active one meanwhile")
    machine.wait_for(READY, 120)
    lab.wait_for(lambda: firmware.boot_partition(machine.card, False) == B, COMMITTED, "slot B is the usual one", every=1)
    lab.wait_for(lambda: gateway_mac(sites) == sites.mac(0), 120, "the card is the Active one again", every=1)
    result = pings.stop()
    figures.note("update, packets lost with a second router (raspi3b)", len(result.lost), "", 0)
    lab.check_equal(len(result.lost), 0, f"pings lost of {result.sent}")


def returns_by_itself(bench, change):
    desk = Desk(bench, board="raspi3b")
    machine = desk.machine({"ulagate.toml": lab.toml(desk.configuration())})
    content = updates.make(machine.card, bench.directory / "bad.slot", 3600, change).read_bytes()
    # The emulated USB network would need three minutes for it (0.2 MB/s).
    behind = cards.append(machine.card, content)
    machine.start().wait_for(READY, 120)
    from_card = f"dd if=/dev/mmcblk0 bs=1M skip={behind} | head -c {len(content)} | ulagate update - 2>&1"
    print(desk.ssh().wait(60).run(from_card, check=False, timeout=WRITING).stdout)
    lab.check_equal(machine.wait_for_start(2, 120).partition, B, "the trial is slot B's")
    back = machine.wait_for_start(3, 180)
    lab.check_equal((back.partition, back.tryboot), (A, False), "the next start is slot A's again, without a human")
    machine.wait_for(READY, 120)
    desk.wait_for_page("slot B", 60)


@case(seconds=1000)
def update_without_root(bench):
    """Its root file system is broken: the trial ends by itself, and the old version is back, and says so."""
    returns_by_itself(bench, updates.no_root)


@case(seconds=1000, long=True)
def update_without_initramfs(bench):
    """Nothing runs that could restart the board: the watchdog that the firmware started (played here) does."""
    returns_by_itself(bench, updates.no_initramfs)


@case(seconds=300)
def update_refused(bench):
    """A file that somebody else signed, one that was damaged, an older one, by ssh and by URL: none is tried, and each is
    told apart."""
    desk = Desk(bench)
    machine = desk.machine({"ulagate.toml": lab.toml(desk.configuration())}).start()
    machine.wait_for(READY, 90)
    ssh = desk.ssh().wait(60)
    before = cards.region(machine.card, A)
    key = bench.directory / "other.pem"
    desk.pc.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key))
    good = updates.make(machine.card, bench.directory / "good.slot", 3600)
    damaged = bench.directory / "damaged.slot"
    content = bytearray(good.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    files = {"signature": updates.make(machine.card, bench.directory / "foreign.slot", 3600, key=key),
             "chunk|hash|damaged|zstd|stream": damaged,
             "older": updates.make(machine.card, bench.directory / "older.slot", -3600)}
    url = desk.serve(bench.directory)
    for word, file in files.items():
        for how, done in {"ssh": ssh.feed(file, "ulagate update - 2>&1", check=False, timeout=200),
                          "url": ssh.run(f"ulagate update {url}/{file.name} 2>&1", check=False, timeout=200)}.items():
            lab.check(done.returncode != 0, f"{file.name} is refused, by {how}")
            lab.check(any(one in done.stdout.lower() for one in word.split("|")), f"and why: {done.stdout.strip()[-200:]}")
    lab.check(machine.running() and len(machine.starts) == 1, "the machine was not restarted")
    lab.check(cards.region(machine.card, A) == before, "slot A is as it was")
    lab.check_equal(firmware.boot_partition(machine.card, False), A, "and the usual one")


def cut_in_mid_write(bench, times):
    desk = Desk(bench)
    machine = desk.machine({"ulagate.toml": lab.toml(desk.configuration())}, write_rate=CARD_RATE)
    file = updates.make(bench.card("model", {}), bench.directory / "new.slot", 3600)
    dice = random.Random(6)
    before, cut = None, 0
    empty = cards.region(machine.card, B)
    for number in range(times):
        # Else the same bytes once more would be no change that could be seen from here.
        cards.overwrite(machine.card, B, 0, empty)
        machine.start()
        machine.wait_for(READY, 90)
        before = before or (cards.region(machine.card, A), cards.region(machine.card, 1))
        feeding = desk.pc.start("sh", "-c", 'file=$1; shift; exec "$@" <"$file"', "sh", str(file),
                                *desk.ssh().wait(60)._argv("ulagate update -"), name=f"update{number}")
        lab.wait_for(lambda: cards.region(machine.card, B) != empty or not feeding.alive(), 60, "it writes", every=0.1)
        time.sleep(dice.uniform(0, 4))
        cut += feeding.alive()
        machine.pull_the_plug()
        feeding.stop()
        lab.check_equal((cards.region(machine.card, A), cards.region(machine.card, 1)) == before, True,
                        f"cut {number + 1}: slot A and the first partition are as they were")
        lab.check_equal(firmware.boot(machine.card, "virt").partition, A, "the firmware starts slot A")
    lab.check_equal(cut, times, "all cuts were while it wrote")
    machine.start()
    machine.wait_for(READY, 90)
    desk.wait_for_page("a1", 60)


@case(seconds=300)
def update_cut_twice(bench):
    """The plug is pulled while it writes."""
    cut_in_mid_write(bench, 2)


@case(seconds=1500, long=True)
def update_cut_often(bench):
    cut_in_mid_write(bench, 20)


@case(seconds=300)
def state_torn(bench):
    """The newest record of the state is torn: the one before it counts, and the key is still the same."""
    from case_pi import KEY
    desk = Desk(bench)
    machine = desk.machine({"ulagate.toml": 'node = "a1"\n'}).start()
    key = machine.wait_for(KEY, 90).group(0)
    machine.wait_for(READY, 60)
    machine.pull_the_plug()
    areas = [cards.region(machine.card, 4)[at:at + 512] for at in (0, 128 * 512)]
    newest = max((0, 1), key=lambda number: sequence(areas[number]))
    machine.start()
    machine.wait_for(READY, 90)
    machine.pull_the_plug()
    areas = [cards.region(machine.card, 4)[at:at + 512] for at in (0, 128 * 512)]
    newest = max((0, 1), key=lambda number: sequence(areas[number]))
    lab.check(all(any(area) for area in areas), "both areas of the state are in use")
    # A header that was cut in mid sector, and for good measure its payload too.
    cards.overwrite(machine.card, 4, newest * 128 * 512 + 20, b"\xff" * 492)
    machine.start()
    lab.check_equal(machine.wait_for(KEY, 90).group(0), key, "the key survives a torn record")


def sequence(header):
    """Where the format has it, see image/boot/card/state_record.h."""
    return int.from_bytes(header[16:24], "big")
