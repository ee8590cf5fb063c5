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
#include "wg/device/link_message.h"

namespace ulagate::wg {

// Owns one netlink socket. Knows sequence numbers, acknowledgements and dumps; knows nothing of WireGuard.
// Blocks, but not for ever: an answer that does not come within two seconds is an error.
class NetlinkSocket {
public:
    using Answer = std::function<Result<void>(std::span<const std::byte> message)>;

    static Result<NetlinkSocket> open(int bus);
    NetlinkSocket(NetlinkSocket&&) noexcept = default;
    NetlinkSocket& operator=(NetlinkSocket&&) = delete;
    NetlinkSocket(const NetlinkSocket&) = delete;
    NetlinkSocket& operator=(const NetlinkSocket&) = delete;
    ~NetlinkSocket();

    // Sends one request (fills in its sequence number) and passes on what comes back until the end of the
    // dump or the acknowledgement. std::errc::interrupted: the dump was disturbed by a change, ask again.
    Result<void> exchange(std::span<std::byte> request, const Answer& on_answer);
    Result<void> exchange(std::span<std::byte> request);

private:
    struct Progress {
        bool ended = false;
        bool interrupted = false;
        int code = 0;  // errno
    };

    explicit NetlinkSocket(UniqueFd fd);
    Result<std::span<const std::byte>> receive();
    Result<void> take(std::span<const std::byte> datagram, const Answer& on_answer, Progress& progress) const;

    UniqueFd fd_;
    std::uint32_t sequence_ = 0;
    std::vector<std::byte> buffer_;  // a WireGuard dump holds keys: wiped when we go
};

// Nothing when there is no interface of this name in our network namespace.
Result<std::optional<Link>> find_link(const std::string& name);
Result<void> delete_link(const Link& link);

}  // namespace ulagate::wg
