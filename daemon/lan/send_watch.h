// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace ulagate {

// What a LAN's router sends to all.
enum class Voice : std::uint8_t { vrrp, icmpv6 };

// Whether what we send on a LAN leaves: a kernel that refuses each packet (a firewall's output chain, a
// driver, an address that is taken away again and again) makes a router that nobody hears, whatever it
// believes. Three in a row over a second of one kind are no accident. Then it tries again, after a second at
// first and after a minute at last if it goes on so. Pure.
class SendWatch {
public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;

    void sent(Voice voice, TimePoint now);
    void failed(Voice voice, const std::string& error, TimePoint now);
    // The link is another one now: what was before says nothing.
    void forget();

    // Nobody hears us.
    [[nodiscard]] bool mute() const { return try_at_.has_value(); }
    // The last error, of the kind that fails; empty: all that was sent last has left.
    [[nodiscard]] const std::string& error() const;
    // The last that was sent of this kind did not leave.
    [[nodiscard]] bool fails(Voice voice) const { return of(voice).in_a_row > 0; }
    // When to try again what fails; nothing unless mute().
    [[nodiscard]] std::optional<TimePoint> deadline() const { return try_at_; }
    // It is tried now. What comes of it is told by sent() or failed().
    void tried(TimePoint now);
    // There is no way to try but to go on: not mute any more, until it fails again.
    void give_chance(TimePoint now);

private:
    struct Kind {
        unsigned in_a_row = 0;
        TimePoint since;
        std::string error;
    };
    [[nodiscard]] const Kind& of(Voice voice) const { return kinds_.at(static_cast<std::size_t>(voice)); }
    void recover(TimePoint now);

    std::array<Kind, 2> kinds_;
    std::optional<TimePoint> try_at_;
    Duration wait_{0};  // before the next try
    TimePoint recovered_at_ = TimePoint::min();
};

}  // namespace ulagate
