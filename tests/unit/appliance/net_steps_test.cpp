// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/uplinks/net_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/text_values.h"

namespace ulagate::appliance::net_steps_test {
namespace {

// By the subject a refusal is remembered and tried again: it is the same while the same thing is wanted.
TEST(NetSteps, TheSubjectIsTheThingWhateverIsDoneToIt) {
    const NetAddress address{"eth0", net::Ipv6Prefix{ulagate::address("2001:db8::7"), 64}, 100};
    const NetRoute route{"eth0", prefix("2001:db8:1::/48"), std::nullopt, 100};
    EXPECT_EQ(subject(PutAddress{address, std::nullopt}), "address 2001:db8::7/64 on eth0");
    EXPECT_EQ(subject(DropAddress{address}), subject(PutAddress{address, TimePoint{}}));
    EXPECT_EQ(subject(PutRoute{route}), "route 2001:db8:1::/48 by eth0");
    EXPECT_EQ(subject(DropRoute{route}), subject(PutRoute{route}));
}

}  // namespace
}  // namespace ulagate::appliance::net_steps_test
