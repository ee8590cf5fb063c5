// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/kernel/plan.h"
#include "daemon/kernel/reconciler.h"
#include "tests/unit/daemon/kernel/reconciler_story.h"

namespace ulagate::reconciler_failure_test {
namespace {

using fake::edge;
using fake::relay;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;
using testing::SizeIs;
using testing::StartsWith;
using testing::UnorderedElementsAre;

TEST(Reconciler, ConvergesAfterAnyFailure) {
    for (const Config& config : {edge(), relay()}) {
        const Facts facts = fake::facts(config);
        const auto want = [&](const Have& have) { return desired(config, facts, have); };
        fake::FakeKernel perfect;
        Reconciler{perfect}.run(want, kStart);
        ASSERT_GT(perfect.calls, 20U);
        for (const unsigned length : {1U, 2U, 5U, 40U}) {
            for (unsigned n = 1; n <= perfect.calls; ++n) {
                SCOPED_TRACE(fmt::format("calls {} to {} fail", n, n + length - 1));
                fake::FakeKernel kernel;
                kernel.out = [=](unsigned call) { return call >= n && call < n + length; };
                Reconciler reconciler{kernel};
                Reconciler::TimePoint now = kStart;
                for (int runs = 0; runs < 200 && !reconciler.settled(); ++runs) {
                    reconciler.run(want, now);
                    now = std::max(now + 10ms, reconciler.deadline().value_or(now + 500ms));
                }
                ASSERT_TRUE(reconciler.settled());
                EXPECT_LT(now, kStart + 30min);
                EXPECT_THAT(reconciler.problems(), IsEmpty());
                expect_same(kernel.have, perfect.have);
                EXPECT_THAT(fake::described(plan(want(kernel.have), kernel.have)), IsEmpty());
                if (testing::Test::HasFailure()) return;
            }
        }
    }
}

TEST_F(ReconcilerStory, TheRestGoesOnWhenOneStepFails) {
    const std::vector<std::string> all = [] {
        const Config config = edge();
        fake::FakeKernel kernel;
        Reconciler{kernel}.run(
            [&, facts = fake::facts(config)](const Have& have) { return desired(config, facts, have); },
            kStart);
        return kernel.applied;
    }();
    kernel_.refused["firewall"] = std::errc::operation_not_permitted;
    kernel_.refused["route fd99::1/128 metric 128"] = std::errc::no_buffer_space;
    const auto report = run();
    EXPECT_EQ(kernel_.applied.size(), all.size() - 2);
    ASSERT_THAT(report.failed, SizeIs(2));
    EXPECT_EQ(report.failed[0].what, "apply firewall, mode appliance");
    EXPECT_EQ(report.failed[0].error.code, std::errc::operation_not_permitted);
    EXPECT_TRUE(report.failed[0].first);
    EXPECT_EQ(report.failed[0].retry_in, 500ms);
    EXPECT_FALSE(reconciler_.settled());
    EXPECT_THAT(reconciler_.problems(),
                UnorderedElementsAre(Key("firewall"), Key("route fd99::1/128 metric 128")));

    kernel_.refused.clear();
    run_until_settled();
    EXPECT_TRUE(reconciler_.settled());
    EXPECT_EQ(kernel_.applied.size(), all.size());
    EXPECT_THAT(reconciler_.problems(), IsEmpty());
    EXPECT_EQ(reconciler_.deadline(), std::nullopt);
}

TEST_F(ReconcilerStory, RetriesLaterAndLaterAndSaysItOnce) {
    kernel_.refused["firewall"] = std::errc::operation_not_permitted;
    std::vector<std::chrono::milliseconds> waits;
    for (unsigned attempt = 1; attempt <= 9; ++attempt) {
        const auto report = run();
        ASSERT_THAT(report.failed, SizeIs(1));
        EXPECT_EQ(report.failed[0].first, attempt == 1);
        EXPECT_EQ(reconciler_.problems().at("firewall").attempts, attempt);
        ASSERT_TRUE(reconciler_.deadline());
        EXPECT_EQ(*reconciler_.deadline(), now_ + report.failed[0].retry_in);
        waits.push_back(report.failed[0].retry_in);
        now_ = *reconciler_.deadline() - 1ms;
        EXPECT_THAT(run().failed, IsEmpty());  // not before its time
        now_ += 1ms;
    }
    EXPECT_THAT(waits, ElementsAre(500ms, 1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s));

    kernel_.refused["firewall"] = std::errc::no_space_on_device;  // another reason is news
    EXPECT_TRUE(run().failed.at(0).first);
    reconciler_.retry_now();
    EXPECT_LE(*reconciler_.deadline(), now_);
    EXPECT_FALSE(run().failed.at(0).first);
    kernel_.refused.clear();
    EXPECT_THAT(run().done, IsEmpty());
    reconciler_.retry_now();
    EXPECT_THAT(done(run()), ElementsAre("apply firewall, mode appliance"));
    EXPECT_THAT(reconciler_.problems(), IsEmpty());
}

TEST_F(ReconcilerStory, AProblemThatSomebodyElseSolvesIsForgotten) {
    kernel_.refused["address fd99::a1/128 on lo"] = std::errc::operation_not_permitted;
    run();
    EXPECT_THAT(reconciler_.problems(), SizeIs(1));
    kernel_.have.addresses[{"lo", prefix("fd99::a1/128")}] = {};
    mark_all();
    EXPECT_THAT(run().done, IsEmpty());
    EXPECT_THAT(reconciler_.problems(), IsEmpty());
    EXPECT_TRUE(reconciler_.settled());
}

TEST_F(ReconcilerStory, NothingIsDoneOnAGuess) {
    kernel_.unreadable = true;
    const auto report = run();
    EXPECT_THAT(kernel_.applied, IsEmpty());
    ASSERT_THAT(report.failed, SizeIs(1));
    EXPECT_THAT(report.failed[0].error.text(), StartsWith("read links: receive: "));
    EXPECT_FALSE(reconciler_.settled());
    kernel_.unreadable = false;
    settle();
}

TEST_F(ReconcilerStory, ARulesetThatFollowsTheStepsOfARunIsNoStepInVain) {
    settle();
    // Each of three rounds learns something that the ruleset follows from.
    const auto want = [this](const Have& have) {
        Wanted wanted = desired(config_, facts_, have);
        wanted.firewall.neighbours = std::min(have.firewall->neighbours, 4096U) + 1024;
        return wanted;
    };
    EXPECT_THAT(reconciler_.run(want, now_).failed, IsEmpty());
    EXPECT_EQ(kernel_.have.firewall->neighbours, 5120U);
}

TEST_F(ReconcilerStory, AStepThatNeverTakesEffectDoesNotSpin) {
    kernel_.without_effect = {"firewall"};
    const auto count = [&] {
        const auto applied = kernel_.take_applied();
        return std::count(applied.begin(), applied.end(), "apply firewall, mode appliance");
    };
    const auto report = run();
    EXPECT_FALSE(reconciler_.settled());
    EXPECT_EQ(count(), 2);
    ASSERT_THAT(report.failed, SizeIs(1));  // said, and tried again ever more seldom
    EXPECT_EQ(report.failed[0].error.text(),
              "applied without error, but the kernel reports a different state");
    EXPECT_GT(reconciler_.deadline().value(), now_);
    run();
    EXPECT_EQ(count(), 0);
    now_ = *reconciler_.deadline();
    run();
    EXPECT_EQ(count(), 2);
    EXPECT_EQ(kernel_.have.routes.at(kOverlay).link, "ulg-r1");  // and holds nobody up
    kernel_.without_effect.clear();
    run_until_settled();
    EXPECT_TRUE(reconciler_.settled());
}

TEST_F(ReconcilerStory, AStepThatFirstFailsAndThenNeverTakesEffectDoesNotSpin) {
    kernel_.refused["firewall"] = std::errc::operation_not_permitted;
    run();
    now_ = *reconciler_.deadline();
    kernel_.refused.clear();
    kernel_.without_effect = {"firewall"};
    run();
    EXPECT_GT(reconciler_.deadline().value_or(Reconciler::TimePoint::max()), now_);
}

// Now: after a failed read, deadline() is that of the failed steps, which stays in the past since none of
// them is tried; the daemon's timer then fires without a pause. And each failed read is reported as the
// first.
TEST_F(ReconcilerStory, ReadingThatFailsIsRetriedLaterAndSaidOnce) {
    kernel_.refused["firewall"] = std::errc::operation_not_permitted;
    run();
    now_ = *reconciler_.deadline();
    kernel_.unreadable = true;
    mark_all();
    EXPECT_TRUE(run().failed.at(0).first);
    EXPECT_GT(reconciler_.deadline().value_or(Reconciler::TimePoint::min()), now_);
    EXPECT_FALSE(run().failed.at(0).first);
}

// UDP ports are taken one after the other, so an order that the kernel refuses now must come out right later.
class ListenPorts : public ReconcilerStory {
protected:
    ListenPorts() {
        RelayConfig second = config_.relays.front();
        second.name = "r2";
        second.address = address("fd99::2");
        second.public_key = fake::key(2);
        config_.relays.push_back(second);
        facts_ = fake::facts(config_);
    }
    std::uint16_t port_of(const char* interface) const {
        return kernel_.have.tunnels.at(interface).listen_port;
    }
};

TEST_F(ListenPorts, MoveInTheEnd) {
    settle();
    for (const std::uint16_t port : std::vector<std::uint16_t>{51821, 51822, 51821, 51820}) {
        config_.tunnel.listen_port = port;
        run_until_settled();
        EXPECT_TRUE(reconciler_.settled()) << port;
        EXPECT_EQ(port_of("ulg-r1"), port);
    }
    config_.relays.erase(config_.relays.begin());
    run_until_settled();
    EXPECT_TRUE(reconciler_.settled());
    EXPECT_EQ(port_of("ulg-r2"), 51820);
}

// Now: refused with "Address already in use" at the first try, and a step that fails makes a reload refuse
// the new configuration. plan() would have to free a port before another interface takes it.
TEST_F(ListenPorts, MoveWithoutAFailure) {
    settle();
    config_.tunnel.listen_port = 51821;
    EXPECT_THAT(run().failed, IsEmpty());
    config_.tunnel.listen_port = 51820;
    EXPECT_THAT(run().failed, IsEmpty());
    config_.relays.erase(config_.relays.begin());
    EXPECT_THAT(run().failed, IsEmpty());
}

// Now: each waits for the port of the other, for ever.
TEST_F(ListenPorts, ChangePlaces) {
    settle();
    std::swap(config_.relays[0], config_.relays[1]);
    run_until_settled();
    EXPECT_TRUE(reconciler_.settled());
    EXPECT_EQ(port_of("ulg-r1"), 51821);
}

}  // namespace
}  // namespace ulagate::reconciler_failure_test
