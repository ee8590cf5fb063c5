// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/joined_groups.h"

#include <gmock/gmock.h>

#include "tests/unit/text_values.h"

namespace ulagate::joined_groups_test {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

// As Linux 6.1 writes it.
const std::string kText =
    "1    lo              ff020000000000000000000000000001     1 0000000C 0\n"
    "12   lan0            ff020000000000000000000000000012     1 00000004 0\n"
    "12   averylongname15 ff020000000000000000000000000002     2 00000004 0\n";

TEST(JoinedGroups, F02_SaysWhatTheKernelReceives) {
    EXPECT_THAT(parse_joined_groups(kText),
                UnorderedElementsAre(std::pair{1U, address("ff02::1")}, std::pair{12U, address("ff02::12")},
                                     std::pair{12U, address("ff02::2")}));
}

TEST(JoinedGroups, F02_WhatIsCutOrSomethingElseIsLeftOut) {
    for (std::size_t size = 0; size < kText.size(); ++size)
        EXPECT_LE(parse_joined_groups(kText.substr(0, size)).size(), 3U);
    for (const char* line : {"", "\n\n", "x lan0 ff020000000000000000000000000012 1", "12 lan0 ff02::12 1",
                             "12 lan0 ff02000000000000000000000000001g 1", "12", "99999999999 lan0 ff02"})
        EXPECT_THAT(parse_joined_groups(line), IsEmpty()) << line;
}

}  // namespace
}  // namespace ulagate::joined_groups_test
