#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""In a capture of a whole demo run on all LANs and uplinks, tshark finds no malformed packet and no bad checksum."""

import os
import subprocess

import lab

CHECKSUMS = ("ip", "udp", "tcp", "icmp", "icmpv6")


def scenario():
    os.environ.setdefault("ULAGATE_BINARY", lab.binary())
    path = f"{lab.LAB_DIR}/demo.pcapng"
    done = subprocess.run([f"{lab.ROOT}/tests/demo", "--capture", path], stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    lab.check_equal(done.returncode, 0, "the demo works while it is captured")
    lab.check("could not be kept" not in done.stdout, "no packet is missing from the capture")
    protocols = {"Router Advertisements": "icmpv6.type == 134", "WireGuard handshakes": "wg.type == 1",
                 "WireGuard data": "wg.type == 4", "pings on the LAN": "icmpv6.type == 128", "TCP on the LAN": "ipv6 and tcp"}
    tables = {text: matches(path, expression) for text, expression in protocols.items()}
    for text, lines in tables.items():
        lab.check(lines, f"the capture has {text}: {len(lines)}")
    malformed = matches(path, "_ws.malformed or _ws.expert.severity == error")
    lab.check_equal(malformed[:5], [], "no packet is malformed")
    bad = matches(path, " or ".join(f'{name}.checksum.status == "Bad"' for name in CHECKSUMS))
    lab.check_equal(bad[:5], [], "no checksum is bad")
    good = matches(path, 'icmpv6.type == 134 and icmpv6.checksum.status == "Good"')
    lab.check_equal(len(good), len(tables["Router Advertisements"]), "tshark did check: those of all advertisements are good")


def matches(path, expression):
    preferences = [word for name in ("ip", "udp", "tcp") for word in ("-o", f"{name}.check_checksum:TRUE")]
    done = subprocess.run(["tshark", "-n", "-r", path, *preferences, "-Y", expression], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


if __name__ == "__main__":
    lab.main(scenario)
