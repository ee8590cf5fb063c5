// SPDX-License-Identifier: GPL-2.0-or-later
// What should be in the kernel, in words.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/kernel/desired.h"
#include "daemon/kernel/plan.h"
#include "tests/unit/daemon/kernel/fake_kernel.h"

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

inline RelayConfig another_relay(const std::string& name, std::uint8_t n) {
    RelayConfig relay;
    relay.name = name;
    relay.address = address(fmt::format("fd99::{:x}", n));
    relay.public_key = fake::key(n);
    relay.host = "192.0.2.9";
    relay.port = 51820;
    return relay;
}

}  // namespace ulagate::desired_story
