// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/routers/copied_routers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ulagate::copied_routers_test {
namespace {

using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

const wg::PublicKey kKey{{1}};
const wg::PublicKey kOther{{2}};
std::string name_of(const wg::PublicKey& key) {
    return key == kKey ? "a1 (fd99::a1) of site a" : "b1 (fd99::b1) of site b";
}
const auto kNamed = Field(&Obstacle::sentence, AllOf(HasSubstr("router a1 (fd99::a1) of site a"),
                                                     HasSubstr("between 192.0.2.1:1 and 192.0.2.1:2;")));

class CopiedRoutersTest : public testing::Test {
protected:
    // Heard at each of these ports, one after the other.
    void heard(const std::vector<std::uint16_t>& ports, seconds between, const wg::PublicKey& key = kKey) {
        for (const std::uint16_t port : ports) {
            net::Endpoint endpoint = net::parse_endpoint("192.0.2.1:1").value();
            endpoint.port = port;
            routers_.note(key, endpoint, now_ += between);
        }
    }
    [[nodiscard]] std::vector<Obstacle> found() const { return routers_.obstacles(name_of, now_); }

    CopiedRouters routers_;
    CopiedRouters::TimePoint now_{std::chrono::hours{1}};
};

TEST_F(CopiedRoutersTest, F03_AnEndpointThatGoesBackAndForthIsTwoMachines) {
    heard({1, 2, 1, 2, 1}, seconds{2});
    EXPECT_THAT(found(), IsEmpty());
    heard({2}, seconds{2});
    EXPECT_THAT(found(), ElementsAre(kNamed));
    EXPECT_FALSE(found().at(0).cuts);
    EXPECT_THAT(routers_.copied(now_), ElementsAre(kKey));
    EXPECT_THAT(routers_.copied(now_ + seconds{61}), IsEmpty());
}

TEST_F(CopiedRoutersTest, F03_WhoIsHeardTwiceInOnePlaceHasNotMoved) {
    heard({1, 1, 1, 1, 2, 2, 2, 2, 2, 2}, seconds{1});
    EXPECT_THAT(found(), IsEmpty());
    heard({1, 1, 2, 2, 1, 1, 2, 2}, seconds{1});
    EXPECT_THAT(found(), ElementsAre(kNamed));
}

TEST_F(CopiedRoutersTest, F03_ARouterThatMovesIsOne) {
    for (std::uint16_t port = 1; port < 1000; ++port) heard({port}, seconds{1});
    EXPECT_THAT(found(), IsEmpty());
}

// It comes back to the port that worked last, and tries another one each time.
TEST_F(CopiedRoutersTest, F03_ARouterThatTriesOtherPortsIsOne) {
    for (std::uint16_t port = 2; port < 100; ++port) heard({1, port}, seconds{6});
    EXPECT_THAT(found(), IsEmpty());
}

TEST_F(CopiedRoutersTest, F03_AnUplinkThatFailsNowAndThenIsOne) {
    for (int times = 0; times < 20; ++times) heard({1, 2}, seconds{40});
    EXPECT_THAT(found(), IsEmpty());
}

TEST_F(CopiedRoutersTest, F03_ThreeMachinesAreNamedToo) {
    heard({1, 2, 3, 1, 2, 3, 1, 2, 3}, seconds{2});
    EXPECT_EQ(found().size(), 1U);
}

TEST_F(CopiedRoutersTest, F03_ItIsNamedUntilTheCopyHasBeenOffForAMinute) {
    heard({1, 2, 1, 2, 1, 2}, seconds{1});
    heard({2}, seconds{60});
    EXPECT_THAT(found(), ElementsAre(kNamed));
    heard({2}, seconds{1});
    EXPECT_THAT(found(), IsEmpty());
}

TEST_F(CopiedRoutersTest, F03_EachRouterIsItsOwn) {
    for (int times = 0; times < 10; ++times) {
        heard({1}, seconds{1}, kKey);
        heard({2}, seconds{1}, kOther);
    }
    EXPECT_THAT(found(), IsEmpty());
    heard({2, 1, 2, 1, 2}, seconds{1});
    EXPECT_THAT(found(), ElementsAre(kNamed));
    routers_.keep_only({kOther});
    EXPECT_THAT(found(), IsEmpty());
}

}  // namespace
}  // namespace ulagate::copied_routers_test
