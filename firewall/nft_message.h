// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "daemon/base/address.h"

// Netfilter's netlink messages, as far as we read them: whose table, which generation, which elements. What
// is in them was written by other programs, and by hosts' packets. Pure; never reads outside of what it is
// given.
namespace ulagate::firewall {

struct NftMessage {
    std::uint16_t type = 0;  // with the subsystem in the upper byte
    std::uint16_t flags = 0;
    std::uint32_t sequence = 0;
    std::span<const std::byte> body;  // behind the netlink header
};
// False: the rest of the datagram makes no sense. `each` returns false to stop.
bool each_nft_message(std::span<const std::byte> datagram,
                      const std::function<bool(const NftMessage&)>& each);

// Whether it ends a transaction (NFT_MSG_NEWGEN), and which generation of the ruleset that made.
bool ends_transaction(const NftMessage& message);
std::optional<std::uint32_t> generation_of(const NftMessage& message);
// A message of nf_tables about the table `inet kTable` or something in it.
bool is_about_our_table(const NftMessage& message);
// Of an NLMSG_ERROR or NLMSG_DONE: 0 or an errno.
int code_of(const NftMessage& message);
// The /64s of a NFT_MSG_NEWSETELEM whose elements have IPv6 addresses as keys, added to `sites`; elements of
// another form are left out.
void add_sites(const NftMessage& message, std::vector<net::Ipv6Prefix>& sites);

}  // namespace ulagate::firewall
