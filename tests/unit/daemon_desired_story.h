// SPDX-License-Identifier: GPL-2.0-or-later
// What should be in the kernel, in words.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/desired.h"
#include "daemon/plan.h"
#include "tests/unit/daemon_fake_kernel.h"

namespace ulagate::desired_story {

inline std::vector<std::string> routes(const Wanted& wanted) {
    std::vector<Step> steps;
    for (const auto& [route, target] : wanted.routes) steps.emplace_back(PutRoute{route, target});
    return fake::described(steps);
}

inline std::vector<std::string> addresses(const Wanted& wanted) {
    std::vector<std::string> out;
    for (const auto& [address, wish] : wanted.addresses) {
        out.push_back(describe(PutAddress{address, wish}) + (wish.check_duplicate ? ", checked" : "") +
                      (wish.leased ? ", leased" : ""));
    }
    return out;
}

}  // namespace ulagate::desired_story
