# SPDX-License-Identifier: GPL-2.0-or-later
"""A small SNTP server (RFC 4330) that says the time of this machine, or so many seconds more."""

import socket
import struct
import sys
import time

EPOCH = 2208988800  # of NTP, before that of Unix


def main(address, ahead=0.0):
    clock = lambda: time.time() + float(ahead)
    server = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 123))
    while True:
        request, sender = server.recvfrom(512)
        received = _stamp(clock())
        if len(request) < 48 or request[0] & 7 != 3:
            continue
        version = request[0] >> 3 & 7
        head = struct.pack("!BBbb II4s", version << 3 | 4, 1, 6, -20, 0, 0, b"LOCL")
        server.sendto(head + received + request[40:48] + received + _stamp(clock()), sender)


def _stamp(now):
    return struct.pack("!II", int(now) + EPOCH & 0xFFFFFFFF, int(now % 1 * 2 ** 32))


if __name__ == "__main__":
    main(*sys.argv[1:])
