// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config/config.h"
#include "tests/unit/daemon/config/text.h"

// [[relay]] of an edge; [[site]] and [[site.router]] of a relay.
namespace ulagate::config_relay_test {
namespace {

using config_text::expect;
using config_text::findings;
using config_text::kEdge;
using config_text::kOtherKey;
using config_text::kRelay;
using config_text::with_end;
using config_text::with_line;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::string router(std::string_view node, std::string_view address, std::string_view key,
                   std::string_view priority) {
    return fmt::format("[[site.router]]\nnode = \"{}\"\naddress = \"{}\"\npublic_key = \"{}\"\n{}", node,
                       address, key, priority);
}

TEST(RelayConfig, Values) {
    const auto relay = load_config(with_line(kEdge, 0, "")).config->relays.at(0);
    EXPECT_EQ(relay.name, "r1");
    EXPECT_EQ(to_string(relay.address), "fd99::1");
    EXPECT_EQ(to_string(relay.public_key), "YW4gZXhhbXBsZTogdGhlIGtleSBvZiByZWxheSByMS4=");
    EXPECT_EQ(relay.host, "relay.example.net");
    EXPECT_EQ(relay.port, 51820);
    EXPECT_EQ(relay.keepalive_seconds, 25);
    EXPECT_EQ(relay.kind, RelayKind::ulagate);

    const auto other = load_config(with_line(kEdge, 16,
                                             "endpoint = \"[2001:0db8::1]:1\"\nkeepalive = \"off\"\n"
                                             "kind = \"plain\""))
                           .config->relays.at(0);
    EXPECT_EQ(other.host, "2001:db8::1");
    EXPECT_EQ(other.port, 1);
    EXPECT_EQ(other.keepalive_seconds, 0);
    EXPECT_EQ(other.kind, RelayKind::plain);
}

const std::string kPeer =
    "[[peer_relay]]\nname = \"r2\"\naddress = \"fd99::2\"\nendpoint = \"relay2.example.net:51828\"\n"
    "public_key = \"YW4gZXhhbXBsZTogdGhlIGtleSBvZiByZWxheSByMi4=\"\n";

TEST(PeerRelayConfig, IsARelayOfTheRelay) {
    const auto config = load_config(with_end(kRelay, kPeer)).config;
    ASSERT_TRUE(config);
    const RelayConfig& relay = config->relays.at(0);
    EXPECT_EQ(relay.name, "r2");
    EXPECT_EQ(to_string(relay.address), "fd99::2");
    EXPECT_EQ(relay.host, "relay2.example.net");
    EXPECT_EQ(relay.port, 51828);
    EXPECT_EQ(relay.keepalive_seconds, 25);
    EXPECT_EQ(relay.kind, RelayKind::ulagate);
}

TEST(PeerRelayConfig, Errors) {
    const auto peer = [](std::string_view key, std::string_view line) {
        std::string text = kPeer;
        const auto at = text.find(std::string{key} + " = ");
        return with_end(kRelay, text.replace(at, text.find('\n', at) - at, line));
    };
    EXPECT_THAT(findings(peer("name", "")), ElementsAre(StartsWith("t:15: peer_relay.name: is missing")));
    EXPECT_THAT(findings(peer("name", "name = \"s8\"")),
                ElementsAre(StartsWith("t:16: peer_relay.name: \"s8\" makes the interface \"ulg-s8\"")));
    EXPECT_THAT(findings(peer("name", "name = \"s9\"")), IsEmpty());
    EXPECT_THAT(findings(peer("name", "name = \"a\"")), ElementsAre(HasSubstr("peer_relay.name")));
    EXPECT_THAT(findings(peer("address", "address = \"fd99::a1\"")),
                ElementsAre(HasSubstr("every machine needs its own address")));
    EXPECT_THAT(findings(peer("endpoint", "")), ElementsAre(HasSubstr("peer_relay.endpoint: is missing")));
    EXPECT_THAT(findings(peer("endpoint", "endpoint = \"[fd99::1]:51828\"")),
                ElementsAre(HasSubstr("which is inside the tunnel")));
    EXPECT_THAT(findings(peer("public_key", "public_key = \"short\"")),
                ElementsAre(HasSubstr("peer_relay.public_key: this is not a public key")));
    EXPECT_THAT(findings(with_end(kRelay, kPeer + "kind = \"plain\"")), ElementsAre(HasSubstr("kind")));
    EXPECT_THAT(findings(with_end(kEdge, kPeer)), ElementsAre(HasSubstr("belongs to role \"relay\"")));
}

TEST(PeerRelayConfig, EachNeedsAPortBehindThoseOfTheRouters) {
    const std::string port = "private_key = \"/etc/ulagate/tunnel.key\"\nlisten_port = ";
    EXPECT_THAT(findings(with_line(kRelay, 7, port + "65527") + kPeer), IsEmpty());
    EXPECT_THAT(findings(with_line(kRelay, 7, port + "65528")), IsEmpty());
    EXPECT_THAT(findings(with_line(kRelay, 7, port + "65528") + kPeer),
                ElementsAre(HasSubstr("its tunnel would need port 65536; lower tunnel.listen_port")));
}

TEST(RelayConfig, Names) {
    expect(kEdge,
           {
               {13, R"(name = "elevenchars")", ""},
               {13, R"(name = "twelve-chars")",
                R"(t:13: relay.name: "twelve-chars" is not a name; use 1 to 11)"},
               {13, R"(name = "R1")", R"(t:13: relay.name: "R1" is not a name)"},
               {13, "", R"(t:12: relay.name: is missing; add name = "r1")"},
               {14, "", R"(t:12: relay.address: is missing)"},
               {14, R"(address = "fd12:3456:789a::1")", "t:14: relay.address: fd12:3456:789a::1 is inside"},
               {14, R"(address = "fe80::1")", "t:14: relay.address: fe80::1 cannot be"},
           });
}

TEST(RelayConfig, PublicKey) {
    expect(kEdge, {
                      {15, "", "t:12: relay.public_key: is missing; add public_key = "},
                      {15, R"(public_key = "abc")",
                       "t:15: relay.public_key: this is not a public key; write the 44"},
                      {15, R"(public_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")",
                       "t:15: relay.public_key: this key is all zero"},
                  });
}

TEST(RelayConfig, Endpoint) {
    expect(
        kEdge,
        {
            {16, "", "t:12: relay.endpoint: is missing; add endpoint = \"relay.example.net:51820\""},
            {16, R"(endpoint = "192.0.2.1:51820")", ""},
            {16, R"(endpoint = "relay:51820")", ""},
            {16, R"(endpoint = "relay.example.net.:51820")", ""},
            {16, R"(endpoint = "relay.example.net")",
             R"(t:16: relay.endpoint: "relay.example.net" has no port)"},
            {16, R"(endpoint = "relay.example.net:0")", "t:16: relay.endpoint: "},
            {16, R"(endpoint = "relay.example.net:65536")", "t:16: relay.endpoint: "},
            {16, R"(endpoint = "relay.example.net:http")", "t:16: relay.endpoint: "},
            {16, R"(endpoint = "2001:db8::1:5182")",
             R"(t:16: relay.endpoint: "2001:db8::1:5182" is ambiguous: it is unclear where the)"},
            {16, R"(endpoint = "2001:db8:1:2:3:4:5:6:51820")",
             R"(t:16: relay.endpoint: "2001:db8:1:2:3:4:5:6:51820" is an IPv6 address without brackets; write )"
             R"("[2001:db8:1:2:3:4:5:6]:51820")"},
            {16, R"(endpoint = "[relay]:51820")",
             R"(t:16: relay.endpoint: "[relay]:51820" is neither an address)"},
            {16, R"(endpoint = "rel ay:51820")", "t:16: relay.endpoint: "},
            {16, R"(endpoint = "-relay:51820")", "t:16: relay.endpoint: "},
            {16, R"(endpoint = "a..b:51820")", "t:16: relay.endpoint: "},
            {16, R"(endpoint = ":51820")", "t:16: relay.endpoint: "},
            {16, R"(endpoint = "192.0.2.300:51820")",
             R"(t:16: relay.endpoint: "192.0.2.300:51820" is neither)"},
            {16, R"(endpoint = "0.0.0.0:51820")",
             "t:16: relay.endpoint: \"0.0.0.0:51820\" is not an address that"},
            {16, R"(endpoint = "[ff02::1]:51820")",
             "t:16: relay.endpoint: \"[ff02::1]:51820\" is not an address that"},
            {16, R"(endpoint = "[fe80::1]:51820")",
             "t:16: relay.endpoint: \"[fe80::1]:51820\" is not an address that"},
            {16, R"(endpoint = "[fd12:3456:789a:b::1]:51820")",
             "t:16: relay.endpoint: fd12:3456:789a:b::1 is inside overlay.prefix"},
            {16, R"(endpoint = "[fd99::1]:51820")",
             "t:16: relay.endpoint: fd99::1 is relay.address in line 14, which is inside the tunnel"},
        });
}

TEST(RelayConfig, KeepaliveAndKind) {
    const auto with = [](std::string_view line) { return with_end(kEdge, line); };
    EXPECT_EQ(load_config(with("keepalive = \"0s\"")).config->relays.at(0).keepalive_seconds, 0);
    EXPECT_EQ(load_config(with("keepalive = \"65535s\"")).config->relays.at(0).keepalive_seconds, 65535);
    EXPECT_THAT(findings(with("keepalive = \"65536s\"")),
                ElementsAre(StartsWith(
                    "t:17: relay.keepalive: 65536s is out of range; choose 0s to 65535s, or write")));
    EXPECT_THAT(findings(with("keepalive = \"500ms\"")),
                ElementsAre(HasSubstr("is not a whole number of seconds")));
    EXPECT_THAT(findings(with("keepalive = \"never\"")), ElementsAre(HasSubstr("is not a duration")));
    EXPECT_THAT(findings(with("keepalive = 25")), ElementsAre(HasSubstr("for example keepalive = \"25s\"")));
    EXPECT_THAT(findings(with("kind = \"plane\"")), ElementsAre(HasSubstr("did you mean \"plain\"?")));
}

TEST(RelayConfig, NothingTwice) {
    const std::string second = fmt::format(
        "[[relay]]\nname = \"r1\"\naddress = \"fd99::1\"\npublic_key = \"{}\"\nendpoint = "
        "\"192.0.2.1:51820\"",
        "YW4gZXhhbXBsZTogdGhlIGtleSBvZiByZWxheSByMS4=");
    EXPECT_THAT(
        findings(with_end(kEdge, second)),
        ElementsAre("t:18: relay.name: \"r1\" is already relay.name in line 13; choose another name",
                    StartsWith("t:19: relay.address: fd99::1 is already relay.address in line 14; "),
                    StartsWith("t:20: relay.public_key: this key is already relay.public_key in line 15; ")));
}

TEST(SiteConfig, Values) {
    const auto loaded =
        load_config(with_end(kRelay, "priority = 7\n" + router("a2", "fd99::a2", kOtherKey, "")));
    ASSERT_THAT(loaded.findings, IsEmpty());
    const auto& site = loaded.config->sites.at(0);
    EXPECT_EQ(site.name, "a");
    EXPECT_THAT(site.prefixes, ElementsAre(net::parse_ipv6_prefix("fd12:3456:789a:a::/64").value()));
    ASSERT_THAT(site.routers, testing::SizeIs(2));
    EXPECT_EQ(site.routers.at(0).node, "a1");
    EXPECT_EQ(site.routers.at(0).priority, 7);
    EXPECT_EQ(to_string(site.routers.at(1).address), "fd99::a2");
    EXPECT_EQ(to_string(site.routers.at(1).public_key), kOtherKey);
    EXPECT_EQ(site.routers.at(1).priority, 100);
}

TEST(SiteConfig, EachValueHasItsBounds) {
    expect(kRelay,
           {
               {9, "", "t:8: site.name: is missing"},
               {9, R"(name = "a.b")", "t:9: site.name: \"a.b\" is not a name"},
               {10, "", R"(t:8: site.prefixes: is missing; add prefixes = ["fd12:3456:789a:a::/64"])"},
               {10, "prefixes = []", "t:10: site.prefixes: is empty"},
               {10, R"(prefixes = "fd12:3456:789a:a::/64")",
                "t:10: site.prefixes: a text stands where a list of texts belongs; for example prefixes = "
                "[\"fd12"},
               {10, "prefixes = [\n\"fd12:3456:789a:a::/64\",\n\"fd12:3456:789b:b::/64\"]",
                "t:12: site.prefixes: fd12:3456:789b:b::/64 is outside overlay.prefix fd12:3456:789a::/48"},
               {10, R"(prefixes = ["fd12:3456:789a:a::/65"])",
                "t:10: site.prefixes: fd12:3456:789a:a::/65 is longer"},
               {10, R"(prefixes = ["fd12:3456:7800::/40"])",
                "t:10: site.prefixes: fd12:3456:7800::/40 is outside overlay.prefix fd12:3456:789a::/48; "
                "choose a "
                "prefix inside"},
               {10, R"(prefixes = ["fd12:3456:789a::1/64"])",
                "t:10: site.prefixes: fd12:3456:789a::1/64 has bits set"},
               {10, R"(prefixes = ["fd12:3456:789a::/48"])", ""},
               {10, R"(prefixes = ["fd12:3456:789a:a::/64", "fd12:3456:789a:10::/60"])", ""},
               {10, R"(prefixes = ["fd12:3456:789a:a::/64", "fd12:3456:789a::/60"])",
                "t:10: site.prefixes: fd12:3456:789a:a::/64 overlaps fd12:3456:789a::/60 (site.prefixes in "
                "line 10)"},
               {12, "", "t:11: site.router.node: is missing"},
               {12, R"(node = "r1")", R"(t:12: site.router.node: "r1" is already node in line 2)"},
               {13, "", "t:11: site.router.address: is missing"},
               {13, R"(address = "fd99::1")",
                "t:13: site.router.address: fd99::1 is already tunnel.address in line 6"},
               {13, R"(address = "fd12:3456:789a:a::1")",
                "t:13: site.router.address: fd12:3456:789a:a::1 is inside"},
               {14, "", "t:11: site.router.public_key: is missing"},
               {14, R"(public_key = "")", "t:14: site.router.public_key: this is not a public key"},
               {11, "[[site.router]]\npriority = 0",
                "t:12: site.router.priority: 0 is out of range; choose 1 to 254"},
               {11, "[[site.router]]\npriority = 255", "t:12: site.router.priority: 255 is out of range"},
               {11, "[[site.router]]\npriority = 254", ""},
           });
}

TEST(SiteConfig, ARelayWithoutSitesAndASiteWithoutRouters) {
    const std::vector<std::string> lonely(kRelay.begin(), kRelay.begin() + 7);
    EXPECT_THAT(
        findings(with_line(lonely, 0, "")),
        ElementsAre(
            "t: warning: site: there is no [[site]], so nothing can cross this relay; add [[site]] tables"));
    EXPECT_TRUE(load_config(with_line(lonely, 0, "")).config);
    const std::vector<std::string> empty(kRelay.begin(), kRelay.begin() + 10);
    EXPECT_THAT(
        findings(with_line(empty, 0, "")),
        ElementsAre("t:8: site.router: is missing; add a [[site.router]] table for each router of the site"));
}

TEST(SiteConfig, NothingTwiceOverAllSites) {
    const std::string second = "[[site]]\nname = \"a\"\nprefixes = [\"fd12:3456:789a::/56\"]\n" +
                               router("a1", "fd99::a1", "YW4gZXhhbXBsZTogdGhlIGtleSBvZiBub2RlIGExLi4=", "");
    EXPECT_THAT(
        findings(with_end(kRelay, second)),
        ElementsAre(
            "t:16: site.name: \"a\" is already site.name in line 9; choose another name",
            StartsWith("t:17: site.prefixes: fd12:3456:789a::/56 overlaps fd12:3456:789a:a::/64 "
                       "(site.prefixes in line 10)"),
            StartsWith("t:19: site.router.node: \"a1\" is already site.router.node in line 12"),
            StartsWith("t:20: site.router.address: fd99::a1 is already site.router.address in line 13"),
            StartsWith("t:21: site.router.public_key: this key is already")));
}

TEST(SiteConfig, EqualPrioritiesAreAWarning) {
    EXPECT_THAT(findings(with_end(kRelay, router("a2", "fd99::a2", kOtherKey, ""))),
                ElementsAre(StartsWith(
                    "t:15: warning: site.router.priority: 100 is also the priority of the router in "
                    "line 11")));
    EXPECT_THAT(findings(with_end(kRelay, router("a2", "fd99::a2", kOtherKey, "priority = 99"))), IsEmpty());
    // In two sites they are no matter.
    EXPECT_THAT(findings(with_end(kRelay, "[[site]]\nname = \"b\"\nprefixes = [\"fd12:3456:789a:b::/64\"]\n" +
                                              router("b1", "fd99::b1", kOtherKey, ""))),
                IsEmpty());
}

TEST(SiteConfig, AtMostEightRouters) {
    std::string text = with_line(kRelay, 0, "");
    for (unsigned i = 2; i <= 8; ++i) {
        wg::PublicKey key;
        key.bytes[0] = static_cast<std::uint8_t>(i);
        text += router(fmt::format("a{}", i), fmt::format("fd99::a{}", i), to_string(key),
                       fmt::format("priority = {}\n", i));
    }
    EXPECT_THAT(findings(text), IsEmpty());
    text += router("a9", "fd99::a9", kOtherKey, "priority = 9\n");
    EXPECT_THAT(
        findings(text),
        ElementsAre("t:50: site.router: a site has at most 8 routers, because a relay has a port for each; "
                    "remove 1"));
}

}  // namespace
}  // namespace ulagate::config_relay_test
