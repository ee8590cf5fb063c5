// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/base/fd.h"
#include "daemon/base/result.h"
#include "firewall/nft_message.h"

namespace ulagate::firewall {

// A netlink socket to nf_tables that asks and waits for the kernel's answer, which it gives at once; never
// longer than two seconds. Also the process that runs libnftables has one.
class NftSocket {
public:
    static Result<NftSocket> open();

    // The number of the ruleset's generation: each transaction makes the next one.
    Result<std::uint32_t> generation();
    // Whether our table (kTable, inet) exists now.
    Result<bool> table_exists();
    // The sites in one of our sets; empty also while it is not there.
    Result<std::vector<net::Ipv6Prefix>> sites(const std::string& set);

private:
    explicit NftSocket(UniqueFd fd);
    // False: what was asked for is not there (ENOENT).
    Result<bool> ask(std::vector<std::byte> request, const char* what,
                     const std::function<void(const NftMessage&)>& row);

    UniqueFd fd_;
    std::uint32_t sequence_ = 0;
    std::vector<std::byte> buffer_;
};

// The generation after this one.
std::uint32_t next_generation(std::uint32_t generation);

}  // namespace ulagate::firewall
