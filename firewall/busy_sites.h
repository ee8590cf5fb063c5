// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/result.h"

struct mnl_socket;

namespace ulagate::firewall {

// Reads which remote /64s have traffic now: the elements of kBusySet, which the rules themselves put there
// and the kernel takes away. Decides nothing.
class BusySites {
public:
    static Result<BusySites> open();

    // Empty also while the set is not there.
    Result<std::vector<net::Ipv6Prefix>> read();

private:
    struct Close {
        void operator()(mnl_socket* socket) const;
    };
    explicit BusySites(std::unique_ptr<mnl_socket, Close> socket) : socket_(std::move(socket)) {}

    std::unique_ptr<mnl_socket, Close> socket_;
    std::uint32_t sequence_ = 0;
};

}  // namespace ulagate::firewall
