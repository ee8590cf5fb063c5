// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "ra/advertiser.h"

// What must hold whatever happens: days of virtual time with random links, hosts and reloads, from fixed
// seeds.
namespace ulagate::ra::advertiser_property_test {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};

class World {
public:
    explicit World(unsigned seed) : rng_(seed) { check_everything(); }

    void run(Duration length) {
        const TimePoint end = now_ + length;
        while (now_ < end && !::testing::Test::HasFatalFailure()) {
            const TimePoint next_event = now_ + between(0s, chance(20) ? 600s : 5s);
            // The loop of a busy machine is late at times.
            while (advertiser_.deadline() && *advertiser_.deadline() <= next_event) {
                const Duration late = chance(10) ? between(0s, 2s) : Duration::zero();
                max_late_ = std::max(max_late_, late);
                now_ = std::max(now_, *advertiser_.deadline() + late);
                note(advertiser_.on_deadline(now_));
                check_everything();
            }
            now_ = std::max(now_, next_event);
            something_happens();
            check_everything();
        }
    }

    [[nodiscard]] unsigned multicasts() const { return multicasts_; }
    [[nodiscard]] unsigned unicasts() const { return unicasts_; }
    [[nodiscard]] const std::vector<std::pair<TimePoint, Send>>& wire() const { return wire_; }

private:
    Duration between(Duration low, Duration high) {
        return Duration{std::uniform_int_distribution<Duration::rep>{low.count(), high.count()}(rng_)};
    }
    bool chance(int percent) { return std::uniform_int_distribution{1, 100}(rng_) <= percent; }
    unsigned pick(unsigned n) { return std::uniform_int_distribution<unsigned>{0, n - 1}(rng_); }

    net::Ipv6Address random_host() {
        net::Ipv6Address host{{0xfe, 0x80}};
        host.bytes[15] = static_cast<std::uint8_t>(1 + pick(200));
        return host;
    }

    Config random_config() {
        Config config;
        config.min_interval = std::chrono::seconds{3 + pick(100)};
        config.max_interval = config.min_interval + std::chrono::seconds{pick(300)};
        config.unicast_replies = chance(80);
        const unsigned routes = pick(4);
        for (unsigned i = 0; i < routes; ++i) {
            RouteInformation rio{{net::Ipv6Address{{0xfd, static_cast<std::uint8_t>(pick(6))}}, 48}};
            config.advertisement.options.emplace_back(rio);
        }
        return config;
    }

    void something_happens() {
        last_event_ = now_;
        switch (pick(12)) {
            case 0:
                source_.reset();
                note(advertiser_.set_source(source_, now_));
                break;
            case 1:
            case 2:
                source_ = Source{net::Ipv6Address{{0xfe, 0x80, 0, static_cast<std::uint8_t>(pick(2))}},
                                 std::nullopt};
                restarted_ = now_;
                final_ra_left_ = 0;
                note(advertiser_.set_source(source_, now_));
                break;
            case 3:
                config_ = random_config();
                note(advertiser_.set_config(config_, now_));
                break;
            case 4:
                if (!chance(20)) break;
                if (source_) final_ra_left_ = 3;
                source_.reset();
                note(advertiser_.withdraw(now_));
                break;
            case 5:
                solicit({});
                break;
            case 6:
                for (unsigned i = 0; i < 100; ++i) solicit(random_host());
                break;
            case 7:
                note(advertiser_.on_deadline(now_));  // an alarm that is stale or just due
                break;
            default:
                solicit(random_host());
        }
        if (!source_) asked_.clear();
    }

    void solicit(const net::Ipv6Address& from) {
        if (source_) asked_.emplace(from, now_);
        note(advertiser_.on_solicitation({}, from, now_));
    }

    void note(const std::vector<Send>& sends) {
        ASSERT_LE(sends.size(), 128U);
        for (const Send& send : sends) {
            wire_.emplace_back(now_, send);
            if (send.destination == kAllNodes) {
                note_multicast(send);
            } else {
                ++unicasts_;
                ASSERT_TRUE(source_);
                ASSERT_EQ(asked_.erase(send.destination), 1U) << "an answer nobody asked for";
            }
        }
    }

    void note_multicast(const Send& send) {
        ++multicasts_;
        if (last_multicast_) {
            ASSERT_GE(now_ - *last_multicast_, 3s);
            const bool undisturbed = *last_multicast_ > last_event_ && asked_.empty();
            if (source_ && undisturbed) {
                ASSERT_GE(now_ - *last_multicast_, std::min<Duration>(config_.min_interval, 16s));
            }
        }
        last_multicast_ = now_;
        asked_.clear();
        if (source_) {
            ASSERT_EQ(send.source, source_->address);
            return;
        }
        ASSERT_GT(final_ra_left_, 0U) << "an advertisement without a source";
        --final_ra_left_;
        ASSERT_EQ(send.message.router_lifetime.count(), 0);
        for (const Option& option : send.message.options) {
            ASSERT_EQ(std::get<RouteInformation>(option).lifetime, Seconds{0});
        }
    }

    void check_everything() {
        ASSERT_LE(advertiser_.pending_replies(), 128U);
        ASSERT_LE(advertiser_.remembered_hosts(), 128U + 202U + 256U);
        ASSERT_EQ(advertiser_.advertising(), source_.has_value());
        const auto deadline = advertiser_.deadline();
        if (!source_) {
            ASSERT_EQ(deadline.has_value(), final_ra_left_ > 0);
            return;
        }
        ASSERT_TRUE(deadline);
        const TimePoint since = std::max(last_multicast_.value_or(kStart), restarted_);
        ASSERT_LE(*deadline, since + std::max<Duration>(config_.max_interval, 3500ms));
        // Whoever asked is answered in time: 0.5 s, and 3 s more for the multicast rule. Alarms may be late.
        for (const auto& [host, when] : asked_) ASSERT_LE(now_, when + 3500ms + max_late_ * 2);
    }

    std::mt19937 rng_;
    TimePoint now_ = kStart;
    Config config_ = random_config();
    Advertiser advertiser_{config_, [this](Duration low, Duration high) { return between(low, high); }};
    std::optional<Source> source_;
    TimePoint restarted_ = kStart;
    TimePoint last_event_ = kStart;
    std::optional<TimePoint> last_multicast_;
    unsigned final_ra_left_ = 0;
    Duration max_late_{};
    std::map<net::Ipv6Address, TimePoint> asked_;
    std::vector<std::pair<TimePoint, Send>> wire_;
    unsigned multicasts_ = 0;
    unsigned unicasts_ = 0;
};

class AdvertiserProperty : public ::testing::TestWithParam<unsigned> {};

TEST_P(AdvertiserProperty, R09_R13_R15_R16_R33_HoldsForADay) {
    World world{GetParam()};
    world.run(24h);
    EXPECT_GT(world.multicasts(), 500U);
    EXPECT_GT(world.unicasts(), 100U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, AdvertiserProperty, ::testing::Range(1U, 21U));

TEST(Advertiser, R46_TheSameChanceAndTimeGiveTheSameWire) {
    World first{42};
    World second{42};
    first.run(2h);
    second.run(2h);
    EXPECT_FALSE(first.wire().empty());
    EXPECT_EQ(first.wire(), second.wire());
}

// Uniform in [Min, Max] means that both ends are reached and the middle is the mean.
TEST(Advertiser, R13_ALongQuietTimeKeepsToTheIntervals) {
    std::mt19937 rng{7};
    Advertiser advertiser{
        Config{}, [&](Duration low, Duration high) {
            return Duration{std::uniform_int_distribution<Duration::rep>{low.count(), high.count()}(rng)};
        }};
    advertiser.set_source(Source{}, kStart);
    TimePoint last = kStart;
    Duration shortest = 1h;
    Duration longest{};
    Duration sum{};
    constexpr int kCount = 20'000;  // 4.6 days
    for (int i = 0; i < kCount; ++i) {
        const TimePoint now = advertiser.deadline().value();
        ASSERT_EQ(advertiser.on_deadline(now).size(), 1U);
        if (i >= 2) {  // the first three are quicker
            shortest = std::min(shortest, now - last);
            longest = std::max(longest, now - last);
        }
        sum += now - last;
        last = now;
    }
    EXPECT_GE(shortest, 10s);
    EXPECT_LT(shortest, 10100ms);
    EXPECT_LE(longest, 30s);
    EXPECT_GT(longest, 29900ms);
    EXPECT_NEAR(static_cast<double>(sum.count()) / kCount / 1e9, 20.0, 0.2);
}

// 10,000 solicitations a second for 10 s, from ever new hosts, with random delays.
TEST(Advertiser, R42_AFloodKeepsTheMulticastScheduleAndTheUnicastLimit) {
    std::mt19937 rng{11};
    Advertiser advertiser{
        Config{}, [&](Duration low, Duration high) {
            return Duration{std::uniform_int_distribution<Duration::rep>{low.count(), high.count()}(rng)};
        }};
    unsigned unicasts = 0;
    std::vector<TimePoint> multicasts;
    const auto note = [&](const std::vector<Send>& sends, TimePoint now) {
        for (const Send& send : sends) {
            if (send.destination == kAllNodes) {
                multicasts.push_back(now);
            } else {
                ++unicasts;
            }
        }
    };
    note(advertiser.set_source(Source{}, kStart), kStart);
    for (unsigned n = 0; n < 100'000; ++n) {
        const TimePoint now = kStart + n * 100us;
        while (advertiser.deadline() && *advertiser.deadline() <= now) note(advertiser.on_deadline(now), now);
        net::Ipv6Address host{{0xfe, 0x80}};
        for (std::size_t i = 8; i < 16; ++i) host.bytes.at(i) = static_cast<std::uint8_t>(rng());
        note(advertiser.on_solicitation({}, host, now), now);
        ASSERT_LE(advertiser.pending_replies(), 64U);
        ASSERT_LE(advertiser.remembered_hosts(), 64U + 101U + 256U);  // two bursts, and one of the edge
    }
    ASSERT_EQ(multicasts.size(), 3U + 1U);  // 0 s, then one each 3 to 3.5 s
    for (std::size_t i = 1; i < multicasts.size(); ++i) {
        EXPECT_GE(multicasts.at(i) - multicasts.at(i - 1), 3s);
        EXPECT_LE(multicasts.at(i) - multicasts.at(i - 1), 3500ms + 100us);
    }
    EXPECT_LE(unicasts, 50U + 50U * 10U);
}

}  // namespace
}  // namespace ulagate::ra::advertiser_property_test
