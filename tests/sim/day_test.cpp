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

unsigned number_from(const char* variable, unsigned otherwise) {
    const char* text = std::getenv(variable);
    if (text != nullptr) std::from_chars(text, text + std::strlen(text), otherwise);
    return otherwise;
}

// ULAGATE_SIM_DAYS: another number of seeds; ULAGATE_SIM_SEED: only this one.
auto seeds() {
    const unsigned first = number_from("ULAGATE_SIM_SEED", 0);
    const bool one = std::getenv("ULAGATE_SIM_SEED") != nullptr;
    return ::testing::Range(first, first + (one ? 1 : number_from("ULAGATE_SIM_DAYS", kDays)));
}

class OneDay : public ::testing::TestWithParam<unsigned> {};

TEST_P(OneDay, HasOneActiveRouterAndEveryHostFindsIt) {
    Day day{GetParam()};
    const auto wrong = day.run(kLength);
    EXPECT_FALSE(wrong) << "\n"
                        << *wrong << "\nSeed " << GetParam()
                        << " again, and nothing else: ULAGATE_SIM_SEED=" << GetParam()
                        << " build/release/tests/unit_sim --gtest_filter='*HasOneActive*'";
}

INSTANTIATE_TEST_SUITE_P(Seeds, OneDay, seeds());

}  // namespace
}  // namespace ulagate::sim
