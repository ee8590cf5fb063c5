// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/fd.h"
#include "daemon/base/result.h"

namespace ulagate::wg {

enum class Family { ipv4, ipv6 };

// Sees the WireGuard handshake initiations that come in for our devices, also those that WireGuard ignores
// without a word: a packet socket with a kernel filter that passes nothing else. It sees copies and takes
// nothing away. Non-blocking; the loop waits on native_handle().
class HandshakeWatch {
public:
    // For `count` UDP ports from `first_port` on.
    static Result<HandshakeWatch> open(Family family, std::uint16_t first_port, std::uint16_t count);

    struct Initiation {
        net::Endpoint from;      // as it says: nothing has been verified
        std::uint16_t port = 0;  // ours
        auto operator<=>(const Initiation&) const = default;
    };
    // What has come, up to a limit that always leads back to the loop; empty: nothing now. An Error is the
    // socket's.
    Result<std::vector<Initiation>> receive();
    [[nodiscard]] int native_handle() const { return fd_.get(); }

private:
    HandshakeWatch(UniqueFd fd, Family family) : fd_(std::move(fd)), family_(family) {}
    UniqueFd fd_;
    Family family_;
};

}  // namespace ulagate::wg
