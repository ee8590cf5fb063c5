// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/wg/control/ownership_story.h"
#include "wg/control/ownership.h"

// What the list of connected sites needs of the relay.
namespace ulagate::wg::control::ownership_sites_test {
namespace {

using ::testing::ElementsAre;

TEST_F(OwnershipStory, ASiteIsConnectedWhileAnyRouterOfItIsLive) {
    EXPECT_THAT(relay_.connected(kA1).prefixes, ElementsAre(kLan));
    EXPECT_LE(relay_.connected(kA1).until, now().steady);
    hello(kA1);
    EXPECT_EQ(relay_.connected(kA2).until, now().steady + kLease);
    run_until(1s);
    hello(kA2);
    EXPECT_EQ(relay_.connected(kA1).until, now().steady + kLease);
    from(kA2, Goodbye{});
    EXPECT_EQ(relay_.connected(kA2).until, now().steady + 2s) << "a1 is";
    from(kA1, Goodbye{});
    EXPECT_LE(relay_.connected(kA1).until, now().steady);
    EXPECT_TRUE(relay_.connected(address("fd99::99")).prefixes.empty()) << "a stranger";
}

TEST_F(OwnershipStory, EveryAnswerCarriesTheGenerationOfTheList) {
    relay_.set_sites_generation(77);
    hello(kA1);
    claim(kA1, 1);
    Outcome out;
    relay_.append(kA1, Goodbye{}, out);
    const auto messages = sent();
    ASSERT_GE(messages.size(), 2U);
    EXPECT_EQ(std::get<HelloAck>(messages.front().packet.message).sites, 77U);
    EXPECT_EQ(std::get<ClaimAck>(messages.back().packet.message).sites, 77U);
    EXPECT_EQ(out.send.at(0).packet.sequence, messages.back().packet.sequence + 1) << "one count for all";
}

TEST_F(OwnershipStory, F03_ARouterInTwoPlacesIsToldSoInEachAnswerAndNobodyElse) {
    const auto told = [this](const net::Ipv6Address& router) {
        hello(router);
        claim(router, 1);
        std::vector<std::uint32_t> out;
        for (const Outgoing& message : sent()) {
            if (const auto* hello = std::get_if<HelloAck>(&message.packet.message))
                out.push_back(hello->about.capabilities);
            if (const auto* claim = std::get_if<ClaimAck>(&message.packet.message); claim && claim->answers)
                out.push_back(claim->capabilities);
        }
        return out;
    };
    relay_.set_capabilities(kCannotForward);
    relay_.set_in_two_places({kA1});
    EXPECT_THAT(told(kA1), ElementsAre(kCannotForward | kInTwoPlaces, kCannotForward | kInTwoPlaces));
    EXPECT_THAT(told(kA2), ElementsAre(kCannotForward, kCannotForward));
    relay_.set_in_two_places({});
    EXPECT_THAT(told(kA1), ElementsAre(kCannotForward, kCannotForward));
}

}  // namespace
}  // namespace ulagate::wg::control::ownership_sites_test
