// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/appliance/clients/child_plan.h"
#include "image/appliance/clients/child_policy.h"
#include "image/appliance/clients/wifi_lines.h"
#include "image/appliance/state/save_policy.h"
#include "image/appliance/uplinks/net_steps.h"
#include "image/appliance/uplinks/ra_dns.h"

// Which programs run, when they start again, what they may say; and the small rules beside.
namespace ulagate::appliance::children_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr TimePoint kStart{1000s};

net::Ipv4Address ipv4(std::string_view text) { return net::parse_ipv4(text).value(); }
net::Ipv6Address ipv6(std::string_view text) { return net::parse_ipv6(text).value(); }

ChildPaths paths() {
    ChildPaths out;
    out.script = "/run/appliance/lease-event";
    out.host_key = "/run/appliance/ssh_host_key";
    out.dns_user = "nobody";
    out.consoles = {"tty1"};
    return out;
}

TEST(ChildPlan, EverythingAtOnce) {
    ApplianceConfig config;
    config.hostname = "box";
    config.country = "DE";
    config.ssh_keys = {"ssh-ed25519 AAAA me"};
    config.wifi_ap = WifiApConfig{"wlan0", "home", "12345678", {}, {}, 0};
    config.console_login = true;
    UplinkPlan uplinks;
    uplinks.dhcp = {{"eth0", 3}};
    uplinks.pppoe = {{"eth1", {"ppp-eth1", {"me", "secret"}}}};
    uplinks.wifi = {{"wlan1", {{"cafe", "", false}}}};
    const LinkTable links{{"wlan0", {}}};
    const auto plan = child_plan(config, {{"wlan0", {ipv4("192.168.83.1"), 24}}}, uplinks, links, paths());
    EXPECT_THAT(plan.problems, IsEmpty());
    EXPECT_THAT(plan.children,
                UnorderedElementsAre(Key("dhcp eth0"), Key("pppoe eth1"), Key("wifi wlan1"),
                                     Key("access point"), Key("dnsmasq"), Key("ssh"), Key("login tty1")));
    EXPECT_THAT(plan.children.at("dhcp eth0").argv,
                ElementsAre("busybox", "udhcpc", "-f", "-i", "eth0", "-s", "/run/appliance/lease-event", "-t",
                            "4", "-T", "1", "-A", "2", "-O", "121", "-O", "ntpsrv", "-x", "hostname:box"));
    EXPECT_EQ(plan.children.at("dhcp eth0").attempt, 3U);
    for (const auto& [name, child] : plan.children) {
        // Root's own sessions can do whatever has to be done; nobody else loads modules, mounts or reads what
        // is root's.
        const bool roots_own = name == "ssh" || name == "login tty1";
        EXPECT_EQ(child.capabilities == Capabilities::all(), roots_own) << name;
        for (const int number :
             {CAP_SYS_ADMIN, CAP_SYS_MODULE, CAP_DAC_OVERRIDE, CAP_SYS_PTRACE, CAP_SYS_BOOT})
            EXPECT_EQ(child.capabilities.contains(static_cast<unsigned>(number)), roots_own)
                << name << " " << number;
    }
    EXPECT_EQ(plan.children.at("wifi wlan1").capabilities, (Capabilities{CAP_NET_ADMIN, CAP_NET_RAW}));
    EXPECT_FALSE(plan.children.at("dhcp eth0").capabilities.contains(CAP_NET_ADMIN));
    EXPECT_THAT(plan.children.at("ssh").argv, ElementsAre("dropbear", "-F", "-E", "-s", "-m", "-k", "-r",
                                                          "/run/appliance/ssh_host_key", "-p", "22"));
    EXPECT_EQ(plan.children.at("ssh").files.at(0),
              (ChildFile{"/root/.ssh/authorized_keys", "ssh-ed25519 AAAA me\n", 0600, false}));
    for (const auto& [name, child] : plan.children) {
        for (const ChildFile& file : child.files) {
            EXPECT_EQ(file.mode == 0600, name != "dnsmasq") << name << " has secrets";
            for (const std::string& word : child.argv) EXPECT_EQ(word.find("secret"), std::string::npos);
        }
    }
}

TEST(ChildPlan, NothingRunsThatNobodyAskedFor) {
    EXPECT_THAT(child_plan({}, {}, {}, {}, paths()).children, IsEmpty());
    ApplianceConfig config;
    config.ssh_keys = {"ssh-ed25519 AAAA me"};
    auto without_key = paths();
    without_key.host_key.clear();
    EXPECT_THAT(child_plan(config, {}, {}, {}, without_key).children, IsEmpty());
}

TEST(ChildPlan, WhatCannotBeSaysWhyAndTheRestRuns) {
    ApplianceConfig config;
    config.hostname = "box";
    config.wifi_ap = WifiApConfig{"wlan0", "home", "12345678", {}, WifiApConfig::Band::ghz_5, 0};
    UplinkPlan uplinks;
    uplinks.dhcp = {{"eth0", 1}};
    EXPECT_THAT(child_plan(config, {}, uplinks, {}, paths()).problems,
                ElementsAre("Wi-Fi: there is no interface wlan0 for the access point"));
    const auto plan = child_plan(config, {}, uplinks, {{"wlan0", {}}}, paths());
    EXPECT_THAT(plan.problems, ElementsAre(testing::HasSubstr("set [appliance] country")));
    EXPECT_THAT(plan.children, ElementsAre(Key("dhcp eth0")));
}

TEST(ChildPlan, OtherServersChangeOneFileThatIsReadAgain) {
    ApplianceConfig config;
    config.hostname = "box";
    UplinkPlan uplinks;
    const std::vector<GatewayLan> lans{{"wlan0", {ipv4("192.168.83.1"), 24}}};
    const auto before = child_plan(config, lans, uplinks, {}, paths()).children.at("dnsmasq");
    uplinks.dns = {{ipv4("192.0.2.53"), ""}};
    const auto after = child_plan(config, lans, uplinks, {}, paths()).children.at("dnsmasq");
    EXPECT_EQ(before.argv, after.argv);
    ASSERT_THAT(after.files, SizeIs(2));
    EXPECT_EQ(before.files[0], after.files[0]);
    EXPECT_NE(before.files[1], after.files[1]);
    EXPECT_TRUE(after.files[1].read_on_hup);
}

TEST(Backoff, DoublesToAMinuteAndForgetsAfterOne) {
    Backoff backoff;
    TimePoint now = kStart;
    std::vector<std::chrono::seconds> waits;
    for (int i = 0; i < 9; ++i) {
        backoff.on_start(now);
        const auto again = backoff.on_end(now + 1s);
        waits.push_back(std::chrono::duration_cast<std::chrono::seconds>(again - (now + 1s)));
        now = again;
    }
    EXPECT_THAT(waits, ElementsAre(1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s, 60s));
    backoff.on_start(now);
    EXPECT_EQ(backoff.failures(true, now + 59s), 9U);
    EXPECT_EQ(backoff.failures(true, now + 60s), 0U) << "no problem any more";
    EXPECT_EQ(backoff.on_end(now + 60s), now + 61s);
}

TEST(OutputLines, AreCutAndCounted) {
    OutputLines lines;
    EXPECT_THAT(lines.take("one\ntw", kStart).lines, ElementsAre("one"));
    EXPECT_THAT(lines.take("o\n\n", kStart).lines, ElementsAre("two"));
    const auto cut = lines.take(std::string(5000, 'x') + "\n", kStart);
    ASSERT_THAT(cut.lines, SizeIs(1));
    EXPECT_EQ(cut.lines[0].size(), 303U);
    std::size_t logged = 0;
    for (int i = 0; i < 1000; ++i) logged += lines.take("again\n", kStart).log.size();
    EXPECT_LE(logged, 40U);
    EXPECT_THAT(lines.take("again\n", kStart + 10s).log, ElementsAre("(963 lines left out)", "again"));
}

TEST(OutputLines, ChatterIsHeardAndNotLogged) {
    OutputLines lines;
    const auto taken =
        lines.take("udhcpc: broadcasting discover\nudhcpc: lease of 192.0.2.7 obtained\n", kStart);
    EXPECT_THAT(taken.lines, SizeIs(2));
    EXPECT_THAT(taken.log, ElementsAre("udhcpc: lease of 192.0.2.7 obtained"));
}

TEST(NetSteps, FromNothingAndBackAndNothingTwice) {
    const NetAddress address{"eth0", net::Ipv4Prefix{ipv4("192.0.2.7"), 24}, 100};
    const NetRoute route{"eth0", net::Ipv4Prefix{}, ipv4("192.0.2.1"), 100};
    const std::map<NetAddress, std::optional<TimePoint>> until{{address, kStart + 600s}};
    EXPECT_THAT(net_steps(until, {route}, {}, {}),
                ElementsAre(NetStep{PutAddress{address, kStart + 600s}}, NetStep{PutRoute{route}}));
    EXPECT_THAT(net_steps(until, {route}, {{address}, {route}}, until), IsEmpty());
    EXPECT_THAT(net_steps({{address, kStart + 900s}}, {route}, {{address}, {route}}, until),
                ElementsAre(NetStep{PutAddress{address, kStart + 900s}}));
    EXPECT_THAT(net_steps({}, {}, {{address}, {route}}, until),
                ElementsAre(NetStep{DropRoute{route}}, NetStep{DropAddress{address}}));
    EXPECT_THAT(net_steps(until, {route}, {}, until), SizeIs(2)) << "the kernel has dropped it with the link";
}

TEST(RaDns, ServersOfAnOption) {  // RFC 8106 section 5.1
    std::vector<std::byte> option(24);
    option[0] = std::byte{25};
    option[1] = std::byte{3};
    option[7] = std::byte{60};
    option[8] = std::byte{0x20};
    option[23] = std::byte{0x53};
    EXPECT_THAT(rdnss_servers(option).value(), ElementsAre(ipv6("2000::53")));
    for (std::size_t size = 0; size < option.size(); ++size)
        EXPECT_FALSE(rdnss_servers(std::span{option}.first(size))) << size;
    option[7] = std::byte{0};
    EXPECT_THAT(rdnss_servers(option).value(), IsEmpty()) << "taken back";
    option[0] = std::byte{31};
    EXPECT_FALSE(rdnss_servers(option)) << "a search list";
}

TEST(SavePolicy, NewFilesSoonOthersSeldomAndTheClockInTime) {
    SavePolicy policy{{"clock"}, kStart};
    EXPECT_EQ(policy.deadline(), kStart + 10min);
    policy.on_change("clock", kStart + 10s);
    EXPECT_EQ(policy.deadline(), kStart + 60s);
    policy.on_change("routers", kStart + 11s);
    EXPECT_EQ(policy.deadline(), kStart + 11500ms);
    policy.on_saved(kStart + 11500ms);
    policy.on_change("routers", kStart + 12s);
    EXPECT_EQ(policy.deadline(), kStart + 71500ms);
    policy.on_saved(kStart + 71500ms);
    policy.on_change("clock", kStart + 9min);
    EXPECT_EQ(policy.deadline(), kStart + 9min + 500ms);
    EXPECT_GT(kClockLease, 10min) << "the time that is kept must hold until the next save";
}

TEST(WifiLines, Complaints) {
    EXPECT_EQ(wifi_complaint("wlan0: CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"x\" auth_failures=1 "
                             "duration=10 reason=WRONG_KEY"),
              "the password is wrong");
    EXPECT_EQ(wifi_complaint("wlan0: CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:00:01 completed"), "");
    EXPECT_EQ(wifi_complaint("wlan0: CTRL-EVENT-SCAN-STARTED"), std::nullopt);
}

TEST(WifiLines, ClientsOfTheAccessPoint) {
    ApClients clients;
    clients.on_line("wlan0: AP-STA-CONNECTED 02:00:00:00:01:00");
    clients.on_line("wlan0: AP-STA-CONNECTED 02:00:00:00:01:00");
    clients.on_line("wlan0: AP-STA-CONNECTED 02:00:00:00:02:00");
    clients.on_line("wlan0: AP-STA-CONNECTED 02:00");
    EXPECT_EQ(clients.count(), 2U);
    clients.on_line("wlan0: AP-STA-DISCONNECTED 02:00:00:00:01:00");
    EXPECT_EQ(clients.count(), 1U);
}

}  // namespace
}  // namespace ulagate::appliance::children_test
