// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "daemon/first_handshake.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr FirstHandshake::TimePoint kStart{1000s};
const std::optional<net::Endpoint> kEndpoint = net::parse_endpoint("192.0.2.1:51820");
const std::optional<net::Endpoint> kOther = net::parse_endpoint("[2001:db8::1]:51820");

// When tries are due within a minute, while nothing else happens; counted from kStart.
std::vector<milliseconds> tries(FirstHandshake& first, const std::optional<net::Endpoint>& endpoint,
                                FirstHandshake::TimePoint from = kStart) {
    std::vector<milliseconds> out;
    for (auto now = from; now < from + 1min; now += 10ms) {
        first.update(endpoint, false, now);
        if (first.take_try(now)) out.push_back(std::chrono::duration_cast<milliseconds>(now - from));
    }
    return out;
}

TEST(FirstHandshake, FiveTriesEachTwiceAsLate) {
    FirstHandshake first;
    EXPECT_THAT(tries(first, kEndpoint), ElementsAre(300ms, 900ms, 2100ms, 4500ms, 9300ms));
    EXPECT_EQ(first.deadline(), std::nullopt);
    EXPECT_THAT(tries(first, kEndpoint, kStart + 1h), IsEmpty());  // then WireGuard's own timers
}

TEST(FirstHandshake, OneTryIsTakenOnce) {
    FirstHandshake first;
    first.update(kEndpoint, false, kStart);
    EXPECT_EQ(first.deadline(), kStart + 300ms);
    EXPECT_FALSE(first.take_try(kStart + 299ms));
    EXPECT_TRUE(first.take_try(kStart + 5s));  // the loop was late
    EXPECT_FALSE(first.take_try(kStart + 5s));
    EXPECT_EQ(first.deadline(), kStart + 5600ms);
}

TEST(FirstHandshake, WithoutEndpointThereIsNothingToTry) {
    FirstHandshake first;
    EXPECT_EQ(first.deadline(), std::nullopt);
    EXPECT_THAT(tries(first, std::nullopt), IsEmpty());
    EXPECT_THAT(tries(first, kEndpoint), testing::SizeIs(5));
}

TEST(FirstHandshake, AHandshakeEndsTheTries) {
    FirstHandshake first;
    first.update(kEndpoint, false, kStart);
    ASSERT_TRUE(first.take_try(kStart + 300ms));
    first.update(kEndpoint, true, kStart + 350ms);
    EXPECT_EQ(first.deadline(), std::nullopt);
    EXPECT_FALSE(first.take_try(kStart + 1h));
}

TEST(FirstHandshake, AnotherEndpointStartsTheTriesAgain) {
    FirstHandshake first;
    tries(first, kEndpoint);
    EXPECT_THAT(tries(first, kOther, kStart + 1h), ElementsAre(300ms, 900ms, 2100ms, 4500ms, 9300ms));
    // Also while those for the first are under way.
    FirstHandshake second;
    second.update(kEndpoint, false, kStart);
    ASSERT_TRUE(second.take_try(kStart + 300ms));
    second.update(kOther, false, kStart + 500ms);
    EXPECT_EQ(second.deadline(), kStart + 800ms);
}

TEST(FirstHandshake, AnotherNetworkStartsTheTriesAgain) {
    FirstHandshake first;
    tries(first, kEndpoint);
    first.start_again();
    EXPECT_EQ(first.deadline(), std::nullopt);
    EXPECT_THAT(tries(first, kEndpoint, kStart + 1h), ElementsAre(300ms, 900ms, 2100ms, 4500ms, 9300ms));
}

}  // namespace
}  // namespace ulagate
