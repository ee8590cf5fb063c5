// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/uplinks/uplinks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

// Stories of cables, phones and leases, in virtual time.
namespace ulagate::appliance::uplinks_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Eq;
using testing::IsEmpty;
using testing::Key;
using testing::Pair;
using testing::UnorderedElementsAre;
using State = UplinkReport::State;

constexpr TimePoint kStart{1000s};

net::Ipv4Address ipv4(std::string_view text) { return net::parse_ipv4(text).value(); }

UplinkConfig ethernet(const std::string& interface) {
    UplinkConfig out;
    out.interface = interface;
    return out;
}
UplinkConfig usb() {
    UplinkConfig out;
    out.kind = UplinkConfig::Kind::usb;
    return out;
}

Lease lease(std::string_view address, std::string_view router,
            std::optional<std::chrono::seconds> lifetime = 3600s) {
    Lease out;
    out.address = {ipv4(address), 24};
    out.routes = {{{}, ipv4(router)}};
    out.dns = {ipv4(router)};
    out.time_servers = {ipv4(router)};
    out.lifetime = lifetime;
    return out;
}

// The appliance's world: links come and go, clients get leases.
class Story {
public:
    explicit Story(Uplinks::Setup setup) : uplinks(std::move(setup)) {}

    void plug(const std::string& name, bool carrier = true, const std::string& driver = "bcmgenet") {
        LinkFacts facts;
        facts.up = facts.ethernet = true;
        facts.carrier = carrier;
        facts.driver = driver;
        links[name] = facts;
        uplinks.on_links(links, now);
    }
    void unplug(const std::string& name) {
        links.erase(name);
        uplinks.on_links(links, now);
    }
    void carrier(const std::string& name, bool there) {
        links.at(name).carrier = there;
        uplinks.on_links(links, now);
    }
    void get(const std::string& name, const Lease& one) { uplinks.on_lease(name, one, now); }
    void advance(std::chrono::milliseconds by) {
        const TimePoint until = now + by;
        for (;;) {
            const auto next = uplinks.deadline();
            if (!next || *next > until) break;
            ASSERT_GT(*next, now) << "a deadline that does not move";
            now = *next;
            uplinks.on_deadline(now);
        }
        now = until;
    }
    // Link and metric of each IPv4 default route.
    std::vector<std::pair<std::string, unsigned>> routes() {
        std::vector<std::pair<std::string, unsigned>> out;
        for (const NetRoute& route : uplinks.plan().routes) out.emplace_back(route.link, route.metric);
        return out;
    }
    State state(const std::string& name) {
        for (const auto& report : uplinks.reports())
            if (report.name == name) return report.state;
        ADD_FAILURE() << "no uplink " << name;
        return State::down;
    }
    std::string reason(const std::string& name) {
        for (const auto& report : uplinks.reports())
            if (report.name == name) return report.reason;
        return "no uplink " + name;
    }

    Uplinks uplinks;
    LinkTable links;
    TimePoint now = kStart;
};

TEST(Uplinks, CableOutPhoneInAndBack) {
    Story story{{{ethernet("eth0"), usb()}, {}, {}}};
    story.plug("eth0");
    EXPECT_THAT(story.uplinks.plan().dhcp, ElementsAre(Pair("eth0", 1)));
    EXPECT_EQ(story.reason("usb"), "nothing is plugged in");
    story.get("eth0", lease("192.0.2.7", "192.0.2.1"));
    EXPECT_THAT(story.routes(), ElementsAre(Pair("eth0", 100)));
    EXPECT_EQ(story.state("eth0"), State::in_use);

    story.carrier("eth0", false);
    EXPECT_THAT(story.routes(), IsEmpty());
    EXPECT_THAT(story.uplinks.plan().dhcp, IsEmpty());
    EXPECT_EQ(story.reason("eth0"), "no cable");

    // The kernel calls it as it likes: the driver tells.
    story.plug("enx02000000", true, "rndis_host");
    EXPECT_THAT(story.uplinks.plan().dhcp, ElementsAre(Pair("enx02000000", 1)));
    story.get("enx02000000", lease("192.168.42.20", "192.168.42.129"));
    EXPECT_THAT(story.routes(), ElementsAre(Pair("enx02000000", 200)));

    story.advance(10s);
    story.carrier("eth0", true);
    EXPECT_THAT(story.uplinks.plan().dhcp, UnorderedElementsAre(Pair("eth0", 2), Pair("enx02000000", 1)));
    EXPECT_EQ(story.state("enx02000000"), State::in_use) << "until the cable has an address";
    story.get("eth0", lease("192.0.2.8", "192.0.2.1"));
    EXPECT_THAT(story.routes(), UnorderedElementsAre(Pair("eth0", 100), Pair("enx02000000", 200)));
    EXPECT_EQ(story.state("eth0"), State::in_use);
    EXPECT_EQ(story.state("enx02000000"), State::standby);
    EXPECT_THAT(story.uplinks.plan().dns, ElementsAre(NameServer{ipv4("192.0.2.1"), ""}))
        << "only of who is in use";
}

TEST(Uplinks, BothAtOnceTheFirstOfTheListWinsWhateverComesFirst) {
    Story story{{{ethernet("b"), ethernet("a")}, {}, {}}};
    story.plug("a");
    story.plug("b");
    story.get("a", lease("192.0.2.7", "192.0.2.1"));
    EXPECT_EQ(story.state("a"), State::in_use);
    story.get("b", lease("198.51.100.7", "198.51.100.1"));
    EXPECT_EQ(story.state("b"), State::in_use);
    EXPECT_EQ(story.state("a"), State::standby);
    EXPECT_THAT(story.uplinks.plan().time_servers, ElementsAre(ipv4("198.51.100.1"), ipv4("192.0.2.1")));
}

TEST(Uplinks, ThePhoneIsPluggedInAgainTenTimes) {
    Story story{{{usb()}, {}, {}}};
    for (int i = 0; i < 10; ++i) {
        story.plug("usb0", true, "cdc_ether");
        EXPECT_THAT(story.uplinks.plan().dhcp, ElementsAre(Key("usb0"))) << "at once, for it is a new device";
        story.get("usb0", lease("192.168.42.20", "192.168.42.129"));
        EXPECT_EQ(story.state("usb0"), State::in_use);
        story.advance(100ms);
        story.unplug("usb0");
        EXPECT_THAT(story.routes(), IsEmpty());
        story.advance(100ms);
    }
}

TEST(Uplinks, EachCarrierIsANewAttemptButABouncingPlugIsNotOneEachTime) {
    Story story{{{ethernet("eth0")}, {}, {}}};
    story.plug("eth0");
    const auto attempts = [&] {
        const auto plan = story.uplinks.plan();
        return plan.dhcp.contains("eth0") ? plan.dhcp.at("eth0") : 0;
    };
    EXPECT_EQ(attempts(), 1U);
    unsigned starts = 1;
    for (int i = 0; i < 10; ++i) {
        story.advance(50ms);
        story.carrier("eth0", false);
        EXPECT_EQ(attempts(), 0U);
        story.advance(50ms);
        story.carrier("eth0", true);
        starts += attempts() > 0 ? 1U : 0U;
    }
    EXPECT_LE(starts, 2U);
    story.advance(2s);
    EXPECT_GT(attempts(), 0U) << "and in the end there is a client";
}

TEST(Uplinks, ALeaseThatNobodyRenewsEnds) {
    Story story{{{ethernet("eth0")}, {}, {}}};
    story.plug("eth0");
    story.get("eth0", lease("192.0.2.7", "192.0.2.1", 600s));
    EXPECT_EQ(story.uplinks.deadline(), kStart + 600s);
    EXPECT_THAT(story.uplinks.plan().addresses,
                ElementsAre(Pair(NetAddress{"eth0", net::Ipv4Prefix{ipv4("192.0.2.7"), 24}, 100},
                                 Eq(kStart + 600s))));
    story.advance(599s);
    EXPECT_EQ(story.state("eth0"), State::in_use);
    story.get("eth0", lease("192.0.2.7", "192.0.2.1", 600s));
    story.advance(599s);
    EXPECT_EQ(story.state("eth0"), State::in_use) << "renewed";
    story.advance(1s);
    EXPECT_EQ(story.state("eth0"), State::waiting);
    EXPECT_THAT(story.routes(), IsEmpty());
    EXPECT_THAT(story.uplinks.plan().addresses, IsEmpty());
    EXPECT_THAT(story.uplinks.plan().dhcp, ElementsAre(Pair("eth0", 1))) << "the client goes on";
}

TEST(Uplinks, ALeaseThatComesAfterTheCableIsOutCountsForNothing) {
    Story story{{{ethernet("eth0")}, {}, {}}};
    story.plug("eth0");
    story.carrier("eth0", false);
    story.get("eth0", lease("192.0.2.7", "192.0.2.1"));
    EXPECT_THAT(story.routes(), IsEmpty());
    story.carrier("eth0", true);
    EXPECT_THAT(story.routes(), IsEmpty());
    story.get("no-such-link", lease("192.0.2.7", "192.0.2.1"));
    EXPECT_THAT(story.routes(), IsEmpty());
}

TEST(Uplinks, Ipv6BeginsAfreshAfterAnAbsenceOnlyAndNeverOnALan) {
    Story story{{{ethernet("eth0"), ethernet("lan0")}, {}, {"lan0"}}};
    story.plug("eth0");
    story.plug("lan0");
    EXPECT_THAT(story.uplinks.plan().ipv6, IsEmpty());
    EXPECT_THAT(story.uplinks.plan().ra_metrics, UnorderedElementsAre(Pair("eth0", 100), Pair("lan0", 200)));
    for (const char* link : {"eth0", "lan0"}) {
        story.carrier(link, false);
        story.advance(1s);
        story.carrier(link, true);
    }
    EXPECT_THAT(story.uplinks.plan().ipv6, IsEmpty());
    for (const char* link : {"eth0", "lan0"}) {
        story.carrier(link, false);
        story.advance(3s);
        story.carrier(link, true);
    }
    EXPECT_THAT(story.uplinks.plan().ipv6, ElementsAre(Pair("eth0", 1))) << "a LAN's IPv6 is the router's";
}

TEST(Uplinks, AnUplinkWithIpv6AloneIsOne) {
    Story story{{{ethernet("eth0"), ethernet("eth1")}, {}, {}}};
    story.plug("eth0");
    story.plug("eth1");
    story.uplinks.on_ipv6_routers({"eth1"});
    story.uplinks.on_ipv6_dns("eth1",
                              {net::parse_ipv6("fe80::1").value(), net::parse_ipv6("2001:db8::53").value()});
    EXPECT_EQ(story.state("eth1"), State::in_use);
    EXPECT_EQ(story.reason("eth1"), "IPv6");
    EXPECT_EQ(story.state("eth0"), State::waiting);
    EXPECT_THAT(story.uplinks.plan().dns,
                ElementsAre(NameServer{net::parse_ipv6("fe80::1").value(), "eth1"},
                            NameServer{net::parse_ipv6("2001:db8::53").value(), ""}));
    story.get("eth0", lease("192.0.2.7", "192.0.2.1"));
    EXPECT_EQ(story.state("eth0"), State::in_use) << "one for each family";
    EXPECT_EQ(story.state("eth1"), State::in_use);
}

TEST(Uplinks, WithoutConfigurationEachEthernetThenTethering) {
    Story story{{{}, {"lan0"}, {"lan0"}}};
    story.plug("a-phone", true, "cdc_ncm");
    story.plug("eth0");
    story.plug("lan0");
    story.links["wlan0"].wireless = true;
    story.links["br0"].carrier = true;
    story.uplinks.on_links(story.links, story.now);
    EXPECT_THAT(story.uplinks.plan().dhcp, ElementsAre(Key("a-phone"), Key("eth0")));
    EXPECT_EQ(story.uplinks.plan().ra_metrics.at("eth0"), 100U);
    EXPECT_EQ(story.uplinks.plan().ra_metrics.at("a-phone"), 200U);
    EXPECT_EQ(story.uplinks.plan().ra_metrics.at("lan0"), 0U) << "a gateway believes no other router there";
}

TEST(Uplinks, TheLanIsAnUplinkTooWhereThereIsOneCable) {
    Story story{{{}, {}, {"eth0"}}};
    story.plug("eth0");
    EXPECT_THAT(story.uplinks.plan().dhcp, ElementsAre(Key("eth0")));
}

TEST(Uplinks, StaticAddressesWithVlan) {
    UplinkConfig uplink = ethernet("eth0");
    uplink.vlan = 7;
    uplink.fixed.emplace();
    uplink.fixed->addresses = {net::Ipv4Prefix{ipv4("192.0.2.2"), 24}};
    uplink.fixed->gateways = {ipv4("192.0.2.1")};
    uplink.fixed->dns = {ipv4("192.0.2.53")};
    Story story{{{uplink}, {}, {}}};
    story.plug("eth0");
    const auto plan = story.uplinks.plan();
    EXPECT_THAT(plan.vlans, ElementsAre(Pair("eth0.7", UplinkPlan::Vlan{"eth0", 7})));
    EXPECT_THAT(plan.up, ElementsAre("eth0", "eth0.7"));
    EXPECT_THAT(plan.dhcp, IsEmpty());
    EXPECT_EQ(plan.ra_metrics.at("eth0.7"), 0U);
    EXPECT_THAT(story.routes(), ElementsAre(Pair("eth0.7", 100)));
    EXPECT_EQ(story.state("eth0.7"), State::in_use);
    EXPECT_THAT(plan.dns, ElementsAre(NameServer{ipv4("192.0.2.53"), ""}));
    story.carrier("eth0", false);
    EXPECT_THAT(story.routes(), IsEmpty());
}

TEST(Uplinks, PppoeWaitsForItsVlanAndLeadsByTheSession) {
    UplinkConfig uplink = ethernet("eth0");
    uplink.vlan = 7;
    uplink.pppoe = {"me", "secret"};
    Story story{{{uplink}, {}, {}}};
    story.plug("eth0");
    EXPECT_THAT(story.uplinks.plan().pppoe, IsEmpty()) << "the VLAN has yet to be made";
    story.plug("eth0.7");
    EXPECT_THAT(story.uplinks.plan().pppoe,
                ElementsAre(Pair("eth0.7", UplinkPlan::Pppoe{"ppp-eth0.7", {"me", "secret"}})));
    EXPECT_EQ(story.reason("ppp-eth0.7"), "waiting for the provider (PPPoE)");
    Lease session;
    session.address = {ipv4("192.0.2.7"), 32};
    session.routes = {{}};
    story.get("ppp-eth0.7", session);
    EXPECT_THAT(story.routes(), ElementsAre(Pair("ppp-eth0.7", 100)));
    EXPECT_THAT(story.uplinks.plan().addresses, IsEmpty()) << "pppd has put it";
}

TEST(Uplinks, SeveralNetworksOfOneRadioAreOneUplink) {
    std::vector<UplinkConfig> both(2, ethernet("wlan0"));
    for (auto& uplink : both) uplink.kind = UplinkConfig::Kind::wifi;
    both[0].wifi = {"home", "password 1", false};
    both[1].wifi = {"phone", "", false};
    Story story{{both, {}, {}}};
    LinkFacts radio;
    radio.up = radio.wireless = true;
    story.links["wlan0"] = radio;
    story.uplinks.on_links(story.links, story.now);
    EXPECT_THAT(story.uplinks.plan().wifi,
                ElementsAre(Pair("wlan0", ElementsAre(*both[0].wifi, *both[1].wifi))));
    EXPECT_THAT(story.uplinks.reports(), testing::SizeIs(1));
    story.uplinks.on_complaint("wlan0", "the password is wrong");
    EXPECT_EQ(story.reason("wlan0"), R"(not connected to "home" or "phone": the password is wrong)");
    story.carrier("wlan0", true);
    EXPECT_EQ(story.reason("wlan0"), "waiting for an address");
    EXPECT_THAT(story.uplinks.plan().dhcp, ElementsAre(Key("wlan0")));
}

}  // namespace
}  // namespace ulagate::appliance::uplinks_test
