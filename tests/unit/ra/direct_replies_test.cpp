// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include <map>
#include <random>

#include "tests/unit/ra/advertiser_story.h"

// Hosts that tell where they are, and floods of them.
namespace ulagate::ra::direct_replies_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Neighbor kReal{kHost, net::MacAddress{{2, 0, 0, 0, 0, 9}}};

class DirectRepliesStory : public AdvertiserStory {
protected:
    enum class Flood { one_machine, one_machine_that_says_so, many_machines };

    DirectRepliesStory() { settle_with_chance(); }

    // Chance is one here: uniform, from a fixed seed.
    void settle_with_chance() {
        advertiser_ = Advertiser{config(), [this](Duration low, Duration high) {
                                     return Duration{std::uniform_int_distribution<Duration::rep>{
                                         low.count(), high.count()}(rng_)};
                                 }};
        source(kSource);
        run_until(55s);  // quiet
        wire();
    }

    // The n-th forged solicitation.
    void forge(Flood flood, unsigned n) {
        constexpr net::MacAddress kFlooder{{2, 0x98, 0, 0, 0, 1}};
        const bool many = flood == Flood::many_machines;
        const net::MacAddress told = flood == Flood::one_machine_that_says_so ? kFlooder : mac(n);
        record(advertiser_.on_solicitation({told}, host(n), now_, many ? told : kFlooder));
    }

    // 20 hosts that have just come ask during a flood; how long the slowest waits, whoever is asked for.
    Duration worst_wait(Flood flood, unsigned a_second) {
        const TimePoint begun = now_;
        const unsigned count = 10 * a_second;
        std::map<net::Ipv6Address, milliseconds> asked;
        for (unsigned n = 0; n < count; ++n) {
            run_until(begun - kStart + n * (Duration{10s} / count));
            forge(flood, n);
            if (n % (count / 20) == count / 50) {
                const Neighbor real{host(0xff0000 + n), mac(0xff000000 + n)};
                asked[real.address] = std::chrono::duration_cast<milliseconds>(now_ - kStart);
                solicit(real);
            }
            EXPECT_LE(advertiser_.pending_replies(), DirectReplies::kMaxWaiting + 64);
        }
        run_until(begun - kStart + 15s);
        sent_ = wire();
        return slowest(asked);
    }

    Duration slowest(const std::map<net::Ipv6Address, milliseconds>& asked) const {
        Duration worst{0};
        for (const auto& [who, when] : asked) {
            const auto answer =
                std::find_if(sent_.begin(), sent_.end(), [&, who = who, when = when](const Sent& sent) {
                    return sent.at >= when && (sent.to == who || sent.to == kAllNodes);
                });
            worst = std::max<Duration>(worst, answer == sent_.end() ? 1h : answer->at - when);
        }
        return worst;
    }

    std::vector<milliseconds> multicasts() const {
        std::vector<milliseconds> found;
        for (const Sent& sent : sent_) {
            if (sent.to == kAllNodes) found.push_back(sent.at);
        }
        return found;
    }

    void expect_multicasts_in_time() const {
        const auto at = multicasts();
        ASSERT_GE(at.size(), 1U);
        for (std::size_t i = 1; i < at.size(); ++i) {
            EXPECT_GE(at.at(i) - at.at(i - 1), 3s);
            EXPECT_LE(at.at(i) - at.at(i - 1), 30s);
        }
    }

    std::mt19937 rng_{42};
    std::vector<Sent> sent_;
};

TEST_F(DirectRepliesStory, R42_AFloodFromOneMachineDelaysNobody) {
    EXPECT_LE(worst_wait(Flood::one_machine, 10'000), 501ms);
    EXPECT_LE(sent_.size(), 50U + 50U * 10U + 20U + 5U);
    expect_multicasts_in_time();
}

TEST_F(DirectRepliesStory, R42_AFloodFromOneMachineThatTellsItsAddressDelaysNobody) {
    EXPECT_LE(worst_wait(Flood::one_machine_that_says_so, 10'000), 501ms);
    EXPECT_LE(sent_.size(), 32U + 10U * 11U + 20U + 5U) << "32 at once and 10 a second for one machine";
    expect_multicasts_in_time();
}

TEST_F(DirectRepliesStory, R42_AFloodOfMachinesIsAnsweredAndDelaysNobody) {
    EXPECT_LE(worst_wait(Flood::many_machines, 10'000), 501ms);
    EXPECT_GE(sent_.size(), 90'000U);
    expect_multicasts_in_time();
}

TEST_F(DirectRepliesStory, R42_TheAnswersHaveALimit) {
    worst_wait(Flood::many_machines, 60'000);
    EXPECT_LE(sent_.size(), 2'000U + 20'000U * 11U);
    expect_multicasts_in_time();
    for (std::size_t i = 1; i < multicasts().size(); ++i)
        EXPECT_LE(multicasts().at(i) - multicasts().at(i - 1), 5500ms) << "who was left out has them";
}

class DirectReplies : public AdvertiserStory {
protected:
    void SetUp() override {
        settle();
        run_until(40s);
    }
};

TEST_F(DirectReplies, R15_OneAnswerAfterTheDelayThatCountsFromTheFirstSolicitation) {
    solicit(kReal);
    EXPECT_EQ(asked_.back(), (std::pair<Duration, Duration>{0ms, 1000h})) << "a seed, once";
    run_until(40200ms);
    solicit(kReal);
    EXPECT_EQ(asked_.back(), (std::pair<Duration, Duration>{0ms, 500ms}));
    run_until(45s);
    EXPECT_THAT(wire(), ElementsAre(Sent{40500ms, kHost}));
    EXPECT_EQ(last_->hosts, std::vector{kReal});
    EXPECT_EQ(last_->source, kSource.address);
    EXPECT_EQ(advertiser_.pending_replies(), 0U);
}

TEST_F(DirectReplies, R15_WhoIsDueWithin5MsIsServedTogetherAndNeverTooLate) {
    chance_gives({100ms, 0ms, 104ms, 106ms});  // and the seed
    solicit(neighbor(1));
    solicit(neighbor(2));
    solicit(neighbor(3));
    run_until(40s);
    EXPECT_THAT(wire(), IsEmpty());
    run_until(41s);
    EXPECT_THAT(wire(), ElementsAre(Sent{40100ms, host(1)}, Sent{40100ms, host(2)}, Sent{40106ms, host(3)}));
}

TEST_F(DirectReplies, R19_OneHostIsAnsweredOnceASecond) {
    draws_.assign(10'000, 0ms);
    for (Duration at = 40s; at < 42s; at += 1ms) {
        run_until(at);
        solicit(kReal);
    }
    run_until(42500ms);
    const auto sent = wire();
    ASSERT_EQ(sent.size(), 3U);
    EXPECT_EQ(sent.at(0), (Sent{40s, kHost}));
    EXPECT_GE(sent.at(1).at, 41s);
    EXPECT_GE(sent.at(2).at, 42s);
}

TEST_F(DirectReplies, R19_ManyHostsBehindOneLinkLayerAddressAre32AtOnceAnd10ASecond) {
    draws_.assign(42, 100ms);  // the delays, and the seed
    draws_.at(34) = 500ms;     // and that of the multicast
    for (unsigned n = 0; n < 40; ++n) solicit(Neighbor{host(n), mac(1)});
    EXPECT_EQ(advertiser_.pending_replies(), 32U);
    draws_.assign(1, 200ms);
    solicit(kReal);
    run_until(41s);
    const auto sent = wire();
    EXPECT_EQ(sent.size(), 34U);
    EXPECT_THAT(sent, Contains(Sent{40200ms, kHost})) << "nobody else is kept back";
    EXPECT_EQ(sent.back(), to_all(40500ms)) << "and the others have a multicast";
}

TEST_F(DirectReplies, R15_AMulticastAnswersWhoWaits) {
    run_until(61900ms);
    solicit(kReal);
    run_until(62s);
    EXPECT_THAT(wire(), ElementsAre(to_all(62s)));
    EXPECT_EQ(advertiser_.pending_replies(), 0U);
    solicit(kReal);
    run_until(63s);
    EXPECT_THAT(wire(), ElementsAre(Sent{62500ms, kHost})) << "it asks for what it did not hear";
}

TEST_F(DirectReplies, R09_NobodyIsAnsweredAfterTheSourceIsGone) {
    solicit(kReal);
    source(std::nullopt);
    run_until(50s);
    EXPECT_THAT(wire(), IsEmpty());
    EXPECT_EQ(deadline(), std::nullopt);
}

TEST_F(DirectReplies, R19_UnicastAnswersCanBeSwitchedOff) {
    Config all = config();
    all.unicast_replies = false;
    configure(all);
    source(kSource);
    run_until(80s);
    wire();
    solicit(kReal);
    run_until(81s);
    EXPECT_THAT(wire(), ElementsAre(to_all(80500ms)));
}

// These are answered by the kernel's way, which asks for the address first.
TEST_F(DirectReplies, R19_OnlyWhoIsWhereItSaysIsAnsweredThere) {
    const net::MacAddress group{{3, 0, 0, 0, 0, 9}};
    const struct {
        std::optional<net::MacAddress> told;
        std::optional<net::MacAddress> sender;
    } cases[] = {{std::nullopt, mac(1)},
                 {mac(1), mac(2)},
                 {mac(1), std::nullopt},
                 {group, group},
                 {net::MacAddress{}, net::MacAddress{}},
                 {kSource.link_address, kSource.link_address}};
    unsigned n = 0;
    for (const auto& c : cases) {
        record(advertiser_.on_solicitation({c.told}, host(++n), now_, c.sender));
        run_until(40s + n * 1s);
        EXPECT_THAT(wire(), ElementsAre(Sent{39500ms + n * 1s, host(n)})) << n;
        EXPECT_THAT(last_->hosts, IsEmpty()) << n;
        EXPECT_EQ(last_->destination, host(n));
    }
}

TEST_F(DirectReplies, R18_NobodyIsAnsweredByMulticast) {
    record(advertiser_.on_solicitation({}, kNobody, now_, mac(1)));
    run_until(41s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40500ms)));
}

}  // namespace
}  // namespace ulagate::ra::direct_replies_test
