// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/lans.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/base/turn_record.h"
#include "daemon/service/assign.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxAdvertisedFile = 1U << 20U;
// After another router was heard as Active. It claims the site before it has told the hosts, who send to this
// one until they know, and a busy machine may be late. A plain relay sends to whoever of the site shook hands
// last, and tells nobody: what was on its way here before that arrives within a round trip.
constexpr auto kLastPackets = 300ms;

bool forwards(const Sysctls& sysctls) {
    const auto found = sysctls.find("net/ipv6/conf/all/forwarding");
    return found == sysctls.end() || found->second != "0";
}

}  // namespace

Lans::Lans(const Context& context, Neighbours neighbours, LanSockets::Open open)
    : context_(context), neighbours_(std::move(neighbours)), open_(std::move(open)) {}

AdvertisedMemory::WallTime Lans::wall_clock() const {
    return std::chrono::floor<std::chrono::seconds>(context_.loop.wall_clock());
}

void Lans::set_config() {
    std::vector<std::unique_ptr<LanTask>> lans;
    for (const LanConfig& lan : context_.config.lans) {
        const auto same = std::find_if(lans_.begin(), lans_.end(), [&](const auto& task) {
            return task && task->router().config().interface == lan.interface;
        });
        if (same != lans_.end()) {
            lans.push_back(std::move(*same));
            if (lans.back()->router().config() != lan) lans.back()->set_config(lan);
            continue;
        }
        std::erase_if(former_,
                      [&](const auto& task) { return task->router().config().interface == lan.interface; });
        lans.push_back(std::make_unique<LanTask>(
            context_.loop, lan, [this] { on_change(); }, open_));
        recall(*lans.back());
    }
    for (auto& gone : std::exchange(lans_, std::move(lans))) {
        if (!gone) continue;
        const auto& configured = context_.config.lans;
        const bool goes_on = std::any_of(configured.begin(), configured.end(), [&](const LanConfig& lan) {
            return lan.prefix == gone->router().config().prefix && same_link(*gone, lan);
        });
        // Its hosts stay where they are, and are told by the one that goes on.
        if (goes_on) {
            gone->hand_over();
        } else {
            gone->leave();
        }
        former_.push_back(std::move(gone));
    }
}

// What hosts were told before a restart, or by the LAN that had another interface name.
void Lans::recall(LanTask& lan) {
    const LanConfig& config = lan.router().config();
    const auto now = context_.loop.now();
    const auto is_free = [this](const std::string& interface) {
        return std::none_of(context_.config.lans.begin(), context_.config.lans.end(),
                            [&](const LanConfig& each) { return each.interface == interface; });
    };
    std::string interface = config.interface;
    if (memory_.recall(interface, wall_clock(), now).empty())
        interface = memory_.behind(config.prefix, is_free).value_or(interface);
    lan.recall(memory_.recall(interface, wall_clock(), now));
    lan.recall_sources(memory_.sources(interface));
}

// The interface has been renamed, or has become a port of the bridge or bond that is the LAN now.
bool Lans::same_link(const LanTask& before, const LanConfig& after) const {
    const Links& links = context_.reconciler.have().links;
    const auto old_link = links.find(before.router().config().interface);
    const auto new_link = links.find(after.interface);
    return old_link == links.end() ||
           (new_link != links.end() && old_link->second.master == new_link->second.index);
}

void Lans::load() {
    const std::string file = context_.paths.advertised_file();
    const auto text = read_file(file, kMaxAdvertisedFile);
    if (!text) return;  // the first start
    const std::size_t broken = memory_.load(*text);
    if (broken > 0) log::warning("ra", "{}: malformed lines ignored: {}", file, broken);
}

void Lans::keep() {
    std::erase_if(former_, [](const auto& lan) { return lan->done(); });
    AdvertisedMemory::Entries entries;
    AdvertisedMemory::Sources sources;
    for (const auto& lan : lans_) {
        const ra::Advertiser& advertiser = lan->router().advertiser();
        auto known =
            memory_of(advertiser.advertised(), advertiser.stale(), wall_clock(), context_.loop.now());
        const std::string& interface = lan->router().config().interface;
        if (!known.empty()) entries[interface] = std::move(known);
        if (const auto source = lan->router().told_from()) sources[interface] = {*source};
    }
    const auto text = memory_.take_write(std::move(entries), std::move(sources));
    if (text) context_.files.write(context_.paths.advertised_file(), *text, 0600);
}

void Lans::not_written(const std::string& file) {
    if (file == context_.paths.advertised_file()) memory_.not_written();
}

void Lans::update() {
    const Have& have = context_.reconciler.have();
    const bool isolated = !neighbours_.relays.any_reachable();
    for (const auto& lan : lans_) {
        lan->set_isolated(isolated);
        lan->set_forwarding(forwards(have.sysctls));
        lan->set_deductions(deductions(lan->router().config()));
        lan->set_links(have.links, have.addresses, have.sysctls);
    }
}

// A prefix that was a LAN's of ours and is not any more.
bool Lans::is_elsewhere(const net::Ipv6Prefix& prefix) const {
    const auto& lans = context_.config.lans;
    return std::any_of(lans.begin(), lans.end(),
                       [&](const LanConfig& lan) { return lan.prefix.network() == prefix; }) ||
           neighbours_.control.is_connected(prefix);
}

void Lans::check() {
    std::vector<Obstacle> found;
    bool lost = false;  // a prefix of the overlay that our hosts still know
    for (const auto& lan : lans_) {
        const LanRouter& router = lan->router();
        for (Obstacle& each : check_.find(router, neighbours_.control.words_about(router.config().prefix),
                                          context_.loop.now()))
            found.push_back(std::move(each));
        const auto stale = router.advertiser().stale();
        lost = lost || std::any_of(stale.begin(), stale.end(), [&](const ra::Stale& gone) {
                   const auto* pio = std::get_if<ra::PrefixInformation>(&gone.option);
                   return pio != nullptr && context_.config.overlay.contains(pio->prefix.network());
               });
        lan->follow_prefixes([this](const net::Ipv6Prefix& prefix) { return is_elsewhere(prefix); });
    }
    neighbours_.control.want_lists(lost);
    context_.obstacles.set("lan", std::move(found));
    for (const auto& lan : lans_) lan->set_deductions(deductions(lan->router().config()));
}

void Lans::take_states() {
    std::set<std::string> active;
    std::vector<wg::control::LanClaim> claims;
    for (const auto& lan : lans_) {
        const LanRouter& router = lan->router();
        wg::control::LanClaim claim{router.config().prefix, wg::control::ClaimState::active, 100};
        if (router.wants_address()) active.insert(router.config().interface);
        if (const vrrp::Machine* machine = router.machine()) {
            claim.priority = machine->priority();
            if (machine->state() != vrrp::State::active)
                claim.state = neighbours_.shutdown.leaving() ? wg::control::ClaimState::leaving
                                                             : wg::control::ClaimState::standby;
        }
        // While it hands over, the router goes on forwarding: that the LAN is silent then is not a fault.
        if (router.link_dead() && !neighbours_.shutdown.handing_over())
            claim.state = wg::control::ClaimState::unfit;
        claims.push_back(claim);
    }
    active_ = std::move(active);
    neighbours_.control.set_lans(claims);
    neighbours_.active(active_);
}

bool Lans::contribute(Facts& facts) const { return assign(facts.active_lans, active_); }

// Safe to call during a reconciliation: deferred to the next turn of the loop.
void Lans::on_change() {
    if (std::exchange(take_over_posted_, true)) return;
    context_.loop.post([this] {
        const TurnPart turn{"take-over"};
        take_over_posted_ = false;
        if (take_over()) {
            // With one processor the kernel encrypts the claim only when we have nothing to do.
            context_.turn.reconcile_soon();
        } else {
            context_.turn.reconcile();
        }
    });
}

// Before anything else: the relays send to the router that claims, hosts to the one that says so, and until
// then what they send is lost. Reading the kernel's state and making a plan take several times as long as all
// of this. False if more than this has to be done at once: an address has to go, a macvlan to come up.
bool Lans::take_over() {
    if (neighbours_.shutdown.stopping()) return false;
    const std::set<std::string> before = active_;
    take_states();
    bool all = active_.size() > before.size() &&
               std::includes(active_.begin(), active_.end(), before.begin(), before.end());
    const Have& have = context_.reconciler.have();
    for (const auto& lan : lans_) {
        const LanConfig& config = lan->router().config();
        if (!config.vrrp || before.contains(config.interface) || !active_.contains(config.interface))
            continue;
        const auto sending = have.links.find(lan->router().sending_interface());
        if (sending == have.links.end() || !sending->second.up) {
            all = false;
            continue;
        }
        for (const AddressKey& address : virtual_addresses(config)) {
            if (have.addresses.contains(address)) continue;
            all &= context_.fast_path.write(PutAddress{address, {.leased = true}},
                                            {.known = true, .tell_later = true});
        }
        lan->set_links(have.links, have.addresses, have.sysctls);
        context_.fast_path.tell();
    }
    return all;
}

void Lans::announce_again(const net::Ipv6Prefix& prefix) {
    for (const auto& lan : lans_) {
        if (lan->router().config().prefix == prefix) lan->announce_again();
    }
}

// What makes this router worth less than another one that has no such problem.
std::vector<Deduction> Lans::deductions(const LanConfig& lan) const {
    std::vector<Deduction> out;
    if (!lan.vrrp) return out;
    const auto deduct = [&](bool problem, std::uint8_t amount, std::string reason) {
        if (problem && amount > 0) out.push_back({std::move(reason), amount});
    };
    deduct(!neighbours_.relays.any_reachable(), lan.vrrp->no_tunnel, "no relay can be reached");
    deduct(!neighbours_.relays.uplink(), lan.vrrp->no_uplink, "no default route");
    for (const std::string& reason : context_.obstacles.cuts(lan.interface))
        deduct(true, lan.vrrp->no_tunnel, reason);
    const Links& links = context_.reconciler.have().links;
    for (const TrackedInterface& tracked : lan.vrrp->tracked) {
        const auto link = links.find(tracked.name);
        const bool works = link != links.end() && link->second.running;
        deduct(!works, tracked.deduction, fmt::format("interface {} has no carrier", tracked.name));
    }
    return out;
}

void Lans::renew_leases() {
    for (const auto& lan : lans_) lan->catch_up();
    const std::set<std::string> before = active_;
    take_states();
    if (active_ != before) context_.turn.reconcile();
    const Reconciler::Report renewed =
        context_.reconciler.renew_leases([this] { return context_.loop.now(); });
    context_.kernel_log.tell(renewed);
    if (!renewed.failed.empty()) return;
    for (const auto& lan : lans_) {
        if (lan->router().machine() == nullptr) continue;
        const AddressKey key{lan->router().sending_interface(),
                             {lan->router().machine()->config().address, 128}};
        if (context_.reconciler.have().addresses.contains(key)) lan->address_renewed();
    }
}

void Lans::hand_over() {
    for (const auto& lan : lans_) lan->hand_over();
}

void Lans::withdraw() {
    for (const auto& lan : lans_) lan->withdraw();
}

bool Lans::silent() const {
    return std::all_of(lans_.begin(), lans_.end(), [](const auto& lan) { return lan->done(); });
}

bool Lans::handed_over(const LanRouter& lan) const {
    if (!neighbours_.control.handed_over(lan.config().prefix)) return false;
    if (lan.machine() == nullptr || !neighbours_.relays.any_reachable()) return true;
    return lan.taken_over() && context_.loop.now() >= *lan.taken_over() + kLastPackets;
}

bool Lans::handed_over() const {
    return std::all_of(lans_.begin(), lans_.end(),
                       [this](const auto& lan) { return handed_over(lan->router()); });
}

std::chrono::milliseconds Lans::longest_interval() const {
    std::chrono::milliseconds longest{0};
    for (const auto& lan : lans_) {
        if (const auto& vrrp = lan->router().config().vrrp)
            longest = std::max<std::chrono::milliseconds>(longest, vrrp->machine.interval);
    }
    return longest;
}

bool Lans::work() const {
    return std::all_of(lans_.begin(), lans_.end(), [](const auto& lan) { return lan->works(); });
}

}  // namespace ulagate
