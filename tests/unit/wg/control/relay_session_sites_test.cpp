// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/wg/control/relay_session_story.h"
#include "wg/control/relay_session.h"

// How a router learns which sites are connected to the relay.
namespace ulagate::wg::control::relay_session_sites_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const net::Ipv6Prefix kOverlay = prefix("fd12:3456:789a::/48");

class RelaySessionSites : public RelaySessionStory {
protected:
    RelaySessionSites() { session_.want_sites(kOverlay); }
    static Sent asks(milliseconds at, std::uint64_t generation) {
        return {at, Hello{About{kVersion, kWantsSites, kWall}, generation}};
    }
    void list(std::uint64_t from, std::uint64_t to, std::vector<net::Ipv6Prefix> added) {
        relay_says(Sites{kOverlay, from, to, 0, 1, std::move(added), {}});
    }
    void acknowledges(std::uint64_t generation) {
        relay_says(ClaimAck{next_sequence_ - 1, {owned_by(kUs, 42)}, generation});
    }
};

TEST_F(RelaySessionSites, AHelloSaysWhichListWeHave) {
    start();
    EXPECT_THAT(sent(), ElementsAre(asks(0ms, 0)));
    run_until(20ms);
    relay_says(HelloAck{{}, {}, 5});
    list(0, 5, {kLan, kVlan});
    ASSERT_NE(session_.sites(), nullptr);
    EXPECT_THAT(session_.sites()->prefixes(), ElementsAre(kLan, kVlan));
    EXPECT_THAT(events(), ElementsAre(SitesLearned{2}));
    run_until(1s);
    EXPECT_THAT(sent(), ElementsAre(asks(1s, 5)));
}

TEST_F(RelaySessionSites, WhoIsBehindAsksAtOnceButOnlyOnceASecond) {
    active();
    start();
    relay_says(HelloAck{{}, {}, 5});
    list(0, 5, {kLan});
    run_until(3s);
    sent();
    acknowledges(6);
    run_until(3'001ms);
    EXPECT_THAT(sent(), ElementsAre(asks(3s, 5)));
    acknowledges(7);  // the answer to our hello was lost
    run_until(3'999ms);
    EXPECT_THAT(sent(), IsEmpty());
    run_until(4s);
    EXPECT_THAT(sent(), ElementsAre(claim(4s, 42), asks(4s, 5)));
    list(5, 7, {kVlan});
    run_until(6s);
    EXPECT_THAT(sent(), ElementsAre(claim(5s, 42), claim(6s, 42))) << "nothing to ask for";
}

TEST_F(RelaySessionSites, ARelayThatStartedAnewDoesNotSayForAWhile) {
    start();
    relay_says(HelloAck{{}, {}, 5});
    list(0, 5, {kLan});
    events();
    relay_says(HelloAck{{}, {}, 0});
    EXPECT_EQ(session_.sites(), nullptr);
    EXPECT_THAT(events(), ElementsAre(SitesLearned{}));
    relay_says(HelloAck{{}, {}, 0});
    EXPECT_THAT(events(), IsEmpty());
}

net::Ipv6Prefix numbered(unsigned number) {
    net::Ipv6Prefix out = kOverlay;
    out.length = 64;
    out.address.bytes.at(6) = static_cast<std::uint8_t>(number >> 8U);
    out.address.bytes.at(7) = static_cast<std::uint8_t>(number);
    return out;
}
std::vector<net::Ipv6Prefix> row(unsigned first, unsigned count) {
    std::vector<net::Ipv6Prefix> out;
    for (unsigned i = 0; i < count; ++i) out.push_back(numbered(first + i));
    return out;
}

TEST_F(RelaySessionSites, F06_OneListForEachTimeThatWeAsked) {
    start();
    list(0, 5, {kLan});
    EXPECT_THAT(events(), ElementsAre(SitesLearned{1}));
    for (std::uint64_t g = 5; g < 5000; ++g) list(g, g + 1, row(static_cast<unsigned>(g), 1));
    EXPECT_THAT(events(), IsEmpty());
    EXPECT_THAT(session_.sites()->prefixes(), ElementsAre(kLan));
    EXPECT_EQ(session_.counters().unasked, 4995U);
    run_until(1s);
    list(5, 6, {kVlan});
    list(6, 7, {});
    EXPECT_THAT(events(), ElementsAre(SitesLearned{2}));
}

// 1,100 more sites with each answer, for ever.
TEST_F(RelaySessionSites, F06_AListThatGrowsWithoutEndIsDistrustedAsAWhole) {
    start();
    std::uint64_t generation = 0;
    std::size_t most = 0;
    for (unsigned second = 0; second < 50; ++second) {
        list(generation, generation + 1, row(1 + second * 1100, 1100));
        if (session_.sites()) most = std::max(most, session_.sites()->size());
        ++generation;
        run_until(at_ + 1s);
    }
    EXPECT_LE(most, SiteMirror::kMostSites);
    EXPECT_GT(most, SiteMirror::kMostSites - 1200);
    EXPECT_EQ(session_.sites(), nullptr);
    EXPECT_THAT(session_.disbelieved(now().steady), ElementsAre(Disbelieved{Disbelieved::What::sites}));
    const auto all = events();
    EXPECT_EQ(std::count(all.begin(), all.end(), SessionEvent{Disbelieved{Disbelieved::What::sites}}), 1)
        << "said once";
    EXPECT_EQ(sent().back(), hello(std::chrono::duration_cast<milliseconds>(at_)))
        << "it is not asked meanwhile";
    run_until(at_ + 2min);
    list(0, 7, {kLan});
    EXPECT_THAT(session_.sites()->prefixes(), ElementsAre(kLan)) << "and is believed again after a while";
}

TEST_F(RelaySessionSites, F06_ListsOfTooManyPartsOrTooMuchTransitAreDistrusted) {
    for (const bool parts : {true, false}) {
        SiteMirror mirror{kOverlay};
        const std::uint16_t count = parts ? SiteMirror::kMostParts + 1 : 20;
        for (std::uint16_t part = 0; part < count; ++part) {
            mirror.on_message(Sites{kOverlay, 0, 9, part, count, {}, {}, row(part * 1000U, 1000)},
                              now().steady);
        }
        EXPECT_TRUE(mirror.distrusted(now().steady));
        EXPECT_EQ(mirror.sites(), nullptr);
        EXPECT_FALSE(mirror.on_message(Sites{kOverlay, 0, 9, 0, 1, {kLan}, {}}, now().steady));
        EXPECT_TRUE(mirror.on_message(Sites{kOverlay, 0, 9, 0, 1, {kLan}, {}}, now().steady + 1min));
    }
}

// What a relay may cost: all sites once, and then 250 a second.
TEST_F(RelaySessionSites, F06_AListThatAlternatesIsShownAtItsPrice) {
    start();
    std::size_t shown = 0;
    std::shared_ptr<const SiteSet> last;
    for (std::uint64_t second = 1; second <= 120; ++second) {
        list(0, second, second % 2 == 0 ? row(0, 8000) : row(8000, 8000));
        const auto look = [&] {
            if (session_.sites() != last) ++shown;
            last = session_.sites();
        };
        look();
        run_until(at_ + 1s);
        look();
    }
    EXPECT_GE(shown, 2U);
    EXPECT_LE(shown, 1U + 1 + 120 * 250 / 16'000);
    run_until(at_ + 2min);
    EXPECT_EQ(session_.sites()->prefixes(), row(0, 8000)) << "the last one is the one that counts";
}

TEST_F(RelaySessionStory, WhoHasNoChoiceOfRelaysDoesNotAskForTheList) {
    start();
    relay_says(HelloAck{{}, {}, 5});
    relay_says(Sites{kOverlay, 0, 5, 0, 1, {kLan}, {}});
    EXPECT_EQ(session_.sites(), nullptr);
    run_until(1s);
    EXPECT_THAT(sent(), ElementsAre(hello(0ms), hello(1s)));
}

}  // namespace
}  // namespace ulagate::wg::control::relay_session_sites_test
