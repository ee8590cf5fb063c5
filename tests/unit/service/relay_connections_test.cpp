// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/relay_connections.h"

#include "tests/unit/service/daemon_story.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Relays that do not speak the control protocol: only handshakes tell.
class FakeChannel final : public RelayChannel {
public:
    std::map<std::string, bool> reachable;
    std::map<std::string, bool> traffic;
    std::vector<std::string> probed;
    void set_reachable(const std::string& relay, bool now) override { reachable[relay] = now; }
    void set_traffic(const std::string& relay, bool flows) override { traffic[relay] = flows; }
    void probe_now(const std::string& relay) override { probed.push_back(relay); }
    [[nodiscard]] const wg::control::RelaySession* session(const std::string&) const override {
        return nullptr;
    }
};

Config edge_with_relay(const std::string& host) {
    Config config = fake::edge();
    config.tunnel.mtu = 1420;  // nothing to be measured
    config.relays.front().host = host;
    config.relays.front().port = 51820;
    config.relays.front().public_key = fake::key(9);
    return config;
}

class RelayConnectionsTest : public fake::PartStory {
protected:
    RelayConnectionsTest() : PartStory(edge_with_relay("192.0.2.1")) {}
    ~RelayConnectionsTest() override { files.finish(); }

    void start() {
        relays.reset();
        relays = std::make_unique<RelayConnections>(context, resolver, egress, channel,
                                                    RelayConnections::Manner{});
        relays->load();
        conditions.has_key = true;
        relays->set_conditions(conditions);
        relays->set_config();
        planned_once = false;
        changed();
        kernel.take_applied();
    }
    bool contribute(Facts& into) override { return relays->contribute(into); }
    void observe() override {
        relays->set_conditions(conditions);
        relays->observe();
    }
    void settled() override {
        if (planned && !reconciler.under_way() && relays->taken_away()) {
            relays->contribute(facts);
            reconciler.run([this](const Have& have) { return desired(config, facts, have); }, loop.now());
            log.routine(false);
        }
        relays->send_by_new_egress();
        relays->note_changes();
        relays->note_reachable();
        relays->report_source_ports();
    }
    void seconds(int count) {
        for (int i = 0; i < count; ++i) {
            loop.run_for(1s);
            changed();
            relays->tick({});
        }
    }
    wg::Peer& peer() { return kernel.have.tunnels.at("ulg-r1").peers.at(fake::key(9)); }
    void relay_answers() {
        peer().last_handshake = loop.wall_clock();
        peer().rx_bytes += 100;
    }
    void answer(IpFamily family, const std::vector<std::string>& addresses) {
        NameResolver::Answer answer;
        answer.host = config.relays.front().host;
        answer.family = family;
        answer.addresses = std::vector<net::IpAddress>{};
        for (const std::string& each : addresses) answer.addresses->push_back(ip(each));
        answer.ttl = 60s;
        relays->take_answer(answer);
        loop.settle();
    }

    fake::FakeResolver resolver;
    fake::FakeEgress egress;
    FakeChannel channel;
    RelayConnections::Conditions conditions;
    std::unique_ptr<RelayConnections> relays;
};

TEST_F(RelayConnectionsTest, ARelayWithAnAddressHasAPeerAtOnceAndIsUpWithItsFirstHandshake) {
    start();
    EXPECT_THAT(resolver.asked, IsEmpty());
    EXPECT_EQ(peer().endpoint, endpoint("192.0.2.1:51820"));
    EXPECT_EQ(relays->uplink()->link, "eth1");
    EXPECT_FALSE(relays->any_reachable());
    relay_answers();
    changed();
    EXPECT_TRUE(relays->any_reachable());
    EXPECT_TRUE(relays->is_alive(config.relays.front()));
    EXPECT_TRUE(channel.reachable.at("r1"));
}

// WireGuard answers whom it hears within 10 s, also where nothing behind it understands our words.
TEST_F(RelayConnectionsTest, ARelayThatHasNeverSaidAWordIsDownWhenNothingComesFromItAnyMore) {
    start();
    relay_answers();
    for (int i = 0; i < 12; ++i) {
        seconds(10);
        peer().rx_bytes += 32;
        EXPECT_TRUE(relays->is_alive(config.relays.front())) << i;
    }
    seconds(20);
    EXPECT_TRUE(relays->is_alive(config.relays.front()));
    seconds(10);
    EXPECT_FALSE(relays->is_alive(config.relays.front()));
    relay_answers();
    seconds(1);
    EXPECT_TRUE(relays->is_alive(config.relays.front()));
}

TEST_F(RelayConnectionsTest, ANameIsAskedForInBothFamiliesAndAnAnswerLeadsToAPeer) {
    config = edge_with_relay("relay.example.net");
    start();
    EXPECT_THAT(resolver.asked, SizeIs(2));
    EXPECT_FALSE(facts.relays.at("r1").endpoint);
    answer(IpFamily::ipv4, {"192.0.2.7"});
    EXPECT_EQ(facts.relays.at("r1").endpoint, endpoint("192.0.2.7:51820"));
    EXPECT_EQ(peer().endpoint, endpoint("192.0.2.7:51820"));
}

TEST_F(RelayConnectionsTest, AnAddressThatNoRelayCanHaveIsRefusedWithAReason) {
    config = edge_with_relay("relay.example.net");
    start();
    answer(IpFamily::ipv4, {"127.0.0.1"});
    EXPECT_FALSE(facts.relays.at("r1").endpoint);
    EXPECT_THAT(relays->name_problem("r1"), HasSubstr("127.0.0.1"));
}

TEST_F(RelayConnectionsTest, WhatANameLedToIsKnownAfterARestart) {
    config = edge_with_relay("relay.example.net");
    start();
    answer(IpFamily::ipv4, {"192.0.2.7"});
    relay_answers();
    seconds(2);
    relays->keep(true);
    files.finish();
    start();
    EXPECT_EQ(facts.relays.at("r1").endpoint, endpoint("192.0.2.7:51820")) << "before any answer";
}

TEST_F(RelayConnectionsTest, WithoutARouteThereIsNoEgress) {
    egress.egress.reset();
    start();
    EXPECT_FALSE(facts.relays.at("r1").egress);
    EXPECT_FALSE(relays->uplink());
    egress.egress = Egress{"eth1", 1500};
    loop.run_for(1s);
    relays->forget_egress();
    changed();
    EXPECT_TRUE(facts.relays.at("r1").egress);
    EXPECT_EQ(relays->uplink()->link, "eth1");
}

TEST_F(RelayConnectionsTest, RoutesAreAskedForOnceUntilTheNetworkChanges) {
    start();
    const unsigned before = egress.asked;
    changed();
    changed();
    EXPECT_EQ(egress.asked, before);
    relays->forget_egress();
    changed();
    EXPECT_GT(egress.asked, before);
}

// Another source address: WireGuard would go on with the former one.
TEST_F(RelayConnectionsTest, WhenTheEgressChangesTheTunnelSendsAtOnceAndNamesAreAskedForAgain) {
    start();
    relay_answers();
    seconds(5);
    kernel.take_applied();
    resolver.started_again = 0;
    egress.egress = Egress{"eth0", 1500, net::parse_ip("192.168.0.1"), net::parse_ip("192.168.0.7")};
    relays->forget_egress();
    changed();
    EXPECT_THAT(kernel.take_applied(), Contains(HasSubstr("ulg-r1")));
    EXPECT_EQ(resolver.started_again, 1U);
    EXPECT_TRUE(channel.traffic.at("r1")) << "its death has to be seen soon";
}

TEST_F(RelayConnectionsTest, ARelayThatIsSilentIsTriedByAnotherUplinkWhoseRouteIsThereBeforeAnythingIsSent) {
    const Uplink first{"eth1", net::parse_ip("192.0.2.254")};
    const Uplink second{"eth2", net::parse_ip("198.51.100.254")};
    egress.egress = Egress{"eth1", 1500, first.gateway};
    egress.routes = {{IpFamily::ipv4, first, 100}, {IpFamily::ipv4, second, 200}};
    start();
    for (int i = 0; i < 60 && kernel.have.endpoint_routes.empty(); ++i) seconds(1);
    EXPECT_THAT(kernel.have.endpoint_routes, ElementsAre(std::pair{ip("192.0.2.1"), second}));
    EXPECT_THAT(reconciler.problems(), IsEmpty());
}

TEST_F(RelayConnectionsTest, ASourcePortOfAnotherProgramIsLeftAndNamed) {
    const std::string tunnel = subject(Step{SetLink{"ulg-r1", 0}});
    kernel.refused[tunnel] = std::errc::address_in_use;
    egress.taken = {config.tunnel.listen_port};
    start();
    seconds(3);
    const auto port = facts.relays.at("r1").listen_port;
    ASSERT_TRUE(port);
    EXPECT_NE(*port, config.tunnel.listen_port);
    ASSERT_THAT(obstacles.all(), SizeIs(1));
    EXPECT_THAT(obstacles.all().front().sentence,
                AllOf(HasSubstr("another program, so"), HasSubstr(std::to_string(*port))));
}

TEST_F(RelayConnectionsTest, AReloadKeepsWhatIsKnownOfARelayAndForgetsOneThatIsGone) {
    config = edge_with_relay("relay.example.net");
    start();
    answer(IpFamily::ipv4, {"192.0.2.7"});
    RelayConfig other = config.relays.front();
    other.name = "r2";
    other.address = address("fd99::2");
    other.public_key = fake::key(8);
    other.host = "192.0.2.2";
    config.relays.push_back(other);
    relays->set_config();
    changed();
    EXPECT_EQ(facts.relays.at("r1").endpoint, endpoint("192.0.2.7:51820"));
    EXPECT_EQ(facts.relays.at("r2").endpoint, endpoint("192.0.2.2:51820"));
    config.relays.erase(config.relays.begin());
    relays->set_config();
    changed();
    EXPECT_THAT(facts.relays, SizeIs(1));
    EXPECT_TRUE(facts.relays.contains("r2"));
}

TEST_F(RelayConnectionsTest, NothingIsSentWhileTheClockIsBehind) {
    conditions.clock_behind = true;
    start();
    seconds(30);
    EXPECT_THAT(kernel.have.endpoint_routes, IsEmpty());
    EXPECT_THAT(channel.probed, IsEmpty());
    EXPECT_FALSE(facts.relays.at("r1").renew_peer);
}

TEST_F(RelayConnectionsTest, OnlyTheActiveRouterUsesAPlainRelay) {
    config.relays.front().kind = RelayKind::plain;
    config.lans.front().vrrp.emplace();
    start();
    EXPECT_FALSE(relays->may_use(config.relays.front()));
    EXPECT_TRUE(relays->any_reachable()) << "a Backup cannot know better";
    conditions.active_lans = {config.lans.front().interface};
    relays->set_conditions(conditions);
    EXPECT_TRUE(relays->may_use(config.relays.front()));
}

}  // namespace
}  // namespace ulagate
