// SPDX-License-Identifier: GPL-2.0-or-later
// Steps and questions that the kernel's side leaves under way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/kernel/reconciler_story.h"

namespace ulagate::reconciler_background_test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class Background : public ReconcilerStory {
protected:
    Background() {
        for (const RelayConfig& relay : config_.relays) tunnels_.push_back(tunnel_interface(relay));
    }
    void finish_all() {
        while (!kernel_.under_way.empty()) {
            for (const auto& [place, step] : std::map{kernel_.under_way}) kernel_.finish(place);
            run();
        }
    }
    std::vector<std::string> tunnels_;
};

TEST_F(Background, F07_WhatTakesLongHoldsUpNothingElse) {
    kernel_.slow = {tunnels_.begin(), tunnels_.end()};
    kernel_.slow.insert("firewall");
    const auto report = run();
    EXPECT_THAT(report.failed, IsEmpty());
    EXPECT_FALSE(reconciler_.settled());
    EXPECT_TRUE(reconciler_.under_way());
    EXPECT_FALSE(kernel_.have.firewall);
    EXPECT_EQ(kernel_.have.sysctls.at("net/ipv6/conf/all/forwarding"), "1");
    EXPECT_EQ(kernel_.under_way.size(), tunnels_.size() + 1);
    finish_all();
    EXPECT_TRUE(reconciler_.settled());
    EXPECT_FALSE(reconciler_.under_way());

    fake::FakeKernel quick;
    Reconciler{quick}.run([this](const Have& have) { return desired(config_, facts_, have); }, kStart);
    expect_same(kernel_.have, quick.have);
}

TEST_F(Background, F07_AStepUnderWayIsNotBegunAgain) {
    kernel_.slow = {tunnels_.at(0)};
    for (int i = 0; i < 10; ++i) {
        mark_all();
        run();  // the fake kernel objects to a second step at one place
    }
    EXPECT_THAT(kernel_.under_way, SizeIs(1));
    EXPECT_THAT(reconciler_.problems(), IsEmpty());
    finish_all();
    EXPECT_TRUE(reconciler_.settled());
}

TEST_F(Background, F07_AFailureComesWithTheNextRunAndIsRepeatedLater) {
    const std::string tunnel = tunnels_.at(0);
    kernel_.slow = {tunnel};
    kernel_.refused["interface " + tunnel] = std::errc::file_exists;
    run();
    kernel_.finish(tunnel);
    const auto report = run();
    ASSERT_THAT(report.failed, SizeIs(1));
    EXPECT_THAT(report.failed[0].what, HasSubstr("create interface " + tunnel));
    EXPECT_THAT(kernel_.under_way, IsEmpty());  // not at once
    kernel_.refused.clear();
    now_ = reconciler_.deadline().value();
    run();
    EXPECT_THAT(kernel_.under_way, SizeIs(1));
    finish_all();
    EXPECT_TRUE(reconciler_.settled());
    EXPECT_THAT(reconciler_.problems(), IsEmpty());
}

// sec-4: what a process that hangs would say is unknown; nothing is changed on a guess, and all else goes on.
TEST_F(Background, F07_ASilentTunnelStaysAsItWas) {
    settle();
    const std::string tunnel = tunnels_.at(0);
    kernel_.silent = {tunnel};
    mark_all();
    run();
    EXPECT_THAT(kernel_.take_applied(), IsEmpty());
    EXPECT_TRUE(reconciler_.have().tunnels.contains(tunnel));
    EXPECT_THAT(reconciler_.have().unanswered_tunnels, Contains(tunnel));
    EXPECT_FALSE(reconciler_.settled());

    kernel_.have.routes.erase(kOverlay);
    mark_all();
    run();
    EXPECT_THAT(kernel_.take_applied(), Contains(HasSubstr("add route")));

    // It is killed: its interface goes, and comes anew.
    kernel_.silent.clear();
    kernel_.foreign_remove_link(tunnel);
    mark_all();
    run();
    EXPECT_THAT(kernel_.applied, Contains("create interface " + tunnel));
    EXPECT_TRUE(reconciler_.settled());
}

// After a restart of ours: a tunnel that is there and has not answered yet is not a dead one.
TEST_F(Background, F07_ATunnelThatWasNotHeardYetIsNotMadeAnew) {
    settle();
    const std::string tunnel = tunnels_.at(0);
    kernel_.silent = {tunnel};
    Reconciler next{kernel_};
    const auto want = [this](const Have& have) { return desired(config_, facts_, have); };
    next.run(want, now_);
    EXPECT_THAT(kernel_.applied, Not(Contains("create interface " + tunnel)));
    EXPECT_FALSE(next.settled());
    kernel_.silent.clear();
    next.mark(Stale::all());
    next.run(want, now_);
    EXPECT_TRUE(next.settled());
    EXPECT_THAT(kernel_.applied, Not(Contains("create interface " + tunnel)));
}

// It was made just now: its first answer is as slow as it was.
TEST_F(Background, F07_NothingLeadsToATunnelThatIsAboutToComeUp) {
    const std::string tunnel = tunnels_.at(0);
    kernel_.slow = {tunnel};
    run();
    kernel_.slow.clear();
    kernel_.silent = {tunnel};
    kernel_.finish(tunnel);
    const auto report = run();
    EXPECT_THAT(report.failed, IsEmpty());
    EXPECT_THAT(reconciler_.problems(), IsEmpty());
    EXPECT_TRUE(reconciler_.under_way());
    kernel_.silent.clear();
    mark_all();
    EXPECT_THAT(run().failed, IsEmpty());
    EXPECT_TRUE(reconciler_.settled());
}

// Between a change and the answer that shows it, what is known is from before.
TEST_F(Background, F07_AChangeIsNotRepeatedForWantOfAnAnswer) {
    settle();
    const std::string tunnel = tunnels_.at(0);
    facts_.relays.begin()->second.endpoint = fake::kRelay4;
    kernel_.slow.insert(tunnel);
    run();
    ASSERT_THAT(kernel_.under_way, SizeIs(1));
    kernel_.slow.clear();
    kernel_.finish(tunnel);
    kernel_.silent = {tunnel};
    for (int i = 0; i < 5; ++i) {
        mark_all();
        run();
    }
    const auto configured =
        std::count_if(kernel_.applied.begin(), kernel_.applied.end(),
                      [](const auto& what) { return what.starts_with("configure interface"); });
    EXPECT_EQ(configured, 1);
    EXPECT_THAT(reconciler_.problems(), IsEmpty());
}

}  // namespace
}  // namespace ulagate::reconciler_background_test
