// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>

#include "tests/unit/ra/advertiser_story.h"

namespace ulagate::ra::advertiser_change_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A hand-over is not a shutdown.
TEST_F(AdvertiserStory, R34_LosingTheSourceIsSilent) {
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

// The 3 s rule is the link's and outlives the source.
TEST_F(AdvertiserStory, R14_R16_ASourceThatComesBackStartsAgainWithinTheThreeSecondRule) {
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

TEST_F(AdvertiserStory, ANewSourceOwesNothingToTheHostsOfTheOld) {
    settle();
    run_until(62s);
    for (unsigned n = 0; n < 65; ++n) solicit(host(n));  // one multicast was to answer them all
    source(std::nullopt);
    wire();
    source(kSource);
    EXPECT_EQ(deadline(), 65s);
    solicit(kHost);
    run_until(64s);
    EXPECT_THAT(wire(), ElementsAre(Sent{62500ms, kHost}));
}

TEST_F(AdvertiserStory, TheSameSourceAgainChangesNothing) {
    settle();
    run_until(40s);
    source(kSource);
    EXPECT_EQ(deadline(), 62s);
    EXPECT_THAT(wire(), IsEmpty());
}

TEST_F(AdvertiserStory, R38_ANewLinkLayerAddressIsAnnouncedQuickly) {
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

TEST_F(AdvertiserStory, R35_NewContentIsAnnouncedThreeTimesQuickly) {
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

TEST_F(AdvertiserStory, R16_R35_NewContentRespectsTheThreeSecondRule) {
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

TEST_F(AdvertiserStory, AGoodbyeTakesEverythingBackOnceAndForAll) {
    settle();
    run_until(40s);
    Config changed = config();
    changed.advertisement.options = {lan()};
    reconfigure(changed);
    withdraw();
    run_until(50s);
    EXPECT_THAT(last_->message.options, SizeIs(3));
    source(kSource);
    run_until(55s);
    EXPECT_THAT(last_->message.options, ElementsAre(lan(), SourceLinkLayerAddress{*kSource.link_address}));
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

TEST_F(AdvertiserStory, R33_WithdrawalSaysGoodbyeThreeTimes) {
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

TEST_F(AdvertiserStory, R16_R33_GoodbyeRespectsTheThreeSecondRule) {
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

// Also when the intervals are configured shorter, or upside down.
TEST_F(AdvertiserStory, R16_ThreeSecondsAreTheShortestInterval) {
    Config hasty = config();
    hasty.min_interval = 0ms;
    hasty.max_interval = -1000ms;
    configure(hasty);
    source(kSource);
    run_until(10s);
    EXPECT_THAT(wire(), ElementsAre(to_all(0s), to_all(3s), to_all(6s), to_all(9s)));
}

TEST_F(AdvertiserStory, R26_R28_NeverSendsTheSameRouteTwiceNorALinkLocalPrefix) {
    Config wrong = config();
    RouteInformation again = overlay();
    again.preference = Preference::low;
    again.prefix.address.bytes[15] = 1;  // a bit behind the prefix makes it no other route
    wrong.advertisement.options = {lan(),     lan(), PrefixInformation{prefix("fe80::/64")},
                                   overlay(), again, RouteInformation{prefix("fd12:3456:789a::/47")}};
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
}  // namespace ulagate::ra::advertiser_change_test
