// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>

#include "daemon/config/config.h"

namespace ulagate::config_identifier_test {
namespace {

constexpr std::uint64_t kUniversal = 0x0200000000000000ULL;

bool like_a_mac(std::uint64_t identifier) { return (identifier >> 24U & 0xffffU) == 0xfffeU; }

TEST(InterfaceIdentifier, DependsOnTheNameAlone) {
    // Published values of FNV-1a with the universal bit cleared. They must never change: they are in
    // addresses.
    EXPECT_EQ(interface_identifier("a"), 0xaf63dc4c8601ec8cULL & ~kUniversal);
    EXPECT_EQ(interface_identifier("foobar"), 0x85944171f73967e8ULL & ~kUniversal);
    EXPECT_NE(interface_identifier("a1"), interface_identifier("a2"));
}

TEST(InterfaceIdentifier, IsNeverReservedAndNeverTheSameForTwoNames) {
    std::set<std::uint64_t> seen;
    const auto look_at = [&](const std::string& name) {
        const std::uint64_t identifier = interface_identifier(name);
        EXPECT_GT(identifier, 0xffffU) << name;
        EXPECT_EQ(identifier & kUniversal, 0U) << name;
        EXPECT_FALSE(like_a_mac(identifier)) << name;
        EXPECT_FALSE(identifier >= 0xfdffffffffffff80ULL && identifier <= 0xfdffffffffffffffULL) << name;
        EXPECT_TRUE(seen.insert(identifier).second) << name;
    };
    look_at("");
    for (unsigned i = 0; i < 140'000; ++i) look_at("router-" + std::to_string(i) + "-of-the-north");
}

TEST(InterfaceIdentifier, GoesAroundWhatLooksLikeAMacAddress) {
    for (const std::string name : {"router-52809-of-the-north", "router-89473-of-the-north"}) {
        std::uint64_t hash = 0xcbf29ce484222325ULL;
        for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
        EXPECT_TRUE(like_a_mac(hash)) << "not a name that shows anything: " << name;
        EXPECT_EQ(interface_identifier(name), ((hash ^ 0xffU) * 0x100000001b3ULL) & ~kUniversal);
    }
}

}  // namespace
}  // namespace ulagate::config_identifier_test
