// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/former_sources.h"

#include "tests/unit/daemon/lan/router_vrrp_story.h"

// Goodbyes follow what hosts were told: from addresses that are ours no more, and of prefixes that moved.
namespace ulagate::former_sources_test {
namespace {

using namespace lan_router_story;
using testing::Contains;
using testing::Not;

constexpr ra::TimePoint kBegin{1000s};

Words configure(Story& story, LanConfig config) {
    return story.record(story.router.set_config(std::move(config), story.now));
}

LanConfig at(const char* virtual_address) {
    LanConfig made = lan(100);
    made.vrrp->machine.address = address(virtual_address);
    return made;
}

std::vector<net::Ipv6Address> last_words(const Story& story) {
    std::vector<net::Ipv6Address> from;
    for (const ra::Send& send : story.advertisements) {
        if (in_words(send) == "last ra") from.push_back(send.source);
    }
    return from;
}

TEST(FormerSources, F11_ThreeTimesAndNotAtOnce) {
    FormerSources former;
    former.add(kVirtual, 1s, kBegin);
    EXPECT_THAT(former.due(kBegin + 999ms), IsEmpty());
    for (int i = 0; i < 3; ++i) {
        const auto when = former.deadline().value();
        EXPECT_EQ(when, kBegin + 1s + i * 3s);
        EXPECT_THAT(former.due(when), ElementsAre(kVirtual));
    }
    EXPECT_EQ(former.deadline(), std::nullopt);
}

TEST(FormerSources, F11_NotWhenSomebodyGoesOnFromThere) {
    FormerSources former;
    former.add(kVirtual, 1s, kBegin);
    former.add(kOther, 1s, kBegin);
    former.remove(kVirtual);
    EXPECT_THAT(former.due(kBegin + 1s), ElementsAre(kOther));
}

// Hosts kept a route through an address that nobody had any more for half an hour, one more for each change.
TEST(FormerSources, F11_AChangedVirtualAddressIsTakenBackFromTheHosts) {
    Story story = active(lan(100));
    configure(story, at("fe80::beef"));
    story.addresses.erase({"eth0", {kVirtual, 128}});
    story.look();
    story.wait(400ms);
    story.addresses[{"eth0", {address("fe80::beef"), 128}}] = {true, false, false};
    story.look();
    story.wait(20s);
    EXPECT_THAT(last_words(story), ElementsAre(kVirtual, kVirtual, kVirtual));
    for (const ra::Send& send : story.advertisements) {
        if (send.source != kVirtual) continue;
        EXPECT_TRUE(send.former_source);
        EXPECT_EQ(send.message.router_lifetime.count(), 0);
        EXPECT_THAT(send.message.options,
                    Not(Contains(testing::VariantWith<ra::PrefixInformation>(testing::_))))
            << "the prefix is the link's, and stays";
    }
}

TEST(FormerSources, F11_SoDoesOneThatIsTakenOut) {
    Story story = active(lan(100));
    LanConfig alone = lan(100);
    alone.vrrp.reset();
    configure(story, alone);
    story.remove_address();
    story.wait(20s);
    EXPECT_THAT(last_words(story), ElementsAre(kVirtual, kVirtual, kVirtual));
}

// Its partner has the old file still, and goes on.
TEST(FormerSources, F11_WhatAnotherRouterHoldsIsNotTakenBack) {
    Story story = active(lan(100));
    configure(story, at("fe80::beef"));
    story.remove_address();
    story.wait(400ms);
    story.hear(200);  // the virtual router of before
    story.wait(20s);
    EXPECT_THAT(last_words(story), IsEmpty());

    Story alone = active(lan(100));
    LanConfig config = lan(100);
    config.vrrp.reset();
    configure(alone, config);
    alone.remove_address();
    alone.record(alone.router.on_icmpv6(ra::build(ra::RouterAdvertisement{}), {kVirtual, ra::kAllNodes, 255},
                                        alone.now));
    alone.wait(20s);
    EXPECT_THAT(last_words(alone), IsEmpty());
}

TEST(FormerSources, F11_WhatStaysIsNotTakenBack) {
    Story story = active(lan(100));
    LanConfig other = lan(100);
    other.vrrp->machine.vrid = 52;
    configure(story, other);
    story.look();
    story.wait(20s);
    EXPECT_THAT(last_words(story), IsEmpty());
}

// It was changed while the daemon stood still.
TEST(FormerSources, F11_AnAddressOfBeforeARestartIsTakenBack) {
    Story story{at("fe80::beef")};
    story.router.recall_sources({kVirtual});
    EXPECT_THAT(story.wait(10s), IsEmpty()) << "there is no link yet";
    story.look();
    story.wait(10s);
    EXPECT_THAT(last_words(story), ElementsAre(kVirtual, kVirtual, kVirtual));

    Story same{lan(100)};
    same.router.recall_sources({kVirtual});
    same.look();
    same.wait(10s);
    EXPECT_THAT(last_words(same), IsEmpty());

    Story alone{fake::edge().lans.at(0)};
    alone.router.recall_sources({kSelf});
    alone.look();
    alone.wait(10s);
    EXPECT_THAT(last_words(alone), IsEmpty()) << "we speak from there";
}

std::vector<ra::Seconds> valid_lifetimes(const ra::Send& send, const net::Ipv6Prefix& prefix) {
    std::vector<ra::Seconds> out;
    for (const ra::Option& option : send.message.options) {
        const auto* pio = std::get_if<ra::PrefixInformation>(&option);
        if (pio == nullptr || pio->prefix.network() != prefix) continue;
        EXPECT_TRUE(pio->on_link);
        EXPECT_EQ(pio->preferred_lifetime, ra::Seconds{0});
        out.push_back(pio->valid_lifetime);
    }
    return out;
}

// A host keeps its address for two hours whatever we say, but believes at once that the prefix is not on its
// link any more, and finds the prefix's new hosts through us.
TEST(FormerSources, F11_APrefixThatIsAtAnotherSiteNowGoesAtOnce) {
    const net::Ipv6Prefix old = prefix("fd12:3456:789a:a::/64");
    Story story = active(lan(100));
    LanConfig moved = lan(100);
    moved.prefix = prefix("fd12:3456:789a:b::/64");
    for (ra::Option& option : moved.ra.advertisement.options) {
        if (auto* pio = std::get_if<ra::PrefixInformation>(&option)) pio->prefix = moved.prefix;
    }
    configure(story, moved);
    story.wait(4s);
    ASSERT_FALSE(story.advertisements.empty());
    EXPECT_THAT(valid_lifetimes(story.advertisements.back(), old),
                ElementsAre(testing::Gt(ra::Seconds{7000})))
        << "nobody else has it: its hosts go on among each other";
    story.advertisements.clear();
    const auto elsewhere = [&](const net::Ipv6Prefix& asked) { return asked == old; };
    story.record(story.router.follow_prefixes(elsewhere, story.now));
    story.wait(4s);
    ASSERT_FALSE(story.advertisements.empty()) << "quickly";
    EXPECT_THAT(valid_lifetimes(story.advertisements.back(), old), ElementsAre(ra::Seconds{0}));
    story.advertisements.clear();
    EXPECT_THAT(story.record(story.router.follow_prefixes(elsewhere, story.now)), IsEmpty());
    story.wait(300s);
    EXPECT_THAT(valid_lifetimes(story.advertisements.back(), old), ElementsAre(ra::Seconds{0}))
        << "for hosts that have slept";
}

}  // namespace
}  // namespace ulagate::former_sources_test
