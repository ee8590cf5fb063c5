// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/base/address.h"
#include "daemon/base/fd.h"
#include "daemon/base/ip_family.h"
#include "daemon/base/result.h"

namespace ulagate {

// Sends ICMP echo requests that neither this machine nor a router may fragment, and hears the answers.
// Outside of any tunnel. Non-blocking; the loop waits on native_handle().
class EchoSocket {
public:
    static Result<EchoSocket> open(IpFamily family);

    // A request that makes an IP packet of so many bytes (at least 64). `cookie`: what only who received it
    // can know, and comes back. Packets get lost, and so may this one, without a word: too large for the
    // interface, no route, a full queue.
    void send(const net::IpAddress& destination, unsigned bytes, std::uint64_t cookie);

    struct Answer {
        net::IpAddress from;
        unsigned bytes = 0;  // of the IP packet
        std::uint64_t cookie = 0;
        bool operator==(const Answer&) const = default;
    };
    // nullopt: none now. An Error is the socket's.
    Result<std::optional<Answer>> receive();
    [[nodiscard]] int native_handle() const { return fd_.get(); }

private:
    EchoSocket(UniqueFd fd, IpFamily family, std::uint16_t identifier)
        : fd_(std::move(fd)), family_(family), identifier_(identifier) {}
    UniqueFd fd_;
    IpFamily family_;
    std::uint16_t identifier_;  // tells our answers from those to others on this machine
    std::uint16_t sequence_ = 0;
};

}  // namespace ulagate
