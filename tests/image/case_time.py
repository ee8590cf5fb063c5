# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine without a clock that keeps time."""

import pathlib
import time

import cards
import lab
import updates
from case_smoke import READY
from registry import case
from world import Desk

LONG_AGO = "2010-01-01T00:00:00"
DAY = 86400
FARTHEST_ZONE = 14 * 3600  # a PC writes its own wall clock into FAT, see image/appliance/prepare/policy.cpp


@case(seconds=300)
def clock_gone_back(bench):
    """The clock says 2010: it begins at the latest time that has certainly been, until a time server answers, and `status`
    says that the clock is why. All times count from the image's own, whatever the date is here."""
    desk = Desk(bench)
    config = desk.configuration()
    config["appliance"]["time_servers"] = [desk.ADDRESS]
    # As if the image were made, the file written two days later, and the card put in after six more.
    built = int(updates.release(cards.image())["BUILD_TIME"])
    written = built - built % 2 + 2 * DAY  # FAT counts in twos
    ahead = built + 8 * DAY - time.time()
    card = bench.card("device", {"ulagate.toml": lab.toml(config)}, written)
    machine = desk.machine({}, card=card, rtc=LONG_AGO).start()
    machine.wait_for(READY, 90)
    ssh = desk.ssh().wait(60)
    lab.check_equal(int(dict(line.split("=", 1) for line in ssh.out("cat /etc/ulagate-release").splitlines())["BUILD_TIME"]), built,
                    "the card is the image's")
    now = lambda: int(ssh.out("date +%s"))
    floor = written - FARTHEST_ZONE
    lab.check(floor <= now() <= floor + machine.since_start() + 60, "the clock begins where the file was written")
    desk.wait_for_page("not set yet", 30)
    server = desk.pc.start("python3", "-B", str(pathlib.Path(__file__).parent / "time_server.py"), desk.ADDRESS, str(ahead))

    def is_right():
        asked = time.time()
        return asked + ahead - 3 < now() < time.time() + ahead + 3
    took = lab.seconds_until(is_right, 90, "the clock is right", every=1)
    lab.step(f"right {took:.0f} s after the time server came up")
    lab.wait_for(lambda: "not set yet" not in desk.page(), 30, "the page says no more about it", every=1)
    server.stop()
    ssh.run("reboot", check=False)
    machine.wait_for_start(2, 60)
    machine.wait_for(READY, 90)
    lab.check(int(desk.ssh().wait(60).out("date +%s")) >= time.time() + ahead - 3600, "the next start begins where this one ended")
    # No relay answers here, and nobody has told the time since the start.
    lab.wait_for(lambda: "clock" in desk.ssh().out("ulagate status").lower(), 60, "status says that it may be the clock", every=1)


@case(seconds=200)
def clock_of_the_build(bench):
    """A file that a PC wrote whose own clock was wrong says nothing: the clock begins where the image was built."""
    desk = Desk(bench)
    built = int(updates.release(cards.image())["BUILD_TIME"])
    card = bench.card("device", {"ulagate.toml": lab.toml(desk.configuration())}, built - 400 * DAY)
    machine = desk.machine({}, card=card, rtc=LONG_AGO).start()
    machine.wait_for(READY, 90)
    now = int(desk.ssh().wait(60).out("date +%s"))
    lab.check(built <= now <= built + machine.since_start() + 60, "the clock begins where the image was built")
