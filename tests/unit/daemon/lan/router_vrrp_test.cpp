// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/plan.h"
#include "daemon/kernel/simulate.h"
#include "tests/unit/daemon/lan/router_vrrp_story.h"

// Who holds the address, and what follows for the neighbours and the advertisements, from start to failure.
namespace ulagate::lan_router_vrrp_test {
namespace {

using namespace lan_router_story;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

const std::string kNa = "na fe80::5eed";
const std::string kNaSite = "na fd12:3456:789a:a::1";

TEST(LanRouterVrrp, V20_TheOwnerIsActiveFromTheStart) {
    Story story{lan(255)};
    EXPECT_THAT(story.look(), ElementsAre("vrrp 255", "init -> active: the address is ours (priority 255)"));
    EXPECT_TRUE(story.router.wants_address());
    EXPECT_THAT(story.put_address(), ElementsAre(kNa, kNaSite, "ra"));
    EXPECT_THAT(story.wait(100ms), ElementsAre("vrrp 255"));
}

TEST(LanRouterVrrp, V21_OthersStartAsBackup) {
    Story story{lan(100)};
    EXPECT_THAT(story.look(), ElementsAre("init -> backup: started"));
    EXPECT_FALSE(story.router.wants_address());
    EXPECT_EQ(story.router.deadline(), kStart + 300ms + 60937500ns);
    EXPECT_THAT(story.look(), IsEmpty()) << "the same facts again are no event";
}

TEST(LanRouterVrrp, V22_ABackupIsSilent) {
    Story story = backup(lan(100));
    story.hear(200);
    EXPECT_THAT(story.solicit(), IsEmpty());
    EXPECT_EQ(story.router.counters().solicitations_received, 1U);
    for (int i = 0; i < 1000; ++i) {
        story.hear(200);
        EXPECT_THAT(story.wait(100ms), IsEmpty());
    }
    story.look();
    EXPECT_FALSE(story.router.wants_address());
    EXPECT_EQ(story.router.source(), std::nullopt);
    EXPECT_EQ(story.router.waiting_for(), "vrrp 51: backup of the active router");
}

// The address of a dead process of ours is not a source for the Backup.
TEST(LanRouterVrrp, V22_ABackupDoesNotUseALeftoverAddress) {
    Story story{lan(100)};
    story.addresses[{"eth0", {kVirtual, 128}}] = {true, false, false};
    EXPECT_THAT(story.look(), ElementsAre("init -> backup: started"));
    story.solicit();
    EXPECT_THAT(story.wait(300ms), IsEmpty());
    EXPECT_EQ(story.router.source(), std::nullopt);
}

TEST(LanRouterVrrp, V23_AStoppedBackupSaysNothing) {
    Story story = backup(lan(100));
    story.hear(200);
    EXPECT_THAT(story.record(story.router.hand_over(story.now)),
                ElementsAre("backup -> init: the daemon stops"));
    EXPECT_TRUE(story.router.done());
    EXPECT_THAT(story.wait(10s), IsEmpty());
}

TEST(LanRouterVrrp, V24_V30_TheNeighborsHearOfItBeforeTheAdvertisement) {
    Story story = backup(lan(100));
    EXPECT_THAT(story.wait(360ms), IsEmpty());
    EXPECT_THAT(story.wait(1ms), ElementsAre("vrrp 100", "backup -> active: no advertisement for 360 ms"));
    EXPECT_TRUE(story.router.wants_address());
    EXPECT_THAT(story.put_address(), ElementsAre(kNa, kNaSite, "ra"));
    EXPECT_THAT(story.sources, Each(kSelf));
    EXPECT_THAT(story.neighbors, Each(testing::Field(&SendNeighbor::link_address, kMac)));
    ASSERT_THAT(story.advertisements, SizeIs(1));
    EXPECT_EQ(story.advertisements[0].source, kVirtual);
    EXPECT_EQ(story.router.waiting_for(), "");
    EXPECT_THAT(without_vrrp(story.wait(10s)), ElementsAre(kNa, kNaSite, kNa, kNaSite))
        << "three times, RetransTimer apart (V-47)";
}

TEST(LanRouterVrrp, V30_TheFirstAdvertisementWaitsForThe3sRuleOnly) {
    Story story = backup(lan(100));
    story.wait(400ms);
    story.put_address();  // advertises
    story.wait(1s);
    story.hear(200);
    story.remove_address();
    EXPECT_FALSE(story.router.wants_address());
    EXPECT_THAT(story.hear(0), IsEmpty());
    EXPECT_THAT(story.wait(61ms), ElementsAre("vrrp 100", "backup -> active: fe80::2 has stopped"));
    EXPECT_THAT(story.put_address(), ElementsAre(kNa, kNaSite));
    EXPECT_THAT(story.wait(1938ms), Not(Contains("ra")));
    EXPECT_THAT(story.wait(1ms), Contains("ra")) << "3 s after the last one";
}

TEST(LanRouterVrrp, V30_SolicitationsAreAnsweredFromTheVirtualAddress) {
    Story story = active(lan(100));
    story.solicit();
    EXPECT_THAT(without_vrrp(story.wait(500ms)), ElementsAre("ra to fe80::a"));
    EXPECT_EQ(story.advertisements.back().source, kVirtual);
}

TEST(LanRouterVrrp, V32_R34_AHandOverIsNotAShutdown) {
    Story story = active(lan(100));
    EXPECT_THAT(story.record(story.router.hand_over(story.now)),
                ElementsAre("vrrp 0", "active -> init: the daemon stops"));
    EXPECT_FALSE(story.router.wants_address());
    EXPECT_TRUE(story.router.done());
    EXPECT_THAT(story.remove_address(), IsEmpty());
    EXPECT_THAT(story.wait(1h), IsEmpty());
    EXPECT_EQ(story.router.waiting_for(), "the daemon stops");
    EXPECT_THAT(story.record(story.router.hand_over(story.now)), IsEmpty()) << "once";
}

TEST(LanRouterVrrp, V34_WhoYieldsFallsSilent) {
    Story story = active(lan(100));
    EXPECT_THAT(story.hear(200), ElementsAre("active -> backup: fe80::2 has priority 200"));
    EXPECT_FALSE(story.router.wants_address());
    EXPECT_EQ(story.router.source(), std::nullopt) << "even before the kernel has removed the address";
    EXPECT_THAT(story.look(), IsEmpty());
    story.solicit();
    for (int i = 0; i < 100; ++i) {
        EXPECT_THAT(story.wait(100ms), IsEmpty());
        story.hear(200);
    }
}

TEST(LanRouterVrrp, V38_AnInterfaceThatIsDownEndsIt) {
    Story story = active(lan(100));
    const Addresses with_address = story.addresses;
    story.links["eth0"].running = false;
    EXPECT_THAT(story.look(), ElementsAre("active -> init: interface eth0 has no carrier"))
        << "nothing could be sent";
    EXPECT_FALSE(story.router.wants_address());
    EXPECT_TRUE(story.router.link_dead());
    EXPECT_EQ(story.router.deadline(), std::nullopt);
    story.links["eth0"].running = true;
    story.addresses.erase({"eth0", {kVirtual, 128}});
    EXPECT_THAT(story.look(), ElementsAre("init -> backup: started"));
    EXPECT_FALSE(story.router.link_dead());
    EXPECT_THAT(story.wait(361ms), Contains("vrrp 100"));

    // The same without the address to speak from: lost, being checked, a duplicate.
    story.put_address();
    for (const AddressState& state : {AddressState{false, true, false}, AddressState{false, false, true}}) {
        story.addresses[{"eth0", {kSelf, 64}}] = state;
        EXPECT_THAT(story.look(), ElementsAre(AllOf(HasSubstr(" -> init: interface eth0 has no usable"))));
        EXPECT_FALSE(story.router.wants_address());
        story.addresses[{"eth0", {kSelf, 64}}] = {};
        EXPECT_THAT(story.look(), ElementsAre("init -> backup: started"));
    }
    story.addresses.clear();
    EXPECT_THAT(story.look(), ElementsAre(HasSubstr("backup -> init: ")));
}

// The virtual address is not an address of the router's own, whoever has put it there.
TEST(LanRouterVrrp, V38_TheVirtualAddressIsNotItsOwn) {
    Story story{lan(100)};
    story.addresses = {{{"eth0", {kVirtual, 64}}, {}}, {{"eth0", {kVirtual, 128}}, {true, false, false}}};
    EXPECT_THAT(story.look(), IsEmpty());
    EXPECT_TRUE(story.router.link_dead());
    EXPECT_EQ(story.router.waiting_for(), "interface eth0 has no usable link-local address yet");
}

TEST(LanRouterVrrp, V39_AnAdvertisementThatWaitedMovesALateDeadline) {
    Story story = backup(lan(100));
    story.hear(200);
    story.now += 5s;  // the process stood still
    EXPECT_THAT(story.hear(200), IsEmpty());
    EXPECT_THAT(story.late(0s), IsEmpty());
    EXPECT_EQ(story.state(), vrrp::State::backup);
    EXPECT_THAT(story.wait(361ms), Contains("vrrp 100"));
}

TEST(LanRouterVrrp, V39_AStalledActiveRouterThatHeardAHigherOneYields) {
    Story story = active(lan(100));
    story.now += 2s;  // the lease holds
    EXPECT_THAT(story.hear(200), ElementsAre("active -> backup: fe80::2 has priority 200"));
    EXPECT_THAT(story.late(0s), IsEmpty());
}

TEST(LanRouterVrrp, V40_V42_WithAVirtualMacNothingNamesThePhysicalOne) {
    Story story = backup(virtual_mac_lan(100));
    EXPECT_EQ(story.router.sending_interface(), "ulg-v51");
    EXPECT_THAT(story.wait(361ms), ElementsAre("backup -> active: no advertisement for 360 ms"))
        << "its interface is down, and the advertisement must come from the virtual MAC";
    EXPECT_THAT(story.put_address(), ElementsAre("vrrp 100", kNa, kNaSite, "ra"));
    const net::MacAddress mac{{0x00, 0x00, 0x5e, 0x00, 0x02, 51}};
    EXPECT_THAT(story.neighbors, Each(testing::Field(&SendNeighbor::link_address, mac)));
    ASSERT_THAT(story.advertisements, SizeIs(1));
    EXPECT_THAT(story.advertisements[0].message.options,
                Contains(ra::Option{ra::SourceLinkLayerAddress{mac}}));
    EXPECT_THAT(story.sources, Each(kSelf));
    EXPECT_THAT(story.record(story.router.hand_over(story.now)), Contains("vrrp 0"));
}

TEST(LanRouterVrrp, V43_SaysNothingFromAnAddressThatIsNotReady) {
    Story story = backup(virtual_mac_lan(100));
    story.wait(361ms);
    const Words not_there{"vrrp 51: the virtual address is not there yet"};
    EXPECT_THAT(story.look(), IsEmpty());
    EXPECT_THAT(Words{story.router.waiting_for()}, not_there);
    story.links["ulg-v51"] = {9, false, false, 1500, vrrp::virtual_mac(51)};
    story.addresses[{"ulg-v51", {kVirtual, 128}}] = {true, false, false};
    EXPECT_THAT(story.look(), IsEmpty()) << "the interface is down";
    story.links["ulg-v51"].up = true;
    for (const AddressState& state : {AddressState{true, true, false}, AddressState{true, false, true}}) {
        story.addresses[{"ulg-v51", {kVirtual, 128}}] = state;
        EXPECT_THAT(story.look(), IsEmpty());
        EXPECT_THAT(without_vrrp(story.wait(200ms)), IsEmpty());
        EXPECT_THAT(Words{story.router.waiting_for()}, not_there);
    }
    story.addresses[{"ulg-v51", {kVirtual, 128}}] = {true, false, false};
    EXPECT_THAT(story.look(), ElementsAre("vrrp 100", kNa, kNaSite, "ra"));
}

TEST(LanRouterVrrp, V49_ALeftoverAddressIsRemovedBeforeTheBackupStarts) {
    Config config = fake::edge();
    config.lans = {lan(100)};
    Have have = fake::machine();
    have.addresses[{"eth0", {kVirtual, 128}}] = {true, false, false};  // of a process that was killed
    const auto steps = plan(desired(config, fake::facts(config), have), have);
    EXPECT_THAT(fake::described(steps), Contains("remove address fe80::5eed/128 on eth0"));
    for (const Step& step : steps) simulate(have, step);
    EXPECT_FALSE(have.addresses.contains({"eth0", {kVirtual, 128}}));

    // The Active router holds it, leased.
    Facts facts = fake::facts(config);
    facts.active_lans = {"eth0"};
    const AddressWish leased{false, true};
    EXPECT_EQ(desired(config, facts, have).addresses.at({"eth0", {kVirtual, 128}}), leased);
    EXPECT_EQ(desired(config, facts, have).addresses.at({"eth0", prefix("fd12:3456:789a:a::1/64")}), leased);
}

TEST(LanRouterVrrp, V50_AnnouncesAgainWhenALowerRivalIsGone) {
    Story story = active(lan(100));
    EXPECT_THAT(story.hear(50), ElementsAre("vrrp 100")) << "the split is over, and the other still speaks";
    // Its down interval, 300 ms and a skew of 80.5 ms, after its last word.
    EXPECT_THAT(without_vrrp(story.wait(380ms)), IsEmpty());
    EXPECT_THAT(without_vrrp(story.wait(1ms)), ElementsAre(kNa, kNaSite));
    EXPECT_THAT(without_vrrp(story.wait(2s)), ElementsAre(kNa, kNaSite, kNa, kNaSite));
}

TEST(LanRouterVrrp, V50_AnnouncesAgainWhenARivalSaysThatItStops) {
    Story story = active(lan(100));
    EXPECT_THAT(story.hear(0), ElementsAre("vrrp 100", kNa, kNaSite));
}

// The rival fell silent as soon as it heard us, so that only a relay that both talked to can tell of it.
TEST(LanRouterVrrp, V50_AnnouncesAgainWhenToldTo) {
    Story story = active(lan(100));
    const auto told = [&] { return story.record(story.router.announce_again(story.now)); };
    EXPECT_THAT(told(), ElementsAre(kNa, kNaSite));
    story.wait(500ms);
    EXPECT_THAT(told(), IsEmpty()) << "once a second is enough, whoever asks";
    EXPECT_THAT(without_vrrp(story.wait(499ms)), IsEmpty());
    EXPECT_THAT(without_vrrp(story.wait(3s)), ElementsAre(kNa, kNaSite, kNa, kNaSite, kNa, kNaSite));
    story.hear(200);
    EXPECT_THAT(told(), IsEmpty()) << "it is the other's now";
}

TEST(LanRouterVrrp, V51_WhoStoodStillForTheLeaseIsNotActiveAnyMore) {
    Story story = active(lan(100));
    EXPECT_THAT(story.late(3s), ElementsAre(AllOf(HasSubstr("active -> backup: the virtual address was not "
                                                            "renewed for 3."))))
        << "and says nothing: another router is Active by now";
    EXPECT_FALSE(story.router.wants_address());
    EXPECT_EQ(story.router.source(), std::nullopt);
    // Whatever it looks at first after the stall.
    Story other = active(lan(100));
    other.now += 3s;
    EXPECT_THAT(other.hear(50), ElementsAre(HasSubstr("active -> backup: the virtual address was not")));
    Story third = active(lan(100));
    third.now += 3s;
    EXPECT_THAT(third.remove_address(),
                ElementsAre(HasSubstr("active -> backup: the virtual address was not")));
}

TEST(LanRouterVrrp, V51_ALeaseThatIsRenewedHolds) {
    Story story = active(lan(100));
    story.router.address_renewed(story.now);
    for (int i = 0; i < 10; ++i) {
        EXPECT_THAT(story.late(2999ms), Contains("vrrp 100"));
        story.router.address_renewed(story.now);
    }
    EXPECT_EQ(story.state(), vrrp::State::active);
}

// Not yet put for the first time, it is not a reason to give up either, until as long as a lease is over.
TEST(LanRouterVrrp, V51_AnAddressThatCannotBePutIsGivenUpAfterALease) {
    Story story = backup(lan(100));
    story.late(361ms);
    EXPECT_EQ(story.state(), vrrp::State::active);
    EXPECT_THAT(story.late(2999ms), ElementsAre("vrrp 100"));
    EXPECT_THAT(story.late(1ms), ElementsAre(HasSubstr("active -> backup: the virtual address was not")));
}

TEST(LanRouterVrrp, AnAddressThatSomebodyRemovesIsAnnouncedWhenItIsBack) {
    Story story = active(lan(100));
    EXPECT_THAT(story.remove_address(), IsEmpty());
    EXPECT_TRUE(story.router.wants_address());
    EXPECT_EQ(story.router.source(), std::nullopt);
    EXPECT_THAT(without_vrrp(story.wait(300ms)), IsEmpty());
    EXPECT_THAT(without_vrrp(story.put_address()), ElementsAre(kNa, kNaSite, "ra"));
}

TEST(LanRouterVrrp, V06_V07_V36_WhatIsNotForItIsCountedAndNamed) {
    Story story = active(lan(100));
    const vrrp::Advertisement good{51, 200, vrrp::Centiseconds{10}, {kVirtual}};
    vrrp::Advertisement foreign = good;
    foreign.vrid = 52;
    EXPECT_THAT(story.hear(vrrp::build(foreign, kOther), kOther), IsEmpty());
    EXPECT_EQ(story.router.counters().vrrp_refused.of(vrrp::Refusal::unknown_vrid), 1U);
    EXPECT_THAT(story.hear(vrrp::build(good, kSelf), kSelf), IsEmpty());
    EXPECT_EQ(story.router.counters().vrrp_refused.of(vrrp::Refusal::own_source), 1U);
    EXPECT_THAT(story.router.last_refusal(), HasSubstr("vrrp from fe80::1: sent from our own address"));
    EXPECT_THAT(story.hear(vrrp::build(good, kHost), kOther), IsEmpty());
    EXPECT_EQ(story.router.counters().vrrp_refused.of(vrrp::Refusal::checksum), 1U);
    EXPECT_EQ(story.router.counters().vrrp_refused.total(), 3U);
    EXPECT_EQ(story.router.counters().vrrp_received, 0U);
    EXPECT_EQ(story.state(), vrrp::State::active);
}

}  // namespace
}  // namespace ulagate::lan_router_vrrp_test
