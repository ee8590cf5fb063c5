// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/contact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/relays/memory.h"
#include "tests/unit/text_values.h"

namespace ulagate::relay_contact_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using Send = EgressMonitor::Send;

constexpr std::chrono::steady_clock::time_point kStart{1000s};

Egress egress(const char* link, const char* source) { return {link, 1500, ip("198.51.100.1"), ip(source)}; }

// --- the egress ---

TEST(EgressMonitor, AnotherSourceOnTheSameLinkIsAnotherEgress) {
    EgressMonitor watch;
    watch.expect(egress("eth0", "198.51.100.7"));
    EXPECT_EQ(watch.update(egress("eth0", "198.51.100.7"), kStart), Send::no);
    EXPECT_EQ(watch.update(egress("eth0", "198.51.100.8"), kStart), Send::by_new_egress);
    EXPECT_EQ(watch.update(egress("eth0", "198.51.100.8"), kStart + 1s), Send::no);
    EXPECT_EQ(watch.update(egress("eth1", "198.51.100.8"), kStart + 1s), Send::by_new_egress);
}

TEST(EgressMonitor, AnotherMtuIsNot) {
    EgressMonitor watch;
    Egress now = egress("eth0", "198.51.100.7");
    watch.expect(now);
    now.mtu = 1400;
    EXPECT_EQ(watch.update(now, kStart), Send::no);
}

TEST(EgressMonitor, AnEgressThatComesBackIsUsedAtOnce) {
    EgressMonitor watch;
    watch.expect(egress("eth0", "198.51.100.7"));
    EXPECT_EQ(watch.update(std::nullopt, kStart), Send::no);
    EXPECT_EQ(watch.deadline(), std::nullopt);
    EXPECT_EQ(watch.update(egress("eth0", "198.51.100.7"), kStart + 1s), Send::by_new_egress);
}

TEST(EgressMonitor, AStormIsAnsweredTenTimesASecondAndItsEndIsNotMissed) {
    EgressMonitor watch;
    unsigned sent = 0;
    for (auto now = kStart; now < kStart + 995ms; now += 5ms) {
        const bool odd = ((now - kStart) / 5ms) % 2 == 1;
        sent += watch.update(egress("eth0", odd ? "198.51.100.7" : "198.51.100.8"), now) != Send::no ? 1 : 0;
    }
    EXPECT_EQ(sent, 10U);
    ASSERT_EQ(watch.deadline(), kStart + 1s);
    EXPECT_EQ(watch.update(egress("eth0", "198.51.100.8"), kStart + 1s), Send::by_new_egress);
    EXPECT_EQ(watch.deadline(), std::nullopt);
}

TEST(EgressMonitor, WhatWeHaveChangedOurselvesIsNoNews) {
    EgressMonitor watch;
    watch.expect(egress("eth0", "198.51.100.7"));
    watch.expect(egress("eth1", "203.0.113.7"));
    EXPECT_EQ(watch.update(egress("eth1", "203.0.113.7"), kStart), Send::no);
    watch.send_now();
    EXPECT_EQ(watch.update(egress("eth1", "203.0.113.7"), kStart), Send::again);
}

// --- the contact ---

TEST(RelayContact, SendingAtOnceSetsTheEndpointAndTogglesTheKeepalive) {
    const auto endpoint = net::parse_endpoint("192.0.2.1:51820").value();
    const auto change = send_at_once({}, endpoint, 25);
    ASSERT_EQ(change.peers.size(), 2U);
    EXPECT_EQ(change.peers[0].endpoint, endpoint);
    EXPECT_EQ(change.peers[0].keepalive_seconds, 0);
    EXPECT_EQ(change.peers[1].keepalive_seconds, 25);
    for (const auto& peer : change.peers) EXPECT_TRUE(peer.update_only);
    // Without a keepalive one is there for a moment.
    const auto without = send_at_once({}, endpoint, 0);
    ASSERT_EQ(without.peers.size(), 3U);
    EXPECT_GT(without.peers[1].keepalive_seconds, 0);
    EXPECT_EQ(without.peers[2].keepalive_seconds, 0);
}

TEST(RelayContact, AnAnswerIsAHandshakeOrMoreBytesFromTheAddressThatIsTried) {
    RelayContact contact{"192.0.2.1", 51820};
    EndpointSelector::View view;
    view.addresses = contact.addresses.all();
    view.own_uplink = [](const net::IpAddress&) { return std::optional{Uplink{"wan0", std::nullopt}}; };
    view.other_uplinks = [](const net::IpAddress&) { return std::vector<Uplink>{}; };
    const auto attempt = contact.selector.update(view, kStart);
    ASSERT_TRUE(attempt);
    EXPECT_EQ(contact.endpoint(), net::parse_endpoint("192.0.2.1:51820"));
    wg::Peer peer;
    contact.begin_try(*attempt, nullptr);
    EXPECT_FALSE(contact.answered(nullptr));
    EXPECT_FALSE(contact.answered(&peer));
    peer.last_handshake = std::chrono::system_clock::time_point{1h};
    EXPECT_TRUE(contact.answered(&peer));

    peer.rx_bytes = 100;
    peer.endpoint = net::parse_endpoint("192.0.2.1:51820");
    contact.begin_try({false}, &peer);
    EXPECT_FALSE(contact.answered(&peer));
    peer.rx_bytes = 200;
    EXPECT_TRUE(contact.answered(&peer));
    // What was still on its way from the other address: WireGuard goes back to that.
    peer.endpoint = net::parse_endpoint("[2001:db8::1]:51820");
    EXPECT_FALSE(contact.answered(&peer));
}

// --- what is on disk ---

TEST(RelayMemory, ComesBackAsItWasWritten) {
    const std::map<std::string, RelayMemory::Relay> relays{
        {"r1", {"relay.example.net", ip("192.0.2.1"), {ip("2001:db8::1"), ip("192.0.2.1")}}},
        {"r2", {"relay2.example.net", std::nullopt, {ip("2001:db8::2")}}}};
    RelayMemory memory;
    memory.update(relays);
    const auto text = memory.take_write(kStart, false);
    EXPECT_EQ(text,
              "r1 relay.example.net 192.0.2.1 2001:db8::1 192.0.2.1\nr2 relay2.example.net - 2001:db8::2\n");
    RelayMemory next;
    next.load(*text);
    ASSERT_NE(next.find("r1", "relay.example.net"), nullptr);
    EXPECT_EQ(*next.find("r1", "relay.example.net"), relays.at("r1"));
    EXPECT_EQ(*next.find("r2", "relay2.example.net"), relays.at("r2"));
    EXPECT_EQ(next.find("r1", "other.example.net"), nullptr) << "the configuration has changed";
    EXPECT_EQ(next.take_write(kStart, true), std::nullopt) << "it is on disk";
}

TEST(RelayMemory, IsWrittenOnAChangeAndEveryFiveMinutesAtMost) {
    RelayMemory memory;
    const auto with = [](const char* address) {
        return std::map<std::string, RelayMemory::Relay>{{"r1", {"relay", std::nullopt, {ip(address)}}}};
    };
    EXPECT_EQ(memory.take_write(kStart, false), std::nullopt);
    memory.update(with("192.0.2.1"));
    EXPECT_TRUE(memory.take_write(kStart, false));
    EXPECT_FALSE(memory.take_write(kStart + 1h, false));
    memory.update(with("192.0.2.2"));
    EXPECT_TRUE(memory.take_write(kStart + 1h, false));
    memory.update(with("192.0.2.3"));
    EXPECT_FALSE(memory.take_write(kStart + 1h + 299s, false));
    memory.update(with("192.0.2.2"));
    EXPECT_FALSE(memory.take_write(kStart + 2h, false)) << "it changed back";
    memory.update(with("192.0.2.3"));
    EXPECT_TRUE(memory.take_write(kStart + 1h + 299s, true)) << "there is no later";
}

TEST(RelayMemory, LinesThatMakeNoSenseAreLeftOut) {
    RelayMemory memory;
    memory.load(
        "\n \nr1\nr2 relay\nr3 relay - nonsense\nr4 relay what 192.0.2.4 and 2001:db8::4\nr5 relay - 192.0");
    for (const char* name : {"r1", "r2", "r3", "r5", ""}) EXPECT_EQ(memory.find(name, "relay"), nullptr);
    ASSERT_NE(memory.find("r4", "relay"), nullptr);
    EXPECT_EQ(memory.find("r4", "relay")->winner, std::nullopt);
    EXPECT_THAT(memory.find("r4", "relay")->addresses, ElementsAre(ip("192.0.2.4"), ip("2001:db8::4")));
}

}  // namespace
}  // namespace ulagate::relay_contact_test
