#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""In a capture of a whole demo run on all LANs and uplinks, tshark finds no malformed packet and no bad checksum."""

import os
import socket
import struct
import subprocess

import lab
import packets

CHECKSUMS = ("ip", "udp", "tcp", "icmp", "icmpv6")
FIELDS = ["frame.number", "icmp.type", "icmpv6.type", "wg.type", "tcp.port", "tcp.checksum", "_ws.malformed",
          "_ws.expert.severity", *(f"{name}.checksum.status" for name in CHECKSUMS)]
# Without the -d tshark would guess what iperf3's random bytes are from the port of the client, or from the bytes.
PREFERENCES = [*(word for name in ("ip", "udp", "tcp") for word in ("-o", f"{name}.check_checksum:TRUE")),
               "-d", "tcp.port==5201,data", "-d", "udp.port==51820-51821,wg"]
MAC = "02:00:00:00:00:01"  # of packets that are made to see whether tshark notices
ENDS = b"".join(socket.inet_pton(socket.AF_INET6, end) for end in ("fd12::1", "fd12::2"))
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
    no_packet(path, malformed(found), "is malformed")
    for name in CHECKSUMS:
        no_packet(path, with_bad_checksum(found, name), f"has a bad {name} checksum")
    lab.check_equal(len(having(advertisements, "icmpv6.checksum.status", GOOD)), len(advertisements),
                    "tshark did check: those of all advertisements are good")


def notices_bad_packets():
    """The same tshark, on a capture of good and bad packets."""
    frames = {"right": packets.advertisement("fe80::1", MAC),
              "bad checksum": packets.advertisement("fe80::1", MAC, checksum=0xBAD),
              "cut option": packets.advertisement("fe80::1", MAC, options=b"\x03\x04" + bytes(10)),
              "bad tcp checksum": tcp_of_sum_zero(0xBAD), "0": tcp_of_sum_zero(0), "0xffff for 0": tcp_of_sum_zero(0xFFFF),
              "too big": too_big(), "too big, bad checksum": too_big(checksum=0xBAD)}
    path = f"{lab.LAB_DIR}/bad.pcap"
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in frames.values():
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    found = decode(path)
    names = lambda numbers: [list(frames)[int(number) - 1] for number in numbers]
    lab.check_equal(names(malformed(found)), ["cut option", "bad tcp checksum"], "tshark notices malformed packets")
    lab.check_equal([names(with_bad_checksum(found, name)) for name in ("icmpv6", "tcp")],
                    [["bad checksum", "too big, bad checksum"], ["bad tcp checksum"]], "and bad checksums")


def tcp_of_sum_zero(checksum):
    """A TCP packet of which the right checksum is 0."""
    tcp = struct.pack("!HHIIBBHHH", 40000, 5201, 794, 1, 5 << 4, 0x10, 512, checksum, 0)
    ethernet = 2 * bytes.fromhex(MAC.replace(":", "")) + b"\x86\xdd"
    return ethernet + struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + ENDS + tcp


def too_big(checksum=None):
    """A router's answer to a packet of 1500 bytes, of which it quotes what has room in 1280."""
    tcp = struct.pack("!HHIIBBHHH", 40000, 5201, 1, 1, 5 << 4, 0x10, 512, 0x1234, 0) + bytes(1440)
    quoted = struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + ENDS + tcp
    body = (struct.pack("!I", 1280) + quoted)[:1280 - 40 - 4]
    return packets.icmpv6(2, body, "fe80::1", "fd12::1", MAC, MAC, checksum=checksum)


def no_packet(path, bad, what):
    """`bad`: numbers of packets. The first is printed whole, with what came just before and after it."""
    if bad:
        first = int(bad[0])
        for shown in (["-V", "-x", "-Y", f"frame.number == {first}"],
                      ["-Y", f"frame.number >= {first - 8} && frame.number <= {first + 8}"]):
            print(subprocess.run(["tshark", "-n", "-r", path, *PREFERENCES, *shown], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True, check=False).stdout)
    lab.check_equal(bad[:5], [], f"no packet {what}")


def malformed(found):
    return [packet["frame.number"] for packet in found if packet["_ws.malformed"] or says_error(packet)]


def with_bad_checksum(found, name):
    """The first of a kind is the packet's own, more are in what an ICMP error quotes."""
    bad = [packet for packet in found if packet[f"{name}.checksum.status"].split(",")[0] == BAD]
    if name == "tcp":
        # Linux writes 0xffff where the sum is 0, for TCP as it must for UDP (skb_checksum_help()). The receiver finds it
        # right; tshark says "bad", but no more than a warning.
        bad = [packet for packet in bad if says_error(packet) or packet["tcp.checksum"] != "0xffff"]
    if name in ("tcp", "udp"):
        bad = [packet for packet in bad if not is_icmp_error(packet)]
    return [packet["frame.number"] for packet in bad]


def says_error(packet):
    """TCP that an ICMP error quotes is cut to fit, and tshark takes the checksum of what is left for an error."""
    return ERROR in packet["_ws.expert.severity"].split(",") and not (is_icmp_error(packet) and packet["tcp.port"])


def is_icmp_error(packet):
    return (packet["icmp.type"].split(",")[0] in ("3", "11", "12")
            or packet["icmpv6.type"].split(",")[0] in ("1", "2", "3", "4"))


def having(found, field, value):
    return [packet for packet in found if value in packet[field].split(",")]


def decode(path):
    fields = [word for name in FIELDS for word in ("-e", name)]
    done = subprocess.run(["tshark", "-n", "-r", path, *PREFERENCES, "-T", "fields", *fields], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=True)
    return [dict(zip(FIELDS, line.split("\t"))) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    lab.main(scenario)
