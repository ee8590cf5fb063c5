// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <random>

#include "tests/unit/text_values.h"
#include "tests/unit/wg/test_support.h"
#include "wg/control/ownership.h"
#include "wg/control/relay_session.h"

// Two routers of a site and a relay, joined by links that lose, double and reorder; in virtual time.
namespace ulagate::wg::control::ownership_simulation_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

const net::Ipv6Prefix kLan = prefix("fd12:3456:789a:a::/64");
const std::array<net::Ipv6Address, 2> kRouters{address("fd99::a1"), address("fd99::a2")};

class World {
public:
    explicit World(unsigned seed) : random_(seed) {
        restart_relay();
        for (const std::size_t i : {0U, 1U}) restart_router(i, 0);
    }

    unsigned draw(unsigned low, unsigned high) {
        return std::uniform_int_distribution<unsigned>{low, high}(random_);
    }
    bool chance(unsigned percent) { return draw(1, 100) <= percent; }

    void restart_relay() {
        relay_ = Ownership{static_cast<std::uint32_t>(random_())};
        relay_.set_config(
            {{"a",
              {kLan},
              {{kRouters.at(0), wg::test::key(1), 200}, {kRouters.at(1), wg::test::key(2), 100}}}},
            now());
        heard_ = {};
        claimed_ = {};
    }
    // With the epoch that it found on its disk.
    void restart_router(std::size_t i, std::uint64_t epoch) {
        routers_.at(i) = std::make_unique<RelaySession>(
            RelaySession::Setup{kRouters.at(i), epoch, static_cast<std::uint32_t>(random_()), random_()});
        state(i, ClaimState::standby);
        from_router(i, routers_.at(i)->start(now()));
    }
    void crash_router(std::size_t i) { routers_.at(i).reset(); }
    void state(std::size_t i, ClaimState state) {
        if (!routers_.at(i)) return;
        const std::uint8_t priority = i == 0 ? 200 : 100;
        from_router(i, routers_.at(i)->set_lans({{kLan, state, priority}}, now()));
    }
    RelaySession& router(std::size_t i) { return *routers_.at(i); }
    [[nodiscard]] std::size_t owner() const { return relay_.owner_index(kLan).value(); }

    void run_for(Duration duration) {
        const TimePoint end = time_ + duration;
        for (TimePoint next = next_event(); next <= end; next = next_event()) {
            time_ = std::max(time_, next);
            while (!wire_.empty() && wire_.begin()->first <= time_) {
                const auto arrives = std::move(wire_.begin()->second);
                wire_.erase(wire_.begin());
                arrives();
            }
            from_relay(relay_.on_deadline(now()));
            for (const std::size_t i : {0U, 1U}) {
                if (routers_.at(i)) from_router(i, routers_.at(i)->on_deadline(now()));
            }
        }
        time_ = end;
    }

    unsigned loss = 0;       // percent
    unsigned doubled = 0;    // percent
    unsigned max_delay = 1;  // ms
    std::vector<OwnershipEvent> relay_events;
    std::array<std::vector<SessionEvent>, 2> router_events;

private:
    [[nodiscard]] Now now() const { return {time_, UnixTime{}}; }

    TimePoint next_event() const {
        TimePoint next = TimePoint::max();
        if (!wire_.empty()) next = wire_.begin()->first;
        if (const auto at = relay_.deadline()) next = std::min(next, *at);
        for (const auto& router : routers_) {
            if (router && router->deadline()) next = std::min(next, *router->deadline());
        }
        return next;
    }
    void put_on_wire(const std::function<void()>& arrives) {
        for (int copies = chance(doubled) ? 2 : 1; copies > 0; --copies) {
            if (chance(loss)) continue;
            wire_.emplace(time_ + milliseconds{draw(1, max_delay)}, arrives);
        }
    }
    void from_router(std::size_t i, const SessionOutcome& out) {
        router_events.at(i).insert(router_events.at(i).end(), out.events.begin(), out.events.end());
        for (const Packet& packet : out.send) {
            put_on_wire([this, i, packet] { arrive_at_relay(i, packet); });
        }
    }
    void from_relay(const Outcome& out) {
        for (const OwnershipEvent& event : out.events) check(event);
        relay_events.insert(relay_events.end(), out.events.begin(), out.events.end());
        for (const auto& [to, packet] : out.send) {
            const std::size_t i = to == kRouters.at(0) ? 0 : 1;
            put_on_wire([this, i, packet = packet] {
                // As it is on the wire.
                const auto parsed = parse(build(packet));
                ASSERT_TRUE(parsed) << parsed.error().text();
                if (routers_.at(i)) from_router(i, routers_.at(i)->on_packet(*parsed, now()));
            });
        }
    }
    void arrive_at_relay(std::size_t i, const Packet& packet) {
        const auto parsed = parse(build(packet));
        ASSERT_TRUE(parsed) << parsed.error().text();
        const auto stale = relay_.counters().stale;
        const auto out = relay_.on_packet(kRouters.at(i), *parsed, now());
        if (relay_.counters().stale == stale) note(i, packet.message);
        from_relay(out);
    }

    // What the test itself knows of who lives and who claims.
    void note(std::size_t i, const Message& message) {
        if (std::holds_alternative<Probe>(message)) return;
        heard_.at(i) = time_;
        if (std::holds_alternative<Claim>(message)) claimed_.at(i) = time_;
        if (std::holds_alternative<Release>(message)) claimed_.at(i).reset();
        if (std::holds_alternative<Goodbye>(message)) heard_.at(i) = claimed_.at(i) = std::nullopt;
    }
    void check(const OwnershipEvent& event) const {
        const auto* moved = std::get_if<OwnerChanged>(&event);
        if (moved == nullptr) return;
        const auto within_lease = [this](const std::optional<TimePoint>& at) {
            return at && time_ < *at + kLease;
        };
        EXPECT_TRUE(within_lease(heard_.at(moved->to))) << to_string(event) << ", which is dead";
        const bool somebody_claims = std::any_of(claimed_.begin(), claimed_.end(), within_lease);
        EXPECT_TRUE(!somebody_claims || within_lease(claimed_.at(moved->to))) << to_string(event);
    }

    TimePoint time_{1000s};
    std::mt19937_64 random_;
    Ownership relay_{0};
    std::array<std::unique_ptr<RelaySession>, 2> routers_;
    std::multimap<TimePoint, std::function<void()>> wire_;
    std::array<std::optional<TimePoint>, 2> heard_;
    std::array<std::optional<TimePoint>, 2> claimed_;
};

std::size_t conflicts(const World& world) {
    return static_cast<std::size_t>(std::count_if(
        world.relay_events.begin(), world.relay_events.end(),
        [](const OwnershipEvent& event) { return std::holds_alternative<ConflictDecided>(event); }));
}
std::size_t conflicts(const World& world, std::size_t router) {
    const auto& events = world.router_events.at(router);
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(),
                      [](const SessionEvent& event) { return std::holds_alternative<ConflictLost>(event); }));
}

TEST(WgOwnershipSimulation, APlannedHandOverTakesOneWayAndTheOldOwnerKnowsAfterAnother) {
    World world{1};
    world.state(0, ClaimState::active);
    world.run_for(5s);
    ASSERT_EQ(world.owner(), 0U);
    world.state(1, ClaimState::active);
    world.state(0, ClaimState::standby);
    world.run_for(1ms);
    EXPECT_EQ(world.owner(), 1U);
    world.run_for(1ms);
    EXPECT_EQ(world.router(0).owner(kLan)->router, kRouters.at(1));
    EXPECT_EQ(world.router(1).owner(kLan)->router, kRouters.at(1));
    world.run_for(60s);
    EXPECT_EQ(world.owner(), 1U);
    EXPECT_EQ(conflicts(world) + conflicts(world, 0) + conflicts(world, 1), 0U);
}

TEST(WgOwnershipSimulation, ACrashedOwnerIsReplacedThreeSecondsAfterItsLastClaim) {
    World world{2};
    world.state(0, ClaimState::active);
    world.run_for(5s);  // its last claim was at 5 s
    world.crash_router(0);
    world.run_for(3s);
    EXPECT_EQ(world.owner(), 0U);
    world.run_for(1ms);
    EXPECT_EQ(world.owner(), 1U);
}

TEST(WgOwnershipSimulation, TwoClaimantsOfAPartitionedLanMakeOneEventOnEachSide) {
    World world{3};
    world.state(0, ClaimState::active);
    world.run_for(5s);
    world.state(1, ClaimState::active);  // it does not hear the first any more
    world.run_for(60s);
    EXPECT_EQ(world.owner(), 1U) << "the later transition";
    EXPECT_EQ(conflicts(world), 1U);
    EXPECT_EQ(conflicts(world, 0), 1U);
    EXPECT_EQ(conflicts(world, 1), 0U);
    // The loser is the fall-back.
    world.crash_router(1);
    world.run_for(3s + 1ms);
    EXPECT_EQ(world.owner(), 0U);
}

TEST(WgOwnershipSimulation, V50_WhenThePartitionHealsTheWinnerOfVrrpHasThePrefixWithinARoundTrip) {
    World world{7};
    world.state(0, ClaimState::active);
    world.run_for(5s);
    world.state(1, ClaimState::active);
    world.run_for(10s);
    ASSERT_EQ(world.owner(), 1U);
    world.router_events = {};
    world.state(1, ClaimState::standby);
    world.run_for(1ms);
    EXPECT_EQ(world.owner(), 0U);
    world.run_for(1ms);
    EXPECT_EQ(world.router_events.at(0).back(), SessionEvent{Regained{kLan}});
    world.run_for(60s);
    EXPECT_EQ(world.owner(), 0U);
    EXPECT_EQ(world.router_events.at(0).size(), 2U) << "and OwnerLearned";
}

TEST(WgOwnershipSimulation, TwoThatStartTogetherSettleAndStay) {
    World world{4};
    world.state(0, ClaimState::active);
    world.state(1, ClaimState::active);
    world.run_for(100ms);
    const std::size_t owner = world.owner();
    EXPECT_EQ(owner, 0U) << "equal epochs: the higher priority";
    world.relay_events.clear();
    world.run_for(60s);
    EXPECT_EQ(world.relay_events.size(), 1U) << "the conflict and no more moves";
}

TEST(WgOwnershipSimulation, ARebootedRouterWithAStaleEpochWinsOnlyAsTheActiveOne) {
    World world{5};
    for (int i = 0; i < 20; ++i) {
        world.state(0, ClaimState::active);
        world.run_for(500ms);
        world.state(0, ClaimState::standby);
    }
    world.state(0, ClaimState::active);
    world.run_for(5s);
    ASSERT_EQ(world.router(0).epoch(), 21U);
    world.restart_router(1, 2);  // an old disk
    world.run_for(10s);
    EXPECT_EQ(world.owner(), 0U);
    world.state(0, ClaimState::standby);
    world.state(1, ClaimState::active);
    world.run_for(10ms);
    EXPECT_EQ(world.owner(), 1U);
    EXPECT_EQ(world.router(1).epoch(), 22U) << "it learnt from the relay";
}

TEST(WgOwnershipSimulation, ARestartedRelayKnowsTheOwnerWithinASecond) {
    World world{6};
    world.state(1, ClaimState::active);
    world.run_for(5s);
    ASSERT_EQ(world.owner(), 1U);
    world.restart_relay();
    EXPECT_EQ(world.owner(), 0U) << "what the configuration says";
    world.run_for(1001ms);
    EXPECT_EQ(world.owner(), 1U);
}

// Random VRRP changes, overlaps, dead LANs, crashes and restarts, over bad links. In the end one router is
// Active.
class LossySimulation : public ::testing::TestWithParam<unsigned> {
protected:
    static void disturb(World& world) {
        const std::size_t one = world.draw(0, 1);
        switch (world.draw(0, 9)) {
            case 0:
                world.state(one, ClaimState::unfit);
                break;
            case 1:
                world.restart_router(one, world.chance(50) ? 0 : world.router(one).epoch());
                break;
            case 2:
                world.restart_relay();
                break;
            case 3:
                world.state(0, ClaimState::active);
                world.state(1, ClaimState::active);
                break;
            case 4:
                world.state(0, ClaimState::standby);
                world.state(1, ClaimState::standby);
                break;
            default:
                world.state(one, ClaimState::active);
                world.run_for(milliseconds{world.draw(0, 400)});
                world.state(1 - one, ClaimState::standby);
                break;
        }
    }
};

TEST_P(LossySimulation, TheOwnerIsTheActiveOneInTheEnd) {
    World world{GetParam()};
    world.loss = GetParam() % 30;
    world.doubled = 10;
    world.max_delay = 120;
    for (int i = 0; i < 40; ++i) {
        disturb(world);
        world.run_for(milliseconds{world.draw(0, 4000)});
    }
    const std::size_t active = world.draw(0, 1);
    world.state(1 - active, ClaimState::standby);
    world.state(active, ClaimState::active);

    if (GetParam() % 2 == 0) {  // the links are whole again: the other's lease, one renewal, one way
        world.loss = 0;
        world.run_for(kLease + 1s + 120ms);
        EXPECT_EQ(world.owner(), active);
        world.relay_events.clear();
        world.run_for(60s);
        EXPECT_TRUE(world.relay_events.empty()) << to_string(world.relay_events.front());
    } else {
        world.run_for(15s);
        // With 3 of 3 renewals lost now and then, it may be another one for a moment.
        unsigned right = 0;
        for (int i = 0; i < 100; ++i) {
            world.run_for(200ms);
            if (world.owner() == active) ++right;
        }
        EXPECT_GE(right, 80U);
    }
    EXPECT_EQ(world.router(active).owner(kLan).has_value(), true);
}

INSTANTIATE_TEST_SUITE_P(Seeds, LossySimulation, ::testing::Range(0U, 200U));

}  // namespace
}  // namespace ulagate::wg::control::ownership_simulation_test
