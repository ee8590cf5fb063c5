// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/cli/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>

namespace ulagate::status_test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace json = boost::json;

Status edge() {
    Status status;
    status.version = "1.2.3";
    status.role = "edge";
    status.node = "a1";
    status.site = "a";
    status.overlay = "fd12:3456:789a::/48";
    status.uptime = 3min + 5s;
    status.backend = "kernel";
    status.firewall = "appliance, in force";
    Status::Lan lan;
    lan.interface = "eth0";
    lan.prefix = "fd12:3456:789a:a::/64";
    lan.state = "advertising";
    lan.source = "fe80::5eed";
    lan.route_withdrawn = "no relay can be reached";
    lan.addresses = {"fd12:3456:789a:a::1"};
    lan.counters = {12, 1, 3, 4, 5, 0, 0, {}, 0};
    lan.last_advertisement = 3200ms;
    status.lans = {lan};
    Status::Relay relay;
    relay.name = "r1";
    relay.interface = "ulg-r1";
    relay.endpoint = "192.0.2.1:51820";
    relay.state = "up";
    relay.last_handshake = 65s;
    relay.rx_bytes = 9'999;
    relay.tx_bytes = 12'345'678'901'234;
    relay.mtu = 1432;
    relay.path_mtu = 1492;
    relay.is_default = true;
    status.relays = {relay};
    status.problems = {"clock: not set"};
    status.last_reload = "done";
    return status;
}

Status relay(unsigned routers) {
    Status status;
    status.role = "relay";
    status.node = "r1";
    for (unsigned i = 0; i < routers; ++i) {
        Status::Router router;
        router.site = "site" + std::to_string(i);
        router.node = "n" + std::to_string(i);
        router.up = i % 2 == 0;
        status.routers.push_back(router);
    }
    return status;
}

TEST(StatusJson, HoldsEveryMember) {
    const json::value expected = json::parse(R"({
        "version": "1.2.3", "role": "edge", "node": "a1", "site": "a", "overlay": "fd12:3456:789a::/48",
        "uptime_ms": 185000, "backend": "kernel", "firewall": "appliance, in force",
        "lans": [{"interface": "eth0", "prefix": "fd12:3456:789a:a::/64", "state": "advertising",
                  "source": "fe80::5eed", "route_withdrawn": "no relay can be reached", "addresses": ["fd12:3456:789a:a::1"],
                  "advertisements_sent": 12, "send_errors": 1, "solicitations_received": 3,
                  "advertisements_received": 4, "refused": 5, "replies_unresolved": 0, "last_advertisement_ms_ago": 3200,
                  "other_routers": [], "other_routers_forgotten": 0, "differing_advertisements": 0,
                  "split_brain_advertisements": 0,
                  "vrrp_sent": 0, "vrrp_received": 0, "vrrp_refused": 0, "vrrp": null}],
        "relays": [{"name": "r1", "interface": "ulg-r1", "endpoint": "192.0.2.1:51820", "state": "up", "listen_port": 0,
                    "last_handshake_ms_ago": 65000, "rx_bytes": 9999, "tx_bytes": 12345678901234,
                    "mtu": 1432, "path_mtu": 1492, "default": true, "round_trip_ms": null, "probes": 0, "probes_lost": 0,
                    "connected": null, "transit_sites": 0, "transit": [], "transit_count": 0, "default_ms": null, "default_why": "", "owners": [],
                    "round_trip_us": null, "history_us": []}],
        "sites": [], "sites_known": 0,
        "routers": [],
        "loop": {"longest": {"ms": 0.0, "processor_ms": 0.0, "what": "", "part": ""},
                 "longest_lately": {"ms": 0.0, "processor_ms": 0.0, "what": "", "part": ""}, "turns_over_20ms": 0},
        "problems": ["clock: not set"], "last_reload": "done"})");
    EXPECT_EQ(to_json(edge()), expected);
    EXPECT_EQ(json::parse(json::serialize(to_json(edge()))), expected);  // over the socket and back

    const json::value router = to_json(relay(1)).as_object().at("routers").as_array().at(0);
    EXPECT_EQ(router, json::parse(R"({"site": "site0", "node": "n0", "interface": "", "endpoint": "",
                                      "endpoint_changes": 0, "up": true, "last_handshake_ms_ago": null, "rx_bytes": 0,
                                      "tx_bytes": 0, "heard_ms_ago": null, "owns": []})"));
}

// One of two routers, which has lost its tunnel.
Status one_of_two() {
    Status status = edge();
    Status::Vrrp vrrp;
    vrrp.id = 51;
    vrrp.address = "fe80::5eed";
    vrrp.state = "backup";
    vrrp.in_state = 90s;
    vrrp.priority = 50;
    vrrp.configured_priority = 200;
    vrrp.deductions = {"150: no relay can be reached"};
    vrrp.peer = "fe80::2";
    vrrp.peer_priority = 100;
    vrrp.peer_heard = 40ms;
    vrrp.refusals = {"3: the checksum is wrong"};
    vrrp.transitions = {{"active", "backup", "fe80::2 has priority 100", 90s},
                        {"backup", "active", "no advertisement for 361 ms", 10min}};
    status.lans[0].vrrp = vrrp;
    status.relays[0].round_trip = 23ms;
    status.relays[0].measured = {23400us, {23000us, std::nullopt, 46000us}};
    status.relays[0].probes = 32;
    status.relays[0].lost = 2;
    status.relays[0].owners = {{"fd12:3456:789a:a::/64", "fd99::a2", false},
                               {"fd12:3456:789a:aa::/64", "fd99::a1", true},
                               {"fd12:3456:789a:ff::/64", "", false}};
    return status;
}

TEST(StatusJson, HoldsTheVirtualRouterAndWhoCarriesTheSite) {
    const json::value status = to_json(one_of_two());
    EXPECT_EQ(status.at("lans").at(0).at("vrrp"), json::parse(R"({
        "id": 51, "address": "fe80::5eed", "state": "backup", "in_state_ms": 90000, "priority": 50,
        "configured_priority": 200, "deductions": ["150: no relay can be reached"], "peer": "fe80::2",
        "peer_priority": 100, "peer_heard_ms_ago": 40, "refusals": ["3: the checksum is wrong"],
        "transitions": [{"from": "active", "to": "backup", "reason": "fe80::2 has priority 100",
                         "ms_ago": 90000},
                        {"from": "backup", "to": "active", "reason": "no advertisement for 361 ms",
                         "ms_ago": 600000}]})"));
    EXPECT_EQ(status.at("relays").at(0).at("owners").at(0),
              json::parse(R"({"prefix": "fd12:3456:789a:a::/64", "router": "fd99::a2", "us": false})"));
}

TEST(StatusText, EachRemoteSiteHasItsCandidatesAndManyAreCounted) {
    Status status = edge();
    for (unsigned i = 0; i < 25; ++i) {
        Status::Site site;
        site.prefix = "fd12:3456:789a:" + std::to_string(100 + i) + "::/64";
        site.relay = "r1";
        site.since = 90s;
        status.sites.push_back(site);
    }
    status.sites.back().relay.clear();
    status.sites_known = 30;
    const std::string some = to_text(to_json(status), false);
    EXPECT_THAT(some, AllOf(HasSubstr("paths  30 remote prefixes connected\n"),
                            HasSubstr("\n         fd12:3456:789a:100::/64 through r1 for 1 min 30 s\n"),
                            HasSubstr("\n         ... 10 more (--all shows 5 of them)\n"),
                            Not(HasSubstr("789a:120::/64"))));
    EXPECT_THAT(to_text(to_json(status), true),
                AllOf(HasSubstr("fd12:3456:789a:124::/64 through no relay"), HasSubstr("... 5 more\n")));
    status.sites_known = 25;
    EXPECT_THAT(to_text(to_json(status), false), HasSubstr("... 5 more (--all shows them)\n"));
    EXPECT_THAT(to_text(to_json(status), true), Not(HasSubstr("more")));
}

TEST(StatusText, SaysWhoIsActiveAndWhy) {
    EXPECT_THAT(
        to_text(to_json(one_of_two()), false),
        AllOf(
            HasSubstr("         vrrp 51 fe80::5eed: backup for 1 min 30 s, priority 50 of 200; fe80::2 with "
                      "priority 100 heard 40 ms ago\n"
                      "         less 150: no relay can be reached\n"
                      "         refused 3: the checksum is wrong\n"
                      "         1 min 30 s ago: active -> backup: fe80::2 has priority 100\n"
                      "         10 min 0 s ago: backup -> active: no advertisement for 361 ms\n"),
            HasSubstr("         round trip 23 ms ▄×█; 2 of the last 32 probes lost\n"
                      "         fd12:3456:789a:a::/64 is active on fd99::a2\n"
                      "         fd12:3456:789a:aa::/64 is active on this router\n"
                      "         fd12:3456:789a:ff::/64 is active on no router: the relay does not have it in "
                      "our site\n")));
}

TEST(StatusText, SaysWhatMatters) {
    EXPECT_EQ(to_text(to_json(edge()), false),
              "edge a1 of site a  overlay fd12:3456:789a::/48  up 3 min 5 s  ulagate 1.2.3\n"
              "lan    eth0  fd12:3456:789a:a::/64  advertising\n"
              "         address fd12:3456:789a:a::1\n"
              "         hosts have no route to the overlay: no relay can be reached\n"
              "         advertises from fe80::5eed\n"
              "         advertisements sent 12, last 3.2 s ago; solicitations 3; other routers' "
              "advertisements 4; refused 5\n"
              "relay  r1  up, default relay\n"
              "         endpoint 192.0.2.1:51820; last handshake 1 min 5 s ago; received 9999 B, sent "
              "12345 GB; ulg-r1 MTU 1432 (measured: 1492 outside)\n"
              "wg     kernel WireGuard\n"
              "fw     appliance, in force\n"
              "reload done\n"
              "PROBLEM clock: not set\n");
}

TEST(StatusText, NamesTheOtherRoutersOfALanAndInWhatTheyDiffer) {
    Status status = edge();
    status.lans[0].other_routers = {{"fe80::1", "", 7, 12s, {}},
                                    {"fe80::bad",
                                     "02:00:00:00:00:bd",
                                     2,
                                     300ms,
                                     {"the hop limit is 255, ours 64", "the MTU is 1400, ours 1500"}}};
    status.lans[0].watched.forgotten = 3;
    EXPECT_THAT(to_text(to_json(status), false),
                HasSubstr("         other router fe80::1: heard 12.0 s ago, 7 advertisements\n"
                          "         other router fe80::bad (02:00:00:00:00:bd): heard 300 ms ago, 2 "
                          "advertisements\n"
                          "           the hop limit is 255, ours 64\n"
                          "           the MTU is 1400, ours 1500\n"
                          "         and 3 more that were forgotten\n"));
}

TEST(StatusText, OfAMachineThatHasJustStarted) {
    Status status = edge();
    status.lans[0].state = "interface eth0 has no carrier";
    status.lans[0].source.clear();
    status.lans[0].last_advertisement.reset();
    status.relays[0].endpoint.clear();
    status.relays[0].state = "relay.example.net is not resolved yet";
    status.relays[0].last_handshake.reset();
    status.relays[0].is_default = false;
    status.problems.clear();
    status.last_reload.clear();
    EXPECT_THAT(
        to_text(to_json(status), false),
        AllOf(HasSubstr("interface eth0 has no carrier\n"), Not(HasSubstr("advertises from")),
              HasSubstr("last never"), HasSubstr("relay  r1  relay.example.net is not resolved yet\n"),
              HasSubstr("endpoint unknown; last handshake never"), HasSubstr("no problems\n"),
              Not(HasSubstr("reload"))));
}

TEST(StatusText, ShowsTransit) {
    Status router = edge();
    router.relays[0].connected = 3;
    router.relays[0].transit_sites = 2;
    router.sites.push_back({"fd12:3456:789a:b::/64", "r1", false, true, true, {}, "", {}});
    EXPECT_THAT(to_text(to_json(router), false),
                AllOf(HasSubstr("         3 prefixes connected, 2 through other relays\n"),
                      HasSubstr("fd12:3456:789a:b::/64 through r1 and another relay for")));

    Status other = relay(1);
    Status::Relay& peer = other.relays.emplace_back();
    peer.name = "r2";
    peer.transit = {"fd12:3456:789a:b::/64"};
    peer.transit_count = 30;
    EXPECT_THAT(to_text(to_json(other), false),
                HasSubstr("         transit to fd12:3456:789a:b::/64, which is not connected here\n"
                          "         ... 29 more in transit\n"));
}

TEST(StatusText, OfARelayShowsTheFirstRoutersUnlessAllAreWanted) {
    const json::value many = to_json(relay(30));
    EXPECT_THAT(to_text(many, false),
                AllOf(HasSubstr("sites  30 routers configured, 15 up\n"), HasSubstr(" site0 n0  up;"),
                      HasSubstr(" site19 n19  down;"), Not(HasSubstr("site20")),
                      HasSubstr("... 10 more (--all shows them)")));
    EXPECT_THAT(to_text(many, true), AllOf(HasSubstr("site29 n29"), Not(HasSubstr("more ("))));
    EXPECT_THAT(to_text(to_json(relay(20)), false), Not(HasSubstr("more (")));
    EXPECT_THAT(to_text(to_json(edge()), true), Not(HasSubstr("routers configured")));
}

TEST(StatusText, OfARelayCountsTheChangesOfAnEndpoint) {
    Status status = relay(2);
    status.routers[0].endpoint = "192.0.2.9:1024";
    status.routers[0].endpoint_changes = 3;
    EXPECT_THAT(to_text(to_json(status), false),
                AllOf(HasSubstr("n0  up; endpoint 192.0.2.9:1024 (changed 3 times);"),
                      HasSubstr("n1  down; endpoint unknown;")));
}

// The daemon may be of another version than the command.
TEST(StatusText, SurvivesWhatItDoesNotExpect) {
    for (const char* text : {
             "{}",
             "[]",
             "null",
             "true",
             "7",
             "-7",
             "1.5",
             R"("text")",
             "[[[]]]",
             R"({"lans": {}, "relays": "r1", "routers": 3, "problems": null, "role": 1, "uptime_ms": "1"})",
             R"({"role": "relay", "lans": [1, null, [], "x", {}], "relays": [1, null, [], {}],
                 "routers": [1, null, [], "x", {}], "problems": [1, null, [], {}, "real"]})",
             R"({"lans": [{"addresses": [1, null, {}], "state": 5, "refused": "many",
                           "last_advertisement_ms_ago": "soon"}]})",
             R"({"uptime_ms": -1})",
             R"({"uptime_ms": 1.5})",
             R"({"uptime_ms": 1e300})",
             R"({"uptime_ms": 18446744073709551615})",
             R"({"relays": [{"rx_bytes": -1, "tx_bytes": 1e300, "mtu": -1420,
                             "last_handshake_ms_ago": -5}]})",
             R"({"relays": [{"rx_bytes": 0.5, "tx_bytes": -9223372036854775808, "mtu": 18446744073709551615,
                             "last_handshake_ms_ago": 18446744073709551615}]})",
             R"({"lans": [{"refused": -1, "last_advertisement_ms_ago": 1e300}]})",
             R"({"lans": [{"last_advertisement_ms_ago": -9223372036854775808}]})",
         }) {
        SCOPED_TRACE(text);
        const json::value value = json::parse(text);
        EXPECT_NO_THROW(EXPECT_NE(to_text(value, true), ""));
        EXPECT_NO_THROW(EXPECT_NE(to_text(value, false), ""));
    }
    EXPECT_THAT(to_text(json::parse(R"({"problems": [1, "real"]})"), false), HasSubstr("PROBLEM real\n"));
}

}  // namespace
}  // namespace ulagate::status_test
