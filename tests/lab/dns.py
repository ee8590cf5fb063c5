# SPDX-License-Identifier: GPL-2.0-or-later
"""A name server for the lab (RFC 1035): a few names, a time to live, and the whims of the real ones."""

import ipaddress
import socket
import struct
import threading

A, AAAA, INTERNET = 1, 28, 1
NO_ERROR, NO_SUCH_NAME = 0, 3


class NameServer:
    """Answers on all addresses of a node from `names` (name -> addresses), which may be changed at any time."""

    def __init__(self, node, names, ttl=60):
        self.names, self.ttl = names, ttl
        self.silent = False
        self.questions = []
        with node.network():
            self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self._socket.bind(("::", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            question, peer = self._socket.recvfrom(512)
            answer = self._answer(question)
            if answer and not self.silent:
                self._socket.sendto(answer, peer)

    def _answer(self, message):
        labels, end = [], 12
        while message[end]:
            labels.append(message[end + 1:end + 1 + message[end]].decode())
            end += 1 + message[end]
        name, (kind,) = ".".join(labels), struct.unpack("!H", message[end + 1:end + 3])
        self.questions.append((name, kind))
        known = self.names.get(name)
        found = [ipaddress.ip_address(address) for address in known or []]
        records = b"".join(struct.pack("!HHHIH", 0xC00C, kind, INTERNET, self.ttl, len(address.packed)) + address.packed
                           for address in found if {4: A, 6: AAAA}[address.version] == kind)
        count = sum({4: A, 6: AAAA}[address.version] == kind for address in found)
        flags = 0x8180 | (NO_ERROR if known is not None else NO_SUCH_NAME)
        return message[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0) + message[12:end + 5] + records


def use_name_server(node, *addresses):
    """As a DHCP client would: by a new file in place of the old one's content."""
    with open(f"{node.dir}/resolv.conf", "w", encoding="ascii") as file:
        file.write("".join(f"nameserver {address}\n" for address in addresses))
