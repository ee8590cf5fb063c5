// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "daemon/kernel/rtnl/socket.h"

namespace ulagate::rtnl {

// In the network namespace of the socket. Nothing when there is no such interface (any more).
std::optional<unsigned> link_index(const Socket& socket, const std::string& name);
std::optional<std::string> link_name(const Socket& socket, unsigned index);

// Interface names as the rows of one dump need them: each is asked for once.
class LinkNames {
public:
    explicit LinkNames(const Socket& socket) : socket_(socket) {}
    const std::optional<std::string>& operator()(unsigned index);

private:
    const Socket& socket_;
    std::unordered_map<unsigned, std::optional<std::string>> known_;
};

}  // namespace ulagate::rtnl
