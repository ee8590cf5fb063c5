// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/base/token_bucket.h"
#include "ra/neighbor.h"

namespace ulagate::ra {

// Who waits for a unicast answer that goes straight to its link-layer address: hosts whose solicitation names
// the same address as the frame that carried it.
//
// A flood is told from hosts by that address, for it costs the sender something to have many of them: the
// switches learn each, and the answers all come back to its own port. Each address gets 32 answers at once
// and 10 a second (a Wi-Fi repeater lends its own to the hosts behind it). A flooder that makes up these
// addresses too looks like as many hosts that have just appeared, and nothing in a solicitation tells them
// apart; choosing a few would leave out an honest host nearly always. So all are answered, up to 20,000 a
// second, which is cheap: no neighbour cache is asked, and who is due within 5 ms is served together. The
// answers cost the link no more than the flood.
//
// All memory is there from the start, whoever asks. Pure: time is an argument.
class DirectReplies {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;
    static constexpr std::size_t kMaxWaiting = 12'288;  // half a second of 20,000, and some

    // With another seed other hosts get into each other's way, so nobody can choose whom to shut out.
    explicit DirectReplies(std::uint64_t seed);

    // It is to be answered after `delay`, or a second after its last answer if that is later. False: too
    // many ask, and a multicast has to answer.
    bool add(const Neighbor& host, TimePoint now, Duration delay);
    struct Due {
        std::vector<Neighbor> hosts;
        bool too_many = false;  // a multicast has to answer the others
    };
    Due due(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    // A multicast has answered them, or there is nobody to answer any more.
    void clear();
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

private:
    struct Waiting {
        TimePoint due;
        Neighbor host;
    };
    // When a host is or was to be answered, by a fingerprint of it.
    struct Recent {
        std::uint32_t host = 0;
        std::uint32_t round = 0;
        TimePoint due = TimePoint::min();
    };
    static constexpr std::size_t kSenders = 4096;
    static constexpr std::size_t kRecent = 8192;
    static constexpr std::size_t kWays = 4;  // places that a fingerprint may be in

    static bool later(const Waiting& a, const Waiting& b) { return a.due > b.due; }
    [[nodiscard]] std::uint64_t hash(std::uint64_t value) const;
    [[nodiscard]] std::uint64_t fingerprint(const Neighbor& host) const;
    Recent& recent(std::uint64_t fingerprint);
    bool take_from_sender(const net::MacAddress& sender, TimePoint now);

    std::uint64_t seed_;
    // A sender has a bucket in each row, shared with who happens to have the same, and is over the limit when
    // both are empty: one sender that floods leaves all others at least one.
    std::array<std::vector<TokenBucket>, 2> senders_;
    std::vector<Recent> recent_;
    std::uint32_t round_ = 1;  // since the last clear(): who is due in an earlier one does not wait any more
    std::vector<Waiting> waiting_;  // a heap, the first due in front
    TokenBucket total_;
};

}  // namespace ulagate::ra
