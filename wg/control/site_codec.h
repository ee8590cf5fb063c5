// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/bytes.h"
#include "daemon/base/result.h"

// Many prefixes of one overlay in few bytes: 10,000 sites of a /48 that are spread evenly take about 10 kB.
namespace ulagate::wg::control {

// No site's prefix is longer (hosts make their addresses in a /64), so its first 64 bits say all.
inline constexpr std::uint8_t kLongestSite = 64;

// The order on the wire: shorter prefixes first, then by address.
bool site_before(const net::Ipv6Prefix& a, const net::Ipv6Prefix& b);

// Networks inside `overlay`, at most a /64: what can be written.
bool is_site(const net::Ipv6Prefix& prefix, const net::Ipv6Prefix& overlay);

// One run is the prefixes of one length: that length (1 byte), then the number of the first inside the
// overlay, then how far each is behind the one before it, less one. Numbers have 7 bits a byte, the low ones
// first; the high bit says that more follow.
//
// `run`: sites in order, all of one length, at least one.
void put_run(net::ByteWriter& out, std::span<const net::Ipv6Prefix> run, const net::Ipv6Prefix& overlay);

// Appends a run's prefixes. Errors: not one that put_run() would have written.
Result<void> read_run(net::ByteReader in, const net::Ipv6Prefix& overlay, std::vector<net::Ipv6Prefix>& out);

// How many bytes a prefix takes behind `before`, or (nullptr) as the first of a run.
std::size_t size_in_run(const net::Ipv6Prefix* before, const net::Ipv6Prefix& prefix,
                        const net::Ipv6Prefix& overlay);

}  // namespace ulagate::wg::control
