// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace ulagate {

// The epochs of our claims, which outlive us: a router that comes back must not claim with one that it has
// used before. Each relay has a counter of its own, so that what one says of its epochs is no other's
// business.
//
// On disk they are kSpare ahead of what is used: writing to a slow card while the site waits for a claim
// would cost more than the whole fail-over. One line a relay: "r1 142". Older versions knew one number for
// all relays, which is still written for them: the lowest. Pure.
class EpochMemory {
public:
    static constexpr std::uint64_t kSpare = 100;
    // More than any router can come to by becoming Active: somebody drove it there, and it begins again at 0.
    // A relay holds the claims of a former life for 3 s only, and a partner's until that has left once.
    static constexpr std::uint64_t kAbsurd = std::uint64_t{1} << 48U;

    // What is in the two files, "" = there is none. How many numbers were absurd or none.
    struct Broken {
        unsigned absurd = 0;
        unsigned unreadable = 0;
    };
    Broken load(std::string_view by_relay, std::string_view for_all);
    void keep_only(const std::set<std::string>& relays);

    // What a former life may have used with the relay.
    [[nodiscard]] std::uint64_t reserved(const std::string& relay) const;
    // A session has used or seen this. True: the files are behind.
    bool note(const std::string& relay, std::uint64_t epoch);
    // From now on this is on disk.
    void reserve();
    [[nodiscard]] std::string by_relay() const;
    [[nodiscard]] std::string for_all() const;

private:
    struct Relay {
        std::uint64_t used = 0;
        std::uint64_t reserved = 0;
    };
    std::map<std::string, Relay> relays_;
    std::uint64_t for_all_ = 0;  // of a relay that has no line
};

}  // namespace ulagate
