// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/control_slots.h"

#include <gtest/gtest.h>

namespace ulagate::control_slots_test {
namespace {

constexpr uid_t kRoot = 0;
constexpr uid_t kMember = 1000;
constexpr uid_t kOther = 1001;

class Slots : public testing::Test {
protected:
    void fill(uid_t user, bool asks = false) {
        for (std::size_t i = 0; i < ControlSlots::kForAll; ++i) {
            ASSERT_TRUE(slots_.admit(++id_, user).admitted);
            if (asks) slots_.has_asked(id_);
        }
    }
    ControlSlots::Admission connect(uid_t user) { return slots_.admit(++id_, user); }

    ControlSlots slots_;
    ControlSlots::Id id_ = 0;
};

TEST_F(Slots, F08_OneIsKeptForRoot) {
    fill(kMember, true);
    EXPECT_FALSE(connect(kMember).admitted);
    EXPECT_EQ(connect(kRoot), (ControlSlots::Admission{true, std::nullopt}));
    slots_.has_asked(id_);
    EXPECT_FALSE(connect(kRoot).admitted) << "and none of them is silent";
}

TEST_F(Slots, F08_TheSilentMakeRoomForTheirLike) {
    fill(kMember);
    EXPECT_EQ(connect(kMember), (ControlSlots::Admission{true, 1}));
    EXPECT_EQ(connect(kMember), (ControlSlots::Admission{true, 2}));
    EXPECT_FALSE(connect(kOther).admitted) << "another user cannot throw them out";
}

TEST_F(Slots, F08_TheSilentMakeRoomForRoot) {
    fill(kMember);
    ASSERT_TRUE(connect(kRoot).admitted);
    EXPECT_EQ(connect(kRoot), (ControlSlots::Admission{true, 1})) << "not the one of root";
}

TEST_F(Slots, F08_SilentOnesOfRootMakeRoomForRoot) {
    fill(kRoot);
    ASSERT_TRUE(connect(kRoot).admitted);
    EXPECT_EQ(connect(kRoot), (ControlSlots::Admission{true, 1}));
}

TEST_F(Slots, F08_WhoLeavesGivesItsPlaceBack) {
    fill(kMember, true);
    slots_.left(3);
    EXPECT_EQ(connect(kOther), (ControlSlots::Admission{true, std::nullopt}));
    slots_.left(12345);
    slots_.has_asked(12345);
}

}  // namespace
}  // namespace ulagate::control_slots_test
