// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/daemon/lan/router_vrrp_story.h"

// A router that cannot hear or cannot be heard gives way, says why, and comes back by itself.
namespace ulagate::lan_router_deaf_mute_test {
namespace {

using namespace lan_router_story;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;

Link port_of(unsigned master) {
    Link link{2, true, true, 1500, kMac};
    link.master = master;
    return link;
}
Link device(unsigned index, const char* kind) {
    Link link{index, true, true, 1500, net::MacAddress{{2, 0, 0, 0, 0, 8}}};
    link.kind = kind;
    return link;
}

TEST(LanRouterDeafMute, F02_APortOfABridgeGivesWayAndSaysWhatToWrite) {
    for (const char* kind : {"bridge", "bond", "team", "openvswitch"}) {
        Story story = active(lan(100));
        story.links["vmbr0"] = device(7, kind);
        story.links["eth0"] = port_of(7);
        EXPECT_THAT(story.look(),
                    ElementsAre("vrrp 0", HasSubstr("active -> init: interface eth0 is a port of "
                                                    "vmbr0")))
            << "what it sends still leaves: its partner need not wait";
        EXPECT_FALSE(story.router.wants_address());
        EXPECT_TRUE(story.router.link_dead());
        EXPECT_THAT(story.router.waiting_for(), HasSubstr("interface = \"vmbr0\" in [[lan]]"));
        EXPECT_THAT(story.wait(10s), IsEmpty());
        story.links["eth0"] = port_of(0);
        EXPECT_THAT(story.look(), Contains("init -> backup: started"));
        EXPECT_THAT(story.wait(400ms), Contains(HasSubstr("backup -> active")));
    }
}

TEST(LanRouterDeafMute, F02_APortFromTheStartNeverSpeaks) {
    Story story{lan(100)};
    story.links["eth0"] = port_of(7);  // of something in another place
    EXPECT_THAT(story.look(), IsEmpty());
    EXPECT_THAT(story.wait(10s), IsEmpty());
    EXPECT_THAT(story.router.waiting_for(), HasSubstr("is a port of another interface"));
}

TEST(LanRouterDeafMute, F02_WithoutVrrpAPortIsSilentToo) {
    Story story{fake::edge().lans.at(0)};
    EXPECT_THAT(story.look(), ElementsAre("ra"));
    story.links["vmbr0"] = device(7, "bridge");
    story.links["eth0"] = port_of(7);
    EXPECT_THAT(story.look(), IsEmpty());
    EXPECT_EQ(story.router.source(), std::nullopt);
}

TEST(LanRouterDeafMute, F02_AVrfHasNoRoutesOfTheOverlay) {
    Story story = active(lan(100));
    story.links["blue"] = device(7, "vrf");
    story.links["eth0"] = port_of(7);
    story.look();
    EXPECT_EQ(story.state(), vrrp::State::init);
    EXPECT_THAT(story.router.waiting_for(), HasSubstr("is in the VRF blue"));
}

TEST(LanRouterDeafMute, F02_AMacvlanThatTakesAllMakesItDeaf) {
    Story story = active(lan(100));
    Link taker = device(7, "macvlan");
    taker.parent = 2;
    story.links["mv0"] = taker;
    story.look();
    EXPECT_EQ(story.state(), vrrp::State::active) << "of another mode it takes its own frames only";
    story.links["mv0"].takes_all = true;
    story.look();
    EXPECT_EQ(story.state(), vrrp::State::init);
    EXPECT_THAT(story.router.waiting_for(), HasSubstr("passes all received packets to mv0"));
}

TEST(LanRouterDeafMute, F02_BelowAnMtuOf1280ThereIsNoIpv6) {
    Story story = active(lan(100));
    story.links["eth0"].mtu = 1200;
    story.addresses.clear();
    EXPECT_THAT(story.look(), ElementsAre(HasSubstr("has an MTU of 1200, but IPv6 needs")));
    story.links["eth0"].mtu = 1500;
    story.addresses[{"eth0", {kSelf, 64}}] = {};
    EXPECT_THAT(story.look(), ElementsAre("init -> backup: started"));
}

TEST(LanRouterDeafMute, F02_WithoutItsGroupsItIsNoRouter) {
    Story story = active(lan(100));
    story.router.set_deaf("join ff02::12 on eth0: No such device");
    story.look();
    EXPECT_EQ(story.state(), vrrp::State::init);
    EXPECT_TRUE(story.router.link_dead());
    EXPECT_EQ(story.router.waiting_for(), "join ff02::12 on eth0: No such device");
    story.router.set_deaf("");
    story.look();
    EXPECT_EQ(story.state(), vrrp::State::backup);
}

// A kernel that refuses what we send, all of it or some.
class Refused : public Story {
public:
    explicit Refused(const LanConfig& config) : Story(active(config)) {}
    // Words that did not leave have a minus in front.
    Words run(ra::Duration duration, bool vrrp_leaves, bool icmpv6_leaves) {
        Words words;
        const ra::TimePoint end = now + duration;
        while (router.deadline() && *router.deadline() <= end) {
            now = std::max(now, *router.deadline());
            if (router.wants_address()) router.address_renewed(now);
            for (const LanAction& action : router.on_deadline(now)) {
                std::string word = std::visit([](const auto& a) { return in_words(a); }, action);
                const bool vrrp = std::holds_alternative<SendVrrp>(action);
                const bool icmpv6 =
                    std::holds_alternative<ra::Send>(action) || std::holds_alternative<SendNeighbor>(action);
                if ((vrrp && !vrrp_leaves) || (icmpv6 && !icmpv6_leaves)) {
                    router.send_failed(action, "Operation not permitted", now);
                    word.insert(0, "-");
                } else if (vrrp || icmpv6) {
                    router.sent(action, now);
                }
                words.push_back(std::move(word));
            }
        }
        now = end;
        return words;
    }
};

TEST(LanRouterDeafMute, F02_WhoseSendsFailGivesWay) {
    Refused story{lan(100)};
    EXPECT_THAT(story.run(900ms, false, true), Each("-vrrp 100"));
    EXPECT_EQ(story.state(), vrrp::State::active) << "it may be a moment";
    const Words words = story.run(300ms, false, true);
    EXPECT_THAT(words, Contains("active -> init: sending on eth0 fails: Operation not permitted"));
    EXPECT_FALSE(story.router.wants_address());
    EXPECT_TRUE(story.router.link_dead());
    EXPECT_THAT(story.router.waiting_for(), HasSubstr("sending on eth0 fails: Operation not permitted"));
    // The same links again change nothing.
    story.addresses.erase({"eth0", {kVirtual, 128}});
    EXPECT_THAT(story.look(), IsEmpty());
    EXPECT_EQ(story.state(), vrrp::State::init);
}

TEST(LanRouterDeafMute, F02_AndTriesAgainAndComesBack) {
    Refused story{lan(100)};
    story.run(1500ms, false, true);
    story.addresses.erase({"eth0", {kVirtual, 128}});
    story.look();
    EXPECT_THAT(story.run(5s, false, true), Contains("-vrrp 0").Times(testing::Ge(3)));
    EXPECT_EQ(story.state(), vrrp::State::init);
    const Words words = story.run(1500ms, true, true);
    EXPECT_THAT(words, Contains("init -> backup: started"));
    EXPECT_THAT(words, Contains(HasSubstr("backup -> active")));
    EXPECT_FALSE(story.router.link_dead());
}

TEST(LanRouterDeafMute, F02_AdvertisementsThatFailCountAsMuch) {
    Refused story{lan(100)};
    story.run(120s, true, false);
    EXPECT_EQ(story.state(), vrrp::State::init);
    EXPECT_THAT(story.router.waiting_for(), HasSubstr("sending on eth0 fails"));
    EXPECT_THAT(story.run(70s, true, true), Contains("na fe80::1")) << "it says where it is itself";
    EXPECT_NE(story.state(), vrrp::State::init);
}

// Anybody can ask from an address that nobody has.
TEST(LanRouterDeafMute, F02_AHostThatCannotBeReachedIsNoReason) {
    Story story = active(lan(100));
    const ra::Send unicast{kVirtual, kHost, {}};
    for (int i = 0; i < 100; ++i) {
        story.router.send_failed(unicast, "No route to host", story.now);
        story.wait(100ms);
    }
    EXPECT_EQ(story.state(), vrrp::State::active);
    EXPECT_EQ(story.router.send_error(), "");
}

}  // namespace
}  // namespace ulagate::lan_router_deaf_mute_test
