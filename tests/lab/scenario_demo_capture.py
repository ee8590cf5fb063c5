#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""In a capture of a whole demo run on all LANs and uplinks, tshark finds no malformed packet and no bad checksum."""

import os
import struct
import subprocess

import lab
import packets

CHECKSUMS = ("ip", "udp", "tcp", "icmp", "icmpv6")
FIELDS = ["frame.number", "icmpv6.type", "wg.type", "tcp.port", "_ws.malformed", "_ws.expert.severity",
          *(f"{name}.checksum.status" for name in CHECKSUMS)]
BAD, GOOD = "0", "1"  # values of a checksum's status
ERROR = str(0x800000)  # PI_ERROR, the severity that tshark gives to what it cannot decode


def scenario():
    notices_bad_packets()
    os.environ.setdefault("ULAGATE_BINARY", lab.binary())
    path = f"{lab.LAB_DIR}/demo.pcapng"
    done = subprocess.run([f"{lab.ROOT}/tests/demo", "--capture", path], stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    lab.check_equal(done.returncode, 0, "the demo works while it is captured")
    lab.check("could not be kept" not in done.stdout, "no packet is missing from the capture")
    found = decode(path)
    lab.step(f"{len(found)} packets")
    advertisements = having(found, "icmpv6.type", "134")
    for text, some in {"Router Advertisements": advertisements, "pings": having(found, "icmpv6.type", "128"),
                        "WireGuard handshakes": having(found, "wg.type", "1"),
                        "WireGuard data": having(found, "wg.type", "4"), "TCP": having(found, "tcp.port", "5201")}.items():
        lab.check(some, f"the capture has {text}: {len(some)}")
    bad = malformed(found)
    if bad:
        print(subprocess.run(["tshark", "-n", "-r", path, "-V", "-Y", f"frame.number == {bad[0]}"], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, check=False).stdout)
    lab.check_equal(bad[:5], [], "no packet is malformed")
    for name in CHECKSUMS:
        bad = [packet["frame.number"] for packet in having(found, f"{name}.checksum.status", BAD)]
        lab.check_equal(bad[:5], [], f"no {name} checksum is bad")
    lab.check_equal(len(having(advertisements, "icmpv6.checksum.status", GOOD)), len(advertisements),
                    "tshark did check: those of all advertisements are good")


def notices_bad_packets():
    """The same tshark, on a capture of one right packet, one with a bad checksum and one cut option."""
    frames = [packets.advertisement("fe80::1", "02:00:00:00:00:01"),
              packets.advertisement("fe80::1", "02:00:00:00:00:01", checksum=0xBAD),
              packets.advertisement("fe80::1", "02:00:00:00:00:01", options=b"\x03\x04" + bytes(10))]
    path = f"{lab.LAB_DIR}/bad.pcap"
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    found = decode(path)
    lab.check_equal(([packet["frame.number"] for packet in having(found, "icmpv6.checksum.status", BAD)], malformed(found)),
                    (["2"], ["3"]), "tshark notices a bad checksum and a malformed packet")


def malformed(found):
    return [packet["frame.number"] for packet in found
            if packet["_ws.malformed"] or ERROR in packet["_ws.expert.severity"].split(",")]


def having(found, field, value):
    return [packet for packet in found if value in packet[field].split(",")]


def decode(path):
    preferences = [word for name in ("ip", "udp", "tcp") for word in ("-o", f"{name}.check_checksum:TRUE")]
    # Or tshark would guess what iperf3's random bytes are from the port of the client, or from the bytes.
    preferences += ["-d", "tcp.port==5201,data", "-d", "udp.port==51820-51821,wg"]
    fields = [word for name in FIELDS for word in ("-e", name)]
    done = subprocess.run(["tshark", "-n", "-r", path, *preferences, "-T", "fields", *fields], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=True)
    return [dict(zip(FIELDS, line.split("\t"))) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    lab.main(scenario)
