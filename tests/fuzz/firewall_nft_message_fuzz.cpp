// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "firewall/nft_child.h"
#include "firewall/nft_message.h"

using namespace ulagate;

// What the kernel says of other programs' rules and of packets, and what the process that applies ours says.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto datagram = std::as_bytes(std::span{data, size});
    std::vector<net::Ipv6Prefix> sites;
    firewall::each_nft_message(datagram, [&](const firewall::NftMessage& message) {
        firewall::add_sites(message, sites);
        const auto generation = firewall::generation_of(message);
        if (generation && !firewall::ends_transaction(message)) std::abort();
        if (firewall::code_of(message) < 0) std::abort();
        static_cast<void>(firewall::is_about_our_table(message));
        return true;
    });
    if (sites.size() * 16 > size) std::abort();
    for (const auto& site : sites) {
        if (site.length != 64 || site.network() != site) std::abort();
    }
    static_cast<void>(firewall::parse_ruleset_answer(datagram));
    return 0;
}
