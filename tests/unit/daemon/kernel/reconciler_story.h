// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "daemon/kernel/reconciler.h"
#include "tests/unit/daemon/kernel/fake_kernel.h"

namespace ulagate {

using namespace std::chrono_literals;

inline constexpr Reconciler::TimePoint kStart{1000s};
inline const RouteKey kOverlay{prefix("fd12:3456:789a::/48"), kRouteMetric};

inline std::vector<std::string> done(const Reconciler::Report& report) {
    std::vector<std::string> out;
    for (const auto& step : report.done) out.push_back(step.what + (step.restored ? ", restored" : ""));
    return out;
}

// One daemon's kernel side over virtual time.
class ReconcilerStory : public testing::Test {
protected:
    explicit ReconcilerStory(Config config = fake::edge())
        : config_(std::move(config)), facts_(fake::facts(config_)) {}

    Reconciler::Report run(bool slow_too = true) {
        return reconciler_.run([this](const Have& have) { return desired(config_, facts_, have); }, now_,
                               slow_too);
    }
    void settle() {
        run();
        ASSERT_TRUE(reconciler_.settled());
        kernel_.applied.clear();
    }
    // What the daemon's timer does, until there is nothing left to do; at most an hour.
    void run_until_settled() {
        const Reconciler::TimePoint end = now_ + 1h;
        for (run(); !reconciler_.settled() && now_ < end; run()) {
            now_ = std::max(now_ + 10ms, reconciler_.deadline().value_or(now_ + 500ms));
        }
    }
    void mark_all() { reconciler_.mark(Stale::all()); }

    Config config_;
    Facts facts_;
    fake::FakeKernel kernel_;
    Reconciler reconciler_{kernel_};
    Reconciler::TimePoint now_ = kStart;
};

inline void expect_same(const Have& a, const Have& b) {
    EXPECT_EQ(a.firewall, b.firewall);
    EXPECT_EQ(a.sysctls, b.sysctls);
    EXPECT_EQ(a.links, b.links);
    EXPECT_EQ(a.addresses, b.addresses);
    EXPECT_EQ(a.routes, b.routes);
    EXPECT_EQ(a.tunnels, b.tunnels);
}

}  // namespace ulagate
