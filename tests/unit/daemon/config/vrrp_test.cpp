// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "daemon/config/config.h"
#include "tests/unit/daemon/config/text.h"

// [lan.vrrp] and [lan.vrrp.track].
namespace ulagate::config_vrrp_test {
namespace {

using namespace std::chrono_literals;
using config_text::findings;
using config_text::kEdge;
using config_text::with_line;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// What every [lan.vrrp] has; one of them is left out by its first letters.
std::string required(std::string_view without = "-") {
    std::string out;
    for (const std::string_view line : {R"(id = 51)", R"(address = "fe80::5eed")", R"(priority = 200)"}) {
        if (!line.starts_with(without)) out += fmt::format("{}\n", line);
    }
    return out;
}

// The smallest file whose LAN has this [lan.vrrp]; the first of the lines is line 10.
std::string vrrp(std::string_view lines) {
    return with_line(kEdge, 8, fmt::format("{}\n[lan.vrrp]\n{}", kEdge[7], lines));
}

// The lines behind the required ones; the first of them is line 13.
std::string more(std::string_view lines) { return vrrp(required() + std::string{lines}); }

VrrpConfig loaded(std::string_view text) {
    const auto result = load_config(text);
    EXPECT_TRUE(result.config) << text;
    return result.config ? result.config->lans.at(0).vrrp.value_or(VrrpConfig{}) : VrrpConfig{};
}

struct VrrpCase {
    std::string text;
    std::string_view expected;  // how the only finding begins; empty: there is none
};

void expect_vrrp(const std::vector<VrrpCase>& cases) {
    for (const auto& [text, expected] : cases) {
        SCOPED_TRACE(text);
        if (expected.empty()) {
            EXPECT_THAT(findings(text), IsEmpty());
        } else {
            EXPECT_THAT(findings(text), ElementsAre(StartsWith(std::string{expected})));
        }
        const bool error = !expected.empty() && expected.find(": warning: ") == std::string_view::npos;
        EXPECT_EQ(load_config(text).config.has_value(), !error);
    }
}

TEST(VrrpConfig, WithoutTheTableThereIsNoVirtualRouter) {
    EXPECT_EQ(load_config(with_line(kEdge, 0, "")).config->lans.at(0).vrrp, std::nullopt);
}

TEST(VrrpConfig, V28_Defaults) {
    VrrpConfig expected;
    expected.machine.vrid = 51;
    expected.machine.address = net::parse_ipv6("fe80::5eed").value();
    expected.machine.priority = 200;
    expected.machine.interval = vrrp::Centiseconds{10};
    expected.machine.preempt = true;
    expected.machine.preempt_delay = 10s;
    expected.machine.start_delay = 0s;
    expected.accept = false;
    expected.virtual_mac = false;
    expected.no_tunnel = 150;
    expected.no_uplink = 150;
    EXPECT_EQ(loaded(more("")), expected);
    EXPECT_EQ(loaded(more("[lan.vrrp.track]")), expected);
    EXPECT_EQ(loaded(more("[lan.vrrp.track]\ninterfaces = {}")), expected);
}

TEST(VrrpConfig, EveryKeyArrives) {
    const auto config = loaded(vrrp(R"(id = 7
address = "fe80::1"
priority = 1
interval = "40950ms"
preempt = false
preempt_delay = "1500ms"
start_delay = "3s"
accept = true
virtual_mac = true
[lan.vrrp.track]
tunnel = 0
uplink = 254
interfaces = { wwan0 = 0, "eth0.10" = 254, eth1 = 50 }
)"));
    EXPECT_EQ(config.machine.vrid, 7);
    EXPECT_EQ(to_string(config.machine.address), "fe80::1");
    EXPECT_EQ(config.machine.priority, 1);
    EXPECT_EQ(config.machine.interval, 40950ms);
    EXPECT_FALSE(config.machine.preempt);
    EXPECT_EQ(config.machine.preempt_delay, 1500ms);
    EXPECT_EQ(config.machine.start_delay, 3s);
    EXPECT_TRUE(config.accept);
    EXPECT_TRUE(config.virtual_mac);
    EXPECT_EQ(config.no_tunnel, 0);
    EXPECT_EQ(config.no_uplink, 254);
    EXPECT_THAT(config.tracked, ElementsAre(TrackedInterface{"eth0.10", 254}, TrackedInterface{"eth1", 50},
                                            TrackedInterface{"wwan0", 0}));
}

TEST(VrrpConfig, IdAddressAndPriorityHaveNoDefault) {
    EXPECT_THAT(findings(vrrp("")),
                ElementsAre("t:9: lan.vrrp.id: is missing; add id = 51",
                            "t:9: lan.vrrp.address: is missing; add address = \"fe80::5eed\"",
                            "t:9: lan.vrrp.priority: is missing; add priority = 100"));
    expect_vrrp({
        {vrrp(required("id")), "t:9: lan.vrrp.id: is missing"},
        {vrrp(required("id") + "id = 1"), ""},
        {vrrp(required("id") + "id = 255"), ""},
        {vrrp(required("id") + "id = 0"), "t:12: lan.vrrp.id: 0 is out of range; choose 1 to 255"},
        {vrrp(required("id") + "id = 256"), "t:12: lan.vrrp.id: 256 is out of range"},
        {vrrp(required("id") + "id = \"51\""),
         "t:12: lan.vrrp.id: a text stands where a whole number belongs; for example id = 51"},
        {vrrp(required("prio") + "priority = 1"), ""},
        {vrrp(required("prio") + "priority = 254"), ""},
        {vrrp(required("prio") + "priority = 255"), ""},
        {vrrp(required("prio") + "priority = 0"),
         "t:12: lan.vrrp.priority: 0 is out of range; choose 1 to 255"},
        {vrrp(required("prio") + "priority = 256"), "t:12: lan.vrrp.priority: 256 is out of range"},
    });
}

TEST(VrrpConfig, V11_TheVirtualAddressIsLinkLocal) {
    const auto address = [](std::string_view text) {
        return vrrp(required("addr") + fmt::format("address = \"{}\"", text));
    };
    expect_vrrp({
        {address("fe80::1"), ""},
        {address("fe80::ffff:ffff:ffff:ffff"), ""},
        {address("fe80::"),
         "t:12: lan.vrrp.address: fe80:: cannot be the address of a virtual router; choose"},
        {address("fe80:0:0:1::1"), "t:12: lan.vrrp.address: fe80:0:0:1::1 cannot be"},
        {address("fe90::1"), "t:12: lan.vrrp.address: fe90::1 cannot be"},
        {address("fd12:3456:789a:a::1"), "t:12: lan.vrrp.address: fd12:3456:789a:a::1 cannot be"},
        {address("ff02::12"), "t:12: lan.vrrp.address: ff02::12 cannot be"},
        {address("::"), "t:12: lan.vrrp.address: :: cannot be"},
        {address("fe80::1/64"),
         R"(t:12: lan.vrrp.address: "fe80::1/64" is not an IPv6 address; write one without)"},
        {address("fe80::1%eth0"), R"(t:12: lan.vrrp.address: "fe80::1%eth0" is not an IPv6 address)"},
        {address("192.0.2.1"), R"(t:12: lan.vrrp.address: "192.0.2.1" is not an IPv6 address)"},
        {vrrp(required("addr") + "address = 5"), "t:12: lan.vrrp.address: a number stands where a text"},
    });
}

TEST(VrrpConfig, V10_IntervalsAreWholeCentiseconds) {
    expect_vrrp({
        {more("interval = \"30ms\""), ""},
        {more("interval = \"1s\""), ""},
        {more("interval = \"40950ms\""), ""},
        {more("interval = \"40960ms\""),
         "t:13: lan.vrrp.interval: 40960ms is out of range; choose 10ms to 40950ms"},
        {more("interval = \"9ms\""), "t:13: lan.vrrp.interval: 9ms is out of range"},
        {more("interval = \"0s\""), "t:13: lan.vrrp.interval: 0s is out of range"},
        {more("interval = \"105ms\""),
         "t:13: lan.vrrp.interval: 105ms is not a multiple of 10ms, the unit in which it is sent; round "
         "it"},
        {more("interval = 100"),
         "t:13: lan.vrrp.interval: a number stands where a text in quotes belongs; for example interval = "
         "\"100ms\""},
        {more("interval = \"20ms\""),
         "t:13: warning: lan.vrrp.interval: 20ms is short: when a small machine is busy for three times as "
         "long"},
        {more("interval = \"10ms\""), "t:13: warning: lan.vrrp.interval: 10ms is short"},
    });
    EXPECT_EQ(loaded(more("interval = \"10ms\"")).machine.interval, vrrp::Centiseconds{1});
    EXPECT_EQ(loaded(more("interval = \"40950ms\"")).machine.interval, vrrp::Centiseconds{4095});
}

TEST(VrrpConfig, Delays) {
    for (const char* key : {"preempt_delay", "start_delay"}) {
        const auto with = [&](std::string_view value) {
            return more(fmt::format("{} = \"{}\"", key, value));
        };
        const std::string place = fmt::format("t:13: lan.vrrp.{}: ", key);
        EXPECT_THAT(findings(with("0s")), IsEmpty());
        EXPECT_THAT(findings(with("1000s")), IsEmpty());
        EXPECT_THAT(findings(with("1500ms")), IsEmpty());
        EXPECT_THAT(findings(with("1001s")),
                    ElementsAre(StartsWith(place + "1001s is out of range; choose 0s to 1000s")));
        EXPECT_THAT(findings(with("-1s")), ElementsAre(StartsWith(place + "\"-1s\" is not a duration")));
    }
}

TEST(VrrpConfig, Flags) {
    for (const char* key : {"preempt", "accept", "virtual_mac"}) {
        EXPECT_THAT(findings(more(fmt::format("{} = 1", key))),
                    ElementsAre(StartsWith(
                        fmt::format("t:13: lan.vrrp.{}: a number stands where true or false belongs", key))));
    }
}

TEST(VrrpConfig, Tracking) {
    const auto track = [](std::string_view lines) { return more("[lan.vrrp.track]\n" + std::string{lines}); };
    expect_vrrp({
        {track("tunnel = 0\nuplink = 254"), ""},
        {track("tunnel = 255"), "t:14: lan.vrrp.track.tunnel: 255 is out of range; choose 0 to 254"},
        {track("tunnel = -1"), "t:14: lan.vrrp.track.tunnel: -1 is out of range"},
        {track("uplink = 255"), "t:14: lan.vrrp.track.uplink: 255 is out of range; choose 0 to 254"},
        {track("uplink = true"), "t:14: lan.vrrp.track.uplink: true or false stands where a whole number"},
        {track("interfaces = { eth1 = 0 }"), ""},
        {track("interfaces = { eth1 = 255 }"),
         "t:14: lan.vrrp.track.interfaces.eth1: 255 is out of range; choose 0 to 254"},
        {track("interfaces = { eth1 = \"50\" }"),
         "t:14: lan.vrrp.track.interfaces.eth1: a text stands where a whole number belongs; for example eth1 "
         "= "
         "50"},
        {track("interfaces = { eth0.10 = 50 }"),
         "t:14: lan.vrrp.track.interfaces.eth0: is not followed by a number; a name with a dot needs quotes, "
         "like \"eth0.10\" = 50"},
        {track(R"(interfaces = { "a b" = 50 })"),
         "t:14: lan.vrrp.track.interfaces: \"a b\" cannot be the name of an interface"},
        {track(R"(interfaces = { "\u001b[31m" = 50 })"),
         R"(t:14: lan.vrrp.track.interfaces: "\x1b[31m" cannot be the name of an interface)"},
        {track("interfaces = { ulg-r1 = 50 }"),
         "t:14: lan.vrrp.track.interfaces: \"ulg-r1\" has the name of one of ulagate's own interfaces"},
        {track("interfaces = [\"eth1\"]"),
         "t:14: lan.vrrp.track.interfaces: a list stands where a table belongs"},
        {more("track = 150"), "t:13: lan.vrrp.track: a number stands where a table belongs"},
        {track("[lan.vrrp.track.interfaces]\neth1 = 255"),
         "t:15: lan.vrrp.track.interfaces.eth1: 255 is out of"},
    });
    EXPECT_THAT(loaded(track("[lan.vrrp.track.interfaces]\neth1 = 50")).tracked,
                ElementsAre(TrackedInterface{"eth1", 50}));
}

TEST(VrrpConfig, UnknownKeys) {
    expect_vrrp({
        {more("nopreemt = true"),
         "t:13: lan.vrrp: \"nopreemt\" is not a known key; known here: id, address, priority, "},
        {more("vrid = 51"), "t:13: lan.vrrp: \"vrid\" is not a known key; known here: id, "},
        {more("[lan.vrrp.track]\ninterface = 50"),
         "t:14: lan.vrrp.track: \"interface\" is not a known key; did you mean interfaces?"},
        {vrrp(required()).replace(vrrp(required()).find("[lan.vrrp]"), 10, "[[lan.vrrp]]"),
         "t:9: lan.vrrp: there is only one; write [lan.vrrp] in single brackets"},
    });
}

// What RFC 9568 says of the owner of an address leaves nothing to choose.
TEST(VrrpConfig, V28_V37_AnOwnerAlwaysPreemptsAndAccepts) {
    const auto owner = [](std::string_view lines) {
        return vrrp(required("prio") + "priority = 255\n" + std::string{lines});
    };
    EXPECT_TRUE(loaded(owner("")).accept);
    EXPECT_TRUE(loaded(owner("accept = false")).accept);
    EXPECT_FALSE(loaded(more("accept = false")).accept);
    expect_vrrp({
        {owner("preempt = true\naccept = true"), ""},
        {owner("preempt = false"),
         "t:13: warning: lan.vrrp.preempt: has no effect, because a router with priority 255"},
        {owner("accept = false"), "t:13: warning: lan.vrrp.accept: has no effect, because with priority 255"},
        {owner("[lan.vrrp.track]\ntunnel = 10"),
         "t:13: warning: lan.vrrp.track: has no effect, because priority 255 is never lowered"},
        {more("preempt = false\naccept = false\n[lan.vrrp.track]\ntunnel = 10"), ""},
        // One mistake, one message.
        {owner("preempt = 0"), "t:13: lan.vrrp.preempt: a number stands"},
    });
}

TEST(VrrpConfig, HostsThatAreNotToldOfTheRouterAreWarnedAbout) {
    expect_vrrp({
        {more("[lan.ra]\nadvertise = false"),
         "t:14: warning: lan.ra.advertise: if this is false, hosts do not learn of the virtual router of "
         "[lan.vrrp]"},
        {more("[lan.ra]\nadvertise = true"), ""},
        {more("[lan.ra]\nadvertise = 0"), "t:14: lan.ra.advertise: a number stands"},
    });
}

// The complete address in the prefix is one that the Active router has, whichever that is.
TEST(VrrpConfig, R40_RoutersOfASiteAdvertiseTheSame) {
    const std::string text = more("[lan.ra]\nrouter_address = true");
    std::string other = text;
    other.replace(other.find("node = \"a1\""), 11, "node = \"a2\"");
    const auto here = load_config(text).config->lans.at(0).ra;
    EXPECT_EQ(here, load_config(other).config->lans.at(0).ra);
    const auto& prefix = std::get<ra::PrefixInformation>(here.advertisement.options.at(0));
    EXPECT_EQ(to_string(prefix.prefix.address), "fd12:3456:789a:a::1");
}

// A file with two LANs, each with these lines in [lan.vrrp]; the ids are in lines 10 and 18.
std::string two_lans(std::string_view first, std::string_view second, std::string_view relay = "r1") {
    std::string text =
        vrrp(fmt::format("{}{}\n[[lan]]\ninterface = \"eth1\"\nprefix = \"fd12:3456:789a:b::/64\"\n"
                         "[lan.vrrp]\n{}{}",
                         required(), first, required(), second));
    const auto name = text.find("name = \"r1\"");
    return text.replace(name, 11, fmt::format("name = \"{}\"", relay));
}

TEST(VrrpConfig, TwoLansMayHaveTheSameVirtualRouter) {
    const auto both = load_config(two_lans("", ""));
    EXPECT_THAT(both.findings, IsEmpty());
    ASSERT_TRUE(both.config);
    EXPECT_EQ(both.config->lans.at(0).vrrp, both.config->lans.at(1).vrrp);
    EXPECT_THAT(findings(two_lans("virtual_mac = true", "")), IsEmpty());
}

TEST(VrrpConfig, TheInterfaceOfAVirtualMacIsNamedAfterItsId) {
    EXPECT_THAT(findings(two_lans("virtual_mac = true", "virtual_mac = true")),
                ElementsAre(StartsWith("t:18: lan.vrrp.id: 51 is already lan.vrrp.id in line 10; ")));
    EXPECT_THAT(findings(two_lans("virtual_mac = true", "", "v51")),
                ElementsAre(AllOf(HasSubstr(": relay.name: \"v51\" makes the interface \"ulg-v51\""),
                                  HasSubstr("lan.vrrp.id in line 10; choose another name"))));
    // Not this one's, but no tunnel can have the name of a virtual MAC: it would be no tunnel anywhere.
    EXPECT_THAT(
        findings(two_lans("virtual_mac = true", "", "v52")),
        ElementsAre(HasSubstr("\"v52\" makes the interface \"ulg-v52\", which is the name of a virtual "
                              "MAC's; choose another name")));
    EXPECT_THAT(findings(two_lans("", "", "v51")), ElementsAre(HasSubstr("choose another name")));
    EXPECT_THAT(findings(two_lans("", "", "v5x")), IsEmpty());
}

}  // namespace
}  // namespace ulagate::config_vrrp_test
