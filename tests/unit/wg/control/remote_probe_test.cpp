// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/remote_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/text_values.h"

namespace ulagate::wg::control::remote_probe_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const net::Ipv6Prefix kB = prefix("fd12:3456:789a:b::/64");
const net::Ipv6Prefix kC = prefix("fd12:3456:789a:c::/64");

// Probes over r1 (which carries all) and r2 in virtual time; what is in `works_` answers after 20 ms.
class RemoteProbeStory : public ::testing::Test {
protected:
    void watch(const std::vector<net::Ipv6Prefix>& active_prefixes) {
        active_prefixes_ = active_prefixes;
        record(probe_.set(
            active_prefixes_, relays_, [this](const auto&) { return relay_in_use_; }, now()));
    }
    void record(const RemoteProbe::Outcome& outcome) {
        changed_ |= outcome.changed;
        for (const auto& send : outcome.send) {
            sent_.push_back(std::to_string(std::chrono::duration_cast<milliseconds>(at_).count()) + " " +
                            send.relay);
            to_.insert(send.to);
            const auto site = net::Ipv6Prefix{send.to, 64}.network();
            if (!works_.contains({site, send.relay})) continue;
            answers_.push_back({at_ + 20ms, send});
        }
    }
    void run_until(Duration end) {
        for (;;) {
            std::optional<Duration> next;
            if (probe_.deadline()) next = *probe_.deadline() - kStart;
            if (!answers_.empty() && (!next || answers_.front().first <= *next))
                next = answers_.front().first;
            if (!next || *next > end) break;
            at_ = std::max(at_, *next);
            if (!answers_.empty() && answers_.front().first <= at_) {
                const RemoteProbe::Send send = answers_.front().second;
                answers_.erase(answers_.begin());
                const ProbeAck ack{std::get<Probe>(send.packet.message).id};
                record(probe_.on_answer(send.relay, send.to, ack, now()));
            } else {
                record(probe_.on_deadline(now()));
            }
        }
        at_ = end;
    }
    [[nodiscard]] TimePoint now() const { return kStart + at_; }
    [[nodiscard]] std::optional<bool> known(const net::Ipv6Prefix& site, const std::string& relay) const {
        const auto all = probe_.end_to_end();
        const auto found = all.find({site, relay});
        return found == all.end() ? std::nullopt : std::optional{found->second};
    }
    std::vector<std::string> sent() { return std::exchange(sent_, {}); }

    static constexpr TimePoint kStart{1000s};
    Duration at_{};
    RemoteProbe probe_{5000};
    std::vector<net::Ipv6Prefix> active_prefixes_;
    std::vector<std::string> relays_{"r1", "r2"};
    std::string relay_in_use_ = "r1";
    std::set<PathChoice::SiteAndRelay> works_{{kB, "r1"}, {kB, "r2"}};
    std::vector<std::pair<Duration, RemoteProbe::Send>> answers_;
    std::vector<std::string> sent_;
    std::set<net::Ipv6Address> to_;
    bool changed_ = false;
};

TEST_F(RemoteProbeStory, ThePathInUseEvery300MillisecondsTheOthersEvery3Seconds) {
    watch({kB});
    run_until(900ms);
    EXPECT_THAT(sent(), ElementsAre("0 r1", "0 r2", "300 r1", "600 r1", "900 r1"));
    EXPECT_THAT(to_, ElementsAre(address("fd12:3456:789a:b::1")));
    EXPECT_EQ(known(kB, "r1"), true);
    EXPECT_EQ(known(kB, "r2"), true);
    run_until(6s);
    const auto all = sent();
    EXPECT_EQ(std::count(all.begin(), all.end(), "3000 r2"), 1);
    EXPECT_EQ(std::count(all.begin(), all.end(), "6000 r2"), 1);
    EXPECT_EQ(all.size(), 17U + 2U);
}

TEST_F(RemoteProbeStory, ThreeMissesAreTheEndOfAPath) {
    watch({kB});
    run_until(1s);
    works_.erase({kB, "r1"});
    changed_ = false;
    run_until(2'099ms);  // sent at 1.2 s, 1.5 s and 1.8 s
    EXPECT_EQ(known(kB, "r1"), true);
    EXPECT_FALSE(changed_);
    run_until(2'100ms);
    EXPECT_EQ(known(kB, "r1"), false);
    EXPECT_TRUE(changed_);
    works_.insert({kB, "r1"});
    run_until(2'500ms);
    EXPECT_EQ(known(kB, "r1"), true);
}

TEST_F(RemoteProbeStory, AMissOnAnIdlePathIsLookedIntoAtOnce) {
    watch({kB});
    run_until(1s);
    works_.erase({kB, "r2"});
    run_until(3s);
    sent();
    run_until(6'599ms);  // missed at 6 s and 6.3 s
    EXPECT_EQ(known(kB, "r2"), true);
    run_until(6'600ms);
    EXPECT_EQ(known(kB, "r2"), false);
    sent();
    run_until(12s);
    const auto all = sent();
    EXPECT_EQ(std::count(all.begin(), all.end(), "9600 r2"), 1);
    EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const auto& s) { return s.ends_with("r2"); }), 1);
}

TEST_F(RemoteProbeStory, ASiteThatNeverAnsweredIsNotJudged) {
    works_.clear();
    watch({kB});
    run_until(60s);
    EXPECT_EQ(known(kB, "r1"), std::nullopt);
    EXPECT_EQ(known(kB, "r2"), std::nullopt);
    works_ = {{kB, "r2"}};
    run_until(63s);
    EXPECT_EQ(known(kB, "r1"), false) << "its router does answer";
    EXPECT_EQ(known(kB, "r2"), true);
}

TEST_F(RemoteProbeStory, APathThatComesIntoUseIsProbedAtOnce) {
    watch({kB});
    run_until(1s);
    sent();
    relay_in_use_ = "r2";
    watch({kB});
    EXPECT_THAT(sent(), ElementsAre("1000 r2"));
    run_until(1'300ms);
    EXPECT_THAT(sent(), ElementsAre("1200 r1", "1300 r2"));
}

TEST_F(RemoteProbeStory, WhatHasNoTrafficAnyMoreIsForgotten) {
    watch({kB});
    run_until(1s);
    watch({});
    EXPECT_THAT(probe_.end_to_end(), IsEmpty());
    EXPECT_FALSE(probe_.deadline());
    EXPECT_TRUE(changed_);
}

TEST_F(RemoteProbeStory, ARelayThatDiesTakesItsPathsWithIt) {
    watch({kB});
    run_until(1s);
    relays_ = {"r2"};
    relay_in_use_ = "r2";
    watch({kB});
    EXPECT_EQ(known(kB, "r1"), std::nullopt);
    EXPECT_EQ(known(kB, "r2"), true);
}

TEST_F(RemoteProbeStory, NoMoreThan64SitesAndThoseThatAreWatchedStay) {
    watch({kB});
    std::vector<net::Ipv6Prefix> many;
    for (unsigned i = 0; i < 200; ++i) {
        net::Ipv6Prefix each = kC;
        each.address.bytes.at(6) = static_cast<std::uint8_t>(i);
        many.push_back(each);
    }
    many.push_back(kB);
    watch(many);
    EXPECT_EQ(probe_.sites().size(), RemoteProbe::kMaxSites);
    EXPECT_TRUE(probe_.sites().contains(kB));
}

TEST_F(RemoteProbeStory, AnAnswerCountsFromThePlaceThatWasAskedOnly) {
    works_.clear();
    watch({kB});
    EXPECT_FALSE(probe_.on_answer("r1", address("fd12:3456:789a:b::2"), {5000}, now()).changed);
    EXPECT_FALSE(probe_.on_answer("r2", address("fd12:3456:789a:b::1"), {5000}, now()).changed);
    EXPECT_FALSE(probe_.on_answer("r1", address("fd12:3456:789a:c::1"), {5000}, now()).changed);
    EXPECT_FALSE(probe_.on_answer("r1", address("fd12:3456:789a:b::1"), {4999}, now()).changed);
    EXPECT_TRUE(probe_.on_answer("r1", address("fd12:3456:789a:b::1"), {5000}, now()).changed);
    EXPECT_EQ(known(kB, "r1"), true);
}

}  // namespace
}  // namespace ulagate::wg::control::remote_probe_test
