// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/private_mounts.h"
#include "tests/unit/wg/test_support.h"
#include "wg/device/backend.h"

// A network namespace for a test, and the story that every backend must tell the same way.
namespace ulagate::wg::test {

inline bool can_unshare() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 ? 0 : 1);
    int status = 1;
    ::waitpid(child, &status, 0);
    return status == 0;
}

// Runs `body` in a child with a network namespace of its own and, since the userspace sockets are not part of
// that, an empty /run too. Its failures are printed by the child and fail the test here.
template <class Body>
void in_namespace(bool with_empty_run, Body body) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 || !ulagate::test::keep_mounts_here() ||
            (with_empty_run && ::mount("run", "/run", "tmpfs", 0, nullptr) != 0)) {
            std::perror("set up a namespace");
            ::_exit(2);
        }
        body();
        std::fflush(nullptr);
        ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "see the failures above";
}

inline void expect_ok(const Result<void>& result) { EXPECT_TRUE(result) << result.error().text(); }

// Applies what is missing, and proves that nothing is missing then.
inline Device bring_to(Backend& backend, const std::string& interface, const DeviceConfig& want) {
    auto device = backend.read(interface);
    if (!device) {
        ADD_FAILURE() << device.error().text();
        return {};
    }
    expect_ok(backend.apply(interface, diff(want, *device)));
    device = backend.read(interface);
    if (!device) {
        ADD_FAILURE() << device.error().text();
        return {};
    }
    const DeviceChange rest = diff(want, *device);
    EXPECT_TRUE(rest.empty()) << rest.peers.size() << " peers still differ";
    return *device;
}

inline DeviceConfig three_peers() {
    DeviceConfig config;
    config.private_key = PrivateKey::generate();
    config.listen_port = 51820;
    PeerConfig& first = config.peers[key(1)];
    first.preshared_key = PresharedKey{secret_bytes(7)};
    first.endpoint = endpoint("192.0.2.1:51820");
    first.keepalive_seconds = 25;
    first.allowed_ips = {prefix("fd12:3456:789a::/48"), numbered_v4(1)};
    config.peers[key(2)].endpoint = endpoint("[2001:db8::1]:51821");
    config.peers[key(2)].allowed_ips = {prefix("fd12:3456:789b:1::/64"), prefix("fd12:3456:789b:2::/64")};
    config.peers[key(3)] = {};
    return config;
}

inline void tells_the_whole_story(Backend& backend, const std::string& interface) {
    EXPECT_EQ(backend.read(interface).error().code, std::errc::no_such_device);
    expect_ok(backend.remove(interface));
    const auto created = backend.create(interface);
    ASSERT_TRUE(created) << created.error().text();
    EXPECT_EQ(backend.create(interface).error().code, std::errc::file_exists);
    EXPECT_TRUE(backend.read(interface)->peers.empty());
    expect_ok(backend.apply(interface, {}));

    DeviceConfig want = three_peers();
    const Device device = bring_to(backend, interface, want);
    EXPECT_EQ(device.public_key, want.private_key.public_key());
    EXPECT_EQ(device.listen_port, 51820);
    EXPECT_THAT(device.peers, ::testing::SizeIs(3));
    EXPECT_TRUE(device.peers.at(key(1)).has_preshared_key);
    EXPECT_EQ(device.peers.at(key(1)).endpoint, endpoint("192.0.2.1:51820"));
    EXPECT_EQ(device.peers.at(key(1)).allowed_ips, want.peers[key(1)].allowed_ips);
    EXPECT_EQ(device.peers.at(key(1)).last_handshake.time_since_epoch().count(), 0);

    // One prefix moves, one goes for good; one peer loses its key and keepalive, one goes, one comes.
    want.peers[key(3)].allowed_ips = {prefix("fd12:3456:789b:1::/64")};
    want.peers[key(2)].allowed_ips = {};
    want.peers[key(4)].allowed_ips = {prefix("fd12:3456:789a::/48")};
    want.peers.erase(key(1));
    bring_to(backend, interface, want);
    want = three_peers();  // with another private key
    want.peers[key(1)].preshared_key.reset();
    want.peers[key(1)].keepalive_seconds = 0;
    bring_to(backend, interface, want);
    std::mt19937 random{99};
    for (int round = 0; round < 30; ++round) {
        want = random_config(random);
        want.private_key = three_peers().private_key;
        bring_to(backend, interface, want);
    }
    // A peer that has gone meanwhile is not made again by an update.
    DeviceChange update;
    PeerChange peer;
    peer.key = key(4711);
    peer.update_only = true;
    peer.allowed_ips = {prefix("fd99::/64")};
    update.peers.push_back(peer);
    expect_ok(backend.apply(interface, update));
    EXPECT_FALSE(backend.read(interface)->peers.contains(key(4711)));

    expect_ok(backend.remove(interface));
    EXPECT_EQ(backend.read(interface).error().code, std::errc::no_such_device);
    EXPECT_EQ(backend.apply(interface, update).error().code, std::errc::no_such_device);
    expect_ok(backend.remove(interface));
    // And once more: nothing of the first life is in the way.
    expect_ok(backend.create(interface));
    EXPECT_TRUE(backend.read(interface)->peers.empty());
    expect_ok(backend.remove(interface));
}

inline void leaves_others_alone(Backend& backend) {
    EXPECT_EQ(backend.create("lo").error().code, std::errc::file_exists);
    EXPECT_EQ(backend.read("lo").error().code, std::errc::file_exists);
    EXPECT_EQ(backend.apply("lo", diff(three_peers(), {})).error().code, std::errc::file_exists);
    EXPECT_EQ(backend.remove("lo").error().code, std::errc::file_exists);
    for (const char* name : {"", "../wg0", "1234567890123456"}) {
        EXPECT_EQ(backend.create(name).error().code, std::errc::invalid_argument);
        EXPECT_EQ(backend.read(name).error().code, std::errc::invalid_argument);
        EXPECT_EQ(backend.apply(name, {}).error().code, std::errc::invalid_argument);
        EXPECT_EQ(backend.remove(name).error().code, std::errc::invalid_argument);
    }
}

// A relay with ten thousand sites, and then one peer with very many networks.
inline void carries_large_configurations(Backend& backend, const std::string& interface) {
    expect_ok(backend.create(interface));
    DeviceConfig want;
    want.private_key = PrivateKey::generate();
    for (unsigned i = 0; i < 10000; ++i) {
        PeerConfig& peer = want.peers[key(i)];
        peer.endpoint = endpoint("[2001:db8::1]:51820");
        peer.allowed_ips = {numbered_prefix(2 * i), numbered_prefix(2 * i + 1)};
    }
    bring_to(backend, interface, want);
    want.peers.erase(std::next(want.peers.begin(), 100), want.peers.end());
    bring_to(backend, interface, want);
    for (unsigned i = 0; i < 3000; ++i)
        want.peers[key(65000)].allowed_ips.insert(numbered_prefix(500000 + i));
    bring_to(backend, interface, want);
    want.peers[key(65000)].allowed_ips.erase(want.peers[key(65000)].allowed_ips.begin());
    bring_to(backend, interface, want);
    expect_ok(backend.remove(interface));
}

}  // namespace ulagate::wg::test
