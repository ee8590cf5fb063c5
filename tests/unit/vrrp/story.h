// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gmock/gmock.h>

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "tests/unit/vrrp/bytes.h"
#include "vrrp/machine.h"

// A state machine and what it does, in words: "send 200", "take", "release", "announce",
// "backup -> active: no advertisement for 361 ms", "differs: ...".
namespace ulagate::vrrp {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

inline const TimePoint kStart{1000s};

inline std::string in_words(const SendAdvertisement& send) { return "send " + std::to_string(send.priority); }
inline std::string in_words(const TakeAddress& /*take*/) { return "take"; }
inline std::string in_words(const ReleaseAddress& /*release*/) { return "release"; }
inline std::string in_words(const Announce& /*announce*/) { return "announce"; }
inline std::string in_words(const Changed& changed) {
    return std::string{to_string(changed.from)} + " -> " + std::string{to_string(changed.to)} + ": " +
           changed.reason;
}
inline std::string in_words(const Differs& differs) { return "differs: " + differs.text; }

inline std::vector<std::string> in_words(const Actions& actions) {
    std::vector<std::string> words;
    for (const Action& action : actions) {
        words.push_back(std::visit([](const auto& a) { return in_words(a); }, action));
    }
    return words;
}

// 100 centiseconds, as the RFC's default, unless told otherwise.
inline Config config(std::uint8_t priority, Centiseconds interval = Centiseconds{100}) {
    Config made;
    made.vrid = 51;
    made.priority = priority;
    made.interval = interval;
    made.address = kVip;
    return made;
}

inline Advertisement advertisement(std::uint8_t priority, Centiseconds interval = Centiseconds{100}) {
    return {51, priority, interval, {kVip}};
}

class Story {
public:
    using Words = std::vector<std::string>;

    explicit Story(const Config& config) : machine(config) {}

    Words start() { return in_words(machine.start(now)); }
    Words stop() { return in_words(machine.stop(now)); }
    Words hear(std::uint8_t priority, Centiseconds interval = Centiseconds{100},
               const net::Ipv6Address& from = kOther) {
        return hear(advertisement(priority, interval), from);
    }
    Words hear(const Advertisement& heard, const net::Ipv6Address& from = kOther) {
        return in_words(machine.on_advertisement(heard, from, kSelf, now));
    }
    // Time goes by; what falls due is done, in time.
    Words wait(Duration duration) {
        Words words;
        const TimePoint end = now + duration;
        while (machine.deadline() && *machine.deadline() <= end) {
            now = *machine.deadline();
            const Words more = in_words(machine.on_deadline(now));
            words.insert(words.end(), more.begin(), more.end());
        }
        now = end;
        return words;
    }
    // Straight to the next deadline.
    Words next() { return wait(machine.deadline().value() - now); }
    [[nodiscard]] Duration remaining() const { return machine.deadline().value() - now; }

    TimePoint now = kStart;
    Machine machine;
};

inline Story backup(std::uint8_t priority) {
    Story story{config(priority)};
    story.start();
    return story;
}

inline Story active(std::uint8_t priority) {
    Story story = backup(priority);
    story.next();
    EXPECT_EQ(story.machine.state(), State::active);
    return story;
}

}  // namespace ulagate::vrrp
