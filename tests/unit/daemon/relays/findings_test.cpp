// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/text_values.h"

namespace ulagate::relay_findings_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

const net::Ipv6Prefix kLan = prefix("fd12:3456:789a:a::/64");

std::vector<Obstacle> found(const std::vector<RelayWord>& relays) {
    return relay_obstacles("a", {{"eth0", kLan}}, relays);
}

auto says(const std::string& text) { return Field(&Obstacle::sentence, HasSubstr(text)); }

TEST(RelayFindings, NothingToSayWhereTheRelaysKnowThePrefixAndForward) {
    EXPECT_THAT(found({{"r1", true, {{kLan, true}}}}), IsEmpty());
    EXPECT_THAT(found({{"r1", true, {}}}), IsEmpty()) << "it has not spoken of it yet";
    EXPECT_THAT(found({}), IsEmpty());
}

TEST(RelayFindings, F03_APrefixThatNoRelayHasIsNamedWithTheLineThatMendsIt) {
    EXPECT_THAT(
        found({{"r1", true, {{kLan, false}}}, {"r2", true, {{kLan, false}}}}),
        ElementsAre(AllOf(says("eth0: fd12:3456:789a:a::/64 is not a prefix of this site at relays r1,"),
                          says("[[site]] name = \"a\", prefixes = [ …, \"fd12:3456:789a:a::/64\" ]"))));
}

TEST(RelayFindings, F03_APrefixThatOneOfTwoRelaysHasNotIsNamedWithThatRelay) {
    EXPECT_THAT(found({{"r1", true, {{kLan, true}}}, {"r2", true, {{kLan, false}}}}),
                ElementsAre(says("at relay r2: its hosts cannot be reached through")));
}

TEST(RelayFindings, F03_ARelayThatForwardsNothingIsNamed) {
    EXPECT_THAT(found({{"r1", false, {{kLan, true}}}, {"r2", true, {{kLan, true}}}}),
                ElementsAre(says("relay r1 reports that it does not forward")));
}

TEST(RelayFindings, F03_ACopyOfThisRouterIsNamedHereToo) {
    EXPECT_THAT(found({{"r1", true, {{kLan, true}}, true}, {"r2", true, {{kLan, true}}}}),
                ElementsAre(AllOf(says("relay r1 hears this router in two places at once"),
                                  says("give the other machine its own key"))));
    EXPECT_THAT(found({{"r1", true, {}, true}, {"r2", true, {}, true}}),
                ElementsAre(says("relays r1, r2 hear this router in two places")));
}

}  // namespace
}  // namespace ulagate::relay_findings_test
