// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <regex>
#include <sstream>

#include "daemon/base/ipv4_prefix.h"
#include "daemon/config/config.h"
#include "tests/unit/daemon/config/text.h"

// Files as a whole: the reference files, broken and hostile ones, large ones.
namespace ulagate::config_file_test {
namespace {

using config_text::findings;
using config_text::kEdge;
using config_text::with_line;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

std::string reference(std::string_view name) {
    const auto text = read_file(fmt::format("{}/daemon/reference/{}.toml", ULAGATE_SOURCE_DIR, name),
                                std::size_t{1} << 20U);
    EXPECT_TRUE(text) << text.error().text();
    return text.value_or("");
}

std::string uncommented(const std::string& text) {
    return std::regex_replace(text, std::regex{"(^|\n)# ([a-z0-9_]+ *=)"}, "$1$2");
}

// The blocks that a second router or relay needs, which are comments in one more step: "#    key = value", "#
// [table]".
std::string with_second_ones(const std::string& text) {
    return std::regex_replace(text, std::regex{"(^|\n)#    ([a-z0-9_]+ *=|\\[|#)"}, "$1$2");
}

TEST(ReferenceFile, IsRightAsItStandsAndWithEveryOptionWritten) {
    for (const char* name : {"edge", "relay"}) {
        SCOPED_TRACE(name);
        const std::string text = reference(name);
        EXPECT_THAT(findings(text), IsEmpty());
        EXPECT_THAT(findings(uncommented(text)), IsEmpty());
        EXPECT_THAT(findings(with_second_ones(text)), IsEmpty());
        EXPECT_THAT(findings(uncommented(with_second_ones(text))), IsEmpty());
        EXPECT_NE(uncommented(text), text);
    }
}

// So the comments tell the truth: with the examples of options that have no default taken out again, writing
// every default changes nothing.
TEST(ReferenceFile, ShowsTheDefaults) {
    for (const char* name : {"edge", "relay"}) {
        SCOPED_TRACE(name);
        auto written = load_config(uncommented(reference(name))).config;
        const auto plain = load_config(reference(name)).config;
        ASSERT_TRUE(written && plain);
        EXPECT_EQ(written->tunnel.mtu, 1420);
        written->tunnel.mtu.reset();
        EXPECT_EQ(written->control_group, "ulagate");
        written->control_group.clear();
        for (auto& lan : written->lans) {
            auto& options = lan.ra.advertisement.options;
            ASSERT_THAT(options, SizeIs(7));
            EXPECT_EQ(options.at(2), ra::Option{ra::Mtu{1500}});
            EXPECT_EQ(std::get<ra::RecursiveDnsServers>(options.at(3)).lifetime, ra::Seconds{180});
            EXPECT_EQ(std::get<ra::DnsSearchList>(options.at(4)).lifetime, ra::Seconds{180});
            EXPECT_EQ(std::get<ra::Pref64>(options.at(5)).lifetime, ra::Seconds{180});
            EXPECT_TRUE(std::holds_alternative<ra::CaptivePortal>(options.at(6)));
            options.resize(2);
            EXPECT_TRUE(lan.ra.valid_until && lan.ra.preferred_until);
            lan.ra.valid_until.reset();
            lan.ra.preferred_until.reset();
        }
        EXPECT_EQ(written, plain);
    }
}

TEST(ReferenceFile, ShowsTheDefaultsOfASecondRouter) {
    const std::string text = with_second_ones(reference("edge"));
    std::string needed = reference("edge");
    needed.insert(needed.find("# What Router Advertisements announce"),
                  "[lan.vrrp]\nid = 51\naddress = \"fe80::5eed\"\npriority = 200\n");
    auto config = load_config(text).config;
    ASSERT_TRUE(config);
    config->relays.resize(1);
    ASSERT_THAT(config->lans, SizeIs(2));
    EXPECT_EQ(config->lans.at(1).gateway, GatewayConfig{*net::parse_ipv4_prefix("192.168.83.1/24")});
    config->lans.resize(1);
    ASSERT_TRUE(config->appliance);
    EXPECT_THAT(config->appliance->uplinks, SizeIs(4));
    config->appliance.reset();
    EXPECT_THAT(config->firewall.input, IsEmpty());
    config->firewall.input = {{firewall::Service::Protocol::tcp, 22, 22}};
    auto& options = config->lans.at(0).ra.advertisement.options;
    ASSERT_THAT(options, SizeIs(3));
    EXPECT_TRUE(std::holds_alternative<ra::RouteInformation>(options.back()));
    options.pop_back();
    EXPECT_EQ(config, load_config(needed).config);
    const auto with_examples = load_config(uncommented(text)).config;
    ASSERT_TRUE(with_examples);
    EXPECT_THAT(with_examples->lans.at(0).vrrp->tracked, ElementsAre(TrackedInterface{"eth1", 50}));
    // And it shows all keys that there are.
    for (const std::string table :
         {"\n[lan.vrrp]\n", "\n[lan.vrrp.track]\n", "\n[lan.ra]\n", "\n[[lan.ra.route]]\n", "\n[appliance]\n",
          "\n[[uplink]]\n", "\n[uplink.pppoe]\n", "\n[wifi_ap]\n"}) {
        std::string wrong = uncommented(text);
        wrong.insert(wrong.find(table) + table.size(), "no_such_key = 1\n");
        const auto unknown = findings(wrong);
        ASSERT_THAT(unknown, ElementsAre(HasSubstr("known here: ")));
        std::istringstream known{unknown[0].substr(unknown[0].find("known here: ") + 12)};
        for (std::string key; known >> key;) {
            if (key.back() == ',') key.pop_back();
            EXPECT_THAT(wrong, testing::AnyOf(HasSubstr(fmt::format("\n{} = ", key)),
                                              HasSubstr(fmt::format("\n[lan.vrrp.{}]", key)),
                                              HasSubstr(fmt::format("\n[uplink.{}]", key)),
                                              HasSubstr(fmt::format("\n[[lan.ra.{}]]", key))));
        }
    }
}

TEST(ReferenceFile, TheEdgeHasASecondRelay) {
    const auto edge = load_config(with_second_ones(reference("edge"))).config;
    ASSERT_TRUE(edge);
    ASSERT_THAT(edge->relays, SizeIs(2));
    EXPECT_EQ(edge->relays.at(1).name, "r2");
}

TEST(ReferenceFile, TheRelayHasAPeerRelayASecondRouterAndASecondSite) {
    const auto relay = load_config(with_second_ones(reference("relay"))).config;
    ASSERT_TRUE(relay);
    ASSERT_THAT(relay->relays, SizeIs(1));
    EXPECT_EQ(relay->relays.at(0).name, "r2");
    ASSERT_THAT(relay->sites, SizeIs(2));
    EXPECT_THAT(relay->sites.at(0).routers, SizeIs(2));
}

// Removing any one of the lines that every file needs is noticed.
TEST(ReferenceFile, NeedsEveryLineThatIsNotAComment) {
    for (const char* name : {"edge", "relay"}) {
        const std::string text = reference(name);
        const std::regex line{"(^|\n)([a-z_]+ = [^\n]*)"};
        unsigned count = 0;
        for (std::sregex_iterator found{text.begin(), text.end(), line}, end; found != end;
             ++found, ++count) {
            std::string without = text;
            without.erase(static_cast<std::size_t>(found->position(2)),
                          static_cast<std::size_t>(found->length(2)));
            EXPECT_FALSE(load_config(without).config) << found->str(2);
        }
        EXPECT_GE(count, 10U) << name;
    }
}

TEST(ConfigFile, SyntaxErrorsAreOneFindingWithALine) {
    EXPECT_THAT(findings("role = \"edge\"\nnode = \n"),
                ElementsAre(AllOf(StartsWith("t:2: this is not TOML: "), HasSubstr("expected value"))));
    EXPECT_THAT(findings("a = 1\na = 2\n"), ElementsAre(StartsWith("t:2: this is not TOML: ")));
    EXPECT_THAT(findings("a = \"\xff\"\n"), ElementsAre(StartsWith("t:1: this is not TOML: ")));
    EXPECT_THAT(findings("\xff\xfe"), SizeIs(1));
    EXPECT_THAT(findings(std::string_view{"\0", 1}), SizeIs(1));
}

TEST(ConfigFile, WhatItSaysIsPrintableAndBounded) {
    const std::string key(5000, 'k');
    for (const auto& text : std::vector<std::string>{
             "\"\\u001b[31m\" = 1\n\"\xc3\xa9\" = 2\n", "\"\\u001b[31m\" = 1\n\"\\u001b[31m\" = 2\n",
             "\"" + key + "\" = 1\n", key + " = 1\n" + key + " = 2\n",
             "node = \"" + key + "\"\nrole = \"" + key + "\"\nsite = \"" + key + "\"\n"}) {
        for (const auto& finding : findings(text)) {
            EXPECT_LT(finding.size(), 600U);
            for (const char c : finding) EXPECT_TRUE(c >= ' ' && c <= '~') << finding;
        }
    }
}

TEST(ConfigFile, DeepNestingIsRefusedAndDoesNotOverflowTheStack) {
    const auto repeat = [](std::string_view text, std::size_t times) {
        std::string out;
        for (std::size_t i = 0; i < times; ++i) out += text;
        return out;
    };
    EXPECT_THAT(findings("a = " + repeat("[", 1'000'000)), ElementsAre(HasSubstr("nested value depth")));
    EXPECT_THAT(findings("a = " + repeat("{a=", 1'000'000)), ElementsAre(HasSubstr("nested value depth")));
    EXPECT_THAT(
        findings("a=1\n[" + repeat("a.", 1'000'000) + "a]\n"),
        ElementsAre("t:2: contains more than 32 dots, more than any key; spread it over several lines"));
    EXPECT_THAT(findings(repeat("a . ", 1'000'000) + "a = 1\n"), ElementsAre(HasSubstr("more than 32 dots")));
    // The deepest that gets through: as many levels as allowed, each with as long a key as allowed.
    const std::string level = repeat("a.", 32) + "a = [\n{";
    EXPECT_THAT(findings(repeat(level, 127) + repeat("}]", 127)), testing::Not(IsEmpty()));
    EXPECT_THAT(findings("# " + repeat(". ", 100) + "\n" +
                         with_line(kEdge, 1, "role = \"edge\" # " + repeat(".", 100))),
                IsEmpty());
}

TEST(ConfigFile, MoreThan16MiBIsNotRead) {
    const std::string text(std::size_t{16} << 20U, '\n');
    EXPECT_THAT(findings(text), ElementsAre(HasSubstr("missing"), HasSubstr("missing"), HasSubstr("missing"),
                                            HasSubstr("missing")));
    EXPECT_THAT(findings(text + "\n"), ElementsAre("t: is larger than 16 MiB; is this the right file?"));
}

TEST(ConfigFile, TheNumberOfFindingsIsBounded) {
    std::string text = with_line(kEdge, 0, "");
    for (int i = 0; i < 5000; ++i) text += fmt::format("key{} = 1\n", i);
    const auto loaded = load_config(text);
    EXPECT_THAT(loaded.findings, SizeIs(1001));
    EXPECT_EQ(loaded.findings.back().text, "4000 more findings are left out; fix these first");
    EXPECT_FALSE(loaded.config);
}

std::string large_relay(unsigned sites) {
    std::string text = R"(role = "relay"
node = "r1"
[overlay]
prefix = "fd12:3456:789a::/48"
[tunnel]
address = "fd98::1"
private_key = "/k"
)";
    for (unsigned i = 0; i < sites; ++i) {
        text += fmt::format("[[site]]\nname = \"s{0}\"\nprefixes = [\"fd12:3456:789a:{0:x}::/64\"]\n", i);
        for (unsigned router = 1; router <= 2; ++router) {
            wg::PublicKey key;
            key.bytes = {static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i),
                         static_cast<std::uint8_t>(router)};
            text += fmt::format(
                "[[site.router]]\nnode = \"n{0}-{1}\"\naddress = \"fd99::{0:x}:{1}\"\npriority = {1}\n"
                "public_key = \"{2}\"\n",
                i, router, to_string(key));
        }
    }
    return text;
}

TEST(ConfigFile, TenThousandSites) {
    const std::string text = large_relay(10'000);
    const auto begin = std::chrono::steady_clock::now();
    const auto loaded = load_config(text);
    const auto took = std::chrono::steady_clock::now() - begin;
    ASSERT_THAT(loaded.findings, SizeIs(0));
    EXPECT_THAT(loaded.config->sites, SizeIs(10'000));
    std::cout << "10,000 sites, " << text.size() / 1024
              << " KiB: " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms\n";
    EXPECT_LT(took, std::chrono::seconds{20});  // wide: a quadratic check would take minutes
}

// The worst case for checks that compare: all of them clash.
TEST(ConfigFile, TenThousandSitesThatAreAllTheSame) {
    std::string text = large_relay(0);
    for (int i = 0; i < 10'000; ++i) {
        text +=
            "[[site]]\nname = \"a\"\nprefixes = [\"fd12:3456:789a:a::/64\"]\n[[site.router]]\nnode = \"a1\"\n"
            "address = \"fd99::a1\"\npublic_key = \"YW4gZXhhbXBsZTogdGhlIGtleSBvZiBub2RlIGExLi4=\"\n";
    }
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(load_config(text).findings, SizeIs(1001));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{20});
}

}  // namespace
}  // namespace ulagate::config_file_test
