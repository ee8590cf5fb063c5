// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/base/address.h"
#include "daemon/base/own_links.h"
#include "daemon/base/token_bucket.h"
#include "wg/control/message.h"

namespace ulagate::wg::control {

// Whose voice comes through which interface. A tunnel address in a packet is worth something only behind the
// key that goes with it, so what names a peer counts from that peer's own interface alone: not from a LAN,
// and not from the tunnel of another peer. Addresses of nobody that we know count from any tunnel; what they
// are told is that they are strangers.
class Voices {
public:
    Voices() = default;
    explicit Voices(std::map<net::Ipv6Address, std::string> interfaces)
        : interfaces_(std::move(interfaces)) {}

    [[nodiscard]] bool may_speak(const net::Ipv6Address& from, std::string_view interface) const {
        const auto known = interfaces_.find(from);
        return known == interfaces_.end() ? is_tunnel_name(interface) : interface == known->second;
    }

    // Whether a message with a list of sites is worth reading: that takes longer than all others do, and
    // whoever floods with them would pay nothing. A whole list comes at once, so many are always at hand; and
    // not from who is nobody.
    bool may_list(const net::Ipv6Address& from, TimePoint now) {
        if (!interfaces_.contains(from)) return false;
        return lists_.try_emplace(from, kLists, kListPrice).first->second.take(1, now);
    }

private:
    static constexpr std::size_t kLists = 96;  // messages
    static constexpr Duration kListPrice = std::chrono::milliseconds{15};

    std::map<net::Ipv6Address, std::string> interfaces_;  // by the peer's address in the tunnel
    std::map<net::Ipv6Address, Budget> lists_;            // of those who sent one
};

}  // namespace ulagate::wg::control
