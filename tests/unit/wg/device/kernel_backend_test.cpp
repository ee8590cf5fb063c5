// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/kernel_backend.h"

#include "tests/unit/wg/device/backend_support.h"
#include "wg/device/open_backend.h"
#include "wg/device/userspace_backend.h"

namespace ulagate::wg::kernel_backend_test {
namespace {

class WgKernelBackend : public ::testing::Test {
protected:
    void SetUp() override {
        const auto backend = KernelBackend::open();
        if (!backend) GTEST_SKIP() << backend.error().text();
        if (!test::can_unshare()) GTEST_SKIP() << "needs root for a network namespace";
    }
    static void run(void (*body)(Backend&)) {
        test::in_namespace(false, [&] {
            const auto backend = KernelBackend::open();
            ASSERT_TRUE(backend) << backend.error().text();
            body(**backend);
        });
    }
};

TEST_F(WgKernelBackend, TellsTheWholeStory) {
    run([](Backend& backend) { test::tells_the_whole_story(backend, "wgtest0"); });
}
TEST_F(WgKernelBackend, LeavesOthersAlone) { run(test::leaves_others_alone); }
TEST_F(WgKernelBackend, CarriesLargeConfigurations) {
    run([](Backend& backend) { test::carries_large_configurations(backend, "wgtest0"); });
}

TEST_F(WgKernelBackend, ReportsTheScopeOfALinkLocalEndpoint) {
    run([](Backend& backend) {
        test::expect_ok(backend.create("wgtest0"));
        DeviceConfig want = test::three_peers();
        want.peers[test::key(1)].endpoint = endpoint("[fe80::1]:51820");
        want.peers[test::key(1)].endpoint->scope_id = 1;
        EXPECT_EQ(test::bring_to(backend, "wgtest0", want).peers.at(test::key(1)).endpoint->scope_id, 1U);
        test::expect_ok(backend.remove("wgtest0"));
    });
}

TEST(WgOpenBackend, SaysWhatIsMissing) {
    const auto kernel = KernelBackend::open();
    if (!kernel) {
        EXPECT_EQ(kernel.error().code, std::errc::not_supported) << kernel.error().text();
    }
    const auto chosen = open_backend(BackendChoice::kernel);
    EXPECT_EQ(chosen.has_value(), kernel.has_value());
    if (!chosen) {
        EXPECT_EQ(chosen.error().code, std::errc::not_supported);
    }

    const auto automatic = open_backend(BackendChoice::automatic);
    if (kernel) {
        EXPECT_STREQ((*automatic)->name(), "kernel");
    } else if (find_wireguard_go()) {
        EXPECT_STREQ((*automatic)->name(), "userspace");
    } else {
        EXPECT_THAT(automatic.error().text(), ::testing::HasSubstr("apt-get install wireguard-go"));
    }
    const auto userspace = open_backend(BackendChoice::userspace);
    EXPECT_EQ(userspace.has_value(), find_wireguard_go().has_value());
}

}  // namespace
}  // namespace ulagate::wg::kernel_backend_test
