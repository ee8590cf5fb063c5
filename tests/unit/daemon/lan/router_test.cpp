// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/daemon/kernel/fake_kernel.h"

namespace ulagate::lan_router_test {
namespace {

using namespace std::chrono_literals;
using ra::Send;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr ra::TimePoint kStart{1000s};
const net::Ipv6Address kHost = address("fe80::a");
const net::MacAddress kMac{{2, 0, 0, 0, 0, 0}};
const Link kUp{2, true, true, 1500, kMac};

Addresses link_local(std::string_view text, AddressState state = {}) {
    return {{{"eth0", prefix(text)}, state}};
}

std::optional<ra::SourceLinkLayerAddress> link_address(const Send& send) {
    for (const auto& option : send.message.options) {
        if (const auto* found = std::get_if<ra::SourceLinkLayerAddress>(&option)) return *found;
    }
    return std::nullopt;
}

std::optional<ra::RouteInformation> route(const Send& send) {
    for (const auto& option : send.message.options) {
        if (const auto* found = std::get_if<ra::RouteInformation>(&option)) return *found;
    }
    return std::nullopt;
}

// One port over virtual time; chance always gives the upper bound.
class LanRouterStory : public testing::Test {
protected:
    std::vector<Send> link(const std::optional<Link>& link,
                           const Addresses& addresses = link_local("fe80::5eed/64")) {
        return record(router_.set_links(link ? Links{{"eth0", *link}} : Links{}, addresses, now_));
    }
    std::vector<Send> receive(const std::vector<std::byte>& message,
                              const ra::PacketInfo& info = {kHost, address("ff02::2"), 255}) {
        return record(router_.on_icmpv6(message, info, now_));
    }
    // The next alarm, and what it brings.
    std::vector<Send> next() {
        if (!router_.deadline()) return {};
        now_ = std::max(now_, *router_.deadline());
        return record(router_.on_deadline(now_));
    }
    void run_until(ra::TimePoint end) {
        while (router_.deadline() && *router_.deadline() <= end) next();
        now_ = std::max(now_, end);
    }
    std::vector<Send> record(const LanActions& actions) {
        std::vector<Send> sends;
        for (const LanAction& action : actions) {
            sends.push_back(std::get<Send>(action));  // without VRRP there is nothing else
            router_.sent(action, now_);
        }
        wire_.insert(wire_.end(), sends.begin(), sends.end());
        return sends;
    }

    LanRouter router_{fake::edge().lans.at(0), [](ra::Duration, ra::Duration high) { return high; }};
    ra::TimePoint now_ = kStart;
    std::vector<Send> wire_;
};

TEST_F(LanRouterStory, IsSilentForAReason) {
    const auto silent_because = [&](const std::optional<Link>& now, const Addresses& addresses,
                                    const std::string& reason) {
        EXPECT_THAT(link(now, addresses), IsEmpty());
        EXPECT_EQ(router_.waiting_for(), reason);
        EXPECT_EQ(router_.source(), std::nullopt);
        EXPECT_EQ(router_.deadline(), std::nullopt);
    };
    const Addresses usable = link_local("fe80::5eed/64");
    silent_because({}, usable, "interface eth0 does not exist");
    silent_because(Link{2, false, false, 1500, kMac}, usable, "interface eth0 is down (ip link set eth0 up)");
    silent_because(Link{2, true, false, 1500, kMac}, usable, "interface eth0 has no carrier");
    const std::string no_address = "interface eth0 has no usable link-local address yet";
    silent_because(kUp, {}, no_address);
    silent_because(kUp, link_local("fe80::5eed/64", {false, true, false}), no_address);
    silent_because(kUp, link_local("fe80::5eed/64", {false, false, true}),
                   "interface eth0 has no usable link-local address: fe80::5eed is a duplicate of another "
                   "machine's on the link");
    silent_because(kUp, link_local("2001:db8::1/64"), no_address);
    silent_because(kUp, {{{"eth", prefix("fe80::1/64")}, {}}, {{"eth00", prefix("fe80::2/64")}, {}}},
                   no_address);

    EXPECT_THAT(link(kUp), SizeIs(1));
    EXPECT_EQ(router_.waiting_for(), "");
}

TEST_F(LanRouterStory, F10_SaysWhyThereIsNoLinkLocalAddress) {
    const auto why = [&](const Addresses& addresses, const Sysctls& settings) {
        router_.set_links({{"eth0", kUp}}, addresses, now_, settings);
        return router_.waiting_for();
    };
    const Sysctls none{{"net/ipv6/conf/eth0/addr_gen_mode", "1"}, {"net/ipv6/conf/eth0/disable_ipv6", "0"}};
    EXPECT_THAT(why({}, none),
                AllOf(HasSubstr("no usable link-local address"), HasSubstr("addr_gen_mode = 1"),
                      HasSubstr("sysctl -w net.ipv6.conf.eth0.addr_gen_mode=0")));
    // It is on its way.
    EXPECT_EQ(why(link_local("fe80::5eed/64", {false, true, false}), none),
              "interface eth0 has no usable link-local address yet");
    EXPECT_THAT(why(link_local("fe80::5eed/64", {false, false, true}), none), HasSubstr("is a duplicate"));
    EXPECT_THAT(
        why({}, {{"net/ipv6/conf/eth0/disable_ipv6", "1"}}),
        HasSubstr("IPv6 is switched off on interface eth0 (sysctl -w net.ipv6.conf.eth0.disable_ipv6=0"));
    EXPECT_EQ(why(link_local("fe80::1234/64"), none), "");
}

TEST_F(LanRouterStory, R09_IsSilentWhenTheConfigurationSaysSo) {
    LanConfig quiet = router_.config();
    quiet.advertise = false;
    router_ = LanRouter{quiet, {}};
    EXPECT_THAT(link(kUp), IsEmpty());
    EXPECT_EQ(router_.waiting_for(), "advertising is switched off in the configuration");
    EXPECT_EQ(router_.deadline(), std::nullopt);
}

TEST_F(LanRouterStory, AdvertisesFromTheInterfacesOwnAddress) {
    const auto sends = link(kUp);
    ASSERT_THAT(sends, SizeIs(1));
    EXPECT_EQ(sends[0].source, address("fe80::5eed"));
    EXPECT_EQ(sends[0].destination, ra::kAllNodes);
    EXPECT_EQ(link_address(sends[0])->address, kMac);
    EXPECT_EQ(route(sends[0])->prefix, prefix("fd12:3456:789a::/48"));
    EXPECT_EQ(sends[0].message.router_lifetime.count(), 0);
    EXPECT_EQ(router_.last_sent(), kStart);
    EXPECT_EQ(router_.counters().advertisements_sent, 1U);

    // The same facts again are no event.
    EXPECT_THAT(link(kUp), IsEmpty());
    EXPECT_EQ(router_.deadline(), kStart + 16s);
    EXPECT_THAT(next(), SizeIs(1));
}

TEST_F(LanRouterStory, R38_AnotherAddressOrMacIsAnnouncedQuickly) {
    link(kUp);
    run_until(kStart + 100s);
    Link other = kUp;
    other.mac = net::MacAddress{{2, 0, 0, 0, 0, 9}};
    auto sends = link(other);
    if (sends.empty()) sends = next();  // at least 3 s after the last one
    EXPECT_LE(now_, kStart + 103s);
    ASSERT_THAT(sends, SizeIs(1));
    EXPECT_EQ(link_address(sends[0])->address, other.mac);

    run_until(kStart + 200s);
    sends = link(other, link_local("fe80::77/64"));
    if (sends.empty()) sends = next();
    EXPECT_LE(now_, kStart + 203s);
    ASSERT_THAT(sends, SizeIs(2));
    EXPECT_EQ(sends[0].source, address("fe80::77"));
    EXPECT_EQ(sends[1].source, address("fe80::5eed"));
    EXPECT_EQ(route(sends[1])->lifetime.count(), 0U);
    EXPECT_FALSE(sends[0].former_source);
    EXPECT_TRUE(sends[1].former_source);
}

// A second link-local address is not a reason to move.
TEST_F(LanRouterStory, R38_TheAddressThatHostsKnowIsKept) {
    link(kUp, link_local("fe80::77/64"));
    run_until(kStart + 100s);
    Addresses both = link_local("fe80::77/64");
    both.merge(link_local("fe80::1/64"));
    EXPECT_THAT(link(kUp, both), IsEmpty());
    EXPECT_EQ(router_.source()->address, address("fe80::77"));
    // It looks for its new one while the link has none.
    run_until(kStart + 200s);
    EXPECT_THAT(link(kUp, link_local("fe80::1/64", {false, true, false})), IsEmpty());
    run_until(kStart + 201s);
    auto sends = link(kUp, link_local("fe80::1/64"));
    if (sends.empty()) sends = next();
    ASSERT_THAT(sends, SizeIs(2));
    EXPECT_EQ(sends[1].source, address("fe80::77"));
}

TEST_F(LanRouterStory, R22_NoMessageIsLongerThanTheLinksMtu) {
    LanConfig config = router_.config();
    for (unsigned i = 0; i < 100; ++i) {
        net::Ipv6Prefix more = prefix("fd99::/64");
        more.address.bytes[5] = static_cast<std::uint8_t>(i);
        config.ra.advertisement.options.emplace_back(ra::RouteInformation{more});
    }
    record(router_.set_config(config, now_));
    Link jumbo = kUp;
    jumbo.mtu = 9000;
    EXPECT_THAT(link(jumbo), SizeIs(1));
    for (const unsigned mtu : {1500U, 1280U}) {
        run_until(now_ + 100s);
        Link narrow = kUp;
        narrow.mtu = mtu;
        link(narrow);
        wire_.clear();
        next();
        ASSERT_THAT(wire_, SizeIs(2)) << mtu;
        for (const Send& send : wire_) EXPECT_LE(ra::build(send.message).size() + 40, mtu);
        EXPECT_EQ(wire_[0].message.options.size() + wire_[1].message.options.size(), 103U);
    }
}

TEST_F(LanRouterStory, R36_WhatWasSaidBeforeARestartIsTakenBack) {
    router_.recall({{ra::RouteInformation{prefix("fd77::/48")}, kStart + 1h}}, now_);
    const auto sends = link(kUp);
    ASSERT_THAT(sends, SizeIs(1));
    const auto& options = sends[0].message.options;
    EXPECT_EQ(std::get<ra::RouteInformation>(options.at(2)).lifetime.count(), 0U);
    EXPECT_THAT(router_.advertiser().stale(), SizeIs(1));
}

TEST_F(LanRouterStory, ALinkWithoutMacAddressIsAdvertisedWithoutIt) {
    Link tunnel = kUp;
    tunnel.mac.reset();
    const auto sends = link(tunnel);
    ASSERT_THAT(sends, SizeIs(1));
    EXPECT_EQ(link_address(sends[0]), std::nullopt);
}

TEST_F(LanRouterStory, FallsSilentWithTheLinkAndComesBackQuickly) {
    link(kUp);
    run_until(kStart + 100s);
    EXPECT_THAT(link(Link{2, true, false, 1500, kMac}), IsEmpty());
    EXPECT_EQ(router_.deadline(), std::nullopt);
    EXPECT_EQ(router_.waiting_for(), "interface eth0 has no carrier");
    now_ += 60s;
    EXPECT_THAT(link(kUp), SizeIs(1));
    EXPECT_EQ(router_.waiting_for(), "");
}

TEST_F(LanRouterStory, ASolicitationIsCountedAndAnswered) {
    link(kUp);
    run_until(kStart + 40s);
    wire_.clear();
    receive(ra::build(ra::RouterSolicitation{}));
    EXPECT_EQ(router_.counters().solicitations_received, 1U);
    run_until(kStart + 41s);
    ASSERT_THAT(wire_, SizeIs(1));
    EXPECT_EQ(wire_[0].destination, kHost);
    EXPECT_EQ(wire_[0].source, address("fe80::5eed"));
}

TEST_F(LanRouterStory, ASolicitationToASilentPortIsCountedOnly) {
    receive(ra::build(ra::RouterSolicitation{}));
    EXPECT_EQ(router_.counters().solicitations_received, 1U);
    EXPECT_EQ(router_.deadline(), std::nullopt);
    EXPECT_THAT(wire_, IsEmpty());
}

TEST_F(LanRouterStory, WhatIsMalformedIsRefusedAndCounted) {
    link(kUp);
    run_until(kStart + 40s);
    wire_.clear();
    EXPECT_EQ(router_.last_refusal(), "");
    receive({});                              // not even a type
    receive({std::byte{128}, std::byte{0}});  // an echo request is not for us
    EXPECT_EQ(router_.counters().refused, 0U);
    receive(ra::build(ra::RouterSolicitation{}), {kHost, address("ff02::2"), 64});  // came through a router
    EXPECT_EQ(router_.counters().refused, 1U);
    EXPECT_THAT(router_.last_refusal(), AllOf(HasSubstr("hop limit"), HasSubstr("255")));
    receive({std::byte{133}});
    receive({std::byte{134}, std::byte{0}});
    EXPECT_EQ(router_.counters().refused, 3U);
    EXPECT_NE(router_.last_refusal(), "");
    EXPECT_EQ(router_.counters().solicitations_received, 0U);
    EXPECT_EQ(router_.counters().advertisements_received, 0U);
    run_until(kStart + 50s);
    EXPECT_THAT(wire_, IsEmpty());
}

TEST_F(LanRouterStory, R39_AnotherRoutersAdvertisementIsCounted) {
    link(kUp);
    const auto deadline = router_.deadline();
    EXPECT_THAT(receive(ra::build(ra::RouterAdvertisement{}), {address("fe80::77"), ra::kAllNodes, 255}),
                IsEmpty());
    EXPECT_EQ(router_.counters().advertisements_received, 1U);
    EXPECT_EQ(router_.counters().refused, 0U);
    EXPECT_EQ(router_.deadline(), deadline);
}

TEST_F(LanRouterStory, R32_R39_AnotherRoutersAdvertisementChangesNothingButTheNotes) {
    link(kUp);
    const auto deadline = router_.deadline();
    ra::RouterAdvertisement theirs;
    theirs.options = {ra::RouteInformation{prefix("fd12:3456:789a::/48")}};
    const LanActions actions =
        router_.on_icmpv6(ra::build(theirs), {address("fe80::77"), ra::kAllNodes, 255}, now_);
    ASSERT_THAT(actions, SizeIs(1));
    const auto& notice = std::get<ra::Notice>(actions[0]);
    EXPECT_TRUE(notice.serious);
    EXPECT_THAT(notice.text, HasSubstr("a route to fd12:3456:789a::/48, which is ours"));
    EXPECT_THAT(router_.watch().senders(now_), SizeIs(1));
    EXPECT_EQ(router_.deadline(), deadline);
}

TEST_F(LanRouterStory, R41_SendErrorsAreCounted) {
    const ra::Send unicast{address("fe80::1"), address("fe80::a"), {}};
    router_.send_failed(unicast, "No route to host", now_);
    router_.send_failed(unicast, "No route to host", now_);
    EXPECT_EQ(router_.counters().send_errors, 2U);
    EXPECT_EQ(router_.counters().advertisements_sent, 0U);
    EXPECT_EQ(router_.last_sent(), std::nullopt);
}

TEST_F(LanRouterStory, R33_WithdrawTellsTheHostsAndFallsSilent) {
    link(kUp);
    run_until(kStart + 100s);
    wire_.clear();
    record(router_.withdraw(now_));
    EXPECT_EQ(router_.waiting_for(), "the site has been withdrawn");
    // The link is reported all the while; that must neither cut it short nor start anew.
    link(kUp);
    while (router_.deadline()) {
        next();
        link(kUp);
        ASSERT_LT(now_, kStart + 120s);
    }
    ASSERT_THAT(wire_, SizeIs(3));
    for (const Send& send : wire_) {
        EXPECT_EQ(send.destination, ra::kAllNodes);
        EXPECT_EQ(send.source, address("fe80::5eed"));
        EXPECT_EQ(route(send)->lifetime.count(), 0U);
        EXPECT_EQ(send.message.router_lifetime.count(), 0);
    }
    receive(ra::build(ra::RouterSolicitation{}));
    EXPECT_EQ(router_.deadline(), std::nullopt);
    EXPECT_EQ(router_.source(), std::nullopt);
}

TEST_F(LanRouterStory, WithdrawOfASilentPortIsDoneAtOnce) {
    EXPECT_THAT(router_.withdraw(now_), IsEmpty());
    EXPECT_EQ(router_.deadline(), std::nullopt);
}

TEST_F(LanRouterStory, R35_AnotherConfigurationIsAnnouncedQuickly) {
    link(kUp);
    run_until(kStart + 100s);
    wire_.clear();
    LanConfig config = router_.config();
    for (auto& option : config.ra.advertisement.options) {
        if (auto* found = std::get_if<ra::RouteInformation>(&option)) found->lifetime = ra::Seconds{900};
    }
    record(router_.set_config(config, now_));
    run_until(kStart + 103s);
    ASSERT_THAT(wire_, SizeIs(1));
    EXPECT_EQ(route(wire_[0])->lifetime.count(), 900U);
    EXPECT_EQ(router_.config(), config);
}

TEST_F(LanRouterStory, R33_SwitchedOffItTellsTheHostsAndFallsSilent) {
    link(kUp);
    run_until(kStart + 100s);
    wire_.clear();
    LanConfig off = router_.config();
    off.advertise = false;
    record(router_.set_config(off, now_));
    link(kUp);  // must not cut it short
    run_until(kStart + 200s);
    ASSERT_THAT(wire_, SizeIs(3));
    for (const Send& send : wire_) EXPECT_EQ(route(send)->lifetime.count(), 0U);
    EXPECT_EQ(router_.waiting_for(), "advertising is switched off in the configuration");
    EXPECT_EQ(router_.deadline(), std::nullopt);
    EXPECT_EQ(router_.source(), std::nullopt);
}

// A reload that fails in another place is taken back.
TEST_F(LanRouterStory, SwitchedOffAndOnAgainItAdvertises) {
    link(kUp);
    run_until(kStart + 100s);
    const LanConfig on = router_.config();
    LanConfig off = on;
    off.advertise = false;
    record(router_.set_config(off, now_));
    record(router_.set_config(on, now_));
    wire_.clear();
    link(kUp);
    run_until(kStart + 110s);
    ASSERT_FALSE(wire_.empty());
    EXPECT_EQ(route(wire_.back())->lifetime.count(), 1800U);
}

}  // namespace
}  // namespace ulagate::lan_router_test
