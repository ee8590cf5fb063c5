// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/fast_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/log.h"
#include "daemon/kernel/desired.h"
#include "tests/unit/service/story.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;
using fake::FakeKernel;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A relay in place, whose site moves from one router to the other.
class FastPathTest : public ::testing::Test {
protected:
    FastPathTest() {
        run();
        kernel.take_applied();
    }
    Reconciler::Report run() {
        return reconciler.run([this](const Have& have) { return desired(config, facts, have); }, loop.now());
    }
    // Another router has the prefix now, in the facts and ahead of the plan.
    Step move() {
        const net::Ipv6Prefix prefix = config.sites.front().prefixes.front();
        facts.owners[prefix] = 1;
        return PutRoute{{prefix, kRouteMetric}, {router_interface(1)}};
    }

    Config config = fake::two_routers_a_site();
    Facts facts = fake::facts(config);
    FakeKernel kernel;
    fake::VirtualLoop loop;
    Reconciler reconciler{kernel};
    KernelLog log;
    FastPath fast_path{reconciler, log, loop};
};

TEST_F(FastPathTest, WhatIsWrittenAheadIsWhatThePlanWouldDoWhichThenDoesNothing) {
    const Step step = move();
    EXPECT_TRUE(fast_path.write(step));
    EXPECT_THAT(kernel.take_applied(), ElementsAre(describe(step)));
    run();
    EXPECT_THAT(kernel.take_applied(), IsEmpty());
    EXPECT_TRUE(reconciler.settled());
}

TEST_F(FastPathTest, AStepThatFailsIsAProblemAndThePlanTriesItAgainInTime) {
    const Step step = move();
    kernel.refused[subject(step)] = std::errc::network_down;
    EXPECT_FALSE(fast_path.write(step));
    EXPECT_TRUE(reconciler.problems().contains(subject(step)));
    kernel.refused.clear();
    ASSERT_TRUE(reconciler.deadline());
    loop.run_for(*reconciler.deadline() - loop.now());
    run();
    EXPECT_THAT(kernel.take_applied(), Contains(describe(step)));
    EXPECT_THAT(reconciler.problems(), IsEmpty());
}

TEST_F(FastPathTest, WhatIsKnownIsNotReadAgain) {
    const Step step = move();
    ASSERT_TRUE(reconciler.refresh());
    const unsigned before = kernel.calls;
    EXPECT_TRUE(fast_path.write(step, {.known = true}));
    ASSERT_TRUE(reconciler.refresh());
    EXPECT_EQ(kernel.calls, before + 1) << "the step, and no reading";
    EXPECT_EQ(reconciler.have().routes, kernel.have.routes);
}

TEST_F(FastPathTest, WhatIsNotKnownIsReadAgain) {
    const Step step = move();
    ASSERT_TRUE(reconciler.refresh());
    const unsigned before = kernel.calls;
    EXPECT_TRUE(fast_path.write(step, {.routine = true}));
    ASSERT_TRUE(reconciler.refresh());
    EXPECT_GT(kernel.calls, before + 1);
    EXPECT_FALSE(log.routine()) << "only for this step";
}

TEST_F(FastPathTest, TheLogIsWrittenWhenThereIsTime) {
    log::set_level(log::Level::debug);  // of these lines there may be any number
    ::testing::internal::CaptureStderr();
    const Step step = move();
    EXPECT_TRUE(fast_path.write(step, {.routine = true, .tell_later = true}));
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    ::testing::internal::CaptureStderr();
    fast_path.tell();
    fast_path.tell();
    const std::string said = ::testing::internal::GetCapturedStderr();
    log::set_level(log::Level::info);
    EXPECT_EQ(said.find(describe(step)), said.rfind(describe(step))) << "once: " << said;
    EXPECT_NE(said.find(describe(step)), std::string::npos) << said;
}

}  // namespace
}  // namespace ulagate
