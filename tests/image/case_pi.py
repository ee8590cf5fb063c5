# SPDX-License-Identifier: GPL-2.0-or-later
"""The card in a Raspberry Pi 3: what it makes of the files that a PC has put on it."""

import re

import cards
import figures
import firmware
import lab
from case_smoke import READY
from registry import case
from world import Desk

NOT_YET = "not a router yet"  # the headline of the rescue, on the console and on the page
KEY = r"[A-Za-z0-9+/]{43}="


def pi(bench):
    return Desk(bench, board="raspi3b")


@case(seconds=240)
def pi_configured(bench):
    """The configuration comes from a PC with Windows: CRLF, and a byte order mark."""
    desk = pi(bench)
    text = "\ufeff" + lab.toml(desk.configuration()).replace("\n", "\r\n")
    machine = desk.machine({"ulagate.toml": text}).start()
    machine.wait_for(READY, 120)
    figures.note("ready, raspi3b (from the plug)", machine.since_start(), "s")
    page = desk.wait_for_page("a1", 60)
    lab.check(NOT_YET not in page, "the page is not that of a rescue")
    ssh = desk.ssh().wait(60)
    lab.check("\r" not in ssh.out("cat /etc/ulagate/ulagate.toml"), "the daemon's copy has the line ends of here")
    lab.check_equal(ssh.out("hostname").strip(), "a1", "the host's name is the node's")
    lab.check_equal(ssh.out("stat -c %a /etc/ulagate/ulagate.toml").strip(), "600", "nobody else reads it")


@case(seconds=200)
def pi_broken(bench):
    """A broken file: rescue, with every reason in words on the console and on the page."""
    desk = pi(bench)
    config = lab.toml(desk.configuration()).replace('role = "edge"', 'role = "egde"').replace("prefix =", "prefx =", 1)
    machine = desk.machine({"ulagate.toml": config}).start()
    machine.wait_for(NOT_YET, 120)
    machine.wait_for("egde", 20)
    page = desk.wait_for_page(NOT_YET, 60)
    lab.check("egde" in page, "the page quotes what is wrong")
    lab.check("prefx" in page, "and the second mistake too")
    wrong = next(number for number, line in enumerate(config.splitlines(), 1) if "egde" in line)
    lab.check(re.search(rf"\b(line |toml:){wrong}\b", page), f"with the number of the line ({wrong})")
    lab.check("PRIVATE" not in page and bench.ssh_line not in page, "it shows nothing else of the file")


@case(seconds=200)
def pi_no_file(bench):
    """No configuration: rescue, and the page says what to do."""
    desk = pi(bench)
    card = bench.card("device", {})
    if firmware.read_file(card, 1, "ulagate.toml") is not None:
        cards.delete(card, 1, "ulagate.toml")
    machine = desk.machine({}, card=card).start()
    machine.wait_for(NOT_YET, 120)
    lab.check("ulagate.toml" in desk.wait_for_page(NOT_YET, 60), "the page says which file it wants")


@case(seconds=300)
def pi_name_only(bench):
    """A name and nothing else: the machine shows its public key, in letters and as a picture, and keeps it."""
    desk = pi(bench)
    machine = desk.machine({"ulagate.toml": 'node = "a1"\n'}).start()
    key = machine.wait_for(KEY, 120).group(0)
    lab.step(f"the public key on the console: {key}")
    lab.wait_for(lambda: qr_rows(machine.text()) >= 10, 20, "a QR code on the console")
    page = desk.wait_for_page(key, 60)
    lab.check("a1" in page, "the page has the name")
    lab.check("<svg" in page, "and a QR code")
    machine.pull_the_plug()
    machine.start()
    lab.check_equal(machine.wait_for(KEY, 120).group(0), key, "after the plug was pulled it is the same key")


@case(seconds=900, board="raspi4b")
def pi4_starts(bench):
    """A Pi 4 with its own device tree. Its model has no card slot and no network: it says that there is no card, and stays up."""
    machine = bench.machine("device", {}, board="raspi4b", arguments="loglevel=7").start()
    machine.wait_for(NOT_YET, 200)
    machine.wait_for("there is no card", 20)
    machine.wait_for(READY, 60)
    lab.check("Raspberry Pi 4" in machine.text(), "the kernel has the Pi 4's device tree")
    lab.check(machine.running() and len(machine.starts) == 1, "and was started once")


def qr_rows(text):
    return sum(1 for line in text.splitlines() if sum(line.count(cell) for cell in "█▀▄") >= 8
               or line.count("##") >= 8)

