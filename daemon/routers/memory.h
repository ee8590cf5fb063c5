// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "daemon/base/address.h"
#include "wg/device/key.h"

namespace ulagate {

// Where a relay's routers were last, kept on disk for a relay that has to make its device anew: their NAT
// mappings are still open then, and they need not notice. One line a router, the last heard first:
// "<public key> 198.51.100.1:40123 1795255267", the time being that of its last handshake. Pure.
class RouterMemory {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr std::size_t kMost = 10'000;  // entries on disk

    struct Router {
        net::Endpoint endpoint;
        std::chrono::sys_seconds last_handshake;
        bool operator==(const Router&) const = default;
    };

    // How many lines say something else; they are left out.
    std::size_t load(std::string_view text);
    // Forgets all others.
    void keep_only(const std::set<wg::PublicKey>& configured);
    // Where a connected router is.
    void note(const wg::PublicKey& key, const Router& router, TimePoint now);
    [[nodiscard]] const std::map<wg::PublicKey, Router>& routers() const { return routers_; }

    // The new content when it is to be written now: some seconds after a router has moved, but at most every
    // 30 s; every hour if nothing but handshakes has happened. `stopping`: there is no later.
    std::optional<std::string> take_write(TimePoint now, bool stopping);
    // That content has not reached the disk: it is tried again when the next write may be.
    void not_written(TimePoint now);

private:
    [[nodiscard]] std::string text() const;

    std::map<wg::PublicKey, Router> routers_;
    bool fresher_ = false;               // handshakes that are not on disk
    std::optional<TimePoint> moved_at_;  // when the first router moved that is not on disk so
    std::optional<TimePoint> written_at_;
};

}  // namespace ulagate
