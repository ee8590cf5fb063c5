// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

namespace ulagate {

// The UDP port that an edge speaks from to one relay. The configured one is a wish: a router is never asked
// first, so any will do.
//
// A NAT on the path keeps a mapping as long as packets flow, also one that has become worthless (the provider
// gave the site another address): our own tries would keep it alive for ever. So after some vain ones another
// port is tried for a moment, then the last good one again for ever longer, since that is where a relay that
// starts anew reaches out to, and all may have been in vain for quite another reason. Pure.
class SourcePort {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Random = std::function<std::uint32_t()>;
    // Whether nobody else on this machine has the port.
    using IsFree = std::function<bool(std::uint16_t)>;

    static constexpr std::chrono::seconds kVain{6};
    static constexpr unsigned kVainRounds = 2;
    static constexpr std::chrono::seconds kVainAtMost{12};  // however many addresses a round has
    static constexpr std::chrono::seconds kVisit{6};        // of another port
    static constexpr std::chrono::seconds kFirstStay{16};   // then, at the good one
    static constexpr std::chrono::seconds kLongestStay{300};
    static constexpr std::chrono::seconds kLookAgain{30};  // whether the wish is free meanwhile

    explicit SourcePort(std::uint16_t wish) : wish_(wish), good_(wish), port_(wish) {}

    struct View {
        bool sending = false;                 // tries are made
        bool alive = false;                   // the tunnel works
        unsigned rounds = 0;                  // of vain tries
        std::optional<std::uint16_t> in_use;  // by the interface now; nullopt: it has no port yet
        bool refused = false;                 // the kernel says that somebody else has it
        bool settling = false;                // what is in use is about to change, or not known yet
    };
    // True: port() is another one now.
    bool update(const View& view, const IsFree& is_free, const Random& random, TimePoint now);
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::uint16_t wish() const { return wish_; }
    // Somebody else has the wish.
    [[nodiscard]] bool wish_is_taken() const { return taken_; }
    // It has been left because nothing came back by it.
    [[nodiscard]] bool wish_was_vain() const { return port_ != wish_ && !taken_; }
    [[nodiscard]] std::optional<TimePoint> deadline() const { return change_at_; }

private:
    bool other(const IsFree& is_free, const Random& random);
    bool change(const IsFree& is_free, const Random& random, TimePoint now);

    std::uint16_t wish_;
    std::uint16_t good_;  // where it worked last, or the wish
    std::uint16_t port_;
    bool taken_ = false;
    TimePoint look_again_at_;
    std::optional<TimePoint> dead_since_;
    std::optional<TimePoint> change_at_;
    unsigned visits_ = 0;  // since it worked
};

}  // namespace ulagate
