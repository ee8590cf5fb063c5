// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <ostream>
#include <string_view>

#include "ra/advertiser.h"

namespace ulagate::ra {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

net::Ipv6Address address(std::string_view text) { return net::parse_ipv6(text).value(); }
net::Ipv6Prefix prefix(std::string_view text) { return net::parse_ipv6_prefix(text).value(); }

const net::Ipv6Address kHost = address("fe80::a");
const net::Ipv6Address kOtherHost = address("fe80::b");
const net::Ipv6Address kNobody = address("::");
const Source kSource{address("fe80::5eed"), net::MacAddress{{2, 0, 0, 0, 0, 1}}};

net::Ipv6Address host(unsigned n) {
    net::Ipv6Address host = kHost;
    host.bytes[12] = static_cast<std::uint8_t>(n >> 16U);
    host.bytes[13] = static_cast<std::uint8_t>(n >> 8U);
    host.bytes[14] = static_cast<std::uint8_t>(n);
    return host;
}

PrefixInformation lan() { return {prefix("fd12:3456:789a:a::/64")}; }
RouteInformation overlay() { return {prefix("fd12:3456:789a::/48"), Preference::high, Seconds{1800}}; }

Config config() {  // every 10 to 30 s
    Config config;
    config.advertisement.options = {lan(), overlay()};
    return config;
}

// What was on the wire: when, counted from the start of the story, and to whom.
struct Sent {
    milliseconds at;
    net::Ipv6Address to;
    bool operator==(const Sent&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Sent& sent) {
    return out << sent.at.count() << " ms to " << net::to_string(sent.to);
}
Sent to_all(milliseconds at) { return {at, kAllNodes}; }

// One router on one link in virtual time. Chance gives what the story says, else always the upper bound.
class AdvertiserStory : public ::testing::Test {
protected:
    void configure(const Config& config) {
        advertiser_ = Advertiser{config, [this](Duration low, Duration high) { return draw(low, high); }};
    }
    AdvertiserStory() { configure(config()); }

    Duration draw(Duration low, Duration high) {
        asked_.emplace_back(low, high);
        if (draws_.empty()) return high;
        const Duration drawn = draws_.front();
        draws_.pop_front();
        return drawn;
    }
    void chance_gives(std::initializer_list<Duration> draws) { draws_.assign(draws); }

    void record(const std::vector<Send>& sends) {
        for (const Send& send : sends) {
            wire_.push_back({std::chrono::duration_cast<milliseconds>(now_ - kStart), send.destination});
            last_ = send;
        }
    }
    // Advances the clock from alarm to alarm.
    void run_until(Duration end) {
        while (advertiser_.deadline() && *advertiser_.deadline() <= kStart + end) {
            now_ = std::max(now_, *advertiser_.deadline());
            record(advertiser_.on_deadline(now_));
        }
        now_ = kStart + end;
    }
    void source(std::optional<Source> source) { record(advertiser_.set_source(std::move(source), now_)); }
    void solicit(const net::Ipv6Address& from) { record(advertiser_.on_solicitation({}, from, now_)); }
    void reconfigure(const Config& config) { record(advertiser_.set_config(config, now_)); }
    void withdraw() { record(advertiser_.withdraw(now_)); }
    std::vector<Sent> wire() { return std::exchange(wire_, {}); }
    std::optional<milliseconds> deadline() const {
        if (!advertiser_.deadline()) return std::nullopt;
        return std::chrono::duration_cast<milliseconds>(*advertiser_.deadline() - kStart);
    }
    // The three quick advertisements are over (0 s, 16 s, 32 s); the next comes at 62 s.
    void settle() {
        source(kSource);
        run_until(32s);
        ASSERT_EQ(deadline(), 62s);
        wire();
    }

    static constexpr TimePoint kStart{1000s};
    std::deque<Duration> draws_;
    std::vector<std::pair<Duration, Duration>> asked_;
    TimePoint now_ = kStart;
    Advertiser advertiser_{{}, {}};
    std::vector<Sent> wire_;
    std::optional<Send> last_;
};

//
TEST_F(AdvertiserStory, IsSilentWithoutASource) {
    EXPECT_FALSE(advertiser_.advertising());
    EXPECT_EQ(deadline(), std::nullopt);
    solicit(kHost);
    solicit(kNobody);
    reconfigure({});
    withdraw();
    record(advertiser_.on_deadline(now_ + 1h));
    EXPECT_EQ(deadline(), std::nullopt);
    EXPECT_THAT(wire(), IsEmpty());
}

// at once, from the source, complete; the link-layer address is the last option.
TEST_F(AdvertiserStory, FirstAdvertisementIsImmediateAndComplete) {
    source(kSource);
    EXPECT_THAT(wire(), ElementsAre(to_all(0s)));
    RouterAdvertisement expected = config().advertisement;
    expected.options.emplace_back(SourceLinkLayerAddress{*kSource.link_address});
    EXPECT_EQ(last_, (Send{kSource.address, kAllNodes, expected}));
    EXPECT_TRUE(advertiser_.advertising());
}

TEST_F(AdvertiserStory, ALinkWithoutLinkLayerAddressesHasNoSuchOption) {
    source(Source{kSource.address, std::nullopt});
    EXPECT_EQ(last_->message, config().advertisement);
}

// a router that is no default router still advertises, and its lifetimes stay as configured.
TEST_F(AdvertiserStory, AdvertisesRoutesWithoutBeingADefaultRouter) {
    settle();
    run_until(62s);
    EXPECT_EQ(last_->message.router_lifetime.count(), 0);
    EXPECT_THAT(last_->message.options, Contains(Option{overlay()}));
}

//
TEST_F(AdvertiserStory, IntervalIsDrawnAnewEachTime) {
    settle();
    asked_.clear();
    chance_gives({10s, 29s, 11500ms});
    run_until(62s + 10s + 29s + 11500ms);
    EXPECT_THAT(wire(), ElementsAre(to_all(62s), to_all(72s), to_all(101s), to_all(112500ms)));
    EXPECT_THAT(asked_, Each(std::pair<Duration, Duration>(10s, 30s)));
    EXPECT_THAT(asked_, SizeIs(4));
}

//
TEST_F(AdvertiserStory, FirstThreeAreAtMostSixteenSecondsApart) {
    chance_gives({30s, 25s, 25s});
    source(kSource);
    run_until(60s);
    EXPECT_THAT(wire(), ElementsAre(to_all(0s), to_all(16s), to_all(32s), to_all(57s)));
}

TEST_F(AdvertiserStory, FirstThreeMayBeCloser) {
    chance_gives({10s, 12s, 30s});
    source(kSource);
    run_until(60s);
    EXPECT_THAT(wire(), ElementsAre(to_all(0s), to_all(10s), to_all(22s), to_all(52s)));
}

//
TEST_F(AdvertiserStory, AnswersTheHostThatAskedAfterARandomDelay) {
    settle();
    run_until(40s);
    asked_.clear();
    chance_gives({300ms});
    solicit(kHost);
    EXPECT_EQ(deadline(), 40300ms);
    EXPECT_THAT(asked_, ElementsAre(std::pair<Duration, Duration>(0s, 500ms)));
    run_until(50s);
    EXPECT_THAT(wire(), ElementsAre(Sent{40300ms, kHost}));
    EXPECT_EQ(last_->source, kSource.address);
    EXPECT_THAT(last_->message.options,
                ElementsAre(lan(), overlay(), SourceLinkLayerAddress{*kSource.link_address}));
}

// the delay counts from the first solicitation, and each host has its own.
TEST_F(AdvertiserStory, RepeatedSolicitationsAreOneQuestion) {
    settle();
    run_until(40s);
    chance_gives({400ms, 100ms});
    solicit(kHost);
    run_until(40200ms);
    solicit(kHost);
    solicit(kOtherHost);
    EXPECT_EQ(advertiser_.pending_replies(), 2U);
    run_until(50s);
    EXPECT_THAT(wire(), ElementsAre(Sent{40300ms, kOtherHost}, Sent{40400ms, kHost}));
    EXPECT_EQ(advertiser_.pending_replies(), 0U);
}

//
TEST_F(AdvertiserStory, UnicastReplyDoesNotMoveTheSchedule) {
    settle();
    run_until(40s);
    solicit(kHost);
    run_until(62s);
    EXPECT_THAT(wire(), ElementsAre(Sent{40500ms, kHost}, to_all(62s)));
}

//
TEST_F(AdvertiserStory, SolicitationFromNobodyIsAnsweredToAllAndStartsTheIntervalAnew) {
    settle();
    run_until(40s);
    chance_gives({200ms, 25s});
    solicit(kNobody);
    run_until(66s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40200ms), to_all(65200ms)));
}

//
TEST_F(AdvertiserStory, UnicastRepliesCanBeSwitchedOff) {
    Config all = config();
    all.unicast_replies = false;
    configure(all);
    settle();
    run_until(40s);
    solicit(kHost);
    run_until(41s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40500ms)));
}

//
TEST_F(AdvertiserStory, MulticastReplyWaitsThreeSecondsAfterTheLastMulticast) {
    settle();
    run_until(62s + 1s);
    wire();
    chance_gives({250ms});
    solicit(kNobody);
    EXPECT_EQ(deadline(), 62s + 3s + 250ms);
    run_until(66s);
    EXPECT_THAT(wire(), ElementsAre(to_all(65250ms)));
}

// measured since any multicast, so also since a reply.
TEST_F(AdvertiserStory, ConstantQuestionsGiveOneMulticastInThreeSeconds) {
    settle();
    run_until(40s);
    draws_.assign(1000, 0ms);  // intervals are then the shortest, 10 s
    for (Duration t = 40s; t < 50s; t += 100ms) {
        run_until(t);
        solicit(kNobody);
    }
    EXPECT_THAT(wire(), ElementsAre(to_all(40s), to_all(43s), to_all(46s), to_all(49s)));
}

// several solicitations share the reply to the first.
TEST_F(AdvertiserStory, OneMulticastAnswersSeveral) {
    settle();
    run_until(40s);
    chance_gives({400ms});
    solicit(kNobody);
    run_until(40100ms);
    solicit(kNobody);
    solicit(kNobody);
    run_until(50s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40400ms)));
}

// RFC 4861 section 6.2.6: a delay that ends after the next scheduled advertisement is not used.
TEST_F(AdvertiserStory, AScheduledMulticastIsTheAnswer) {
    settle();
    run_until(61800ms);
    chance_gives({400ms, 400ms});
    solicit(kNobody);
    solicit(kHost);
    run_until(65s);
    EXPECT_THAT(wire(), ElementsAre(to_all(62s)));
}

TEST_F(AdvertiserStory, AMulticastAnswersWhoWaitsForAUnicast) {
    settle();
    run_until(40s);
    chance_gives({400ms, 100ms});
    solicit(kHost);
    solicit(kNobody);
    run_until(50s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40100ms)));
}

TEST_F(AdvertiserStory, OneHostIsAnsweredOnceASecond) {
    settle();
    run_until(40s);
    draws_.assign(100, 0ms);
    for (Duration t = 40s; t < 43s; t += 10ms) {
        run_until(t);
        solicit(kHost);
    }
    run_until(50s);
    EXPECT_THAT(wire(), ElementsAre(Sent{40s, kHost}, Sent{41s, kHost}, Sent{42s, kHost}, Sent{43s, kHost}));
}

TEST_F(AdvertiserStory, SolicitationFromAGroupIsIgnored) {
    settle();
    solicit(address("ff02::1"));
    EXPECT_EQ(deadline(), 62s);
}

TEST_F(AdvertiserStory, WhenMoreHostsWaitThanWeRememberOneMulticastAnswersThemAll) {
    settle();
    run_until(40s);
    for (unsigned n = 0; n < 64; ++n) solicit(host(n));
    EXPECT_EQ(advertiser_.pending_replies(), 64U);
    solicit(host(64));
    EXPECT_EQ(advertiser_.pending_replies(), 0U);
    solicit(host(65));
    run_until(41s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40500ms)));
    // And then hosts are answered one by one again.
    solicit(host(66));
    run_until(42s);
    EXPECT_THAT(wire(), ElementsAre(Sent{41500ms, host(66)}));
}

TEST_F(AdvertiserStory, FiftyUnicastRepliesASecondAndThenOneMulticast) {
    settle();
    run_until(40s);
    draws_.assign(1000, 0ms);
    for (unsigned n = 0; n < 60; ++n) solicit(host(n));
    run_until(45s);
    const auto sent = wire();
    EXPECT_EQ(std::count_if(sent.begin(), sent.end(), [](const Sent& s) { return s.to != kAllNodes; }), 50);
    EXPECT_EQ(sent.back(), to_all(40s));
    EXPECT_THAT(sent, SizeIs(51));
}

// who asks has no influence on anything but whether the 3 s rule is used up.
TEST_F(AdvertiserStory, AFloodNeitherGrowsMemoryNorMovesTheSchedule) {
    settle();
    run_until(40s);
    for (unsigned n = 0; n < 100'000; ++n) {
        run_until(40s + n * 100us);
        solicit(host(n));
        ASSERT_LE(advertiser_.pending_replies(), 64U);
        ASSERT_LE(deadline().value(), 62s);
    }
    run_until(80s);
    std::vector<milliseconds> multicasts;
    for (const Sent& sent : wire()) {
        if (sent.to == kAllNodes) multicasts.push_back(sent.at);
    }
    // The first overflow at 40.0064 s; each later one as soon as the table is full again after a multicast.
    EXPECT_THAT(multicasts, ElementsAre(40506ms, 44006ms, 47506ms, 51006ms));
}

// a hand-over is not a shutdown.
TEST_F(AdvertiserStory, LosingTheSourceIsSilent) {
    settle();
    run_until(40s);
    solicit(kHost);
    source(std::nullopt);
    EXPECT_FALSE(advertiser_.advertising());
    EXPECT_EQ(deadline(), std::nullopt);
    run_until(200s);
    solicit(kHost);
    EXPECT_THAT(wire(), IsEmpty());
}

// the 3 s rule is the link's and outlives the source.
TEST_F(AdvertiserStory, ASourceThatComesBackStartsAgainWithinTheThreeSecondRule) {
    settle();
    run_until(62s);
    source(std::nullopt);
    run_until(63s);
    wire();
    source(kSource);
    EXPECT_EQ(deadline(), 65s);
    run_until(100s);
    EXPECT_THAT(wire(), ElementsAre(to_all(65s), to_all(81s), to_all(97s)));
}

TEST_F(AdvertiserStory, TheSameSourceAgainChangesNothing) {
    settle();
    run_until(40s);
    source(kSource);
    EXPECT_EQ(deadline(), 62s);
    EXPECT_THAT(wire(), IsEmpty());
}

//
TEST_F(AdvertiserStory, ANewLinkLayerAddressIsAnnouncedQuickly) {
    settle();
    run_until(40s);
    const net::MacAddress mac{{2, 0, 0, 0, 0, 2}};
    source(Source{kSource.address, mac});
    EXPECT_THAT(last_->message.options.back(), Option{SourceLinkLayerAddress{mac}});
    run_until(110s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40s), to_all(56s), to_all(72s), to_all(102s)));
}

TEST_F(AdvertiserStory, ANewAddressIsUsedAtOnceAndAnswersWhoWaits) {
    settle();
    run_until(40s);
    solicit(kHost);
    source(Source{address("fe80::2"), std::nullopt});
    EXPECT_EQ(last_->source, address("fe80::2"));
    run_until(41s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40s)));
}

//
TEST_F(AdvertiserStory, NewContentIsAnnouncedThreeTimesQuickly) {
    settle();
    run_until(40s);
    Config changed = config();
    changed.advertisement.options.emplace_back(Mtu{1420});
    reconfigure(changed);
    EXPECT_THAT(last_->message.options,
                ElementsAre(lan(), overlay(), Mtu{1420}, SourceLinkLayerAddress{*kSource.link_address}));
    run_until(110s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40s), to_all(56s), to_all(72s), to_all(102s)));
}

TEST_F(AdvertiserStory, NewContentRespectsTheThreeSecondRule) {
    settle();
    run_until(63s);
    wire();
    Config changed = config();
    changed.advertisement.hop_limit = 0;
    reconfigure(changed);
    changed.advertisement.hop_limit = 32;
    reconfigure(changed);
    run_until(70s);
    EXPECT_THAT(wire(), ElementsAre(to_all(65s)));
    EXPECT_EQ(last_->message.hop_limit, 32);
}

TEST_F(AdvertiserStory, TheSameConfigurationAgainChangesNothing) {
    settle();
    run_until(40s);
    reconfigure(config());
    Config other_replies = config();
    other_replies.unicast_replies = false;
    reconfigure(other_replies);
    EXPECT_THAT(wire(), IsEmpty());
    EXPECT_EQ(deadline(), 62s);
}

TEST_F(AdvertiserStory, NewIntervalsCountFromNow) {
    settle();
    run_until(40s);
    Config slower = config();
    slower.min_interval = 200s;
    slower.max_interval = 600s;
    reconfigure(slower);
    run_until(700s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40s), to_all(56s), to_all(72s), to_all(672s)));
}

// or hosts would keep the route for half an hour and the prefix for a day.
TEST_F(AdvertiserStory, WhatIsRemovedIsTakenBackWithTheQuickAdvertisements) {
    settle();
    run_until(40s);
    Config changed = config();
    const RouteInformation fewer{prefix("fd12:3456:789a:b::/64")};
    changed.advertisement.options = {fewer};
    reconfigure(changed);
    PrefixInformation no_lan = lan();
    no_lan.preferred_lifetime = Seconds{0};
    no_lan.valid_lifetime = Seconds{7200};
    RouteInformation no_overlay = overlay();
    no_overlay.lifetime = Seconds{0};
    const Option mac = SourceLinkLayerAddress{*kSource.link_address};
    for (const Duration t : {40s, 56s, 72s}) {
        run_until(t);
        EXPECT_THAT(last_->message.options, ElementsAre(fewer, no_lan, no_overlay, mac));
    }
    run_until(110s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40s), to_all(56s), to_all(72s), to_all(102s)));
    EXPECT_THAT(last_->message.options, ElementsAre(fewer, mac));
}

TEST_F(AdvertiserStory, WhatComesBackIsNotTakenBack) {
    settle();
    run_until(40s);
    Config changed = config();
    changed.advertisement.options = {lan()};
    reconfigure(changed);
    run_until(41s);
    reconfigure(config());
    run_until(50s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40s), to_all(43s)));
    EXPECT_THAT(last_->message.options,
                ElementsAre(lan(), overlay(), SourceLinkLayerAddress{*kSource.link_address}));
}

TEST_F(AdvertiserStory, AnotherLifetimeIsNoRemoval) {
    settle();
    run_until(40s);
    Config changed = config();
    RouteInformation longer = overlay();
    longer.lifetime = Seconds{3600};
    changed.advertisement.options = {lan(), longer};
    reconfigure(changed);
    EXPECT_THAT(last_->message.options,
                ElementsAre(lan(), longer, SourceLinkLayerAddress{*kSource.link_address}));
}

// many reloads in a row do not make a message that has to be fragmented.
TEST_F(AdvertiserStory, WhatIsTakenBackFitsIntoOneMessage) {
    settle();
    for (unsigned i = 0; i < 40; ++i) {
        Config changed = config();
        net::Ipv6Prefix p = prefix("fd00::/64");
        p.address.bytes[7] = static_cast<std::uint8_t>(i);
        changed.advertisement.options = {PrefixInformation{p}};
        reconfigure(changed);
    }
    run_until(40s);
    EXPECT_THAT(last_->message.options, SizeIs(1 + 24 + 1));
    EXPECT_LE(build(last_->message).size(), 1280U - 40U);
}

//
TEST_F(AdvertiserStory, WithdrawalSaysGoodbyeThreeTimes) {
    Config full = config();
    full.advertisement.router_lifetime = std::chrono::duration<std::uint16_t>{1800};
    full.advertisement.preference = Preference::high;
    PrefixInformation brief{prefix("fd12:3456:789a:b::/64")};
    brief.valid_lifetime = Seconds{600};
    full.advertisement.options.emplace_back(brief);
    full.advertisement.options.emplace_back(Mtu{1420});
    configure(full);
    settle();
    run_until(40s);
    withdraw();
    EXPECT_FALSE(advertiser_.advertising());

    PrefixInformation no_lan = lan();
    no_lan.preferred_lifetime = Seconds{0};
    no_lan.valid_lifetime = Seconds{7200};
    RouteInformation no_overlay = overlay();
    no_overlay.lifetime = Seconds{0};
    brief.preferred_lifetime = Seconds{0};
    RouterAdvertisement expected = full.advertisement;
    expected.router_lifetime = {};
    expected.preference = Preference::medium;
    expected.options = {no_lan, no_overlay, brief, Mtu{1420}, SourceLinkLayerAddress{*kSource.link_address}};
    for (const Duration t : {40s, 43s, 46s}) {
        run_until(t);
        EXPECT_EQ(last_, (Send{kSource.address, kAllNodes, expected}));
        solicit(kHost);
        solicit(kNobody);
    }
    EXPECT_EQ(deadline(), std::nullopt);
    run_until(1h);
    EXPECT_THAT(wire(), ElementsAre(to_all(40s), to_all(43s), to_all(46s)));
}

//
TEST_F(AdvertiserStory, GoodbyeRespectsTheThreeSecondRule) {
    settle();
    run_until(64s);
    wire();
    withdraw();
    run_until(1h);
    EXPECT_THAT(wire(), ElementsAre(to_all(65s), to_all(68s), to_all(71s)));
}

TEST_F(AdvertiserStory, ReportsOfTheLinkDoNotCutTheGoodbyeShort) {
    settle();
    run_until(40s);
    withdraw();
    source(std::nullopt);
    withdraw();
    reconfigure({});
    run_until(1h);
    EXPECT_THAT(wire(), ElementsAre(to_all(40s), to_all(43s), to_all(46s)));
}

TEST_F(AdvertiserStory, AfterAGoodbyeANewSourceStartsAnew) {
    settle();
    run_until(40s);
    withdraw();
    run_until(41s);
    source(kSource);
    run_until(60s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40s), to_all(43s), to_all(59s)));
    EXPECT_THAT(last_->message.options, Contains(Option{overlay()}));
}

TEST_F(AdvertiserStory, ALateAlarmIsOneAdvertisementAndAnEarlyOneNone) {
    settle();
    now_ = kStart + 61999ms;
    record(advertiser_.on_deadline(now_));
    EXPECT_THAT(wire(), IsEmpty());
    now_ = kStart + 500s;  // many intervals were missed
    record(advertiser_.on_deadline(now_));
    record(advertiser_.on_deadline(now_));
    EXPECT_THAT(wire(), ElementsAre(to_all(500s)));
    EXPECT_EQ(deadline(), 530s);
}

TEST_F(AdvertiserStory, AnswersAreLateRatherThanLost) {
    settle();
    run_until(40s);
    solicit(kHost);
    solicit(kOtherHost);
    now_ = kStart + 45s;
    record(advertiser_.on_deadline(now_));
    EXPECT_THAT(wire(), ElementsAre(Sent{45s, kHost}, Sent{45s, kOtherHost}));
}

// also when the intervals are configured shorter, or upside down.
TEST_F(AdvertiserStory, ThreeSecondsAreTheShortestInterval) {
    Config hasty = config();
    hasty.min_interval = 0ms;
    hasty.max_interval = -1000ms;
    configure(hasty);
    source(kSource);
    run_until(10s);
    EXPECT_THAT(wire(), ElementsAre(to_all(0s), to_all(3s), to_all(6s), to_all(9s)));
}

//
TEST_F(AdvertiserStory, NeverSendsTheSameRouteTwiceNorALinkLocalPrefix) {
    Config wrong = config();
    RouteInformation again = overlay();
    again.preference = Preference::low;
    again.prefix.address.bytes[15] = 1;  // a bit behind the prefix makes it no other route
    wrong.advertisement.options = {lan(), PrefixInformation{prefix("fe80::/64")}, overlay(), again,
                                   RouteInformation{prefix("fd12:3456:789a::/47")}};
    configure(wrong);
    source(kSource);
    EXPECT_THAT(last_->message.options,
                ElementsAre(lan(), overlay(), RouteInformation{prefix("fd12:3456:789a::/47")},
                            SourceLinkLayerAddress{*kSource.link_address}));
    run_until(5s);
    wire();
    reconfigure(config());  // what it sends differs by one route only
    EXPECT_THAT(last_->message.options, SizeIs(4));
}

}  // namespace
}  // namespace ulagate::ra
