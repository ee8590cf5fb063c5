// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/config/text.h"

namespace ulagate::config_test {
namespace {

using config_text::expect;
using config_text::findings;
using config_text::kEdge;
using config_text::kRelay;
using config_text::with_end;
using config_text::with_line;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST(Config, TheSmallestFilesAreRight) {
    const auto edge = load_config(with_line(kEdge, 0, ""));
    ASSERT_THAT(edge.findings, IsEmpty());
    EXPECT_EQ(edge.config->role, Role::edge);
    EXPECT_EQ(edge.config->node, "a1");
    EXPECT_EQ(edge.config->site, "a");
    EXPECT_EQ(to_string(edge.config->overlay), "fd12:3456:789a::/48");
    EXPECT_EQ(to_string(edge.config->tunnel.address), "fd99::a1");
    EXPECT_EQ(edge.config->tunnel.private_key_file, "/etc/ulagate/tunnel.key");
    EXPECT_EQ(edge.config->tunnel.listen_port, 51820);
    EXPECT_EQ(edge.config->tunnel.mtu, std::nullopt);
    EXPECT_EQ(edge.config->tunnel.backend, wg::BackendChoice::automatic);
    EXPECT_EQ(edge.config->firewall.mode, firewall::Mode::appliance);
    EXPECT_THAT(edge.config->firewall.forward, IsEmpty());
    EXPECT_EQ(edge.config->control_group, "");

    const auto relay = load_config(with_line(kRelay, 0, ""));
    ASSERT_THAT(relay.findings, IsEmpty());
    EXPECT_EQ(relay.config->role, Role::relay);
    EXPECT_EQ(relay.config->site, "");
}

TEST(Config, RoleNodeAndSite) {
    expect(kEdge, {
                      {1, R"(role = "egde")",
                       R"(t:1: role: "egde" is not one of "edge", "relay"; did you mean "edge"?)"},
                      {1, R"(role = "router")", R"(t:1: role: "router" is not one of "edge", "relay")"},
                      {1, "", R"(t: role: is missing; add role = "edge")"},
                      {1, "role = 1", "t:1: role: a number stands where a text in quotes belongs"},
                      {2, R"(node = "A1")", R"(t:2: node: "A1" is not a name; use 1 to 63 small letters)"},
                      {2, R"(node = "")", R"(t:2: node: "" is not a name)"},
                      {2, R"(node = "-a")", "t:2: node: "},
                      {2, R"(node = "a-")", "t:2: node: "},
                      {2, R"(node = "a_1")", "t:2: node: "},
                      {2, R"(node = "a\u001b[31m")", R"(t:2: node: "a\x1b[31m" is not)"},
                      {2, "", "t: node: is missing"},
                      {2, R"(node = "router-7-of-10")", ""},
                      {3, R"(site = "a b")", R"(t:3: site: "a b" is not a name)"},
                      {3, "", "t: site: is missing"},
                  });
    EXPECT_THAT(findings(with_line(kEdge, 2, "node = \"" + std::string(63, 'a') + '"')), IsEmpty());
    EXPECT_THAT(findings(with_line(kEdge, 2, "node = \"" + std::string(64, 'a') + '"')),
                ElementsAre(HasSubstr("is not a name")));
}

TEST(Config, OverlayPrefix) {
    expect(
        kEdge,
        {
            {5, R"(prefix = "fd12:3456:789a::")",
             R"(t:5: overlay.prefix: "fd12:3456:789a::" is not an IPv6 prefix)"},
            {5, R"(prefix = "10.0.0.0/8")", R"(t:5: overlay.prefix: "10.0.0.0/8" is not an IPv6 prefix)"},
            {5, R"(prefix = "fd12:3456:789a::1/48")",
             R"(t:5: overlay.prefix: fd12:3456:789a::1/48 has bits set behind its length; write "fd12:3456:789a::/48")"},
            {5, R"(prefix = "fe80::/48")", "t:5: overlay.prefix: fe80::/48 is neither a unique local"},
            {5, R"(prefix = "ff00::/48")", "t:5: overlay.prefix: ff00::/48 is neither"},
            {5, R"(prefix = "::/48")", "t:5: overlay.prefix: ::/48 is neither"},
            {5, R"(prefix = "fd12::/31")",
             "t:5: overlay.prefix: fd12::/31 is out of range; an overlay is /32 to /60"},
            {5, R"(prefix = "fd12:3456:789a::/61")",
             "t:5: overlay.prefix: fd12:3456:789a::/61 is out of range"},
            {5, R"(prefix = "fd12:3456::/32")", ""},
            {5, R"(prefix = "fd12:3456:789a::/60")", ""},
            {5, "", "t:4: overlay.prefix: is missing; add prefix = "},
        });
    EXPECT_THAT(findings(with_line(kEdge, 4, "[overlai]")),
                ElementsAre("t: overlay: is missing; add an [overlay] table",
                            R"(t:4: "overlai" is not a known key; did you mean overlay?)"));
}

TEST(Config, AnOverlayOfGlobalAddressesWorksToo) {
    const std::string text = R"(role = "relay"
node = "r1"
[overlay]
prefix = "2001:db8:1::/48"
[tunnel]
address = "fd99::1"
private_key = "/k"
[[site]]
name = "a"
prefixes = ["2001:db8:1:a::/64"]
[[site.router]]
node = "a1"
address = "fd99::a1"
public_key = "YW4gZXhhbXBsZTogdGhlIGtleSBvZiBub2RlIGExLi4="
)";
    EXPECT_THAT(findings(text), IsEmpty());
}

TEST(Config, Tunnel) {
    expect(
        kEdge,
        {
            {10, R"(address = "fe80::1")", "t:10: tunnel.address: fe80::1 cannot be a machine's address"},
            {10, R"(address = "ff02::1")", "t:10: tunnel.address: ff02::1 cannot be"},
            {10, R"(address = "::1")", "t:10: tunnel.address: ::1 cannot be"},
            {10, R"(address = "::")", "t:10: tunnel.address: :: cannot be"},
            {10, R"(address = "fd99::a1/128")",
             R"(t:10: tunnel.address: "fd99::a1/128" is not an IPv6 address)"},
            {10, R"(address = "fd12:3456:789a:f::1")",
             "t:10: tunnel.address: fd12:3456:789a:f::1 is inside overlay.prefix fd12:3456:789a::/48"},
            {10, R"(address = "fd99::1")",
             "t:14: relay.address: fd99::1 is already tunnel.address in line 10"},
            {10, R"(address = "2001:db8::a1")", ""},
            {11, "", "t:9: tunnel.private_key: is missing"},
            {11, R"(private_key = "tunnel.key")", "t:11: tunnel.private_key: this is not an absolute path"},
            {11, R"(private_key = "/k\u0000")", "t:11: tunnel.private_key: this is not an absolute path"},
            {9, "[tunnel]\nlisten_port = 0",
             "t:10: tunnel.listen_port: 0 is out of range; choose 1 to 65535"},
            {9, "[tunnel]\nlisten_port = 65536", "t:10: tunnel.listen_port: 65536 is out of range"},
            {9, "[tunnel]\nlisten_port = 65535", ""},
            {9, "[tunnel]\nlisten_port = \"51820\"",
             "t:10: tunnel.listen_port: a text stands where a whole number belongs; for example listen_port "
             "= 51820"},
            {9, "[tunnel]\nmtu = 1279", "t:10: tunnel.mtu: 1279 is out of range; choose 1280 to 65455"},
            {9, "[tunnel]\nmtu = 65456", "t:10: tunnel.mtu: 65456 is out of range"},
            {9, "[tunnel]\nmtu = 1.5",
             "t:10: tunnel.mtu: a number with a fraction stands where a whole number"},
            {9, "[tunnel]\nmtu = 1280", ""},
            {9, "[tunnel]\nbackend = \"userspace\"", ""},
            {9, "[tunnel]\nbackend = \"kernl\"",
             R"(t:10: tunnel.backend: "kernl" is not one of "auto", "kernel", "userspace"; did you mean "kernel"?)"},
            {9, "[[tunnel]]", "t:9: tunnel: there is only one; write [tunnel] in single brackets"},
        });
    EXPECT_EQ(load_config(with_line(kEdge, 9, "[tunnel]\nmtu = 1412")).config->tunnel.mtu, 1412);
    // The ports of eight routers have to exist.
    EXPECT_THAT(findings(with_line(kRelay, 5, "[tunnel]\nlisten_port = 65529")),
                ElementsAre(HasSubstr("choose 1 to 65528")));
    EXPECT_THAT(findings(with_line(kRelay, 5, "[tunnel]\nlisten_port = 65528")), IsEmpty());
}

TEST(Config, NeverRepeatsWhatMayBeAPrivateKey) {
    const std::string_view secret = "cHJpdmF0ZSBwcml2YXRlIHByaXZhdGUgcHJpdmF0ZSA=";
    for (const std::size_t line : {11U, 15U}) {
        for (const char* form : {"private_key = \"{0}\"", "private_key = \"{0}x\"", "public_key = \"{0}x\"",
                                 "public_key = [\"{0}\"]", "private_key = {0}", "public_key = \"{0}"}) {
            const std::string text = with_line(kEdge, line, fmt::format(fmt::runtime(form), secret));
            for (const auto& finding : findings(text)) EXPECT_THAT(finding, testing::Not(HasSubstr("dmF0Z")));
        }
    }
    EXPECT_THAT(findings(with_line(kEdge, 11, fmt::format("private_key = \"{}\"", secret))),
                ElementsAre(StartsWith("t:11: tunnel.private_key: this is a key, and keys do not belong")));
}

TEST(Config, Firewall) {
    const auto relay = [](std::string_view text) {
        return with_end(kRelay, "[firewall]\n" + std::string{text});
    };
    using Protocol = firewall::Service::Protocol;
    const auto loaded = load_config(relay("mode = \"shared\"\nforward = [\"any\", \"tcp/22\"]\ninput = []"));
    ASSERT_THAT(loaded.findings, IsEmpty());
    EXPECT_EQ(loaded.config->firewall.mode, firewall::Mode::shared);
    EXPECT_THAT(loaded.config->firewall.forward, ElementsAre(firewall::Service{Protocol::any, 0, 0},
                                                             firewall::Service{Protocol::tcp, 22, 22}));
    EXPECT_THAT(loaded.config->firewall.input, IsEmpty());
    const auto defaults = load_config(relay("")).config->firewall;
    EXPECT_EQ(defaults, load_config(with_line(kRelay, 0, "")).config->firewall);
    EXPECT_THAT(defaults.forward, ElementsAre(firewall::Service{Protocol::icmpv6, 0, 0},
                                              firewall::Service{Protocol::udp, 58000, 60000}));
    EXPECT_THAT(defaults.input, ElementsAre(firewall::Service{Protocol::tcp, 22, 22}));

    EXPECT_THAT(findings(relay("mode = \"of\"")), ElementsAre(HasSubstr("did you mean \"off\"?")));
    EXPECT_THAT(
        findings(relay("forward = \"any\"")),
        ElementsAre("t:16: firewall.forward: a text stands where a list of texts belongs; for example "
                    "forward = [\"icmpv6\", \"udp/58000-60000\"]"));
    EXPECT_THAT(
        findings(relay("forward = [\n\"any\",\n22,\n\"sctp\"]")),
        ElementsAre(StartsWith("t:18: firewall.forward: a number stands where a text in quotes belongs"),
                    StartsWith("t:19: firewall.forward: \"sctp\" is not a service")));
    EXPECT_THAT(findings(relay("input = [\"tcp\", \"tcp\"]")),
                ElementsAre("t:16: warning: firewall.input: lists a service twice; remove one"));
    EXPECT_THAT(
        findings(with_end(kEdge, "[firewall]\nforward = []")),
        ElementsAre("t:18: firewall.forward belongs to role \"relay\"; this file says role = \"edge\""));
}

TEST(Config, ControlGroup) {
    EXPECT_EQ(load_config(with_end(kEdge, "[control]\ngroup = \"netdev\"")).config->control_group, "netdev");
    EXPECT_THAT(findings(with_end(kEdge, "[control]")), IsEmpty());
    EXPECT_THAT(findings(with_end(kEdge, "[control]\ngroup = \"a:b\"")),
                ElementsAre(StartsWith("t:18: control.group: \"a:b\" cannot be the name of a group")));
    EXPECT_THAT(findings(with_end(kEdge, "[control]\ngroup = 0")),
                ElementsAre("t:18: control.group: a number stands where a text in quotes belongs; for "
                            "example group = \"ulagate\""));
}

TEST(Config, UnknownKeysAreErrorsEverywhere) {
    EXPECT_THAT(findings(with_line(kEdge, 10, "adress = \"fd99::a1\"")),
                ElementsAre(StartsWith("t:9: tunnel.address: is missing"),
                            R"(t:10: tunnel: "adress" is not a known key; did you mean address?)"));
    for (const char* table : {"overlay", "tunnel", "firewall", "control"}) {
        const std::string text = fmt::format("colour = 7\n[{}]\ncolour = 7\n", table);
        EXPECT_THAT(findings(text), testing::Contains(StartsWith(fmt::format(
                                        "t:3: {}: \"colour\" is not a known key; known here: ", table))));
        EXPECT_THAT(findings(text), testing::Contains(StartsWith("t:1: \"colour\" is not a known key")));
    }
    EXPECT_THAT(findings(with_end(kEdge, "colour = 7")), ElementsAre(StartsWith("t:17: relay: \"colour\"")));
    EXPECT_THAT(findings(with_end(kRelay, "colour = 7")),
                ElementsAre(StartsWith("t:15: site.router: \"colour\"")));
    EXPECT_THAT(findings(with_line(kRelay, 9, "name = \"a\"\ncolour = 7")),
                ElementsAre("t:10: site: \"colour\" is not a known key; known here: name, prefixes, router"));
    EXPECT_THAT(findings(with_line(kEdge, 3, "site = \"a\"\ncontrol.groop = \"a\"")),
                ElementsAre("t:4: control: \"groop\" is not a known key; did you mean group?"));
}

TEST(Config, TablesOfTheOtherRole) {
    EXPECT_THAT(findings(with_line(kEdge, 1, "role = \"relay\"")),
                ElementsAre("t:3: site = \"...\" belongs to role \"edge\"; this file says role = \"relay\"",
                            "t:6: [[lan]] belongs to role \"edge\"; this file says role = \"relay\"",
                            "t:12: [[relay]] belongs to role \"edge\"; this file says role = \"relay\""));
    EXPECT_THAT(findings(with_line(kRelay, 1, "role = \"edge\"")),
                ElementsAre("t: lan: is missing; add a [[lan]] table for each LAN of this site",
                            "t: relay: is missing; add a [[relay]] table for each relay of the overlay",
                            "t:8: [[site]] belongs to role \"relay\"; this file says role = \"edge\""));
}

TEST(Config, ReportsEverythingAtOnceInTheOrderOfTheFile) {
    const std::string text = R"(role = "edge"
nodes = "a1"
site = 7
[overlay]
prefix = "fd12:3456:789a::/48"
[[lan]]
interface = "ulg-r1"
prefix = "fd12:3456:789b:a::/64"
[lan.ra]
max_interval = "2s"
route_lifetime = "90s"
[tunnel]
address = "fd12:3456:789a::1"
[[relay]]
name = "r1"
address = "fd99::1"
public_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
endpoint = "2001:db8::1:51820"
)";
    EXPECT_THAT(
        findings(text),
        ElementsAre(StartsWith("t: node: is missing"), StartsWith("t:2: \"nodes\" is not a known key"),
                    StartsWith("t:3: site: a number stands"), StartsWith("t:7: lan.interface: "),
                    "t:8: lan.prefix: fd12:3456:789b:a::/64 is outside overlay.prefix fd12:3456:789a::/48; "
                    "choose a /64 inside it",
                    StartsWith("t:10: lan.ra.max_interval: 2s is out of range"),
                    StartsWith("t:11: warning: lan.ra.route_lifetime: 90s is less than 3m"),
                    StartsWith("t:12: tunnel.private_key: is missing"),
                    StartsWith("t:13: tunnel.address: fd12:3456:789a::1 is inside overlay.prefix"),
                    StartsWith("t:17: relay.public_key: this key is all zero"),
                    StartsWith("t:18: relay.endpoint: ")));
    EXPECT_FALSE(load_config(text).config);
}

TEST(Config, AnEmptyFileSaysWhatIsMissing) {
    EXPECT_THAT(findings(""),
                ElementsAre(StartsWith("t: role: is missing"), StartsWith("t: node: is missing"),
                            StartsWith("t: overlay: is missing"), StartsWith("t: tunnel: is missing")));
}

TEST(Config, WindowsLineEndsAndByteOrderMark) {
    std::string text = "\xef\xbb\xbf";
    for (const auto& line : kEdge) text += line + "\r\n";
    EXPECT_EQ(load_config(text).config, load_config(with_line(kEdge, 0, "")).config);
    EXPECT_THAT(findings(text + "colour = 1\r\n"), ElementsAre(StartsWith("t:17: relay: ")));
}

}  // namespace
}  // namespace ulagate::config_test
