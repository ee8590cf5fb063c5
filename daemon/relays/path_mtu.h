// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <vector>

namespace ulagate {

// Measures how large a packet to one address may be, as RFC 4821 does: by packets of several sizes that
// nobody on the path may fragment, and by what is answered. It believes no Packet Too Big, and misses none
// that a firewall drops. WireGuard's own packets cannot tell: the kernel lets them be fragmented. Pure: says
// which sizes to ask for, and hears which were answered. All sizes in bytes of the whole IP packet.
class PathMtu {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // What an IPv6 path must carry (RFC 8200 section 5). A tunnel needs no better knowledge of less.
    static constexpr unsigned kSmallest = 1280;
    // No more than jumbo frames.
    static constexpr unsigned kLargest = 9216;

    // A path of which nothing is known begins; `largest`: what its first interface takes.
    void start(unsigned largest, TimePoint now);
    // There is a reason to think that it is not as it was: measured again at once.
    void again(TimePoint now);
    // Packets flow. Without them the path is not measured again: on a mobile network that costs money.
    void set_traffic(bool flows);
    // The sizes to ask for now.
    std::vector<unsigned> update(TimePoint now);
    void on_answer(unsigned bytes, TimePoint now);

    // nullopt: not known yet, or nobody answers.
    [[nodiscard]] std::optional<unsigned> bytes() const { return measured_; }
    [[nodiscard]] std::optional<TimePoint> deadline() const;

private:
    enum class Work { none, resting, searching, checking };
    void search(unsigned proved, unsigned possible, TimePoint now);
    void ask(std::vector<unsigned> sizes, TimePoint now);
    void end_round(TimePoint now);
    void end_search_round(TimePoint now);
    void rest(TimePoint now);
    void unanswered(TimePoint now);

    unsigned largest_ = 0;
    std::optional<unsigned> measured_;
    Work work_ = Work::none;
    bool traffic_ = false;
    unsigned proved_ = 0;          // by this search
    unsigned possible_ = 0;        // nothing larger passed in this search
    std::vector<unsigned> sizes_;  // of this round, ascending
    unsigned best_ = 0;            // answered in this round
    unsigned tries_ = 0;
    unsigned silent_ = 0;  // searches in a row that nobody answered
    TimePoint next_;
    TimePoint search_at_;  // while the path takes less than the interface
};

}  // namespace ulagate
