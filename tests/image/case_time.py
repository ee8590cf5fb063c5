# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine without a clock that keeps time."""

import pathlib
import time

import lab
from case_smoke import READY
from registry import case
from world import Desk

LONG_AGO = "2010-01-01T00:00:00"


@case(seconds=300)
def clock_gone_back(bench):
    """The clock says 2010: the floor counts until a time server answers, and `status` says that the clock is why."""
    desk = Desk(bench)
    config = desk.configuration()
    config["appliance"]["time_servers"] = [desk.ADDRESS]
    machine = desk.machine({"ulagate.toml": lab.toml(config)}, rtc=LONG_AGO).start()
    machine.wait_for(READY, 90)
    ssh = desk.ssh().wait(60)
    built = int(dict(line.split("=", 1) for line in ssh.out("cat /etc/ulagate-release").splitlines())["BUILD_TIME"])
    now = lambda: int(ssh.out("date +%s"))
    lab.check(built <= now() < built + 3600, "the clock begins where the image was built")
    desk.wait_for_page("not set yet", 30)
    server = desk.pc.start("python3", "-B", str(pathlib.Path(__file__).parent / "time_server.py"), desk.ADDRESS)
    took = lab.seconds_until(lambda: abs(now() - time.time()) < 3, 90, "the clock is right", every=1)
    lab.step(f"right {took:.0f} s after the time server came up")
    lab.wait_for(lambda: "not set yet" not in desk.page(), 30, "the page says no more about it", every=1)
    server.stop()
    ssh.run("reboot", check=False)
    machine.wait_for_start(2, 60)
    machine.wait_for(READY, 90)
    lab.check(int(desk.ssh().wait(60).out("date +%s")) >= time.time() - 3600, "the next start begins where this one ended")
    # No relay answers here, and nobody has told the time since the start.
    lab.wait_for(lambda: "clock" in desk.ssh().out("ulagate status").lower(), 60, "status says that it may be the clock", every=1)
