// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/check.h"

#include "tests/unit/daemon/lan/router_vrrp_story.h"

namespace ulagate::lan_check_test {
namespace {

using namespace lan_router_story;
using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;
using Relays = std::vector<LanCheck::RelayWord>;

const Relays kNobody{{true}};
const Relays kOurs{{false}};
const net::Ipv6Address kStranger = address("fe80::211:22ff:fe33:4455");

Words sentences(LanCheck& check, const Story& story, const Relays& relays = kOurs) {
    Words words;
    for (const Obstacle& each : check.find(story.router, relays, story.now)) {
        EXPECT_EQ(each.lan, "eth0");
        words.push_back(each.sentence);
    }
    return words;
}

// The other one is heard every 100 ms for so long; what is said each second is asked for.
Words listen(LanCheck& check, Story& story, std::uint8_t priority, const net::Ipv6Address& from,
             std::chrono::milliseconds duration, const Relays& relays = kOurs) {
    Words said;
    for (auto passed = 0ms; passed < duration; passed += 100ms) {
        story.hear(priority, from);
        story.wait(100ms);
        if (passed % 1s == 0ms) said = sentences(check, story, relays);
    }
    return sentences(check, story, relays);
}

TEST(LanCheck, F03_AllIsWell) {
    LanCheck check;
    Story first = active(lan(200));
    EXPECT_THAT(sentences(check, first), IsEmpty());
    Story second = backup(lan(100));
    EXPECT_THAT(listen(check, second, 200, kOther, 20s), IsEmpty());
}

TEST(LanCheck, F03_AnActiveRouterThatIsNoneOfOursIsNamed) {
    LanCheck check;
    Story story = backup(lan(200));
    EXPECT_THAT(listen(check, story, 255, kStranger, 3s, kNobody), IsEmpty()) << "a hand-over";
    const Words said = listen(check, story, 255, kStranger, 1500ms, kNobody);
    EXPECT_THAT(said, ElementsAre(AllOf(
                          HasSubstr("fe80::211:22ff:fe33:4455 (MAC 00:11:22:33:44:55) is Active"),
                          HasSubstr("does not belong to this site"), HasSubstr("fd12:3456:789a:a::/64"))));
    EXPECT_THAT(listen(check, story, 255, kStranger, 1s, {{true}, {false}}), IsEmpty())
        << "one relay has a claim";
}

TEST(LanCheck, F03_WithoutARelayThatAnswersNobodyCanTell) {
    LanCheck check;
    Story story = backup(lan(200));
    EXPECT_THAT(listen(check, story, 255, kStranger, 20s, {}), IsEmpty());
}

TEST(LanCheck, F03_ARivalIsNamed) {
    LanCheck check;
    Story story = active(lan(200));
    EXPECT_THAT(listen(check, story, 100, kOther, 900ms), IsEmpty());
    EXPECT_THAT(listen(check, story, 100, kOther, 200ms),
                ElementsAre(HasSubstr(
                    "fe80::2 is also Active for virtual router 51, with priority 100 (ours is 200)")));
    story.wait(1s);
    EXPECT_THAT(sentences(check, story), IsEmpty());
}

TEST(LanCheck, F05_SomebodyElsesVirtualRouterIsNamed) {
    LanCheck check;
    Story story = active(lan(200));
    const vrrp::Advertisement other{51, 250, vrrp::Centiseconds{50}, {address("fe80::9999")}};
    story.hear(vrrp::build(other, kOther), kOther);
    EXPECT_EQ(story.state(), vrrp::State::active);
    EXPECT_THAT(sentences(check, story),
                ElementsAre(AllOf(HasSubstr("fe80::2 also uses virtual router 51, for fe80::9999"),
                                  HasSubstr("[lan.vrrp] id"))));
}

// Two LANs of this router on one switch: it was its own partner, and gave way to itself.
TEST(LanCheck, F05_OurOwnVoiceOnAnotherLanIsNoPartner) {
    LanCheck check;
    Story story = active(lan(100));
    story.links["eth1"] = {3, true, true, 1500, net::MacAddress{{2, 0, 0, 0, 0, 7}}};
    story.addresses[{"eth1", {kStranger, 64}}] = {};
    story.look();
    story.hear(254, kStranger);
    EXPECT_EQ(story.state(), vrrp::State::active);
    EXPECT_THAT(sentences(check, story), ElementsAre(HasSubstr("eth0 and eth1 are one network")));
    story.wait(60s);
    EXPECT_THAT(sentences(check, story), IsEmpty());

    ra::RouterAdvertisement ours;
    ours.options.emplace_back(ra::SourceLinkLayerAddress{*story.links["eth1"].mac});
    story.record(story.router.on_icmpv6(ra::build(ours), {kStranger, ra::kAllNodes, 255}, story.now));
    EXPECT_THAT(sentences(check, story), ElementsAre(HasSubstr("eth0 and eth1 are one network")));
    EXPECT_THAT(story.router.watch().senders(story.now), IsEmpty());

    story.wait(60s);
    ra::RouterAdvertisement theirs;  // which need not say where it comes from
    story.record(story.router.on_icmpv6(ra::build(theirs), {kStranger, ra::kAllNodes, 255}, story.now));
    EXPECT_THAT(sentences(check, story), IsEmpty()) << "another machine has taken our address";
    EXPECT_THAT(story.router.watch().senders(story.now), SizeIs(1));
}

TEST(LanCheck, F05_ALoopIsNamed) {
    LanCheck check;
    Story story = active(lan(100));
    story.hear(100, kSelf);
    EXPECT_THAT(sentences(check, story),
                ElementsAre(HasSubstr("its own packets there: the network has a loop")));
}

TEST(LanCheck, F03_ACopyOfThisRouterIsNamed) {
    LanCheck check;
    Story story = backup(lan(200));
    EXPECT_THAT(listen(check, story, 200, kOther, 9s), IsEmpty()) << "what is deducted may make them equal";
    EXPECT_THAT(listen(check, story, 200, kOther, 3s),
                ElementsAre(HasSubstr("fe80::2 has the same priority 200 as this router")));
}

TEST(LanCheck, F03_AnAddressThatCannotBeHeldIsNamedAndCosts) {
    LanCheck check;
    Story story = active(lan(200));
    story.remove_address();
    EXPECT_THAT(sentences(check, story), IsEmpty());
    story.wait(3s);
    const auto found = check.find(story.router, kOurs, story.now);
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_TRUE(found[0].cuts);
    EXPECT_THAT(found[0].sentence, HasSubstr("is Active but does not hold fe80::5eed"));
}

TEST(LanCheck, F08_WhoIsNotFollowedIsNamed) {
    LanCheck check;
    Story story = active(lan(100));
    for (int i = 0; i < 5; ++i) {
        story.hear(255);
        story.hear(0);
        story.wait(500ms);
    }
    EXPECT_THAT(
        sentences(check, story),
        testing::Contains(HasSubstr(
            "fe80::2 repeatedly becomes Active for virtual router 51 and then stops or falls silent")));
}

TEST(LanCheck, F02_SendsThatFailWithoutAPartnerAreNamed) {
    LanCheck check;
    Story story{fake::edge().lans.at(0)};
    story.look();
    const ra::Send send{kSelf, ra::kAllNodes, {}};
    story.router.send_failed(send, "Operation not permitted", story.now);
    EXPECT_THAT(sentences(check, story), IsEmpty());
    story.now += 1s;
    EXPECT_THAT(sentences(check, story), ElementsAre("eth0: sending fails: Operation not permitted"));
    story.router.sent(send, story.now);
    EXPECT_THAT(sentences(check, story), IsEmpty());
}

}  // namespace
}  // namespace ulagate::lan_check_test
