// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "daemon/base/address.h"

// The packets that this machine sends through itself, as Ethernet frames for FrameInjector. Pure.
namespace ulagate {

struct ProbeFrame {
    unsigned link = 0;            // index of the interface that it is to come in by
    net::MacAddress destination;  // of that interface, where it has one
    net::Ipv6Address from;
    net::Ipv6Address to;
    std::uint8_t hop_limit = 64;
};

// As the first packet of a connection (TCP SYN).
std::vector<std::byte> tcp_probe(const ProbeFrame& frame, std::uint16_t port);
std::vector<std::byte> udp_probe(const ProbeFrame& frame, std::uint16_t source_port, std::uint16_t port);
// As a VRRP advertisement, but the checksum is wrong on purpose: should it be delivered after
// all, nobody believes it.
std::vector<std::byte> vrrp_probe(const ProbeFrame& frame);
// As a host asks for the link-layer address of `target`, an address of this machine: to its solicited-node
// multicast address (RFC 4861 section 7.2.2). `frame` needs link and from only.
std::vector<std::byte> solicitation_probe(ProbeFrame frame, const net::Ipv6Address& target);

}  // namespace ulagate
