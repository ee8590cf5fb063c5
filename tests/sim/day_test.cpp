// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/day.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

// One virtual day of a site for each seed: two to five routers, up to three hosts, a wire that loses, delays,
// reorders and falls apart, processes and machines that stall, die and come back, and administrators who
// change their minds.
namespace ulagate::sim {
namespace {

using namespace std::chrono_literals;

// A day takes half a second when it is compiled for speed, and forty times as long with sanitizers.
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
constexpr unsigned kDays = 200;
constexpr Duration kLength = 24h;
#else
constexpr unsigned kDays = 8;
constexpr Duration kLength = 1h;
#endif

// ULAGATE_SIM_DAYS: another number of seeds.
unsigned days() {
    const char* text = std::getenv("ULAGATE_SIM_DAYS");
    unsigned number = kDays;
    if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
    return number;
}

class OneDay : public ::testing::TestWithParam<unsigned> {};

TEST_P(OneDay, HasOneActiveRouterAndEveryHostFindsIt) {
    Day day{GetParam()};
    const auto wrong = day.run(kLength);
    EXPECT_FALSE(wrong) << "\n" << *wrong;
}

INSTANTIATE_TEST_SUITE_P(Seeds, OneDay, ::testing::Range(0U, days()));

}  // namespace
}  // namespace ulagate::sim
