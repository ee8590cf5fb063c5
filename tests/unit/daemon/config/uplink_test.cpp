// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/uplink.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/ipv4_prefix.h"
#include "tests/unit/daemon/config/text.h"

// [[uplink]], LANs with gateway = true, and what the two have to agree on.
namespace ulagate::config_uplink_test {
namespace {

using config_text::expect;
using config_text::findings;
using config_text::kEdge;
using config_text::with_end;
using config_text::with_line;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

// The smallest file with a country and these lines behind it; the first of them is line 20.
std::string with(std::string_view lines) {
    return with_end(kEdge, fmt::format("\n[appliance]\ncountry = \"DE\"\n{}", lines));
}

std::vector<UplinkConfig> loaded(std::string_view lines) {
    const auto result = load_config(with(lines));
    EXPECT_TRUE(result.config) << lines;
    return result.config ? result.config->appliance->uplinks : std::vector<UplinkConfig>{};
}

struct Lines {
    std::string lines;
    std::string expected;  // how the only finding begins; empty: there is none
};

void expect_lines(const std::vector<Lines>& cases) {
    for (const auto& [lines, expected] : cases) {
        SCOPED_TRACE(lines);
        if (expected.empty()) {
            EXPECT_THAT(findings(with(lines)), IsEmpty());
        } else {
            EXPECT_THAT(findings(with(lines)), ElementsAre(StartsWith(expected)));
        }
    }
}

std::string ethernet(std::string_view lines) {
    return fmt::format("[[uplink]]\nkind = \"ethernet\"\ninterface = \"eth1\"\n{}\n", lines);
}
std::string wifi(std::string_view lines) {
    return fmt::format("[[uplink]]\nkind = \"wifi\"\ninterface = \"wlan1\"\n{}\n", lines);
}

net::Ipv4Prefix ipv4(std::string_view text) { return net::parse_ipv4_prefix(text).value(); }

TEST(UplinkConfig, EveryKeyArrivesInOrder) {
    const auto uplinks = loaded(R"([[uplink]]
kind = "ethernet"
interface = "eth1"
vlan = 7
[uplink.pppoe]
user = "me@provider"
password = "of \"pppoe\""
[[uplink]]
kind = "ethernet"
interface = "eth1"
addresses = "static"
address = ["192.0.2.2/24", "2001:db8::2/64"]
gateway = ["192.0.2.1", "fe80::1"]
dns = ["9.9.9.9", "2620:fe::fe"]
[[uplink]]
kind = "wifi"
interface = "wlan1"
ssid = "theirs"
password = "12345678"
hidden = true
[[uplink]]
kind = "usb"
)");
    ASSERT_THAT(uplinks, SizeIs(4));
    EXPECT_EQ(uplinks[0].vlan, 7);
    EXPECT_EQ(uplink_interface(uplinks[0]), "eth1.7");
    EXPECT_EQ(uplinks[0].pppoe, (UplinkConfig::Pppoe{"me@provider", "of \"pppoe\""}));
    EXPECT_FALSE(uplinks[0].fixed || uplinks[0].wifi);
    ASSERT_TRUE(uplinks[1].fixed);
    EXPECT_EQ(uplink_interface(uplinks[1]), "eth1");
    EXPECT_THAT(uplinks[1].fixed->addresses,
                ElementsAre(net::IpPrefix{ipv4("192.0.2.2/24")},
                            net::IpPrefix{*net::parse_ipv6_prefix("2001:db8::2/64")}));
    EXPECT_THAT(uplinks[1].fixed->gateways,
                ElementsAre(*net::parse_ip("192.0.2.1"), *net::parse_ip("fe80::1")));
    EXPECT_THAT(uplinks[1].fixed->dns, ElementsAre(*net::parse_ip("9.9.9.9"), *net::parse_ip("2620:fe::fe")));
    EXPECT_EQ(uplinks[2].kind, UplinkConfig::Kind::wifi);
    EXPECT_EQ(uplinks[2].wifi, (UplinkConfig::Wifi{"theirs", "12345678", true}));
    EXPECT_EQ(uplinks[3].kind, UplinkConfig::Kind::usb);
    EXPECT_EQ(uplink_interface(uplinks[3]), "");
}

TEST(UplinkConfig, Kinds) {
    expect_lines({
        {"[[uplink]]\ninterface = \"eth1\"", "t:20: uplink.kind: is missing; add kind = \"ethernet\""},
        {"[[uplink]]\nkind = \"lte\"",
         "t:21: uplink.kind: \"lte\" is not one of \"ethernet\", \"wifi\", \"usb\""},
        {"[[uplink]]\nkind = \"ethernet\"", "t:20: uplink.interface: is missing; add interface = \"eth1\""},
        {"[[uplink]]\nkind = \"usb\"\ninterface = \"usb0\"", ""},
        {"[[uplink]]\nkind = \"usb\"\nvlan = 5", "t:22: uplink.vlan: needs an interface; name it too"},
        {"[uplink]\nkind = \"usb\"", "t:20: uplink: a single table stands where a list of tables belongs"},
        {"[[uplink]]\nkind = \"ethernet\"\ninterface = \"lo\"",
         "t:22: uplink.interface: \"lo\" is not an uplink"},
        {"[[uplink]]\nkind = \"ethernet\"\ninterface = \"ulg-r1\"",
         "t:22: uplink.interface: \"ulg-r1\" has the name"},
        {ethernet("metric = 7"), "t:23: uplink: \"metric\" is not a known key; known here: "},
        {ethernet("vlan = 4094"), ""},
        {ethernet("vlan = 0"), "t:23: uplink.vlan: 0 is out of range; choose 1 to 4094"},
        {ethernet("vlan = 4095"), "t:23: uplink.vlan: 4095 is out of range"},
        {"[[uplink]]\nkind = \"ethernet\"\ninterface = \"enx0123456789a\"\nvlan = 7",
         "t:23: uplink.vlan: makes the interface \"enx0123456789a.7\", but a name has at most 15 characters"},
        {ethernet("ssid = \"x\""), "t:23: uplink.ssid belongs to kind = \"wifi\"; remove it, or change kind"},
        {ethernet("password = \"x\""), "t:23: uplink.password belongs to kind = \"wifi\"; remove it"},
        {ethernet("hidden = true"), "t:23: uplink.hidden belongs to kind = \"wifi\""},
        {wifi(""), "t:20: uplink.ssid: is missing"},
        {wifi("ssid = \"open\""), ""},
        {wifi("ssid = \"x\"\npassword = \"short\""), "t:24: uplink.password: cannot be the password"},
        {wifi("ssid = \"x\"\nvlan = 3"), "t:24: uplink.vlan is for cables; remove it"},
        {wifi("ssid = \"x\"\n[uplink.pppoe]\nuser = \"x\""), "t:24: uplink.pppoe needs kind = \"ethernet\""},
    });
    EXPECT_THAT(findings(with_end(kEdge, wifi("ssid = \"x\""))),
                ElementsAre(StartsWith("t: appliance.country: is missing, but it decides what a radio")));
}

TEST(UplinkConfig, Pppoe) {
    expect_lines({
        {ethernet("[uplink.pppoe]\nuser = \"u\"\npassword = \"p\""), ""},
        {ethernet("[uplink.pppoe]\nuser = \"u\""), "t:23: uplink.pppoe.password: is missing"},
        {ethernet("[uplink.pppoe]\nuser = \"\"\npassword = \"p\""),
         "t:24: uplink.pppoe.user: must have 1 to 255"},
        {ethernet("[uplink.pppoe]\nuser = \"u\"\npassword = \"p\\nq\""),
         "t:25: uplink.pppoe.password: must have"},
        {ethernet("[uplink.pppoe]\nuser = \"u\"\npassword = \"p\"\nmtu = 1492"),
         "t:26: uplink.pppoe: \"mtu\" is not"},
        {ethernet("addresses = \"static\"\naddress = [\"192.0.2.2/24\"]\ngateway = "
                  "[\"192.0.2.1\"]\n[uplink.pppoe]\n"
                  "user = \"u\"\npassword = \"p\""),
         "t:23: uplink.addresses: \"static\" cannot be combined with"},
        {ethernet("password = \"p\"\n[uplink.pppoe]\nuser = \"u\"\npassword = \"p\""),
         "t:23: uplink.password belongs to kind = \"wifi\"; that of PPPoE goes into [uplink.pppoe]"},
    });
}

TEST(UplinkConfig, StaticAddresses) {
    const auto fixed = [](std::string_view address, std::string_view gateway) {
        return ethernet(
            fmt::format("addresses = \"static\"\naddress = [{}]\ngateway = [{}]", address, gateway));
    };
    expect_lines({
        {fixed(R"("192.0.2.2/24")", R"("192.0.2.1")"), ""},
        {fixed(R"("192.0.2.2/31")", R"("192.0.2.3")"), ""},
        {fixed(R"("2001:db8::2/64")", R"("2001:db8::1")"), ""},
        {fixed("", R"("192.0.2.1")"), "t:20: uplink.address: is missing; add address = [\"192.0.2.2/24\"]"},
        {fixed(R"("192.0.2.2/24")", ""), "t:20: uplink.gateway: is missing; add gateway = [\"192.0.2.1\"]"},
        {fixed(R"("192.0.2.2")", R"("192.0.2.1")"),
         "t:24: uplink.address: \"192.0.2.2\" is not an address with the"},
        {fixed(R"("192.0.2.0/24")", R"("192.0.2.1")"),
         "t:24: uplink.address: 192.0.2.0/24 cannot be the address"},
        {fixed(R"("192.0.2.255/24")", R"("192.0.2.1")"), "t:24: uplink.address: 192.0.2.255/24 cannot be"},
        {fixed(R"("fe80::2/64")", R"("fe80::1")"), "t:24: uplink.address: fe80::2/64 cannot be"},
        {fixed(R"("127.0.0.2/8")", R"("192.0.2.1")"), "t:24: uplink.address: "},
        {fixed(R"("192.0.2.2/24")", R"("192.0.3.1")"),
         "t:25: uplink.gateway: 192.0.3.1 is not in the network of"},
        {fixed(R"("192.0.2.2/24")", R"("192.0.2.2")"),
         "t:25: uplink.gateway: 192.0.2.2 is not in the network"},
        {fixed(R"("192.0.2.2/24")", R"("fe80::1")"), "t:25: uplink.gateway: fe80::1 is not in the network"},
        {fixed(R"("192.0.2.2/24")", R"("192.0.2.1", "192.0.2.3")"),
         "t:25: uplink.gateway: has two of one family"},
        {fixed(R"("fd12:3456:789a:c::2/64")", R"("fe80::1")"),
         "t:24: uplink.address: fd12:3456:789a:c::2/64 is in overlay.prefix fd12:3456:789a::/48"},
        {ethernet("address = [\"192.0.2.2/24\"]"),
         "t:23: uplink.address belongs to addresses = \"static\"; write that"},
        {ethernet("dns = [\"9.9.9.9\"]"), "t:23: uplink.dns belongs to addresses = \"static\""},
        {ethernet("addresses = \"dhcp\""),
         "t:23: uplink.addresses: \"dhcp\" is not one of \"automatic\", \"static\""},
    });
}

TEST(UplinkConfig, TwoAlike) {
    const std::string usb = "[[uplink]]\nkind = \"usb\"\n";
    expect_lines({
        {ethernet("") + ethernet("vlan = 7"), ""},
        {ethernet("") + ethernet(""), "t:26: uplink.interface: \"eth1\" is already the uplink in line 22"},
        {ethernet("vlan = 7") + ethernet("vlan = 7"),
         "t:26: uplink.interface: \"eth1.7\" is already the uplink"},
        {usb + usb, "t:22: uplink.interface: is missing here and in line 20, so both match any USB device"},
        {usb + "[[uplink]]\nkind = \"usb\"\ninterface = \"usb0\"", ""},
        {wifi("ssid = \"a\"") + wifi("ssid = \"b\""), ""},
        {wifi("ssid = \"a\"") + wifi("ssid = \"a\""),
         "t:26: uplink.interface: \"wlan1\" already looks for the network \"a\" in line 22"},
        {wifi("ssid = \"a\"") + "[[uplink]]\nkind = \"ethernet\"\ninterface = \"wlan1\"",
         "t:26: uplink.interface: \"wlan1\" is already the uplink in line 22"},
    });
    std::string many;
    for (int i = 0; i < 17; ++i)
        many += fmt::format("[[uplink]]\nkind = \"ethernet\"\ninterface = \"e{}\"\n", i);
    expect_lines({{many, "t:68: uplink: at most 16 are allowed; remove the rest"}});
}

TEST(UplinkConfig, AndLans) {
    const auto file = [](std::string_view lan, std::string_view uplink) {
        return with_line(kEdge, 8, fmt::format("{}\n{}", kEdge[7], lan)) + std::string{uplink};
    };
    const std::string same = "[[uplink]]\nkind = \"ethernet\"\ninterface = \"eth0\"\n";
    // One cable for both.
    EXPECT_THAT(findings(file("", same)), IsEmpty());
    EXPECT_THAT(
        findings(file("gateway = true", same)),
        ElementsAre(
            "t:20: uplink.interface: \"eth0\" is the LAN of line 7, and its hosts have their internet "
            "from here (gateway = true), so it cannot be there; name another interface"));
    EXPECT_THAT(findings(file("gateway = true", same + "vlan = 7\n")), IsEmpty());
    const std::string radio =
        "[appliance]\ncountry = \"DE\"\n[[uplink]]\nkind = \"wifi\"\ninterface = \"eth0\"\nssid = "
        "\"x\"\n[wifi_ap]\ninterface = \"eth0\"\nssid = \"y\"\npassword = \"12345678\"\n";
    EXPECT_THAT(findings(file("gateway = true", radio)),
                ElementsAre(HasSubstr("\"eth0\" is the LAN of line 7")));
    EXPECT_THAT(
        findings(file("", radio)),
        ElementsAre(HasSubstr("\"eth0\" is the access point of line 25, and one radio cannot be both"),
                    HasSubstr("warning: wifi_ap.interface: \"eth0\" is a LAN without gateway")));
}

// --- gateway = true ---

Config gateway(std::string_view lines) {
    const auto text = with_line(kEdge, 8, fmt::format("{}\ngateway = true\n{}", kEdge[7], lines));
    EXPECT_THAT(findings(text), IsEmpty());
    return load_config(text).config.value_or(Config{});
}

const ra::RecursiveDnsServers* dns(const LanConfig& lan) {
    for (const auto& option : lan.ra.advertisement.options) {
        if (const auto* found = std::get_if<ra::RecursiveDnsServers>(&option)) return found;
    }
    return nullptr;
}

TEST(GatewayConfig, HostsAreToldOfADefaultRouterAndItsDns) {
    const Config config = gateway("[[lan]]\ninterface = \"eth1\"\nprefix = \"fd12:3456:789a:b::/64\"");
    const LanConfig& lan = config.lans.at(0);
    EXPECT_EQ(lan.gateway, GatewayConfig{ipv4("192.168.83.1/24")});
    EXPECT_EQ(lan.ra.advertisement.router_lifetime.count(), 1800);
    ASSERT_NE(dns(lan), nullptr);
    EXPECT_THAT(dns(lan)->servers, ElementsAre(*net::parse_ipv6("fd12:3456:789a:a::1")));
    EXPECT_EQ(dns(lan)->lifetime.count(), 180U);
    // The other LAN, and a LAN as it was before.
    const LanConfig& other = config.lans.at(1);
    EXPECT_FALSE(other.gateway);
    EXPECT_EQ(other.ra.advertisement.router_lifetime.count(), 0);
    EXPECT_EQ(dns(other), nullptr);
    // And routes are what they are without it.
    const auto plain = load_config(with_line(kEdge, 0, "")).config.value();
    EXPECT_EQ(lan.ra.advertisement.options.at(1), plain.lans.at(0).ra.advertisement.options.at(1));
}

TEST(GatewayConfig, WhatIsWrittenWins) {
    EXPECT_EQ(
        gateway("[lan.ra]\nrouter_lifetime = \"1h\"").lans.at(0).ra.advertisement.router_lifetime.count(),
        3600);
    EXPECT_EQ(gateway("[lan.ra]\nmax_interval = \"700s\"\nroute_lifetime = \"1h\"")
                  .lans.at(0)
                  .ra.advertisement.router_lifetime.count(),
              2100);
    EXPECT_EQ(gateway("[lan.ra]\nmax_interval = \"65535s\"\nroute_lifetime = "
                      "\"1d\"\nprefix_preferred_lifetime = \"1d\"")
                  .lans.at(0)
                  .ra.advertisement.router_lifetime.count(),
              65535);
    EXPECT_THAT(dns(gateway("[lan.ra]\nrdnss = [\"fd00::53\"]").lans.at(0))->servers,
                ElementsAre(*net::parse_ipv6("fd00::53")));
    EXPECT_EQ(dns(gateway("[lan.ra]\nrdnss = []").lans.at(0)), nullptr);
    EXPECT_EQ(dns(gateway("[lan.ra]\ndns_lifetime = \"10m\"").lans.at(0))->lifetime.count(), 600U);
    EXPECT_EQ(gateway("[lan.ra]\nrouter_preference = \"high\"").lans.at(0).ra.advertisement.preference,
              ra::Preference::high);
}

TEST(GatewayConfig, Findings) {
    const auto with_gateway = [](std::string_view lines) { return fmt::format("{}\n{}", kEdge[7], lines); };
    const std::vector<Lines> cases{
        {"gateway = true\n[lan.ra]\nrouter_lifetime = \"0s\"",
         "t:11: lan.ra.router_lifetime: with 0s this is not a default"},
        {"ipv4 = \"192.168.9.1/24\"", "t:9: lan.ipv4 needs gateway = true, because without it"},
        {"gateway = false\nipv4 = \"192.168.9.1/24\"", "t:10: lan.ipv4 needs gateway = true"},
        {"gateway = \"yes\"", "t:9: lan.gateway: a text stands where true or false belongs"},
        {"gateway = true\nipv4 = \"192.168.9.1/24\"", ""},
        {"gateway = true\nipv4 = \"10.1.2.3/8\"", ""},
        {"gateway = true\nipv4 = \"172.31.255.254/29\"", ""},
        {"gateway = true\nipv4 = \"192.168.9.1\"",
         "t:10: lan.ipv4: \"192.168.9.1\" is not an IPv4 address with the"},
        {"gateway = true\nipv4 = \"fd00::1/64\"", "t:10: lan.ipv4: \"fd00::1/64\" is not an IPv4 address"},
        {"gateway = true\nipv4 = \"192.168.9.0/24\"",
         "t:10: lan.ipv4: 192.168.9.0/24 is a broadcast or network address"},
        {"gateway = true\nipv4 = \"192.168.9.255/24\"",
         "t:10: lan.ipv4: 192.168.9.255/24 is a broadcast or network"},
        {"gateway = true\nipv4 = \"192.168.9.1/30\"",
         "t:10: lan.ipv4: 192.168.9.1/30 leaves no addresses for"},
        {"gateway = true\nipv4 = \"172.32.0.1/24\"",
         "t:10: lan.ipv4: 172.32.0.1/24 is not in a private range (10.0.0.0/8"},
        {"gateway = true\nipv4 = \"192.168.9.1/12\"",
         "t:10: lan.ipv4: 192.168.9.1/12 is not in a private range (10.0.0.0/8"},
        {"gateway = true\n[lan.vrrp]\nid = 51\naddress = \"fe80::5eed\"\npriority = 200",
         "t:9: lan.gateway: cannot be combined with [lan.vrrp] yet, because both routers would have"},
    };
    for (const auto& [lines, expected] : cases) {
        SCOPED_TRACE(lines);
        expect(kEdge, {{8, with_gateway(lines), expected}});
    }
}

std::string second_lan(std::string_view first, std::string_view second) {
    return with_line(kEdge, 8,
                     fmt::format("{}\ngateway = true\n{}\n[[lan]]\ninterface = \"eth1\"\nprefix = "
                                 "\"fd12:3456:789a:b::/64\"\ngateway = true\n{}",
                                 kEdge[7], first, second));
}

TEST(GatewayConfig, EachLanHasANetworkOfItsOwn) {
    const auto networks = [](const std::string& text) {
        std::vector<std::string> out;
        const auto config = load_config(text).config.value_or(Config{});
        for (const auto& lan : config.lans)
            out.push_back(to_string(lan.gateway.value_or(GatewayConfig{}).ipv4));
        return out;
    };
    EXPECT_THAT(networks(second_lan("", "")), ElementsAre("192.168.83.1/24", "192.168.84.1/24"));
    EXPECT_THAT(networks(second_lan("", "ipv4 = \"192.168.83.7/24\"")),
                ElementsAre("192.168.84.1/24", "192.168.83.7/24"));
    EXPECT_THAT(networks(second_lan("ipv4 = \"192.168.0.1/16\"", "")),
                ElementsAre("192.168.0.1/16", "10.83.0.1/24"));
    EXPECT_THAT(networks(second_lan("", "") +
                         "[[uplink]]\nkind = \"ethernet\"\ninterface = \"eth9\"\naddresses = "
                         "\"static\"\naddress = [\"192.168.83.9/25\"]\ngateway = [\"192.168.83.10\"]"),
                ElementsAre("192.168.84.1/24", "192.168.85.1/24"));
    EXPECT_THAT(findings(second_lan("ipv4 = \"192.168.9.1/24\"", "ipv4 = \"192.168.9.129/25\"")),
                ElementsAre("t:15: lan.ipv4: 192.168.9.128/25 overlaps 192.168.9.0/24 (lan.ipv4 in line 10); "
                            "choose a network that does not overlap"));
    EXPECT_THAT(
        findings(with_line(kEdge, 8, fmt::format("{}\ngateway = true\nipv4 = \"192.168.9.1/24\"", kEdge[7])) +
                 "[[uplink]]\nkind = \"ethernet\"\ninterface = \"eth9\"\naddresses = \"static\"\naddress = "
                 "[\"192.168.9.9/25\"]\ngateway = [\"192.168.9.10\"]"),
        ElementsAre(
            "t:10: lan.ipv4: 192.168.9.1/24 overlaps 192.168.9.9/25 (uplink.address in line 23); choose "
            "another network for this LAN"));
}

TEST(GatewayConfig, NeedsTheRulesOfTheFirewall) {
    const auto mode = [](std::string_view name) {
        return findings(with_line(kEdge, 8, fmt::format("{}\ngateway = true", kEdge[7])) +
                        fmt::format("[firewall]\nmode = \"{}\"\n", name));
    };
    EXPECT_THAT(mode("appliance"), IsEmpty());
    EXPECT_THAT(mode("shared"),
                ElementsAre(StartsWith("t:19: warning: firewall.mode: \"shared\" does not protect the")));
    EXPECT_THAT(
        mode("off"),
        ElementsAre(StartsWith("t:19: warning: firewall.mode: with \"off\" nothing translates addresses")));
}

}  // namespace
}  // namespace ulagate::config_uplink_test
