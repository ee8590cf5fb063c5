// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include "tests/unit/ra/advertiser_story.h"

// What has been advertised and is not any more.
namespace ulagate::ra::advertiser_stale_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const Option kOurMac = SourceLinkLayerAddress{*kSource.link_address};

Option dying(PrefixInformation pio, unsigned valid_seconds) {
    pio.preferred_lifetime = Seconds{0};
    pio.valid_lifetime = Seconds{valid_seconds};
    return pio;
}
Option dead(RouteInformation route) {
    route.lifetime = Seconds{0};
    return route;
}

Config with(std::vector<Option> options) {
    Config changed = config();
    changed.advertisement.options = std::move(options);
    return changed;
}

// Or hosts would keep the route for half an hour and the prefix for a day.
TEST_F(AdvertiserStory, R35_WhatIsRemovedIsTakenBackWithTheQuickAdvertisements) {
    settle();
    run_until(40s);
    const RouteInformation fewer{prefix("fd12:3456:789a:b::/64")};
    reconfigure(with({fewer}));
    EXPECT_THAT(last_->message.options, ElementsAre(fewer, dying(lan(), 7200), dead(overlay()), kOurMac));
    run_until(56s);
    EXPECT_THAT(last_->message.options,
                ElementsAre(fewer, dying(lan(), 7200 - 16), dead(overlay()), kOurMac));
    run_until(72s);
    EXPECT_THAT(last_->message.options,
                ElementsAre(fewer, dying(lan(), 7200 - 32), dead(overlay()), kOurMac));
    run_until(110s);
    EXPECT_THAT(wire(), ElementsAre(to_all(40s), to_all(56s), to_all(72s), to_all(102s)));
    EXPECT_THAT(last_->message.options, Not(Contains(dead(overlay()))));
}

// RFC 9096 section 3.5: a host that was asleep has the prefix for a day, and two hours are the least it
// believes.
TEST_F(AdvertiserStory, R36_APrefixIsTakenBackUntilTheLastHostHasForgottenIt) {
    settle();
    run_until(40s);
    reconfigure(with({overlay()}));
    run_until(102s);
    EXPECT_THAT(last_->message.options, ElementsAre(overlay(), dying(lan(), 7200 - 62), kOurMac));
    run_until(3h);
    EXPECT_THAT(last_->message.options, ElementsAre(overlay(), dying(lan(), 0), kOurMac));
    run_until(40s + 24h - 1s);
    EXPECT_THAT(last_->message.options, SizeIs(3));
    run_until(40s + 24h + 31s);
    EXPECT_THAT(last_->message.options, ElementsAre(overlay(), kOurMac));
    EXPECT_THAT(advertiser_.stale(), SizeIs(1));  // until there is another reason to look
}

// It wakes up and asks: it hears all that is gone, also what is said no more to all.
TEST_F(AdvertiserStory, R36_WhoAsksHearsOfEverythingThatIsGone) {
    settle();
    run_until(40s);
    reconfigure(with({Mtu{1420}}));
    run_until(110s);
    solicit(kHost);
    run_until(111s);
    EXPECT_EQ(last_->destination, kHost);
    EXPECT_THAT(last_->message.options, Contains(dead(overlay())));
}

TEST_F(AdvertiserStory, R35_NamesAreTakenBackOneByOne) {
    const auto servers = [](std::vector<net::Ipv6Address> all, unsigned seconds) {
        return Option{RecursiveDnsServers{std::move(all), Seconds{seconds}}};
    };
    const net::Ipv6Address first = address("fd12:3456:789a:a::53");
    const net::Ipv6Address second = address("fd12:3456:789a:a::54");
    const Pref64 nat64{prefix("64:ff9b::/96"), Seconds{1800}};
    configure(with({servers({first, second}, 1800), DnsSearchList{{"a.example", "b.example"}, Seconds{1800}},
                    nat64, CaptivePortal{"https://a.example"}}));
    settle();
    run_until(40s);
    reconfigure(with({servers({second}, 600), DnsSearchList{{"b.example", "c.example"}, Seconds{1800}}}));
    EXPECT_THAT(
        last_->message.options,
        ElementsAre(servers({second}, 600), DnsSearchList{{"b.example", "c.example"}, Seconds{1800}},
                    servers({first}, 0), DnsSearchList{{"a.example"}, Seconds{0}},
                    Pref64{nat64.prefix, Seconds{0}}, CaptivePortal{std::string{kNoCaptivePortal}}, kOurMac));
}

TEST_F(AdvertiserStory, R30_AGoodbyeWithdrawsNames) {
    configure(with({RecursiveDnsServers{{address("fd00::53")}, Seconds{90}},
                    DnsSearchList{{"a.example"}, Seconds{90}}}));
    settle();
    withdraw();
    run_until(40s);
    EXPECT_THAT(last_->message.options, ElementsAre(RecursiveDnsServers{{address("fd00::53")}, Seconds{0}},
                                                    DnsSearchList{{"a.example"}, Seconds{0}}, kOurMac));
}

// the state of the router that was here before, as the file has it.
TEST_F(AdvertiserStory, R36_WhatWasAdvertisedBeforeARestartIsTakenBack) {
    const PrefixInformation old_lan{prefix("fd12:3456:789a:f::/64")};
    const RouteInformation old_route{prefix("fd99::/48")};
    advertiser_.recall({{old_lan, kStart + 1h}, {overlay(), kStart + 1h}, {old_route, kStart + 1000s}}, now_);
    EXPECT_THAT(advertiser_.stale(), SizeIs(2));  // the overlay is advertised
    source(kSource);
    EXPECT_THAT(last_->message.options,
                ElementsAre(lan(), overlay(), dying(old_lan, 3600), dead(old_route), kOurMac));
    run_until(70s);
    EXPECT_THAT(last_->message.options, ElementsAre(lan(), overlay(), dying(old_lan, 3600 - 62), kOurMac));
    run_until(3700s);
    EXPECT_THAT(last_->message.options, ElementsAre(lan(), overlay(), kOurMac));
}

TEST_F(AdvertiserStory, R36_WhatHostsMayKnowIsTold) {
    EXPECT_THAT(advertiser_.advertised(), IsEmpty());
    source(kSource);
    EXPECT_THAT(advertiser_.advertised(), ElementsAre(lan(), overlay()));
    run_until(10s);
    reconfigure(with({overlay()}));
    EXPECT_THAT(advertiser_.advertised(), ElementsAre(overlay()));
    EXPECT_THAT(advertiser_.stale(), ElementsAre(Stale{lan(), kStart + 10s + 24h}));
}

TEST_F(AdvertiserStory, R36_WhatNeverEndsIsTakenBackForAMonth) {
    PrefixInformation for_ever = lan();
    for_ever.valid_lifetime = for_ever.preferred_lifetime = kInfinity;
    configure(with({for_ever}));
    source(kSource);
    reconfigure(with({}));
    EXPECT_THAT(advertiser_.stale(), ElementsAre(Stale{for_ever, kStart + 30 * 24h}));
}

TEST_F(AdvertiserStory, R35_ABackupKnowsWhatTheActiveRouterHasSaid) {
    advertiser_.assume_known();
    reconfigure(with({lan()}));
    EXPECT_THAT(wire(), IsEmpty());
    source(kSource);
    EXPECT_THAT(last_->message.options, ElementsAre(lan(), dead(overlay()), kOurMac));
}

TEST_F(AdvertiserStory, R35_WhatComesBackIsNotTakenBack) {
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

TEST_F(AdvertiserStory, WhatNobodyHasHeardOfIsNotTakenBack) {
    Config changed = config();
    changed.advertisement.options = {lan()};
    reconfigure(changed);
    source(kSource);
    EXPECT_THAT(last_->message.options, ElementsAre(lan(), SourceLinkLayerAddress{*kSource.link_address}));
}

// A router that was not Active during the reload takes it back as soon as it is.
TEST_F(AdvertiserStory, R35_WhatIsRemovedWithoutASourceIsTakenBackLater) {
    settle();
    source(std::nullopt);
    Config changed = config();
    changed.advertisement.options = {lan()};
    reconfigure(changed);
    EXPECT_THAT(wire(), IsEmpty());
    run_until(40s);
    source(kSource);
    EXPECT_THAT(last_->message.options, SizeIs(3));
    EXPECT_EQ(std::get<RouteInformation>(last_->message.options.at(1)).lifetime, Seconds{0});
}

// Many reloads in a row do not fill the memory; prefixes stay longest.
TEST_F(AdvertiserStory, R35_OfManyThingsThatWentTheLastAreTakenBack) {
    settle();
    for (unsigned i = 0; i < 400; ++i) {
        net::Ipv6Prefix p = prefix("fd00::/64");
        p.address.bytes[6] = static_cast<std::uint8_t>(i >> 8U);
        p.address.bytes[7] = static_cast<std::uint8_t>(i);
        reconfigure(with({RouteInformation{p}}));
    }
    run_until(40s);
    EXPECT_THAT(advertiser_.stale(), SizeIs(256));
    EXPECT_THAT(last_->message.options, SizeIs(1 + 256 + 1));
    EXPECT_THAT(last_->message.options, Contains(dying(lan(), 7200 - 3)));
}

// R-29, the second form: the lifetimes run down to a time that is the same on every router.
TEST_F(AdvertiserStory, R29_LifetimesCountDownToATime) {
    constexpr std::chrono::sys_seconds kWall{1'800'000'000s};
    Config ending = config();
    ending.valid_until = kWall + 48h;
    ending.preferred_until = kWall + 100s;
    configure(ending);
    advertiser_.set_wall_clock(kWall, kStart);
    source(kSource);
    const auto lifetimes = [this] {
        const auto& pio = std::get<PrefixInformation>(last_->message.options.at(0));
        return std::pair{pio.valid_lifetime.count(), pio.preferred_lifetime.count()};
    };
    EXPECT_EQ(lifetimes(), (std::pair{86400U, 100U}));  // never longer than configured
    run_until(62s);
    EXPECT_EQ(lifetimes(), (std::pair{86400U, 38U}));
    run_until(122s);
    EXPECT_EQ(lifetimes(), (std::pair{86400U, 0U}));
    const Duration later = 47h;
    run_until(later);
    EXPECT_GT(lifetimes().first, 3599U);
    EXPECT_LT(lifetimes().first, 3631U);
    run_until(50h);
    EXPECT_EQ(lifetimes(), (std::pair{0U, 0U}));
    // The clock was wrong, and has been set right.
    advertiser_.set_wall_clock(kWall + 50h - 1000h, now_);
    run_until(51h);
    EXPECT_EQ(lifetimes(), (std::pair{86400U, 14400U}));
}

TEST_F(AdvertiserStory, R29_LifetimesAreFixedUnlessTheyAreSaidToEnd) {
    advertiser_.set_wall_clock(std::chrono::sys_seconds{1'800'000'000s}, kStart);
    source(kSource);
    run_until(48h);
    EXPECT_THAT(last_->message.options, ElementsAre(lan(), overlay(), kOurMac));
}

TEST_F(AdvertiserStory, R29_APreferredLifetimeIsNeverLongerThanTheValidOne) {
    Config ending = config();
    ending.valid_until = std::chrono::sys_seconds{1'800'003'600s};
    configure(ending);
    advertiser_.set_wall_clock(std::chrono::sys_seconds{1'800'000'000s}, kStart);
    source(kSource);
    EXPECT_EQ(std::get<PrefixInformation>(last_->message.options.at(0)).preferred_lifetime, Seconds{3600});
}

// The first words from a new address come with the last ones from the old.
TEST_F(AdvertiserStory, R38_HostsForgetTheFormerAddress) {
    settle();
    run_until(40s);
    const net::Ipv6Address other = address("fe80::2");
    source(std::nullopt);  // it is gone, and the new one is still being looked for on the link
    run_until(42s);
    const auto sends = advertiser_.set_source(Source{other, std::nullopt}, now_, kSource.address);
    ASSERT_THAT(sends, SizeIs(2));
    EXPECT_EQ(sends.at(0).source, other);
    EXPECT_THAT(sends.at(0).message.options, ElementsAre(lan(), overlay()));
    EXPECT_EQ(sends.at(1).source, kSource.address);
    EXPECT_TRUE(sends.at(1).former_source);
    EXPECT_EQ(sends.at(1).message.router_lifetime.count(), 0);
    // The prefix is the link's, and the new address goes on advertising it.
    EXPECT_THAT(sends.at(1).message.options, ElementsAre(dead(overlay())));
    run_until(200s);
    EXPECT_THAT(wire(), ElementsAre(to_all(58s), to_all(58s), to_all(74s), to_all(74s), to_all(104s),
                                    to_all(134s), to_all(164s), to_all(194s)));
    // And back again, as if nothing had been.
    record(advertiser_.set_source(kSource, now_, kSource.address));
    EXPECT_THAT(wire(), ElementsAre(to_all(200s)));
}

TEST_F(AdvertiserStory, R38_AnAddressThatIsGivenUpSaysSoOnce) {
    settle();
    run_until(63s);
    wire();
    record(advertiser_.abandon_source());
    EXPECT_EQ(last_->source, kSource.address);
    EXPECT_THAT(last_->message.options, ElementsAre(dead(overlay())));
    EXPECT_FALSE(advertiser_.advertising());
    record(advertiser_.abandon_source());
    run_until(200s);
    EXPECT_THAT(wire(), ElementsAre(to_all(63s)));
}

TEST_F(AdvertiserStory, TheSourceLinkLayerAddressCanBeLeftOut) {
    Config without = config();
    without.source_link_layer_address = false;
    configure(without);
    source(kSource);
    EXPECT_THAT(last_->message.options, ElementsAre(lan(), overlay()));
}

}  // namespace
}  // namespace ulagate::ra::advertiser_stale_test
