# SPDX-License-Identifier: GPL-2.0-or-later
"""Ethernet frames made by hand, and sent as fast as asked: scapy is too slow for floods."""

import ipaddress
import socket
import struct
import time

ALL_NODES = ("33:33:00:00:00:01", "ff02::1")
ALL_ROUTERS = ("33:33:00:00:00:02", "ff02::2")
SOLICITATION = 133
ADVERTISEMENT = 134


def _mac(text):
    return bytes.fromhex(text.replace(":", ""))


def _checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def icmpv6(kind, body, source, destination, source_mac, destination_mac, hop_limit=255, code=0, checksum=None):
    """A whole frame; `body` is everything after the checksum. A wrong checksum can be asked for."""
    source_bytes = ipaddress.IPv6Address(source).packed
    destination_bytes = ipaddress.IPv6Address(destination).packed
    message = struct.pack("!BBH", kind, code, 0) + body
    pseudo = source_bytes + destination_bytes + struct.pack("!IHBB", len(message), 0, 0, socket.IPPROTO_ICMPV6)
    if checksum is None:
        checksum = _checksum(pseudo + message)
    message = struct.pack("!BBH", kind, code, checksum) + body
    header = struct.pack("!IHBB", 6 << 28, len(message), socket.IPPROTO_ICMPV6, hop_limit)
    return (_mac(destination_mac) + _mac(source_mac) + b"\x86\xdd" + header + source_bytes + destination_bytes
            + message)


def solicitation(source, mac, options=None, **more):
    if options is None:
        options = b"\x01\x01" + _mac(mac)
    return icmpv6(SOLICITATION, bytes(4) + options, source, ALL_ROUTERS[1], mac, ALL_ROUTERS[0], **more)


def advertisement(source, mac, lifetime=1800, options=b"", **more):
    body = struct.pack("!BBHII", 64, 0, lifetime, 0, 0) + options
    return icmpv6(ADVERTISEMENT, body, source, ALL_NODES[1], mac, ALL_NODES[0], **more)


class Sender:
    """A raw socket in a machine's network."""

    def __init__(self, node, interface="eth0"):
        with node.network():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self._socket.bind((interface, 0))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)

    def send(self, frame):
        self._socket.send(frame)

    def flood(self, frames, rate, seconds):
        """Sends the frames in turn at `rate` a second; returns how many were sent."""
        start = time.monotonic()
        sent = 0
        while True:
            elapsed = time.monotonic() - start
            if elapsed >= seconds:
                return sent
            due = int(elapsed * rate)
            while sent < due:
                try:
                    self._socket.send(frames[sent % len(frames)])
                except OSError:  # ENOBUFS: the queue is full, so the receiver is busy
                    pass
                sent += 1
            time.sleep(0.001)
