// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/wg/control/relay_session_story.h"
#include "wg/control/layout.h"
#include "wg/control/ownership.h"

// A message that nobody listens to has been forgotten somewhere.
namespace ulagate::wg::control::receivers_test {
namespace {

class Receivers : public RelaySessionStory {
protected:
    Receivers() {
        const std::vector<SiteRow> sites{{"a", {kLan}, {{kUs, wg::test::key(1), 200}}}};
        relay_.set_config(sites, now());
        start();
    }
    bool relay_expects(Message message) {
        const auto before = relay_.counters().unexpected;
        relay_.on_packet(kUs, {++sequence_, std::move(message)}, now());
        return relay_.counters().unexpected == before;
    }
    bool router_expects(Message message) {
        const auto before = session_.counters().unexpected;
        relay_says(std::move(message));
        return session_.counters().unexpected == before;
    }

    Ownership relay_{7};
    std::uint32_t sequence_ = 0;
};

TEST_F(Receivers, EachMessageOfTheTableIsExpectedByTheRelayOrByTheRouter) {
    std::vector<std::string> at_the_relay;
    std::vector<std::string> at_the_router;
    const auto deliver = [&](const auto& row) {
        const typename std::decay_t<decltype(row)>::Message message;
        const std::string name{row.name};
        const bool relay = relay_expects(message);
        const bool router = router_expects(message);
        EXPECT_TRUE(relay || router) << name << " is read by nobody";
        if (relay) at_the_relay.push_back(name);
        if (router) at_the_router.push_back(name);
    };
    std::apply([&](const auto&... row) { (deliver(row), ...); }, kMessages);
    EXPECT_THAT(at_the_relay, ::testing::IsSupersetOf({"hello", "claim", "release", "probe", "goodbye"}));
    EXPECT_THAT(at_the_router,
                ::testing::IsSupersetOf({"hello-ack", "claim-ack", "probe-ack", "goodbye", "sites"}));
}

}  // namespace
}  // namespace ulagate::wg::control::receivers_test
