// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/relay_endpoint.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

constexpr RelayEndpoint::TimePoint kStart{1000s};

net::IpAddress ip(std::string_view text) { return net::parse_ip(text).value(); }

Result<std::vector<net::IpAddress>> answer(std::initializer_list<std::string_view> texts) {
    std::vector<net::IpAddress> out;
    for (const auto text : texts) out.push_back(ip(text));
    return out;
}
Result<std::vector<net::IpAddress>> no_answer() { return fail("resolve relay.example.net: server failed"); }

bool any(const net::IpAddress&) { return true; }
bool none(const net::IpAddress&) { return false; }
bool only_ipv4(const net::IpAddress& address) { return std::holds_alternative<net::Ipv4Address>(address); }
bool only_ipv6(const net::IpAddress& address) { return !only_ipv4(address); }

std::string chosen(const RelayEndpoint& endpoint) {
    return endpoint.endpoint() ? net::to_string(*endpoint.endpoint()) : "none";
}

RelayEndpoint resolved(std::initializer_list<std::string_view> addresses) {
    RelayEndpoint endpoint{"relay.example.net", 51820};
    EXPECT_TRUE(endpoint.ask(kStart));
    endpoint.on_answer(answer(addresses), kStart);
    return endpoint;
}

TEST(RelayEndpoint, ALiteralAddressIsNeverAskedFor) {
    for (const auto& [host, expected] :
         {std::pair{"192.0.2.1", "192.0.2.1:51820"}, std::pair{"2001:db8::1", "[2001:db8::1]:51820"}}) {
        RelayEndpoint endpoint{host, 51820};
        EXPECT_FALSE(endpoint.is_name());
        EXPECT_EQ(endpoint.trouble(), "");
        EXPECT_EQ(endpoint.deadline(), std::nullopt);
        EXPECT_FALSE(endpoint.ask(kStart));
        endpoint.retry_now();
        EXPECT_FALSE(endpoint.ask(kStart + 24h));
        endpoint.choose(any, false, kStart);
        EXPECT_EQ(chosen(endpoint), expected);
        endpoint.choose(any, false, kStart + 1h);
        EXPECT_EQ(chosen(endpoint), expected);
    }
}

TEST(RelayEndpoint, ALiteralIsTheEndpointEvenWithoutAWay) {
    RelayEndpoint endpoint{"2001:db8::1", 51820};
    endpoint.choose(none, false, kStart);
    EXPECT_EQ(chosen(endpoint), "[2001:db8::1]:51820");
}

TEST(RelayEndpoint, ANameIsAskedForOnce) {
    RelayEndpoint endpoint{"relay.example.net", 51820};
    EXPECT_TRUE(endpoint.is_name());
    EXPECT_EQ(endpoint.host(), "relay.example.net");
    EXPECT_EQ(endpoint.trouble(), "relay.example.net is not resolved yet");
    EXPECT_LE(*endpoint.deadline(), kStart);
    EXPECT_TRUE(endpoint.ask(kStart));
    EXPECT_FALSE(endpoint.ask(kStart + 10s));  // no matter how long it takes
    EXPECT_EQ(endpoint.deadline(), std::nullopt);
    endpoint.choose(any, false, kStart);
    EXPECT_EQ(chosen(endpoint), "none");

    endpoint.on_answer(answer({"192.0.2.1", "2001:db8::1"}), kStart + 20s);
    EXPECT_EQ(endpoint.trouble(), "");
    endpoint.choose(any, false, kStart + 20s);
    EXPECT_EQ(chosen(endpoint), "[2001:db8::1]:51820");
    EXPECT_EQ(endpoint.deadline(), kStart + 20s + 5min);
    EXPECT_FALSE(endpoint.ask(kStart + 20s + 5min - 1ms));
    EXPECT_TRUE(endpoint.ask(kStart + 20s + 5min));
}

TEST(RelayEndpoint, AFailureIsRetriedLaterAndLater) {
    RelayEndpoint endpoint{"relay.example.net", 51820};
    auto now = kStart;
    std::vector<std::chrono::seconds> waits;
    for (int i = 0; i < 8; ++i) {
        ASSERT_TRUE(endpoint.ask(now));
        endpoint.on_answer(i == 3 ? answer({}) : no_answer(), now);
        EXPECT_EQ(endpoint.trouble(), i == 3 ? "resolve relay.example.net: no addresses"
                                             : "resolve relay.example.net: server failed");
        waits.push_back(std::chrono::duration_cast<std::chrono::seconds>(*endpoint.deadline() - now));
        EXPECT_FALSE(endpoint.ask(*endpoint.deadline() - 1ms));
        now = *endpoint.deadline();
    }
    EXPECT_THAT(waits, ElementsAre(1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s));
    ASSERT_TRUE(endpoint.ask(now));
    endpoint.on_answer(answer({"192.0.2.1"}), now);
    EXPECT_EQ(endpoint.trouble(), "");
    now = *endpoint.deadline();
    ASSERT_TRUE(endpoint.ask(now));
    endpoint.on_answer(no_answer(), now);
    EXPECT_EQ(endpoint.deadline(), now + 1s);  // from the beginning again
}

TEST(RelayEndpoint, AFailureKeepsTheLastGoodAddress) {
    RelayEndpoint endpoint = resolved({"192.0.2.1"});
    endpoint.choose(any, false, kStart);
    ASSERT_TRUE(endpoint.ask(kStart + 5min));
    endpoint.on_answer(no_answer(), kStart + 5min);
    endpoint.choose(any, false, kStart + 5min);
    EXPECT_EQ(chosen(endpoint), "192.0.2.1:51820");
    EXPECT_EQ(endpoint.trouble(), "resolve relay.example.net: server failed");
}

TEST(RelayEndpoint, AWorkingAddressIsKeptThoughTheNameHasAnotherNow) {
    RelayEndpoint endpoint = resolved({"192.0.2.1"});
    endpoint.choose(any, false, kStart);
    ASSERT_TRUE(endpoint.ask(kStart + 5min));
    endpoint.on_answer(std::vector<net::IpAddress>{*net::parse_ip("192.0.2.2")}, kStart + 5min);
    endpoint.choose(any, true, kStart + 5min);
    EXPECT_EQ(chosen(endpoint), "192.0.2.1:51820");
    endpoint.choose(any, false, kStart + 6min);
    EXPECT_EQ(chosen(endpoint), "192.0.2.2:51820");
}

TEST(RelayEndpoint, RetryNowAsksAtOnceWhatIsNotResolved) {
    RelayEndpoint endpoint{"relay.example.net", 51820};
    ASSERT_TRUE(endpoint.ask(kStart));
    endpoint.on_answer(no_answer(), kStart);
    EXPECT_FALSE(endpoint.ask(kStart + 1ms));
    endpoint.retry_now();
    EXPECT_TRUE(endpoint.ask(kStart + 1ms));
    endpoint.on_answer(answer({"192.0.2.1"}), kStart + 1ms);
    endpoint.retry_now();  // a good answer stays good
    EXPECT_FALSE(endpoint.ask(kStart + 1s));
}

TEST(RelayEndpoint, AFamilyWithoutAWayIsSkipped) {
    RelayEndpoint endpoint = resolved({"2001:db8::1", "192.0.2.1"});
    endpoint.choose(only_ipv4, false, kStart);
    EXPECT_EQ(chosen(endpoint), "192.0.2.1:51820");
    // IPv6 comes up: what works stays, what does not work gives it a chance.
    endpoint.choose(any, true, kStart + 60s);
    EXPECT_EQ(chosen(endpoint), "192.0.2.1:51820");
    endpoint.choose(any, false, kStart + 80s);
    EXPECT_EQ(chosen(endpoint), "[2001:db8::1]:51820");
    // The way is lost: over to the other at once.
    endpoint.choose(only_ipv4, true, kStart + 81s);
    EXPECT_EQ(chosen(endpoint), "192.0.2.1:51820");
}

TEST(RelayEndpoint, WithoutAnyWayTheChoiceStays) {
    RelayEndpoint endpoint = resolved({"2001:db8::1", "192.0.2.1"});
    endpoint.choose(only_ipv4, false, kStart);
    for (auto now = kStart; now < kStart + 2min; now += 1s) endpoint.choose(none, false, now);
    EXPECT_EQ(chosen(endpoint), "192.0.2.1:51820");
}

TEST(RelayEndpoint, TheNextIsTriedAfterTwelveSecondsWithoutAHandshake) {
    RelayEndpoint endpoint = resolved({"192.0.2.1", "2001:db8::1", "2001:db8::2"});
    std::vector<std::string> tried;
    std::vector<std::chrono::seconds> when;
    for (auto now = kStart; now <= kStart + 40s; now += 1s) {
        endpoint.choose(any, false, now);
        if (!tried.empty() && tried.back() == chosen(endpoint)) continue;
        tried.push_back(chosen(endpoint));
        when.push_back(std::chrono::duration_cast<std::chrono::seconds>(now - kStart));
    }
    EXPECT_THAT(tried, ElementsAre("[2001:db8::1]:51820", "[2001:db8::2]:51820", "192.0.2.1:51820",
                                   "[2001:db8::1]:51820"));
    EXPECT_THAT(when, ElementsAre(0s, 12s, 24s, 36s));
}

TEST(RelayEndpoint, WhatWorksIsKept) {
    RelayEndpoint endpoint = resolved({"192.0.2.1", "2001:db8::1"});
    for (auto now = kStart; now <= kStart + 1h; now += 1s) endpoint.choose(any, true, now);
    EXPECT_EQ(chosen(endpoint), "[2001:db8::1]:51820");
    // It stops working: it gets its patience from then on.
    endpoint.choose(any, false, kStart + 1h + 11s);
    EXPECT_EQ(chosen(endpoint), "[2001:db8::1]:51820");
    endpoint.choose(any, false, kStart + 1h + 12s);
    EXPECT_EQ(chosen(endpoint), "192.0.2.1:51820");
}

TEST(RelayEndpoint, FollowsTheNameToAnotherAddress) {
    RelayEndpoint endpoint = resolved({"192.0.2.1"});
    endpoint.choose(any, false, kStart);
    ASSERT_TRUE(endpoint.ask(kStart + 5min));
    endpoint.on_answer(answer({"192.0.2.7"}), kStart + 5min);
    endpoint.choose(any, false, kStart + 5min);
    EXPECT_EQ(chosen(endpoint), "192.0.2.7:51820");
}

TEST(RelayEndpoint, AnotherPortNeedsNoNewAnswer) {
    RelayEndpoint endpoint = resolved({"2001:db8::1"});
    endpoint.choose(only_ipv6, false, kStart);
    endpoint.set_port(51821);
    EXPECT_EQ(chosen(endpoint), "[2001:db8::1]:51821");
}

}  // namespace
}  // namespace ulagate
