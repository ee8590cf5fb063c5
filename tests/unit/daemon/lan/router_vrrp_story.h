// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "daemon/lan/router.h"
#include "tests/unit/daemon/kernel/fake_kernel.h"
#include "vrrp/neighbor.h"

// One LAN router with [lan.vrrp] over virtual time, the kernel's addresses under it, and what it does in
// words: "vrrp 100", "na fe80::5eed", "ra", "last ra", "init -> backup: started".
namespace ulagate::lan_router_story {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Words = std::vector<std::string>;

inline constexpr ra::TimePoint kStart{1000s};
inline const net::Ipv6Address kVirtual = address("fe80::5eed");
inline const net::Ipv6Address kSelf = address("fe80::1");
inline const net::Ipv6Address kOther = address("fe80::2");
inline const net::Ipv6Address kHost = address("fe80::a");
inline const net::MacAddress kMac{{2, 0, 0, 0, 0, 0}};

// Both advertise every 100 ms; 100 of 254 makes a skew of 60.9 ms.
inline LanConfig lan(std::uint8_t priority) {
    LanConfig made = fake::edge().lans.at(0);
    made.vrrp.emplace();
    made.vrrp->machine.vrid = 51;
    made.vrrp->machine.priority = priority;
    made.vrrp->machine.interval = vrrp::Centiseconds{10};
    made.vrrp->machine.address = kVirtual;
    return made;
}

inline LanConfig virtual_mac_lan(std::uint8_t priority) {
    LanConfig made = lan(priority);
    made.vrrp->virtual_mac = true;
    return made;
}

inline std::string in_words(const ra::Send& send) {
    const auto expires = [](const ra::Option& option) {
        const auto* route = std::get_if<ra::RouteInformation>(&option);
        return route != nullptr && route->lifetime == ra::Seconds{0};
    };
    const auto& options = send.message.options;
    const std::string what = std::any_of(options.begin(), options.end(), expires) ? "last ra" : "ra";
    return send.destination == ra::kAllNodes ? what : what + " to " + net::to_string(send.destination);
}
inline std::string in_words(const SendVrrp& send) { return "vrrp " + std::to_string(send.message.priority); }
inline std::string in_words(const SendNeighbor& send) { return "na " + net::to_string(send.address); }
inline std::string in_words(const vrrp::Changed& changed) {
    return fmt::format("{} -> {}: {}", vrrp::to_string(changed.from), vrrp::to_string(changed.to),
                       changed.reason);
}
inline std::string in_words(const vrrp::Differs& differs) { return "differs: " + differs.text; }
inline std::string in_words(const ra::Notice& notice) { return "notice: " + notice.text; }

class Story {
public:
    explicit Story(LanConfig config)
        : router(std::move(config), [](ra::Duration, ra::Duration high) { return high; }) {
        links["eth0"] = {2, true, true, 1500, kMac};
        addresses[{"eth0", {kSelf, 64}}] = {};
    }

    Words look() { return record(router.set_links(links, addresses, now)); }
    Words hear(std::uint8_t priority, const net::Ipv6Address& from = kOther) {
        const vrrp::Advertisement heard{51, priority, vrrp::Centiseconds{10}, {kVirtual}};
        return hear(vrrp::build(heard, from), from);
    }
    Words hear(const std::vector<std::byte>& packet, const net::Ipv6Address& from) {
        return record(router.on_vrrp(packet, {from, vrrp::kAllVrrpRouters, 255}, now));
    }
    Words solicit() {
        const auto message = ra::build(ra::RouterSolicitation{});
        return record(router.on_icmpv6(message, {kHost, address("ff02::2"), 255}, now));
    }
    // The kernel holds the virtual address from now on, as the router wishes.
    Words put_address() {
        const std::string on = router.sending_interface();
        if (on != "eth0") links[on] = {9, true, true, 1500, vrrp::virtual_mac(51)};
        addresses[{on, {kVirtual, 128}}] = {true, false, false};
        router.address_renewed(now);
        return look();
    }
    Words remove_address() {
        addresses.erase({router.sending_interface(), {kVirtual, 128}});
        return look();
    }
    // Time goes by; what falls due is done in time, and the lease is renewed as long as it is wanted.
    Words wait(ra::Duration duration) {
        Words words;
        const ra::TimePoint end = now + duration;
        while (router.deadline() && *router.deadline() <= end) {
            now = std::max(now, *router.deadline());
            if (router.wants_address()) router.address_renewed(now);
            const Words more = record(router.on_deadline(now));
            words.insert(words.end(), more.begin(), more.end());
        }
        now = end;
        return words;
    }
    Words late(ra::Duration stall) {
        now += stall;
        return record(router.on_deadline(now));
    }
    Words record(const LanActions& actions) {
        Words words;
        for (const LanAction& action : actions) {
            words.push_back(std::visit([](const auto& a) { return in_words(a); }, action));
            router.sent(action, now);
            if (const auto* send = std::get_if<ra::Send>(&action)) advertisements.push_back(*send);
            if (const auto* send = std::get_if<SendNeighbor>(&action)) neighbors.push_back(*send);
            if (const auto* send = std::get_if<SendVrrp>(&action)) sources.push_back(send->source);
        }
        return words;
    }
    [[nodiscard]] vrrp::State state() const { return router.machine()->state(); }

    LanRouter router;
    Links links;
    Addresses addresses;
    ra::TimePoint now = kStart;
    std::vector<ra::Send> advertisements;
    std::vector<SendNeighbor> neighbors;
    std::vector<net::Ipv6Address> sources;  // of VRRP
};

inline Words without_vrrp(Words words) {
    std::erase_if(words, [](const std::string& word) { return word.starts_with("vrrp "); });
    return words;
}

inline Story backup(const LanConfig& config) {
    Story story{config};
    story.look();
    EXPECT_EQ(story.state(), vrrp::State::backup);
    return story;
}

// Active for long enough to have said all that it says quickly.
inline Story active(const LanConfig& config) {
    Story story = backup(config);
    story.wait(400ms);
    story.put_address();
    EXPECT_EQ(story.state(), vrrp::State::active);
    story.wait(100s);
    story.advertisements.clear();
    return story;
}

}  // namespace ulagate::lan_router_story
