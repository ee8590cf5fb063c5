// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/watch.h"

#include <gmock/gmock.h>

#include "tests/unit/ra/advertiser_story.h"

namespace ulagate::ra::watch_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const net::Ipv6Address kStranger = address("fe80::bad");
const net::MacAddress kStrangersMac{{2, 0, 0, 0, 0, 0xbd}};

// A router with our reference configuration, and one other sender unless a test says otherwise.
class RaWatch : public ::testing::Test {
protected:
    std::vector<Notice> hear(const RouterAdvertisement& theirs, const net::Ipv6Address& from = kStranger) {
        return watch_.on_advertisement(theirs, from, {ours_, source_, since_, kSource.address}, now_);
    }
    std::vector<std::string> findings() const {
        const auto senders = watch_.senders(now_);
        return senders.empty() ? std::vector<std::string>{} : senders.front().findings;
    }
    static RouterAdvertisement from_mac(RouterAdvertisement advertisement, const net::MacAddress& mac) {
        advertisement.options.emplace_back(SourceLinkLayerAddress{mac});
        return advertisement;
    }

    RouterAdvertisement ours_ = config().advertisement;
    std::optional<Source> source_ = kSource;
    TimePoint now_{1000s};
    TimePoint since_ = now_;  // we speak
    Watch watch_;
};

RouterAdvertisement of_the_provider() {
    RouterAdvertisement theirs;
    theirs.router_lifetime = std::chrono::duration<std::uint16_t>{1800};
    theirs.options = {PrefixInformation{prefix("2001:db8:1::/64")}};
    return theirs;
}

TEST_F(RaWatch, R32_TheProvidersRouterIsSeenAndThatIsAll) {
    EXPECT_THAT(hear(of_the_provider()), IsEmpty());
    ASSERT_THAT(watch_.senders(now_), SizeIs(1));
    const Sender sender = watch_.senders(now_).front();
    EXPECT_EQ(sender.address, kStranger);
    EXPECT_EQ(sender.advertisements, 1U);
    EXPECT_THAT(sender.findings, IsEmpty());
    EXPECT_EQ(watch_.counters().differing, 0U);
}

TEST_F(RaWatch, R32_EveryFieldOfTheHeaderThatDiffersIsNamed) {
    ours_.reachable_time = Milliseconds{30'000};
    ours_.retrans_timer = Milliseconds{1000};
    ours_.options.emplace_back(Mtu{1500});
    RouterAdvertisement theirs = of_the_provider();
    theirs.hop_limit = 255;
    theirs.managed = true;
    theirs.other_config = true;
    theirs.reachable_time = Milliseconds{600'000};
    theirs.retrans_timer = Milliseconds{2000};
    theirs.options.emplace_back(Mtu{1400});
    const auto notices = hear(from_mac(theirs, kStrangersMac));
    EXPECT_THAT(findings(),
                ElementsAre("the hop limit is 255, ours 64", "the M flag is set, ours not",
                            "the O flag is set, ours not", "the reachable time is 600000, ours 30000",
                            "the retransmission timer is 2000, ours 1000", "the MTU is 1400, ours 1500"));
    ASSERT_THAT(notices, SizeIs(1));
    EXPECT_FALSE(notices[0].serious);
    EXPECT_THAT(notices[0].text, HasSubstr("fe80::bad (02:00:00:00:00:bd) advertises: the hop limit is 255"));
}

TEST_F(RaWatch, R32_WhatIsUnspecifiedOnEitherSideDoesNotDiffer) {
    RouterAdvertisement theirs = of_the_provider();
    theirs.hop_limit = 0;
    theirs.reachable_time = Milliseconds{600'000};
    theirs.options.emplace_back(Mtu{1400});
    EXPECT_THAT(hear(theirs), IsEmpty());
    ours_.options.emplace_back(Mtu{1500});
    EXPECT_THAT(hear(of_the_provider()), IsEmpty());
}

TEST_F(RaWatch, R32_ALongerLifetimeOfOurPrefixOrRouteDiffers) {
    source_.reset();
    RouterAdvertisement theirs = ours_;
    std::get<PrefixInformation>(theirs.options[0]).valid_lifetime = Seconds{2'592'000};
    std::get<RouteInformation>(theirs.options[1]).preference = Preference::low;
    hear(theirs, kSource.address);
    EXPECT_THAT(findings(),
                ElementsAre("the valid lifetime of fd12:3456:789a:a::/64 is longer than ours, 86400 s",
                            "the preference of the route to fd12:3456:789a::/48 is low, ours high"));
}

TEST_F(RaWatch, R32_ALifetimeThatCountsDownDoesNotDiffer) {
    source_.reset();
    for (unsigned passed = 0; passed <= 300; passed += 30) {
        RouterAdvertisement theirs = ours_;
        auto& prefix = std::get<PrefixInformation>(theirs.options[0]);
        prefix.valid_lifetime -= Seconds{passed};
        prefix.preferred_lifetime -= Seconds{passed};
        EXPECT_THAT(hear(theirs, kSource.address), IsEmpty());
        now_ += 300ms;
        EXPECT_THAT(hear(theirs, kSource.address), IsEmpty()) << "an answer to a host, in the same second";
        now_ += 29700ms;
    }
}

TEST_F(RaWatch, R32_AShorterLifetimeThatIsSaidTwiceDiffers) {
    source_.reset();
    RouterAdvertisement theirs = ours_;
    std::get<RouteInformation>(theirs.options[1]).lifetime = Seconds{90};
    EXPECT_THAT(hear(theirs, kSource.address), IsEmpty());
    now_ += 30s;
    EXPECT_THAT(hear(theirs, kSource.address), SizeIs(1));
    EXPECT_THAT(findings(),
                ElementsAre("the lifetime of the route to fd12:3456:789a::/48 is shorter than ours, 1800 s"));
}

TEST_F(RaWatch, R32_AGoodbyeToOurRouteDiffersAtOnce) {
    source_.reset();
    RouterAdvertisement theirs = ours_;
    std::get<RouteInformation>(theirs.options[1]).lifetime = Seconds{0};
    hear(theirs, kSource.address);
    EXPECT_THAT(findings(),
                ElementsAre("the lifetime of the route to fd12:3456:789a::/48 is 0, ours 1800 s"));
}

TEST_F(RaWatch, R30_R32_ADnsServerOrDomainOfOursThatSomebodyTakesBack) {
    ours_.options.emplace_back(RecursiveDnsServers{{address("fd00::53")}, Seconds{90}});
    ours_.options.emplace_back(DnsSearchList{{"example.net"}, Seconds{90}});
    RouterAdvertisement theirs = of_the_provider();
    theirs.options.emplace_back(
        RecursiveDnsServers{{address("2001:db8::53"), address("fd00::53")}, Seconds{0}});
    theirs.options.emplace_back(DnsSearchList{{"example.org", "example.net"}, Seconds{1800}});
    hear(theirs);
    EXPECT_THAT(findings(),
                ElementsAre("the lifetime of the DNS server fd00::53 is 0, ours 90 s",
                            "the lifetime of the search domain example.net is longer than ours, 90 s"));
}

TEST_F(RaWatch, AStrangerWithOurPrefixesIsSerious) {
    RouterAdvertisement theirs;
    theirs.options = {lan(), RouteInformation{prefix("fd12:3456:789a:b::/64")}};
    const auto notices = hear(theirs);
    EXPECT_THAT(findings(), ElementsAre("it advertises the prefix fd12:3456:789a:a::/64, which is ours",
                                        "it advertises a route to fd12:3456:789a:b::/64, which is ours"));
    EXPECT_THAT(notices, ElementsAre(Field(&Notice::serious, true)));
}

TEST_F(RaWatch, WiderOrOtherRoutesAreNotOurs) {
    RouterAdvertisement theirs;
    theirs.options = {RouteInformation{prefix("::/0")}, RouteInformation{prefix("fd00::/8")},
                      RouteInformation{prefix("fd12:3456:789b::/48")}};
    EXPECT_THAT(hear(theirs), IsEmpty());
    ours_.options.emplace_back(RouteInformation{prefix("::/0")});
    EXPECT_THAT(hear(of_the_provider()), IsEmpty()) << "an exit for all is no claim on every prefix";
}

TEST_F(RaWatch, R40_AnotherRouterOfOursSaysTheSame) {
    source_.reset();
    EXPECT_THAT(hear(from_mac(ours_, kStrangersMac), kSource.address), IsEmpty());
    EXPECT_THAT(findings(), IsEmpty());
    EXPECT_FALSE(watch_.split_brain(since_, now_));
    RouterAdvertisement theirs = ours_;
    theirs.hop_limit = 255;
    now_ += 30s;
    EXPECT_THAT(hear(from_mac(theirs, kStrangersMac), kSource.address),
                ElementsAre(Field(&Notice::serious, true)));
}

TEST_F(RaWatch, R43_OurAddressWithAnotherMacWhileWeAdvertiseIsSplitBrain) {
    EXPECT_THAT(hear(from_mac(ours_, *kSource.link_address), kSource.address), IsEmpty())
        << "our own words, which the link sends back";
    EXPECT_THAT(watch_.senders(now_), IsEmpty());
    hear(from_mac(ours_, kStrangersMac), kSource.address);
    now_ += 1s;
    const auto notices = hear(from_mac(ours_, kStrangersMac), kSource.address);
    EXPECT_THAT(notices, ElementsAre(AllOf(Field(&Notice::serious, true),
                                           Field(&Notice::text, HasSubstr("split brain")))));
    now_ += 30s;
    EXPECT_THAT(hear(from_mac(ours_, kStrangersMac), kSource.address), IsEmpty()) << "once";
    EXPECT_EQ(watch_.counters().split_brain, 3U);
    ASSERT_TRUE(watch_.split_brain(since_, now_));
    EXPECT_EQ(watch_.split_brain(since_, now_)->link_address, kStrangersMac);
    EXPECT_TRUE(watch_.split_brain(since_, now_ + 90s));
    EXPECT_FALSE(watch_.split_brain(since_, now_ + 91s));
}

TEST_F(RaWatch, R43_WordsThatCrossAtAHandOverAreNoSplit) {
    for (int i = 0; i < 3; ++i) {
        EXPECT_THAT(hear(from_mac(ours_, kStrangersMac), kSource.address), IsEmpty());
        now_ += 300ms;
    }
    EXPECT_FALSE(watch_.split_brain(since_, now_)) << "the other router did not know yet that we took over";
    now_ += 10s;
    since_ = now_;  // we were silent meanwhile, and heard nothing
    EXPECT_THAT(hear(from_mac(ours_, kStrangersMac), kSource.address), IsEmpty());
    EXPECT_FALSE(watch_.split_brain(since_, now_)) << "the next hand-over";
    EXPECT_EQ(watch_.counters().split_brain, 4U);
    now_ += 1s;
    EXPECT_THAT(hear(from_mac(ours_, kStrangersMac), kSource.address), SizeIs(1)) << "it speaks on";
    EXPECT_TRUE(watch_.split_brain(since_, now_));
}

TEST_F(RaWatch, R43_TheSplitIsOverWhenOneIsSilent) {
    hear(from_mac(ours_, kStrangersMac), kSource.address);
    now_ += 1s;
    hear(from_mac(ours_, kStrangersMac), kSource.address);
    EXPECT_TRUE(watch_.split_brain(since_, now_));
    source_.reset();  // we yield
    now_ += 1s;
    EXPECT_THAT(hear(from_mac(ours_, kStrangersMac), kSource.address), IsEmpty());
    EXPECT_FALSE(watch_.split_brain(since_, now_));
    now_ += 30s;
    EXPECT_THAT(hear(from_mac(ours_, kStrangersMac), kSource.address), IsEmpty());
    now_ += 30s;
    EXPECT_THAT(hear(from_mac(ours_, kStrangersMac), kSource.address),
                ElementsAre(Field(&Notice::text, HasSubstr("no longer advertises anything different"))));
}

TEST_F(RaWatch, EveryChangeIsLoggedOnceAndCounted) {
    RouterAdvertisement theirs = of_the_provider();
    theirs.managed = true;
    EXPECT_THAT(hear(theirs), SizeIs(1));
    for (int i = 0; i < 100; ++i) {
        now_ += 10s;
        EXPECT_THAT(hear(theirs), IsEmpty());
    }
    theirs.managed = false;
    for (int i = 0; i < 2; ++i) {
        now_ += 10s;
        EXPECT_THAT(hear(theirs), IsEmpty()) << "it may be in another one of several";
    }
    now_ += 10s;
    EXPECT_THAT(hear(theirs), SizeIs(1));
    EXPECT_EQ(watch_.counters().differing, 101U);
    EXPECT_EQ(watch_.senders(now_).front().advertisements, 104U);
    EXPECT_EQ(watch_.senders(now_).front().changes, 2U);
}

TEST_F(RaWatch, R22_WhatIsSaidInTwoAdvertisementsIsOneFindingEach) {
    RouterAdvertisement first;
    first.options = {lan()};
    RouterAdvertisement second;
    second.options = {overlay()};
    EXPECT_THAT(hear(first), SizeIs(1));
    EXPECT_THAT(hear(second), SizeIs(1));
    for (int i = 0; i < 10; ++i) {
        now_ += 30s;
        EXPECT_THAT(hear(first), IsEmpty());
        EXPECT_THAT(hear(second), IsEmpty());
        EXPECT_THAT(findings(), SizeIs(2));
    }
}

TEST_F(RaWatch, SendersAreForgottenAfterHalfAnHour) {
    hear(of_the_provider());
    EXPECT_THAT(watch_.senders(now_ + 30min), SizeIs(1));
    EXPECT_THAT(watch_.senders(now_ + 30min + 1s), IsEmpty());
}

TEST_F(RaWatch, ForgedSendersCostNeitherMemoryNorTheLog) {
    RouterAdvertisement theirs = of_the_provider();
    theirs.managed = true;
    std::size_t notices = 0;
    for (unsigned i = 0; i < 10'000; ++i) {
        notices += hear(theirs, host(i)).size();
        now_ += 1ms;
    }
    EXPECT_EQ(notices, 10U);
    EXPECT_THAT(watch_.senders(now_), SizeIs(16));
    EXPECT_EQ(watch_.counters().forgotten, 10'000U - 16U);
    EXPECT_EQ(watch_.counters().not_logged, 10'000U - 10U);
    now_ += 1min;
    EXPECT_THAT(hear(theirs, host(1)), SizeIs(1)) << "and one a minute";
}

TEST_F(RaWatch, SendersThatDoNotDifferMakeRoomFirst) {
    RouterAdvertisement differs = of_the_provider();
    differs.managed = true;
    hear(differs);
    for (unsigned i = 0; i < 100; ++i) {
        now_ += 1s;
        hear(of_the_provider(), host(i));
    }
    EXPECT_THAT(watch_.senders(now_), SizeIs(16));
    EXPECT_THAT(watch_.senders(now_).front().findings, SizeIs(1));
}

TEST_F(RaWatch, AnAdvertisementFullOfFindingsIsCutShort) {
    RouterAdvertisement theirs;
    for (unsigned i = 0; i < 200; ++i) {
        net::Ipv6Prefix part = prefix("fd12:3456:789a::/64");
        part.address.bytes[7] = static_cast<std::uint8_t>(i);
        theirs.options.emplace_back(RouteInformation{part});
    }
    hear(theirs);
    EXPECT_THAT(findings(), SizeIs(16));
}

}  // namespace
}  // namespace ulagate::ra::watch_test
