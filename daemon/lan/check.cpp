// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// Longer than a hand-over, and than a claim takes to a relay and back.
constexpr auto kLasts = 3s;
// Two routers of one site are of one priority for a while when something is deducted.
constexpr auto kEqualFor = 10s;

// Whether `is` has been so for that long.
bool lasts(std::map<std::string, LanCheck::TimePoint>& since, const std::string& lan, bool is,
           LanCheck::Duration how_long, LanCheck::TimePoint now) {
    if (!is) {
        since.erase(lan);
        return false;
    }
    return now - since.try_emplace(lan, now).first->second >= how_long;
}

// "fe80::211:22ff:fe33:4455 (MAC 02:11:22:33:44:55)": most link-local addresses are made of it (RFC 4291,
// appendix A).
std::string router_name(const net::Ipv6Address& address) {
    const auto& b = address.bytes;
    if (b[11] != 0xff || b[12] != 0xfe) return net::to_string(address);
    const net::MacAddress mac{{static_cast<std::uint8_t>(b[8] ^ 2U), b[9], b[10], b[13], b[14], b[15]}};
    return fmt::format("{} (MAC {})", net::to_string(address), net::to_string(mac));
}

std::string sentence_about(const AddressClaims::Claim& claim, const std::string& lan) {
    const std::string sender =
        claim.sender == claim.mac ? "" : fmt::format(" (as MAC {} says)", net::to_string(claim.sender));
    return fmt::format(
        "{}: the machine with MAC {} claims {}, an address of this router{}: hosts that believe it send "
        "traffic for other sites there until this router contradicts; remove the address from that machine, "
        "or the machine from the network",
        lan, net::to_string(claim.mac), net::to_string(claim.address), sender);
}

// The Active router that a Backup hears now.
std::optional<vrrp::Peer> heard_active(const vrrp::Machine& machine, LanCheck::TimePoint now) {
    const auto& peer = machine.peer();
    if (machine.state() != vrrp::State::backup || !peer || peer->priority == vrrp::kPriorityStopping)
        return std::nullopt;
    return now - peer->when < machine.down_interval() ? peer : std::nullopt;
}

}  // namespace

std::vector<Obstacle> LanCheck::find(const LanRouter& router, const std::vector<RelayWord>& relays,
                                     TimePoint now) {
    std::vector<Obstacle> out;
    const std::string& lan = router.config().interface;
    const auto say = [&](std::string sentence) { out.push_back({std::move(sentence), false, {}, lan}); };

    if (const auto other = router.own_voice(now)) {
        say(*other == lan
                ? fmt::format("{}: this router receives its own packets there: the network has a loop", lan)
                : fmt::format("{0} and {1} are one network: this router receives on {0} what it sends on "
                              "{1}; each [[lan]] needs a separate cable or VLAN",
                              lan, *other));
    }
    for (const AddressClaims::Claim& claim : router.claims(now)) say(sentence_about(claim, lan));
    const bool fails = !router.send_error().empty() && !router.link_dead();
    if (lasts(failing_, lan, fails, 1s, now))
        say(fmt::format("{}: sending fails: {}", lan, router.send_error()));

    const vrrp::Machine* machine = router.machine();
    const std::string id = machine == nullptr ? "" : fmt::format("virtual router {}", machine->config().vrid);
    const std::optional<vrrp::Peer> active = machine == nullptr ? std::nullopt : heard_active(*machine, now);

    const bool unclaimed =
        active && !relays.empty() &&
        std::all_of(relays.begin(), relays.end(), [](const RelayWord& word) { return word.nobody_claims; });
    if (lasts(unclaimed_, lan, unclaimed, kLasts, now)) {
        say(fmt::format(
            "{}: {} is Active for {} with priority {} and does not belong to this site: no router of the "
            "site claims {} at any relay (unless that router reaches no relay); hosts have no route into the "
            "overlay until it stops",
            lan, router_name(active->address), id, active->priority, net::to_string(router.config().prefix)));
    }
    const bool equal = active && active->priority == machine->config().priority;
    if (lasts(equal_, lan, equal, kEqualFor, now)) {
        say(
            fmt::format("{}: {} has the same priority {} as this router: each router of a site needs its own "
                        "priority, node name and key, also when its card or file was copied",
                        lan, router_name(active->address), active->priority));
    }
    const bool unheld = machine != nullptr && machine->state() == vrrp::State::active && !router.source();
    if (lasts(unheld_, lan, unheld, kLasts, now)) {
        out.push_back(
            {fmt::format("{}: this router is Active but does not hold {}: hosts cannot send to the overlay",
                         lan, net::to_string(machine->config().address)),
             true, "the virtual address cannot be held", lan});
    }
    if (machine == nullptr) return out;

    if (const auto other = machine->other_virtual_router(now)) {
        say(
            fmt::format("{}: {} also uses {}, for {} instead of {}: it does not belong to this site and is "
                        "ignored; give one of the two another id ([lan.vrrp] id)",
                        lan, router_name(other->who.address), id,
                        other->address ? net::to_string(*other->address) : "no address",
                        net::to_string(machine->config().address)));
    }
    if (const auto restless = machine->restless(now)) {
        say(
            fmt::format("{}: {} repeatedly becomes Active for {} and then stops or falls silent: this router "
                        "waits at least 3 s before it takes over",
                        lan, router_name(restless->address), id));
    }
    if (const auto rival = machine->rival(now)) {
        say(
            fmt::format("{}: {} is also Active for {}, with priority {} (ours is {}): it does not hear this "
                        "router, or does not belong to this site",
                        lan, router_name(rival->address), id, rival->priority, machine->priority()));
    }
    return out;
}

}  // namespace ulagate
