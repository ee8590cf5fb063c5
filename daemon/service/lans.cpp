// SPDX-License-Identifier: GPL-2.0-or-later
// What the daemon's LANs know of it, and what it makes of theirs.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/base/turn_record.h"
#include "daemon/service/service.h"

namespace ulagate {
namespace {

constexpr std::size_t kMaxAdvertisedFile = 1U << 20U;

AdvertisedMemory::WallTime wall_clock() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

bool forwards(const Sysctls& sysctls) {
    const auto found = sysctls.find("net/ipv6/conf/all/forwarding");
    return found == sysctls.end() || found->second != "0";
}

}  // namespace

// Those of the configuration; who was not in the former one learns what its hosts were told before a restart.
void Service::set_lans() {
    std::vector<std::unique_ptr<LanTask>> lans;
    for (const LanConfig& lan : config_.lans) {
        const auto same = std::find_if(lans_.begin(), lans_.end(), [&](const auto& task) {
            return task && task->port().config().interface == lan.interface;
        });
        if (same != lans_.end()) {
            lans.push_back(std::move(*same));
            if (lans.back()->port().config() != lan) lans.back()->set_config(lan);
            continue;
        }
        std::erase_if(former_lans_,
                      [&](const auto& task) { return task->port().config().interface == lan.interface; });
        lans.push_back(std::make_unique<LanTask>(io_, lan, [this] { on_lan_change(); }));
        recall(*lans.back());
    }
    for (auto& gone : std::exchange(lans_, std::move(lans))) {
        if (!gone) continue;
        const bool goes_on = std::any_of(config_.lans.begin(), config_.lans.end(), [&](const LanConfig& lan) {
            return lan.prefix == gone->port().config().prefix && same_link(*gone, lan);
        });
        // Its hosts stay where they are, and are told by the one that goes on.
        if (goes_on) {
            gone->hand_over();
        } else {
            gone->leave();
        }
        former_lans_.push_back(std::move(gone));
    }
}

// What hosts were told before a restart, or by the LAN that had another interface name.
void Service::recall(LanTask& lan) {
    const LanConfig& config = lan.port().config();
    const auto is_free = [this](const std::string& interface) {
        return std::none_of(config_.lans.begin(), config_.lans.end(),
                            [&](const LanConfig& each) { return each.interface == interface; });
    };
    std::string interface = config.interface;
    if (advertised_memory_.recall(interface, wall_clock(), now()).empty())
        interface = advertised_memory_.behind(config.prefix, is_free).value_or(interface);
    lan.recall(advertised_memory_.recall(interface, wall_clock(), now()));
    lan.recall_sources(advertised_memory_.sources(interface));
}

// The interface has been renamed, or has become a port of the bridge or bond that is the LAN now.
bool Service::same_link(const LanTask& before, const LanConfig& after) const {
    if (!reconciler_) return false;
    const Links& links = reconciler_->have().links;
    const auto old_link = links.find(before.port().config().interface);
    const auto new_link = links.find(after.interface);
    return old_link == links.end() ||
           (new_link != links.end() && old_link->second.master == new_link->second.index);
}

void Service::load_advertised_memory() {
    if (config_.role != Role::edge) return;
    const auto text = read_file(paths_.advertised_file(), kMaxAdvertisedFile);
    if (!text) return;  // the first start
    const std::size_t broken = advertised_memory_.load(*text);
    if (broken > 0)
        log::warning("ra", "{}: {} lines make no sense, ignoring", paths_.advertised_file(), broken);
}

void Service::keep_advertised_memory() {
    if (config_.role != Role::edge) return;
    std::erase_if(former_lans_, [](const auto& lan) { return lan->done(); });
    AdvertisedMemory::Entries entries;
    AdvertisedMemory::Sources sources;
    for (const auto& lan : lans_) {
        const ra::Advertiser& advertiser = lan->port().advertiser();
        auto known = memory_of(advertiser.advertised(), advertiser.stale(), wall_clock(), now());
        const std::string& interface = lan->port().config().interface;
        if (!known.empty()) entries[interface] = std::move(known);
        if (const auto source = lan->port().told_from()) sources[interface] = {*source};
    }
    const auto text = advertised_memory_.take_write(std::move(entries), std::move(sources));
    if (text) files_.write(paths_.advertised_file(), *text, 0600);
}

void Service::update_lans() {
    const Have& have = reconciler_->have();
    const bool isolated = !any_relay_reachable();
    for (const auto& lan : lans_) {
        lan->set_isolated(isolated);
        lan->set_forwarding(forwards(have.sysctls));
        lan->set_deductions(deductions(lan->port().config()));
        lan->set_links(have.links, have.addresses, have.sysctls);
    }
}

// A prefix that was a LAN's of ours and is not any more.
bool Service::is_elsewhere(const net::Ipv6Prefix& prefix) const {
    const bool here = std::any_of(config_.lans.begin(), config_.lans.end(),
                                  [&](const LanConfig& lan) { return lan.prefix.network() == prefix; });
    return here || (edge_control_ && edge_control_->is_connected(prefix));
}

// What is heard there and what the relays say, each second.
void Service::check_lans() {
    if (!edge_control_) return;
    std::vector<Obstacle> found;
    bool lost = false;  // a prefix of the overlay that our hosts still know
    for (const auto& lan : lans_) {
        const LanPort& port = lan->port();
        for (Obstacle& each : lan_check_.find(port, edge_control_->words_about(port.config().prefix), now()))
            found.push_back(std::move(each));
        const auto stale = port.advertiser().stale();
        lost = lost || std::any_of(stale.begin(), stale.end(), [&](const ra::Stale& gone) {
                   const auto* pio = std::get_if<ra::PrefixInformation>(&gone.option);
                   return pio != nullptr && config_.overlay.contains(pio->prefix.network());
               });
        lan->follow_prefixes([this](const net::Ipv6Prefix& prefix) { return is_elsewhere(prefix); });
    }
    edge_control_->want_lists(lost);
    obstacles_.set("lan", std::move(found));
    report_obstacles();
    for (const auto& lan : lans_) lan->set_deductions(deductions(lan->port().config()));
}

// What the LANs have become: which virtual addresses are ours, and what the relays are to know.
void Service::take_lan_states() {
    if (!edge_control_) return note_reachable();
    std::set<std::string> active;
    std::vector<wg::control::LanPart> parts;
    for (const auto& lan : lans_) {
        const LanPort& port = lan->port();
        wg::control::LanPart part{port.config().prefix, wg::control::Part::active, 100};
        if (port.wants_address()) active.insert(port.config().interface);
        if (const vrrp::Machine* machine = port.machine()) {
            part.priority = machine->priority();
            const bool leaves = hand_over_until_ || withdrawing_;
            if (machine->state() != vrrp::State::active)
                part.part = leaves ? wg::control::Part::leaving : wg::control::Part::standby;
        }
        // While it hands over, the router goes on forwarding: that the LAN is silent then is no fault.
        if (port.link_dead() && !hand_over_until_) part.part = wg::control::Part::unfit;
        parts.push_back(part);
    }
    facts_.active_lans = std::move(active);
    edge_control_->set_lans(parts);
    note_reachable();
    note_own_part();
}

// From where a reconciliation may be under way.
void Service::on_lan_change() {
    if (std::exchange(take_over_posted_, true)) return;
    boost::asio::post(io_, [this] {
        const TurnPart turn{"take-over"};
        take_over_posted_ = false;
        if (take_over()) {
            // With one processor the kernel encrypts the claim only when we have nothing to do.
            reconcile_soon();
        } else {
            reconcile();
        }
    });
}

// Before anything else: the relays send to the router that claims, hosts to the one that says so, and until
// then what they send is lost. Reading the kernel's state and making a plan take several times as long as all
// of this. False if more than this has to be done at once: an address has to go, a macvlan to come up.
bool Service::take_over() {
    if (stopping_) return false;
    const std::set<std::string> before = facts_.active_lans;
    take_lan_states();
    bool all =
        facts_.active_lans.size() > before.size() &&
        std::includes(facts_.active_lans.begin(), facts_.active_lans.end(), before.begin(), before.end());
    const Have& have = reconciler_->have();
    for (const auto& lan : lans_) {
        const LanConfig& config = lan->port().config();
        if (!config.vrrp || before.contains(config.interface) ||
            !facts_.active_lans.contains(config.interface))
            continue;
        const auto speaking = have.links.find(lan->port().speaking_interface());
        if (speaking == have.links.end() || !speaking->second.up) {
            all = false;
            continue;
        }
        std::vector<Reconciler::Report> reports;
        for (const AddressKey& address : virtual_addresses(config)) {
            if (have.addresses.contains(address)) continue;
            reports.push_back(reconciler_->apply_as_known(PutAddress{address, {false, true}}, now()));
            all = all && reports.back().failed.empty();
        }
        lan->set_links(have.links, have.addresses, have.sysctls);
        for (const Reconciler::Report& each : reports) report(each);
    }
    return all;
}

void Service::note_reachable() {
    for (const RelayConfig& relay : config_.relays)
        talk_->set_reachable(relay.name, peer_of(relay) != nullptr);
}

void Service::announce_again(const net::Ipv6Prefix& prefix) {
    for (const auto& lan : lans_) {
        if (lan->port().config().prefix == prefix) lan->announce_again();
    }
}

bool Service::any_relay_reachable() const {
    return std::any_of(config_.relays.begin(), config_.relays.end(),
                       [&](const RelayConfig& relay) { return is_reachable(relay); });
}

// What makes this router worth less than another one that has no such trouble.
std::vector<Deduction> Service::deductions(const LanConfig& lan) const {
    std::vector<Deduction> out;
    if (!lan.vrrp) return out;
    const auto deduct = [&](bool trouble, std::uint8_t amount, std::string reason) {
        if (trouble && amount > 0) out.push_back({std::move(reason), amount});
    };
    deduct(!any_relay_reachable(), lan.vrrp->no_tunnel, "no relay can be reached");
    deduct(!facts_.uplink, lan.vrrp->no_uplink, "no default route");
    for (const std::string& reason : obstacles_.cuts(lan.interface))
        deduct(true, lan.vrrp->no_tunnel, reason);
    for (const TrackedInterface& tracked : lan.vrrp->tracked) {
        const auto link = reconciler_->have().links.find(tracked.name);
        const bool works = link != reconciler_->have().links.end() && link->second.running;
        deduct(!works, tracked.deduction, fmt::format("interface {} has no carrier", tracked.name));
    }
    return out;
}

// After a stall the LANs look first: the kernel may have removed an address meanwhile, and another router may
// have it.
void Service::renew_leases() {
    for (const auto& lan : lans_) lan->catch_up();
    const std::set<std::string> before = facts_.active_lans;
    take_lan_states();
    if (facts_.active_lans != before) reconcile();
    const Reconciler::Report renewed = reconciler_->renew_leases(now);
    report(renewed);
    if (!renewed.failed.empty()) return;
    for (const auto& lan : lans_) {
        if (lan->port().machine() == nullptr) continue;
        const AddressKey key{lan->port().speaking_interface(),
                             {lan->port().machine()->config().address, 128}};
        if (reconciler_->have().addresses.contains(key)) lan->address_renewed();
    }
}

}  // namespace ulagate
