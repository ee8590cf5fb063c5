// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/daemon/lan/router_vrrp_story.h"

// Deductions, other configurations, and the end.
namespace ulagate::lan_router_vrrp_change_test {
namespace {

using namespace lan_router_story;
using testing::Contains;
using testing::Not;
using testing::SizeIs;

const std::string kNa = "na fe80::5eed";
const std::string kNaSite = "na fd12:3456:789a:a::1";
const Deduction kNoTunnel{"no relay can be reached", 150};
const Deduction kNoUplink{"no default route", 150};

Words deduct(Story& story, std::vector<Deduction> deductions) {
    return story.record(story.router.set_deductions(std::move(deductions), story.now));
}
Words configure(Story& story, LanConfig config) {
    return story.record(story.router.set_config(std::move(config), story.now));
}

TEST(LanRouterVrrpChange, V15_DeductionsAreToldAtOnceAndNeverReachZero) {
    Story story = active(lan(200));
    EXPECT_THAT(deduct(story, {kNoTunnel}), ElementsAre("vrrp 50"));
    EXPECT_THAT(deduct(story, {kNoTunnel}), IsEmpty()) << "nothing new";
    EXPECT_THAT(deduct(story, {kNoTunnel, kNoUplink}), ElementsAre("vrrp 1"));
    EXPECT_THAT(story.wait(100ms), ElementsAre("vrrp 1"));
    EXPECT_THAT(deduct(story, {}), ElementsAre("vrrp 200"));
}

TEST(LanRouterVrrpChange, V15_NothingIsTakenFromTheOwner) {
    Story story{lan(255)};
    story.look();
    story.put_address();
    EXPECT_THAT(deduct(story, {kNoTunnel}), IsEmpty());
    EXPECT_THAT(without_vrrp(story.wait(10s)), Not(Contains("vrrp 105")));
}

TEST(LanRouterVrrpChange, DeductionsHoldForANewConfigurationToo) {
    Story story = active(lan(200));
    deduct(story, {kNoTunnel});
    EXPECT_THAT(configure(story, lan(220)), ElementsAre("vrrp 70"));
    // Also for another virtual router.
    LanConfig other = lan(180);
    other.vrrp->machine.vrid = 52;
    configure(story, other);
    story.remove_address();
    EXPECT_THAT(story.wait(400ms), Contains("vrrp 30"));
}

TEST(LanRouterVrrpChange, ADeductionBeforeTheStartCounts) {
    Story story{lan(200)};
    EXPECT_THAT(deduct(story, {kNoTunnel}), IsEmpty());
    story.look();
    EXPECT_THAT(story.wait(400ms), Contains("vrrp 50"));
    Story plain{fake::edge().lans.at(0)};
    EXPECT_THAT(deduct(plain, {kNoTunnel}), IsEmpty()) << "without VRRP it means nothing";
}

TEST(LanRouterVrrpChange, ANewIntervalIsToldAtOnce) {
    Story story = active(lan(100));
    LanConfig slower = lan(100);
    slower.vrrp->machine.interval = vrrp::Centiseconds{100};
    EXPECT_THAT(configure(story, slower), ElementsAre("vrrp 100"));
    EXPECT_THAT(story.look(), IsEmpty());
    EXPECT_THAT(without_vrrp(story.wait(999ms)), IsEmpty());
    EXPECT_EQ(story.state(), vrrp::State::active);
}

TEST(LanRouterVrrpChange, AnotherVirtualRouterStartsAnew) {
    for (const auto& change : std::vector<std::function<void(VrrpConfig&)>>{
             [](VrrpConfig& vrrp) { vrrp.machine.vrid = 52; },
             [](VrrpConfig& vrrp) { vrrp.machine.address = address("fe80::77"); },
             [](VrrpConfig& vrrp) { vrrp.virtual_mac = true; }}) {
        Story story = active(lan(100));
        LanConfig other = lan(100);
        change(*other.vrrp);
        EXPECT_THAT(configure(story, other),
                    ElementsAre("vrrp 0", "active -> init: the configuration has changed"))
            << "the old one goes as in a hand-over";
        EXPECT_FALSE(story.router.wants_address());
        story.addresses.erase({"eth0", {kVirtual, 128}});
        EXPECT_THAT(story.look(), ElementsAre("init -> backup: started"));
        EXPECT_THAT(story.wait(361ms), Contains("backup -> active: no advertisement for 360 ms"));
    }
}

TEST(LanRouterVrrpChange, WithoutVrrpItSpeaksFromItsOwnAddress) {
    Story story = active(lan(100));
    LanConfig alone = lan(100);
    alone.vrrp.reset();
    EXPECT_THAT(configure(story, alone),
                ElementsAre("vrrp 0", "active -> init: the configuration has changed"));
    EXPECT_FALSE(story.router.wants_address());
    EXPECT_EQ(story.router.machine(), nullptr);
    story.wait(3s);
    EXPECT_THAT(story.remove_address(), ElementsAre("ra"));
    EXPECT_EQ(story.advertisements.back().source, kSelf);
    EXPECT_THAT(story.hear(200), IsEmpty());

    story.wait(100s);
    EXPECT_THAT(configure(story, lan(100)), ElementsAre("last ra"))
        << "and the other way round, nobody else speaks from the own address";
    EXPECT_EQ(story.advertisements.back().source, kSelf);
    EXPECT_THAT(story.look(), ElementsAre("init -> backup: started"));
    EXPECT_EQ(story.router.source(), std::nullopt);
}

TEST(LanRouterVrrpChange, AdvertisingSwitchedOffLeavesTheAddress) {
    Story story = active(lan(100));
    LanConfig quiet = lan(100);
    quiet.advertise = false;
    EXPECT_THAT(configure(story, quiet), ElementsAre("last ra"));
    EXPECT_TRUE(story.router.wants_address());
    EXPECT_THAT(story.look(), ElementsAre(kNa, kNaSite)) << "who holds the address is told";
    EXPECT_EQ(story.router.waiting_for(), "advertising is switched off in the configuration");
    EXPECT_THAT(without_vrrp(story.wait(100s)), ElementsAre(kNa, kNaSite, kNa, kNaSite, "last ra", "last ra"))
        << "and that it gives no route three times";
}

TEST(LanRouterVrrpChange, R35_AChangedAdvertisementIsToldByTheActiveRouterOnly) {
    LanConfig shorter = lan(100);
    for (auto& option : shorter.ra.advertisement.options) {
        if (auto* route = std::get_if<ra::RouteInformation>(&option)) route->lifetime = ra::Seconds{900};
    }
    Story story = active(lan(100));
    story.wait(3s);
    EXPECT_THAT(configure(story, shorter), ElementsAre("ra"));
    Story other = backup(lan(100));
    EXPECT_THAT(configure(other, shorter), IsEmpty());
}

TEST(LanRouterVrrpChange, R40_R43_TheOtherRouterOfTheSiteIsNoStrangerUntilBothSpeak) {
    const auto hear = [](Story& story) {
        ra::RouterAdvertisement theirs = story.router.config().ra.advertisement;
        theirs.options.emplace_back(ra::SourceLinkLayerAddress{net::MacAddress{{2, 0, 0, 0, 0, 0x99}}});
        return story.record(
            story.router.on_icmpv6(ra::build(theirs), {kVirtual, ra::kAllNodes, 255}, story.now));
    };
    Story standby = backup(lan(100));
    EXPECT_THAT(hear(standby), IsEmpty());
    EXPECT_EQ(standby.router.split_brain(standby.now), std::nullopt);
    Story speaking = active(lan(100));
    EXPECT_THAT(hear(speaking), IsEmpty()) << "the last word of the one before us";
    EXPECT_EQ(speaking.router.split_brain(speaking.now), std::nullopt);
    speaking.wait(1s);
    EXPECT_THAT(hear(speaking), ElementsAre(testing::HasSubstr("split brain")));
    EXPECT_NE(speaking.router.split_brain(speaking.now), std::nullopt);
    EXPECT_EQ(speaking.state(), vrrp::State::active) << "the election is VRRP's";
    speaking.hear(200);
    speaking.remove_address();
    EXPECT_EQ(speaking.router.split_brain(speaking.now), std::nullopt) << "one of the two is silent";
    speaking.wait(400ms);
    speaking.put_address();
    EXPECT_EQ(speaking.state(), vrrp::State::active);
    EXPECT_EQ(speaking.router.split_brain(speaking.now), std::nullopt) << "and now it is the other";
}

TEST(LanRouterVrrpChange, R34_TheLastRouterSaysGoodbye) {
    Story story = active(lan(100));
    EXPECT_THAT(story.record(story.router.withdraw(story.now)),
                ElementsAre("vrrp 0", "active -> init: the site has been withdrawn"));
    EXPECT_TRUE(story.router.wants_address()) << "the hosts must still hear from it";
    EXPECT_THAT(story.wait(299ms), IsEmpty()) << "an interval and 200 ms for another to take over";
    EXPECT_THAT(story.look(), IsEmpty());
    EXPECT_THAT(story.wait(10s), ElementsAre("last ra", "last ra", "last ra"));
    for (const ra::Send& send : story.advertisements) EXPECT_EQ(send.source, kVirtual);
    EXPECT_TRUE(story.router.done());
    EXPECT_FALSE(story.router.wants_address());
    EXPECT_THAT(story.remove_address(), IsEmpty());
    EXPECT_EQ(story.router.waiting_for(), "the site has been withdrawn");
}

TEST(LanRouterVrrpChange, R34_ItStaysSilentWhenAnotherTakesOver) {
    Story story = active(lan(100));
    story.record(story.router.withdraw(story.now));
    story.wait(60ms);
    EXPECT_THAT(story.hear(50), IsEmpty());
    EXPECT_FALSE(story.router.wants_address());
    EXPECT_THAT(story.remove_address(), IsEmpty());
    EXPECT_THAT(story.wait(1h), IsEmpty());
    EXPECT_TRUE(story.router.done());
}

// The other one's claim has not reached the relays yet, nor its Neighbor Advertisement the hosts.
TEST(LanRouterVrrpChange, R34_ItForwardsForAMomentAfterAnotherHasTakenOver) {
    Story story = active(lan(100));
    story.record(story.router.withdraw(story.now));
    story.wait(60ms);
    story.hear(50);
    story.wait(500ms);
    story.hear(50);
    story.wait(499ms);
    EXPECT_FALSE(story.router.done());
    story.wait(1ms);
    EXPECT_TRUE(story.router.done()) << "the other one's next advertisements change nothing";
}

// That other one stops as well: nobody has taken over.
TEST(LanRouterVrrpChange, R34_ARivalThatStopsIsNoSuccessor) {
    Story story = active(lan(100));
    story.record(story.router.withdraw(story.now));
    story.hear(0);
    EXPECT_THAT(story.wait(10s), ElementsAre("last ra", "last ra", "last ra"));
}

// Its first advertisements were lost, or it has only come now. The last word would take the route from the
// hosts that the other router has just given them.
TEST(LanRouterVrrpChange, R34_ALateSuccessorEndsTheGoodbye) {
    Story story = active(lan(100));
    story.record(story.router.withdraw(story.now));
    EXPECT_THAT(story.wait(1s), ElementsAre("last ra"));
    EXPECT_THAT(story.hear(50), IsEmpty());
    EXPECT_FALSE(story.router.wants_address());
    EXPECT_THAT(story.look(), IsEmpty());
    EXPECT_THAT(story.wait(1h), IsEmpty());
    EXPECT_TRUE(story.router.done());
}

TEST(LanRouterVrrpChange, R34_ABackupWithdrawsWithoutAWord) {
    Story story = backup(lan(100));
    story.hear(200);
    EXPECT_THAT(story.record(story.router.withdraw(story.now)),
                ElementsAre("backup -> init: the site has been withdrawn"));
    EXPECT_TRUE(story.router.done());
    EXPECT_FALSE(story.router.wants_address());
}

TEST(LanRouterVrrpChange, WhoNeverSpokeHasNoLastWord) {
    Story story = backup(lan(100));
    story.wait(361ms);  // Active, and the address is not there yet
    EXPECT_THAT(story.record(story.router.withdraw(story.now)),
                ElementsAre("vrrp 0", "active -> init: the site has been withdrawn"));
    EXPECT_TRUE(story.router.done());
}

TEST(LanRouterVrrpChange, WhoHasLeftDoesNotComeBack) {
    Story story = active(lan(100));
    story.record(story.router.hand_over(story.now));
    EXPECT_THAT(story.hear(0), IsEmpty());
    EXPECT_EQ(story.router.taken_over(), std::nullopt) << "that one leaves too";
    story.wait(60ms);
    EXPECT_THAT(story.hear(50), IsEmpty());
    story.wait(100ms);
    EXPECT_THAT(story.hear(50), IsEmpty());
    EXPECT_EQ(story.router.taken_over(), story.now - 100ms);
    EXPECT_THAT(story.record(story.router.announce_again(story.now)), IsEmpty());
    EXPECT_THAT(story.solicit(), IsEmpty());
    EXPECT_THAT(deduct(story, {kNoTunnel}), IsEmpty());
    EXPECT_THAT(configure(story, lan(200)), IsEmpty());
    story.links["eth0"].running = false;
    EXPECT_THAT(story.look(), IsEmpty());
    story.links["eth0"].running = true;
    EXPECT_THAT(story.look(), IsEmpty());
    EXPECT_THAT(story.wait(1h), IsEmpty());
    EXPECT_FALSE(story.router.wants_address());
    EXPECT_THAT(story.record(story.router.withdraw(story.now)), IsEmpty()) << "it has been handed over";
}

// The kernel's address goes with the configuration; the last words still come from it.
TEST(LanRouterVrrpChange, R33_ALanThatIsTakenOutOfTheConfigurationSaysGoodbye) {
    Story story = active(lan(100));
    story.record(story.router.leave(story.now));
    story.addresses.erase({"eth0", {kVirtual, 128}});
    EXPECT_THAT(story.wait(10s), ElementsAre("last ra", "last ra", "last ra"));
    for (const ra::Send& send : story.advertisements) {
        EXPECT_EQ(send.source, kVirtual);
        EXPECT_TRUE(send.former_source);
    }
    EXPECT_TRUE(story.router.done());
}

TEST(LanRouterVrrpChange, R34_OfALanThatIsTakenOutAnotherRouterTakesOver) {
    Story story = active(lan(100));
    story.record(story.router.leave(story.now));
    story.wait(60ms);
    EXPECT_THAT(story.hear(50), IsEmpty());
    EXPECT_THAT(story.wait(1h), IsEmpty());
}

// What the Active router has said, the Backup takes back if it is the one that comes with less.
TEST(LanRouterVrrpChange, R35_ABackupTakesBackWhatItHeardTheOtherOneSay) {
    Story story = backup(lan(100));
    story.hear(200);
    LanConfig fewer = lan(100);
    fewer.ra.advertisement.options.pop_back();  // the route
    configure(story, fewer);
    story.hear(0);
    story.wait(100ms);
    EXPECT_EQ(story.put_address().back(), "last ra");
}

// The macvlan comes and goes while it says goodbye: no word that it were Active again.
TEST(LanRouterVrrpChange, WhoSaysGoodbyeDoesNotAdvertiseItself) {
    Story story = active(virtual_mac_lan(100));
    story.record(story.router.withdraw(story.now));
    EXPECT_THAT(story.remove_address(), IsEmpty());
    EXPECT_THAT(story.put_address(), IsEmpty());
    EXPECT_THAT(story.wait(10s), ElementsAre("last ra", "last ra", "last ra"));
}

TEST(LanRouterVrrpChange, R40_BothRoutersAdvertiseTheSameButForTheirLinkAddress) {
    const auto advertised = [](std::uint8_t priority, const net::MacAddress& mac) {
        Story story = backup(lan(priority));
        story.links["eth0"].mac = mac;
        story.wait(400ms);
        story.put_address();
        EXPECT_THAT(story.advertisements, SizeIs(1));
        ra::RouterAdvertisement message = story.advertisements.at(0).message;
        EXPECT_EQ(std::erase_if(message.options,
                                [](const ra::Option& option) {
                                    return std::holds_alternative<ra::SourceLinkLayerAddress>(option);
                                }),
                  1U);
        return ra::build(message);
    };
    EXPECT_EQ(advertised(200, kMac), advertised(100, {{2, 0, 0, 0, 0, 9}}));
}

}  // namespace
}  // namespace ulagate::lan_router_vrrp_change_test
