// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/wg_relay_session_story.h"
#include "wg/relay_session.h"

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
    EXPECT_THAT(events(), ElementsAre(SitesTold{2}));
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
    EXPECT_THAT(events(), ElementsAre(SitesTold{}));
    relay_says(HelloAck{{}, {}, 0});
    EXPECT_THAT(events(), IsEmpty());
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
