// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "daemon/base/text.h"
#include "daemon/config/config.h"
#include "tests/unit/daemon/config/text.h"

// [appliance] and [wifi_ap], and files as they come from other people's editors.
namespace ulagate::config_appliance_test {
namespace {

using config_text::findings;
using config_text::kEdge;
using config_text::kRelay;
using config_text::with_end;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

constexpr std::string_view kKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFuIGV4YW1wbGUsIG5vYm9keSBoYXMgdGhpcyBrZXku";

// The smallest file with these lines behind a table's head in line 18.
std::string with(std::string_view table, std::string_view lines) {
    return with_end(kEdge, fmt::format("\n{}\n{}", table, lines));
}

ApplianceConfig loaded(const std::string& text) {
    const auto result = load_config(text);
    EXPECT_TRUE(result.config) << text;
    return result.config ? result.config->appliance.value_or(ApplianceConfig{}) : ApplianceConfig{};
}

struct Case {
    std::string lines;
    std::string expected;  // how the only finding begins; empty: there is none
};

void expect(std::string_view table, const std::vector<Case>& cases) {
    for (const auto& [lines, expected] : cases) {
        SCOPED_TRACE(lines);
        if (expected.empty()) {
            EXPECT_THAT(findings(with(table, lines)), IsEmpty());
        } else {
            EXPECT_THAT(findings(with(table, lines)), ElementsAre(StartsWith(expected)));
        }
    }
}

TEST(ApplianceConfig, NothingOfTheFirmwareInTheFile) {
    const auto result = load_config(with_end(kEdge, ""));
    ASSERT_TRUE(result.config);
    EXPECT_FALSE(result.config->appliance);
    EXPECT_THAT(result.config->firewall.input, SizeIs(1));
}

TEST(ApplianceConfig, Defaults) {
    ApplianceConfig expected;
    expected.hostname = "a1";
    EXPECT_EQ(loaded(with("[appliance]", "")), expected);
}

TEST(ApplianceConfig, EveryKeyArrives) {
    const auto config = loaded(with("[appliance]", fmt::format(R"(hostname = "gw-a"
ssh_keys = ["{0} me", "restrict,command=\"a b\" {0}"]
ssh_from = "anywhere"
time_servers = ["pool.ntp.org", "192.0.2.1", "2001:db8::1"]
country = "DE"
console_login = true)",
                                                               kKey)));
    EXPECT_EQ(config.hostname, "gw-a");
    EXPECT_THAT(config.ssh_keys,
                ElementsAre(fmt::format("{} me", kKey), fmt::format("restrict,command=\"a b\" {}", kKey)));
    EXPECT_EQ(config.ssh_from, ApplianceConfig::SshFrom::anywhere);
    EXPECT_THAT(config.time_servers, ElementsAre("pool.ntp.org", "192.0.2.1", "2001:db8::1"));
    EXPECT_EQ(config.country, "DE");
    EXPECT_TRUE(config.console_login);
}

TEST(ApplianceConfig, Words) {
    expect(
        "[appliance]",
        {
            {R"(hostname = "Gateway A")", R"(t:19: appliance.hostname: "Gateway A" is not a name; use)"},
            {R"(country = "de")", R"(t:19: appliance.country: "de" is not a country; write the two capital)"},
            {R"(country = "Germany")", R"(t:19: appliance.country: "Germany" is not a country)"},
            {R"(country = "")", R"(t:19: appliance.country: "" is not a country)"},
            {R"(time_servers = ["pool.ntp.org:123"])",
             R"(t:19: appliance.time_servers: "pool.ntp.org:123" is neither a host name nor)"},
            {R"(time_servers = ["224.0.1.1"])", "t:19: appliance.time_servers: "},
            {R"(time_servers = ["a","b","c","d","e","f","g","h"])", ""},
            {R"(time_servers = ["a","b","c","d","e","f","g","h","i"])",
             "t:19: appliance.time_servers: has more than 8; four are enough"},
            {R"(console_login = "yes")", "t:19: appliance.console_login: a text stands where true or false"},
            {R"(hostnam = "x")", R"(t:19: appliance: "hostnam" is not a known key; did you mean hostname?)"},
            {R"(root_password = "x")",
             R"(t:19: appliance: "root_password" is not a known key; known here: )"},
        });
    EXPECT_THAT(findings(with_end(kEdge, "\n[[appliance]]")),
                ElementsAre("t:18: appliance: there is only one; write [appliance] in single brackets"));
    EXPECT_THAT(findings(with_end(kEdge, "\n[wifi_ap]\n[appliance]\nx = 1\ny = 2")),
                Contains(StartsWith(R"(t:21: appliance: "y" is not)")));
}

std::string keys(std::string_view key) { return fmt::format("ssh_keys = [{}]", quote(key, 20'000)); }

TEST(ApplianceConfig, SshKeysLookLikeLinesOfAuthorizedKeys) {
    constexpr std::string_view kRefused =
        "t:19: appliance.ssh_keys: this is not a public ssh key; write the one";
    const std::string base64{kKey.substr(12)};
    std::vector<Case> cases{
        {keys(std::string{kKey}), ""},
        {fmt::format("ssh_keys = [\"{} m\xc3\xbcller\"]", kKey), ""},
        {keys("no-pty " + std::string{kKey}), ""},
        {keys("ecdsa-sha2-nistp256 "
              "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAABBAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="),
         ""},
        {"ssh_keys = []", ""},
        {keys("BEGIN OPENSSH PRIVATE KEY"),
         "t:19: appliance.ssh_keys: this is a private key, which must not"},
    };
    for (const std::string& bad :
         {std::string{}, std::string{"me@laptop"}, std::string{"ssh-ed25519"},
          "ssh-ed25519 " + base64.substr(0, 40), "ssh-rsa " + base64, "ssh-dss " + base64,
          "ssh-ed25519 " + base64 + "!", "command=\"open " + std::string{kKey},
          std::string{"/home/me/.ssh/id_ed25519.pub"}, std::string(9000, 'A')}) {
        cases.push_back({keys(bad), std::string{kRefused}});
    }
    expect("[appliance]", cases);
    // A line of its own would be a key of its own.
    expect("[appliance]", {{fmt::format(R"(ssh_keys = ["{0}\n{0}"])", kKey), std::string{kRefused}},
                           {fmt::format(R"(ssh_keys = ["{0}", "{0}"])", kKey),
                            "t:19: warning: appliance.ssh_keys: lists a key twice; remove one"}});
    const auto bad = findings(with("[appliance]", keys("ssh-ed25519 c2VjcmV0")));
    EXPECT_THAT(bad, ElementsAre(Not(HasSubstr("c2Vj"))));
}

TEST(ApplianceConfig, SshFrom) {
    expect("[appliance]",
           {
               {R"(ssh_from = "lan")", "t:19: warning: appliance.ssh_from: has no effect without ssh_keys"},
               {"ssh_keys = []\nssh_from = \"anywhere\"", "t:20: warning: appliance.ssh_from: has no effect"},
               {R"(ssh_from = "wan")",
                R"(t:19: appliance.ssh_from: "wan" is not one of "lan", "overlay", "anywhere")"},
           });
}

// Who reaches ssh is said in one place.
TEST(ApplianceConfig, SshKeysTakeSshOutOfTheFirewallsDefault) {
    const auto file = [](std::string_view from, std::string_view firewall) {
        return with("[appliance]",
                    fmt::format("{}\nssh_from = \"{}\"\n[firewall]\n{}", keys(kKey), from, firewall));
    };
    EXPECT_THAT(load_config(file("lan", "")).config->firewall.input, IsEmpty());
    EXPECT_THAT(load_config(with("[appliance]", "")).config->firewall.input, SizeIs(1));
    for (const char* input : {"tcp/22", "tcp", "any", "tcp/20-30"}) {
        EXPECT_THAT(
            findings(file("lan", fmt::format("input = [\"{}\"]", input))),
            ElementsAre("t:22: warning: firewall.input: opens ssh to more than appliance.ssh_from does; take "
                        "it out of here"));
    }
    for (const char* input : {"tcp/23", "udp", "udp/22", "tcp/23-30", "icmpv6"}) {
        EXPECT_THAT(findings(file("lan", fmt::format("input = [\"{}\"]", input))), IsEmpty());
    }
    EXPECT_THAT(findings(file("overlay", "input = [\"tcp/22\"]")), IsEmpty());
}

TEST(ApplianceConfig, OnARelay) {
    const auto relay = [](std::string_view lines) {
        return with_end(kRelay, fmt::format("\n[appliance]\n{}", lines));
    };
    EXPECT_EQ(loaded(relay(keys(kKey))).ssh_from, ApplianceConfig::SshFrom::overlay);
    EXPECT_THAT(findings(relay(keys(kKey) + "\nssh_from = \"lan\"")),
                ElementsAre(StartsWith(
                    "t:18: appliance.ssh_from: \"lan\" allows no access, because a relay has no")));
    EXPECT_THAT(findings(relay("[[uplink]]\nkind = \"ethernet\"\ninterface = \"eth0\"")), IsEmpty());
    EXPECT_THAT(
        findings(relay(
            "country = \"DE\"\n[wifi_ap]\ninterface = \"wlan0\"\nssid = \"x\"\npassword = \"12345678\"")),
        ElementsAre(StartsWith("t:19: wifi_ap.interface: \"wlan0\" is not the interface of a [[lan]]")));
    EXPECT_THAT(findings(relay(keys(kKey) + "\n[firewall]\ninput = [\"tcp/22\"]")),
                ElementsAre(StartsWith("t:19: warning: firewall.input: opens ssh to more")));
}

// An access point on the LAN of line 7, which is a gateway here.
std::string ap(std::string_view lines, std::string_view interface = "eth0") {
    auto file = kEdge;
    file.at(7) += "\ngateway = true";
    return with_end(file, fmt::format("\n[appliance]\ncountry = \"DE\"\n[wifi_ap]\ninterface = \"{}\"\n{}",
                                      interface, lines));
}
constexpr std::string_view kNetwork = "ssid = \"site a\"\npassword = \"12345678\"\n";

TEST(WifiApConfig, DefaultsAndEveryKey) {
    EXPECT_EQ(loaded(ap(kNetwork)).wifi_ap,
              (WifiApConfig{"eth0", "site a", "12345678", WifiApConfig::Security::wpa2,
                            WifiApConfig::Band::ghz_2_4, 0}));
    EXPECT_EQ(loaded(ap(fmt::format("{}security = \"wpa2+wpa3\"\nband = \"5GHz\"\nchannel = 36", kNetwork)))
                  .wifi_ap,
              (WifiApConfig{"eth0", "site a", "12345678", WifiApConfig::Security::wpa2_wpa3,
                            WifiApConfig::Band::ghz_5, 36}));
    EXPECT_EQ(loaded(ap(fmt::format("{}security = \"wpa3\"", kNetwork))).wifi_ap->security,
              WifiApConfig::Security::wpa3);
}

TEST(WifiApConfig, NeedsItsThreeKeysAndAWifiNeedsACountry) {
    EXPECT_THAT(findings(ap("")),
                ElementsAre(StartsWith("t:21: wifi_ap.ssid: is missing; add ssid = \"my site\""),
                            StartsWith("t:21: wifi_ap.password: is missing")));
    EXPECT_THAT(findings(ap("ssid = \"x\"\npassword = \"12345678\"\n[x]", "")),
                Contains(StartsWith("t:22: wifi_ap.interface: \"\" cannot be the name")));
    std::string without = ap(kNetwork);
    without.erase(without.find("country = \"DE\""), 14);
    EXPECT_THAT(findings(without),
                ElementsAre("t:19: appliance.country: is missing, but it decides what a radio may send; add "
                            "country = \"DE\" (or where this machine is) to "
                            "[appliance]"));
}

TEST(WifiApConfig, ItsInterfaceIsThatOfALan) {
    EXPECT_THAT(findings(ap(kNetwork, "wlan0")),
                ElementsAre("t:22: wifi_ap.interface: \"wlan0\" is not the interface of a [[lan]]; add a "
                            "[[lan]] with it, which the access point is to serve"));
    std::string plain = ap(kNetwork);
    plain.erase(plain.find("gateway = true"), 14);
    EXPECT_THAT(
        findings(plain),
        ElementsAre("t:22: warning: wifi_ap.interface: \"eth0\" is a LAN without gateway = true (line 7), so "
                    "phones get no IPv4 and no internet there; add that to the [[lan]]"));
}

TEST(WifiApConfig, ChannelsFitTheBand) {
    const auto channel = [](const char* band, int number) {
        return findings(ap(fmt::format("{}band = \"{}\"\nchannel = {}", kNetwork, band, number)));
    };
    for (const int good : {1, 6, 11, 13}) EXPECT_THAT(channel("2.4GHz", good), IsEmpty()) << good;
    for (const int bad : {14, 36, 165}) {
        EXPECT_THAT(
            channel("2.4GHz", bad),
            ElementsAre(StartsWith(fmt::format(
                "t:26: wifi_ap.channel: {} is not one of the band \"2.4GHz\"; choose 1 to 13", bad))));
    }
    for (const int good : {36, 40, 44, 48, 149, 153, 157, 161, 165})
        EXPECT_THAT(channel("5GHz", good), IsEmpty()) << good;
    for (const int radar : {52, 64, 100, 144}) {
        EXPECT_THAT(channel("5GHz", radar), ElementsAre(StartsWith("t:26: warning: wifi_ap.channel: ")))
            << radar;
    }
    for (const int bad : {1, 13, 37, 50, 68, 96, 145, 148, 150, 163}) {
        EXPECT_THAT(channel("5GHz", bad), ElementsAre(StartsWith("t:26: wifi_ap.channel: "))) << bad;
    }
    EXPECT_THAT(channel("5GHz", 0), ElementsAre("t:26: wifi_ap.channel: 0 is out of range; choose 1 to 165"));
    EXPECT_THAT(channel("5 GHz", 36), ElementsAre(StartsWith("t:25: wifi_ap.band: \"5 GHz\" is not one of")));
}

TEST(WifiApConfig, NamesAndPasswords) {
    const auto said = [](std::string_view ssid, std::string_view password) {
        return findings(ap(fmt::format("ssid = \"{}\"\npassword = \"{}\"", ssid, password)));
    };
    EXPECT_THAT(said(std::string(32, 'x'), "12345678"), IsEmpty());
    EXPECT_THAT(said("caf\xc3\xa9 \\\"x\\\"", "a pass phrase \\\" ~!"), IsEmpty());
    EXPECT_THAT(said(std::string(33, 'x'), "12345678"),
                ElementsAre("t:23: wifi_ap.ssid: has 33 bytes; the name of a Wi-Fi network has 1 to 32"));
    EXPECT_THAT(said("", "12345678"), ElementsAre(StartsWith("t:23: wifi_ap.ssid: has 0 bytes")));
    EXPECT_THAT(said("a\\nb", "12345678"),
                ElementsAre(StartsWith("t:23: wifi_ap.ssid: contains a control character")));
    EXPECT_THAT(said("x", std::string(63, 'x')), IsEmpty());
    for (const std::string& bad : {std::string{}, std::string{"1234567"}, std::string(64, 'a'),
                                   std::string{"12345678\\n"}, std::string{"p\xc3\xa4ssw\xc3\xb6rter"}}) {
        EXPECT_THAT(said("x", bad),
                    ElementsAre(StartsWith("t:24: wifi_ap.password: cannot be the password of a")));
    }
}

// Whatever is wrong with it or around it.
TEST(ApplianceConfig, PasswordsAreNeverShown) {
    for (const char* line : {"password = \"geheim\"", "password = geheim99", "password = true99geheim",
                             "password = 'geheim99", "password = \"geheim99", "password = \"\"\"geheim99",
                             "password = \"geheim\\x99\"", "password = 99887766", "password = [\"geheim99\"]",
                             "password = {geheim99 = 1}", "password = \"geheim99\" geheim99",
                             "password = \"geheim99\"\npassword = \"geheim99\"", "password = 2026-geheim"}) {
        SCOPED_TRACE(line);
        const auto said = findings(ap(fmt::format("ssid = \"x\"\n{}\n", line)));
        EXPECT_THAT(said, Not(IsEmpty()));
        for (const auto& finding : said) {
            EXPECT_THAT(finding,
                        AllOf(Not(HasSubstr("geheim")), Not(HasSubstr("998877")), Not(HasSubstr("'ge"))));
        }
    }
}

// Windows' editors write CRLF, and some a byte order mark.
TEST(ConfigFile, LineEndsAndByteOrderMarkOfWindows) {
    const std::string text = ap(fmt::format("{}# a comment\n", kNetwork));
    std::string windows = "\xef\xbb\xbf";
    for (const char c : text) windows += c == '\n' ? std::string{"\r\n"} : std::string{c};
    const auto plain = load_config(text);
    const auto from_windows = load_config(windows);
    ASSERT_TRUE(plain.config);
    EXPECT_THAT(from_windows.findings, IsEmpty());
    EXPECT_EQ(from_windows.config, plain.config);
    EXPECT_EQ(load_config("\xef\xbb\xbf" + text).config, plain.config);
    // And a finding is in the same line.
    const auto wrong = findings(windows + "wrong = 1\r\n");
    ASSERT_THAT(wrong, SizeIs(1));
    EXPECT_THAT(wrong[0], StartsWith(fmt::format("t:{}: wifi_ap: \"wrong\"",
                                                 std::count(text.begin(), text.end(), '\n') + 1)));
}

}  // namespace
}  // namespace ulagate::config_appliance_test
