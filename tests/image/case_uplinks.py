# SPDX-License-Identifier: GPL-2.0-or-later
"""Uplinks that come and go: a cable, and a phone that is put in, taken out, and put in again."""

import figures
import lab
from case_sites import host_address
from case_smoke import READY
from registry import case
from world import Sites

WAN, PHONE = 1, 2  # the machine's ports beside its LAN
RECOVERY = 45  # seconds on a busy machine; what it took is printed


@case(seconds=420)
def uplinks(bench):
    sites = Sites(bench)
    sites.start_the_rest()
    sites.cut_the_isp_off()
    machine = sites.router(more={"uplink": [{"kind": "ethernet", "interface": "eth1"}, {"kind": "usb"}]},
                           extra=[sites.uplink_port("wan", 102), sites.uplink_port("phone", 42, plugged=False, usb=True)])
    machine.start()
    machine.wait_for(READY, 120)
    crosses = lambda: lab.can_ping(sites.far, host_address(sites.site))
    lab.wait_for(crosses, 60, "host-b pings host-a by the cable")
    steps = [("the phone is put in and the cable pulled", lambda: (machine.plug_in(PHONE), machine.cable(WAN, False)), "192.168.42."),
             ("the cable is back and the phone gone", lambda: (machine.cable(WAN, True), machine.pull_out(PHONE)), "192.168.102."),
             ("the phone again", lambda: (machine.plug_in(PHONE), machine.cable(WAN, False)), "192.168.42.")]
    for what, action, network in steps:
        action()
        sites.forget_flows()
        by_it = lambda network=network: sites.tunnel_comes_from(network) and crosses()
        took = lab.seconds_until(by_it, RECOVERY, f"host-b pings host-a: {what}")
        figures.note(f"until packets cross again: {what}", took, "s")
