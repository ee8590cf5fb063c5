// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/sysctl.h"

#include <gmock/gmock.h>

#include "tests/unit/kernel/namespace.h"

namespace ulagate::test::sysctl_test {
namespace {

class Sysctl : public KernelTest {};

TEST_F(Sysctl, IsReadAsOneLine) {
    const auto type = read_sysctl("kernel/ostype");
    ASSERT_TRUE(type) << type.error().text();
    EXPECT_EQ(*type, "Linux");
}

TEST_F(Sysctl, RefusesWhatLeadsElsewhere) {
    for (const char* path : {"", "/kernel/ostype", "kernel/../kernel/ostype", "..",
                             "net/ipv6/conf/../forwarding", "net//ipv6", "kernel/", "kernel/./ostype"}) {
        const auto read = read_sysctl(path);
        ASSERT_FALSE(read) << path;
        EXPECT_EQ(read.error().code, std::errc::invalid_argument) << path;
        EXPECT_FALSE(write_sysctl(path, "0")) << path;
    }
}

TEST_F(Sysctl, SaysThatTheInterfaceIsGone) {
    const auto read = read_sysctl("net/ipv6/conf/none0.7/accept_ra");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, std::errc::no_such_file_or_directory);
    EXPECT_THAT(read.error().text(), testing::HasSubstr("net/ipv6/conf/none0.7/accept_ra"));
    EXPECT_FALSE(write_sysctl("net/ipv6/conf/none0.7/accept_ra", "2"));
}

TEST_F(Sysctl, WritesASettingOfAnInterfaceWithADot) {
    in_namespace([] {
        ASSERT_TRUE(run("ip link add lan0.12 type veth peer name far0"));
        const std::string path = "net/ipv6/conf/lan0.12/accept_ra";
        const auto done = write_sysctl(path, "2");
        if (!done && done.error().code == std::errc::read_only_file_system) {
            EXPECT_THAT(done.error().text(), testing::HasSubstr("read-only /proc/sys"));
            return;
        }
        ASSERT_TRUE(done) << done.error().text();
        EXPECT_EQ(read_sysctl(path).value(), "2");
        const auto wrong = write_sysctl(path, "many");
        ASSERT_FALSE(wrong);
        EXPECT_EQ(wrong.error().code, std::errc::invalid_argument);
    });
}

TEST_F(Sysctl, SaysThatAContainerHasThemReadOnly) {
    in_namespace([] {
        if (!run("mount --bind /proc/sys /proc/sys && "
                 "mount -o remount,ro,bind /proc/sys")) {
            GTEST_SKIP() << "cannot make /proc/sys read-only here";
        }
        const auto done = write_sysctl("net/ipv6/conf/all/forwarding", "1");
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().code, std::errc::read_only_file_system);
        EXPECT_THAT(done.error().text(), testing::HasSubstr("read-only /proc/sys"));
        EXPECT_TRUE(read_sysctl("net/ipv6/conf/all/forwarding"));
    });
}

}  // namespace
}  // namespace ulagate::test::sysctl_test
