// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/site_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/text_values.h"
#include "wg/control/site_publisher.h"

// The list of connected sites: how the relay publishes it and how a router follows.
namespace ulagate::wg::control::site_list_test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Prefixes = std::vector<net::Ipv6Prefix>;

const net::Ipv6Prefix kOverlay = prefix("fd12:3456:789a::/48");
const net::Ipv6Prefix kA = prefix("fd12:3456:789a:a::/64");
const net::Ipv6Prefix kB = prefix("fd12:3456:789a:b::/64");
const net::Ipv6Prefix kC = prefix("fd12:3456:789a:c::/64");

constexpr TimePoint kNow{1000s};

net::Ipv6Prefix site(unsigned number) {
    net::Ipv6Prefix out{kOverlay.address, 64};
    out.address.bytes.at(6) = static_cast<std::uint8_t>(number >> 8U);
    out.address.bytes.at(7) = static_cast<std::uint8_t>(number);
    return out;
}

// A relay in virtual time that starts at 0 with generation 100.
class SiteListStory : public ::testing::Test {
protected:
    void heard(const net::Ipv6Prefix& site) { relay_.set_connected({&site, 1}, now() + 3s, now()); }
    void gone(const net::Ipv6Prefix& site) { relay_.set_connected({&site, 1}, now(), now()); }
    void run_until(Duration end) {
        while (relay_.deadline() && *relay_.deadline() <= kStart + end) {
            at_ = std::max(at_, *relay_.deadline() - kStart);
            relay_.on_deadline(now());
        }
        at_ = end;
    }
    // As run_until(); these sites are heard every second.
    void run_heard(Duration end, const Prefixes& sites) {
        while (at_ < end) {
            for (const auto& each : sites) heard(each);
            run_until(std::min<Duration>(at_ + 1s, end));
        }
        for (const auto& each : sites) heard(each);
    }
    [[nodiscard]] TimePoint now() const { return kStart + at_; }
    [[nodiscard]] Prefixes published() const {
        return {relay_.published().begin(), relay_.published().end()};
    }
    // The router asks, and every message goes over the wire.
    void ask(SiteMirror& mirror) {
        for (const Sites& message : relay_.answer(mirror.generation(), now())) {
            const auto bytes = build({1, message});
            EXPECT_LE(bytes.size(), kMaxMessage);
            mirror.on_message(std::get<Sites>(parse(bytes).value().message), now());
        }
    }

    static constexpr TimePoint kStart{1000s};
    Duration at_{};
    SitePublisher relay_{{kOverlay, 100}, kStart};
    SiteMirror mirror_{kOverlay};
};

TEST_F(SiteListStory, TheFirstListWaitsFiveSecondsForTheRouters) {
    heard(kA);
    run_heard(4999ms, {kA});
    EXPECT_EQ(relay_.generation(), 0U);
    EXPECT_THAT(relay_.answer(0, now()), IsEmpty());
    run_until(5s);
    EXPECT_EQ(relay_.generation(), 100U);
    EXPECT_THAT(published(), ElementsAre(kA));
}

TEST_F(SiteListStory, AndForThreeSecondsWithoutANewOneButThirtyAtMost) {
    for (unsigned i = 0; i < 40; ++i) {
        Prefixes all;
        for (unsigned k = 0; k <= i; ++k) all.push_back(site(k));
        run_heard(i * 1s, all);
        EXPECT_EQ(relay_.generation() != 0, i >= 30) << i << " s";
    }
}

TEST_F(SiteListStory, ChangesAreGatheredFor200Milliseconds) {
    run_heard(10s, {kA});
    heard(kB);
    run_until(10'100ms);
    heard(kC);
    run_until(10'199ms);
    EXPECT_EQ(relay_.generation(), 100U);
    run_until(10'200ms);
    EXPECT_EQ(relay_.generation(), 101U);
    EXPECT_THAT(published(), ElementsAre(kA, kB, kC));
    EXPECT_THAT(relay_.answer(100, now()), ElementsAre(Sites{kOverlay, 100, 101, 0, 1, {kB, kC}, {}}));
    EXPECT_THAT(relay_.answer(101, now()), IsEmpty()) << "nothing new for who has it";
    EXPECT_THAT(relay_.answer(0, now()), ElementsAre(Sites{kOverlay, 0, 101, 0, 1, {kA, kB, kC}, {}}));
    EXPECT_THAT(relay_.answer(99, now()), ElementsAre(Sites{kOverlay, 0, 101, 0, 1, {kA, kB, kC}, {}}))
        << "of a former life";
}

TEST_F(SiteListStory, ASiteThatIsNotHeardForItsLeaseIsGone) {
    run_heard(10s, {kA, kB});
    run_heard(12'999ms, {kA});
    EXPECT_THAT(published(), ElementsAre(kA, kB));
    run_heard(13'200ms, {kA});
    EXPECT_THAT(published(), ElementsAre(kA));
    EXPECT_THAT(relay_.answer(100, now()), ElementsAre(Sites{kOverlay, 100, 101, 0, 1, {}, {kB}}));
}

TEST_F(SiteListStory, AGoodbyeIsNoticedAtOnce) {
    run_heard(10s, {kA, kB});
    gone(kB);
    run_until(10'200ms);
    EXPECT_THAT(published(), ElementsAre(kA));
    heard(kB);
    run_until(10'400ms);
    EXPECT_THAT(published(), ElementsAre(kA, kB));
    EXPECT_THAT(relay_.answer(100, now()), ElementsAre(Sites{kOverlay, 100, 102, 0, 1, {kB}, {}}))
        << "there and back is one addition";
}

TEST_F(SiteListStory, WhatComesAndGoesWithin200MillisecondsIsNoChange) {
    run_heard(10s, {kA, kB});
    gone(kB);
    run_until(10'100ms);
    heard(kB);
    run_until(10'500ms);
    EXPECT_EQ(relay_.generation(), 100U);
}

TEST_F(SiteListStory, APrefixOutsideTheOverlayIsNotPublished) {
    run_heard(10s, {kA, prefix("fd13::/64"), prefix("fd12:3456:789a:a::/96")});
    EXPECT_THAT(published(), ElementsAre(kA));
}

TEST_F(SiteListStory, TenThousandSitesTakeAtMostTwentyMessages) {
    std::mt19937 random{7};
    std::set<unsigned> numbers;
    while (numbers.size() < 10'000) numbers.insert(static_cast<unsigned>(random() % 65'536));
    Prefixes all;
    for (const unsigned number : numbers) all.push_back(site(number));
    run_heard(10s, all);
    const auto messages = relay_.answer(0, now());
    EXPECT_LE(messages.size(), 20U);
    ask(mirror_);
    ASSERT_NE(mirror_.sites(), nullptr);
    EXPECT_EQ(mirror_.sites()->prefixes(), published());
    EXPECT_EQ(mirror_.sites()->prefixes().size(), 10'000U);
}

TEST_F(SiteListStory, ARelayThatRestartsSendsTwoThousandMessagesASecond) {
    Prefixes all;
    for (unsigned i = 0; i < 10'000; ++i) all.push_back(site(i * 6));
    run_heard(10s, all);
    const std::size_t whole = relay_.answer(0, now()).size();
    ASSERT_GE(whole, 9U);
    std::size_t sent = whole;
    std::size_t refused = 0;
    const auto ten_thousand_routers_ask = [&] {
        for (int router = 0; router < 10'000; ++router) {
            const auto messages = relay_.answer(0, now());
            sent += messages.size();
            refused += messages.empty() ? 1 : 0;
        }
    };
    for (int second = 0; second < 3; ++second) {
        run_until(10s + second * 1s);
        ten_thousand_routers_ask();
    }
    EXPECT_GE(sent, 6000U);
    EXPECT_LE(sent, 6000U + 2 * whole);
    EXPECT_GT(refused, 29'000U);
}

TEST_F(SiteListStory, ARouterFollowsAnyStoryWhateverItLoses) {
    std::mt19937 random{11};
    std::set<net::Ipv6Prefix> connected;
    for (int step = 0; step < 3000; ++step) {
        const auto which = site(static_cast<unsigned>(random() % 200));
        if (random() % 2 == 0) {
            connected.insert(which);
        } else {
            connected.erase(which);
            gone(which);
        }
        run_heard(at_ + 100ms, {connected.begin(), connected.end()});
        for (const Sites& message : relay_.answer(mirror_.generation(), now())) {
            if (random() % 4 != 0) mirror_.on_message(message, now());
        }
        if (mirror_.generation() != relay_.generation()) continue;
        ASSERT_EQ(mirror_.sites() ? mirror_.sites()->prefixes() : Prefixes{}, published());
    }
    run_heard(at_ + 1s, {connected.begin(), connected.end()});
    ask(mirror_);
    EXPECT_EQ(mirror_.sites()->prefixes(), (Prefixes{connected.begin(), connected.end()}));
}

TEST(SiteMirror, ALongListCountsWhenAllPartsAreThereInAnyOrder) {
    SiteMirror mirror{kOverlay};
    const Sites first{kOverlay, 0, 7, 0, 2, {kA}, {}};
    const Sites second{kOverlay, 0, 7, 1, 2, {kB}, {}};
    EXPECT_FALSE(mirror.on_message(second, kNow));
    EXPECT_FALSE(mirror.on_message(second, kNow)) << "the same part twice is one";
    EXPECT_EQ(mirror.sites(), nullptr);
    EXPECT_TRUE(mirror.on_message(first, kNow));
    EXPECT_EQ(mirror.generation(), 7U);
    EXPECT_THAT(mirror.sites()->prefixes(), ElementsAre(kA, kB));
    EXPECT_FALSE(mirror.on_message(first, kNow)) << "known";
}

TEST(SiteMirror, PartsOfTwoListsAreNotMixed) {
    SiteMirror mirror{kOverlay};
    EXPECT_FALSE(mirror.on_message({kOverlay, 0, 7, 0, 2, {kA}, {}}, kNow));
    EXPECT_FALSE(mirror.on_message({kOverlay, 0, 8, 1, 2, {kB}, {}}, kNow));
    EXPECT_TRUE(mirror.on_message({kOverlay, 0, 8, 0, 2, {kC}, {}}, kNow));
    EXPECT_THAT(mirror.sites()->prefixes(), ElementsAre(kB, kC));
}

TEST(SiteMirror, AChangeOfWhatWeDoNotHaveIsIgnored) {
    SiteMirror mirror{kOverlay};
    EXPECT_FALSE(mirror.on_message({kOverlay, 6, 7, 0, 1, {kA}, {}}, kNow));
    EXPECT_TRUE(mirror.on_message({kOverlay, 0, 7, 0, 1, {kA, kB}, {}}, kNow));
    EXPECT_FALSE(mirror.on_message({kOverlay, 8, 9, 0, 1, {kC}, {}}, kNow));
    EXPECT_TRUE(mirror.on_message({kOverlay, 7, 9, 0, 1, {kC}, {kA}}, kNow));
    EXPECT_THAT(mirror.sites()->prefixes(), ElementsAre(kB, kC));
    EXPECT_FALSE(mirror.on_message({prefix("fd13::/48"), 0, 10, 0, 1, {}, {}}, kNow)) << "another overlay";
    EXPECT_TRUE(mirror.forget());
    EXPECT_EQ(mirror.sites(), nullptr);
    EXPECT_EQ(mirror.generation(), 0U);
}

TEST(SiteSet, CoversWhatLiesInsideAndNothingElse) {
    const SiteSet sites{{kB, prefix("fd12:3456:789a:10::/60")}};
    EXPECT_TRUE(sites.covers(kB));
    EXPECT_TRUE(sites.covers(prefix("fd12:3456:789a:1f::/64")));
    EXPECT_FALSE(sites.covers(prefix("fd12:3456:789a:20::/64")));
    EXPECT_FALSE(sites.covers(kA));
    EXPECT_FALSE(sites.covers(kOverlay));
    EXPECT_FALSE(SiteSet{}.covers(kA));
}

}  // namespace
}  // namespace ulagate::wg::control::site_list_test
