// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <utility>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/result.h"
#include "firewall/nft_socket.h"

namespace ulagate::firewall {

// Reads which remote /64s have traffic now: the elements of kActivePrefixesSet, which the rules themselves
// put there and the kernel takes away. Decides nothing.
class ActivePrefixes {
public:
    static Result<ActivePrefixes> open();

    // Empty also while the set is not there.
    Result<std::vector<net::Ipv6Prefix>> read();

private:
    explicit ActivePrefixes(NftSocket socket) : socket_(std::move(socket)) {}

    NftSocket socket_;
};

}  // namespace ulagate::firewall
