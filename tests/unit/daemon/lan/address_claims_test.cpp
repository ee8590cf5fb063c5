// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/address_claims.h"

#include "daemon/lan/check.h"
#include "tests/unit/daemon/lan/router_vrrp_story.h"

// Neighbor Advertisements of somebody else for addresses of ours.
namespace ulagate::lan_address_claims_test {
namespace {

using namespace lan_router_story;
using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;
using Claim = AddressClaims::Claim;

const net::MacAddress kTheirs{{0x02, 0xbb, 0, 0, 0, 1}};
constexpr ra::TimePoint kNow = lan_router_story::kStart;
const Claim kClaim{kVirtual, kTheirs, kTheirs};

TEST(AddressClaims, F03_OneIsNamedHalfASecondAfterItsFirstWord) {
    AddressClaims claims;
    EXPECT_TRUE(claims.heard(kClaim, kNow)) << "the hosts are told at once";
    EXPECT_THAT(claims.standing(kNow + 499ms), IsEmpty());
    EXPECT_THAT(claims.standing(kNow + 500ms), ElementsAre(kClaim));
    EXPECT_THAT(claims.standing(kNow + 30s), ElementsAre(kClaim));
    EXPECT_THAT(claims.standing(kNow + 30s + 1ms), IsEmpty());
}

TEST(AddressClaims, F03_APartnerThatTakesOverIsNotNamed) {
    for (const auto spoke : {-900ms, 400ms}) {
        AddressClaims claims;
        if (spoke < 0ms) claims.partner_spoke(kNow + spoke);
        EXPECT_TRUE(claims.heard(kClaim, kNow)) << "should it give way again, hosts are to know";
        if (spoke > 0ms) claims.partner_spoke(kNow + spoke);
        EXPECT_TRUE(claims.heard(kClaim, kNow + 2s)) << "the last of its three";
        EXPECT_THAT(claims.standing(kNow + 4s), IsEmpty());
        static_cast<void>(claims.heard(kClaim, kNow + 4s));
        EXPECT_THAT(claims.standing(kNow + 4500ms), ElementsAre(kClaim)) << "without VRRP it is none";
    }
}

TEST(AddressClaims, F06_AnAnswerIsNeverMoreThanTheClaim) {
    AddressClaims claims;
    int answers = 0;
    for (int i = 0; i < 10'000; ++i) answers += claims.heard(kClaim, kNow + i * 100us) ? 1 : 0;
    EXPECT_LE(answers, 30);
    EXPECT_GE(answers, 20) << "hosts hear us as often as a patient claimant";
}

TEST(AddressClaims, F08_WhoInventsLinkLayerAddressesIsNamedAFewTimes) {
    AddressClaims claims;
    for (int i = 0; i < 10'000; ++i) {
        Claim each = kClaim;
        each.mac.bytes[4] = static_cast<std::uint8_t>(i >> 8);
        each.mac.bytes[5] = static_cast<std::uint8_t>(i);
        static_cast<void>(claims.heard(each, kNow + i * 1ms));
    }
    EXPECT_THAT(claims.standing(kNow + 10s), SizeIs(AddressClaims::kMaxClaims));
}

// A Neighbor Advertisement to all, as a host sends it that has an address of ours.
Words claim(Story& story, const net::Ipv6Address& target, const net::MacAddress& mac = kTheirs,
            bool router = true) {
    const auto message = ra::build(ra::NeighborAdvertisement{router, false, true, target, mac});
    return story.record(story.router.on_icmpv6(message, {target, ra::kAllNodes, 255, kTheirs}, story.now));
}

const net::Ipv6Address kSiteAddress = address("fd12:3456:789a:a::1");

TEST(LanRouterClaims, F03_TheActiveRouterContradictsAndNamesWhoClaimsItsVirtualAddress) {
    for (const LanConfig& config : {lan(100), virtual_mac_lan(100)}) {
        Story story = active(config);
        story.neighbors.clear();
        EXPECT_THAT(claim(story, kVirtual), ElementsAre("na fe80::5eed"));
        EXPECT_EQ(story.neighbors.at(0).link_address,
                  config.vrrp->virtual_mac ? vrrp::virtual_mac(51) : kMac);
        EXPECT_FALSE(story.neighbors.at(0).from_own_interface);
        story.wait(1s);
        EXPECT_THAT(story.router.claims(story.now), ElementsAre(kClaim));
        LanCheck check;
        const auto found = check.find(story.router, {}, story.now);
        ASSERT_THAT(found, SizeIs(1));
        EXPECT_THAT(found[0].sentence, AllOf(HasSubstr("MAC 02:bb:00:00:00:01"), HasSubstr("fe80::5eed")));
        EXPECT_FALSE(found[0].cuts) << "another router is not better off";
        story.wait(30s);
        EXPECT_THAT(story.router.claims(story.now), IsEmpty()) << "it has ended";
    }
}

TEST(LanRouterClaims, F03_SoItDoesForItsOwnAddressesAndTheSites) {
    Story story = active(lan(100));
    story.addresses[{"eth0", {kSiteAddress, 64}}] = {true, false, false};
    story.look();
    EXPECT_THAT(claim(story, kSiteAddress), ElementsAre("na fd12:3456:789a:a::1"));
    EXPECT_THAT(claim(story, kSelf), ElementsAre("na fe80::1"));
    EXPECT_TRUE(story.neighbors.back().from_own_interface);
    Story alone{fake::edge().lans.at(0)};
    alone.look();
    EXPECT_THAT(claim(alone, kSelf), ElementsAre("na fe80::1"));
    alone.wait(1s);
    EXPECT_THAT(alone.router.claims(alone.now), SizeIs(1));
}

TEST(LanRouterClaims, F03_ABackupLeavesTheVirtualAddressToTheActiveRouter) {
    Story story = backup(lan(100));
    story.addresses[{"eth0", {kVirtual, 128}}] = {true, false, false};  // not removed yet
    story.look();
    EXPECT_THAT(claim(story, kVirtual), IsEmpty());
    EXPECT_THAT(claim(story, kSelf), ElementsAre("na fe80::1"));
}

TEST(LanRouterClaims, F03_WhatIsNoClaimOfOthersIsNone) {
    Story story = active(virtual_mac_lan(100));
    EXPECT_THAT(claim(story, kVirtual, vrrp::virtual_mac(51)), IsEmpty()) << "a partner of the same MAC";
    EXPECT_THAT(claim(story, kHost), IsEmpty()) << "no address of ours";
    EXPECT_THAT(story.router.claims(story.now + 1s), IsEmpty());
}

// RFC 4861 section 7.2.5: a host drops its routes through who is no router any more.
TEST(LanRouterClaims, F03_HostsThatHaveHeardOfNoRouterGetAnAdvertisementSoon) {
    Story story = active(lan(100));
    EXPECT_THAT(claim(story, kVirtual, kTheirs, true), ElementsAre("na fe80::5eed"));
    const auto quiet = story.router.advertiser().deadline();
    EXPECT_THAT(claim(story, kVirtual, kTheirs, false), ElementsAre("na fe80::5eed"));
    EXPECT_LT(story.router.advertiser().deadline(), quiet);
    EXPECT_LE(story.router.advertiser().deadline(), story.now + 3500ms);
}

TEST(LanRouterClaims, F03_WhoLeavesDoesNotContradict) {
    Story story = active(lan(100));
    story.record(story.router.hand_over(story.now));
    EXPECT_THAT(claim(story, kVirtual), IsEmpty());
}

}  // namespace
}  // namespace ulagate::lan_address_claims_test
