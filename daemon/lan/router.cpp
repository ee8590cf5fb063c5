// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "daemon/base/text.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// ICMPv6 types, RFC 4861 section 4.
constexpr std::byte kRouterSolicitation{133};
constexpr std::byte kRouterAdvertisement{134};
constexpr std::byte kNeighborAdvertisement{136};

bool is_usable(const Addresses& addresses, const AddressKey& key) {
    const auto found = addresses.find(key);
    return found != addresses.end() && !found->second.tentative && !found->second.duplicate;
}

std::optional<vrrp::Machine> make_machine(const LanConfig& lan) {
    return lan.vrrp ? std::optional<vrrp::Machine>{lan.vrrp->machine} : std::nullopt;
}

bool same_virtual_router(const LanConfig& a, const LanConfig& b) {
    return a.vrrp && b.vrrp && a.vrrp->machine.vrid == b.vrrp->machine.vrid &&
           a.vrrp->machine.address == b.vrrp->machine.address && a.vrrp->virtual_mac == b.vrrp->virtual_mac;
}

constexpr std::size_t kIpv6Header = 40;

}  // namespace

LanRouter::LanRouter(LanConfig config, ra::Random random)
    : config_(std::move(config)),
      route_(config_),
      advertiser_(config_.ra, std::move(random)),
      machine_(make_machine(config_)) {}

bool LanRouter::wants_address() const {
    if (!machine_) return false;
    // While final advertisements are sent, hosts are still to hear us.
    return leaving() ? final_ra_at_ || advertiser_.deadline() : machine_->state() == vrrp::State::active;
}

// RFC 4861 section 6.2.3: what is longer than the link's MTU comes as several messages.
void LanRouter::advertise(std::vector<ra::Send>&& advertisements, LanActions& out) const {
    for (ra::Send& send : advertisements) {
        for (ra::RouterAdvertisement& part : ra::split(std::move(send.message), mtu_ - kIpv6Header))
            out.emplace_back(ra::Send{send.source, send.destination, std::move(part),
                                      send.former_source || exit_ == Exit::removed, send.hosts});
    }
}

std::optional<ra::Source> LanRouter::find_source(const Links& links, const Addresses& addresses) {
    const auto link = links.find(sending_interface());
    if (!machine_) return ra::Source{*self_, link->second.mac};
    if (!wants_address()) {
        waiting_for_ =
            fmt::format("vrrp {}: {}", machine_->config().vrid,
                        machine_->state() == vrrp::State::init ? "starting" : "backup of the active router");
        return std::nullopt;
    }
    const net::Ipv6Address& address = machine_->config().address;
    if (link == links.end() || !link->second.up ||
        !is_usable(addresses, {sending_interface(), {address, 128}})) {
        waiting_for_ = fmt::format("vrrp {}: the virtual address is not there yet", machine_->config().vrid);
        return std::nullopt;
    }
    return ra::Source{address, link->second.mac};
}

bool LanRouter::has_own_mac(const ra::RouterAdvertisement& advertisement) const {
    return std::any_of(advertisement.options.begin(), advertisement.options.end(),
                       [this](const ra::Option& option) {
                           const auto* link = std::get_if<ra::SourceLinkLayerAddress>(&option);
                           return link != nullptr && own_macs_.contains(link->address);
                       });
}

LanActions LanRouter::set_links(const Links& links, const Addresses& addresses, TimePoint now,
                                const Sysctls& settings) {
    LanActions out;
    check_lease(now, out);
    waiting_for_ = find_link_problem(links);
    const auto link = links.find(config_.interface);
    // A port of a bridge cannot be heard, but still be said goodbye from: the others need not wait for
    // silence.
    const bool running = link != links.end() && link->second.running;
    self_ = running ? own_link_local(addresses) : std::nullopt;
    if (waiting_for_.empty() && !self_) waiting_for_ = why_no_link_local(addresses, settings);
    if (!waiting_for_.empty()) sends_.forget();
    follow_addresses(addresses);
    own_addresses_.clear();
    for (const auto& [key, state] : addresses) {
        if (key.address.address.is_link_local() && !state.ours)
            own_addresses_.try_emplace(key.address.address, key.link);
    }
    own_macs_.clear();
    for (const auto& [name, each] : links) {
        if (each.mac) own_macs_.insert(*each.mac);
    }
    if (running) mac_ = link->second.mac;
    if (machine_ && sends_.mute()) waiting_for_ = why_mute();
    if (machine_ && !leaving()) {
        if (!waiting_for_.empty()) {
            take(machine_->stop(now, waiting_for_), now, out);
        } else if (machine_->state() == vrrp::State::init && !machine_->deadline()) {
            take(machine_->start(now), now, out);
        }
    }
    silenced_ = machine_ && sends_.mute();
    if (!waiting_for_.empty() && !silenced_) self_.reset();
    const auto sending = links.find(sending_interface());
    if (sending != links.end()) mtu_ = std::max<std::size_t>(sending->second.mtu, kSmallestMtu);
    std::optional<ra::Source> source;
    if (leaving() && !wants_address()) waiting_for_ = reason_of(exit_);
    if (waiting_for_.empty()) source = find_source(links, addresses);
    if (source != source_) sending_since_ = now;
    if (source != source_ && machine_) {
        announcer_.stop();
        source_ = source;
        // A macvlan comes up only now, so the first advertisement could not leave before.
        if (source_ && config_.vrrp->virtual_mac && !leaving())
            out.emplace_back(SendVrrp{*self_, machine_->advertisement(machine_->priority())});
        if (source_ && !leaving() && announcer_.start(now)) announce(out);
    }
    source_ = source;
    if (self_) {
        for (const net::Ipv6Address& address : std::exchange(recalled_, {})) {
            if (!machine_ || machine_->config().address != address) give_up_source(address, now);
        }
    }
    if (source_) former_.remove(source_->address);
    if (leaving()) return out;
    if (!config_.advertise) {
        waiting_for_ = "advertising is switched off in the configuration";
        source.reset();
        if (!machine_) source_.reset();
    }
    if (machine_ || !source) {
        advertise(advertiser_.set_source(source, now), out);
    } else {
        const auto former = std::exchange(spoke_from_, source->address);
        advertise(advertiser_.set_source(source, now, former), out);
    }
    return out;
}

LanActions LanRouter::set_config(LanConfig config, TimePoint now) {
    LanActions out;
    const bool leaves = config_.advertise && !config.advertise;
    const bool same = same_virtual_router(config_, config);
    if (!machine_ && config.vrrp) {
        // Hosts would keep a route through the own address for long. A virtual address may be another
        // router's now, so from there it goes silently.
        advertise(advertiser_.abandon_source(), out);
        spoke_from_.reset();
        source_.reset();
    }
    if (machine_ && !same) {
        const auto& address = machine_->config().address;
        const bool stays = config.vrrp && config.vrrp->machine.address == address;
        if (source_ && !stays && config_.advertise) give_up_source(address, now);
        take(machine_->stop(now, "the configuration has changed"), now, out);
        announcer_.stop();
        advertise(advertiser_.set_source(std::nullopt, now), out);
        source_.reset();
    }
    config_ = std::move(config);
    route_.set_config(config_);
    route_state_ = route_.state(now);
    if (same) {
        take(machine_->set_config(config_.vrrp->machine, now), now, out);
        take(machine_->set_priority(effective_priority(), now), now, out);
    } else {
        machine_ = make_machine(config_);
        leased_until_.reset();
        if (machine_) take(machine_->set_priority(effective_priority(), now), now, out);
    }
    if (leaves && (!machine_ || source_)) {
        source_.reset();  // forgotten there too, so that set_links() starts anew when this is taken back
        advertise(advertiser_.withdraw(now), out);  // hosts are told, as if the router went
    } else {
        advertise(advertiser_.set_config(advertised(config_.ra, route_state_), now), out);
    }
    return out;
}

std::uint8_t LanRouter::effective_priority() const {
    const int configured = config_.vrrp->machine.priority;
    if (configured == vrrp::kPriorityOwner) return vrrp::kPriorityOwner;
    int priority = configured;
    for (const Deduction& deduction : deductions_) priority -= deduction.amount;
    return static_cast<std::uint8_t>(std::max(1, priority));
}

LanActions LanRouter::set_deductions(std::vector<Deduction> deductions, TimePoint now) {
    LanActions out;
    if (deductions == deductions_) return out;
    deductions_ = std::move(deductions);
    if (machine_) take(machine_->set_priority(effective_priority(), now), now, out);
    return out;
}

LanActions LanRouter::set_isolated(bool isolated, TimePoint now) {
    LanActions out;
    route_.set_isolated(isolated, now);
    follow_route(now, out);
    return out;
}

LanActions LanRouter::set_forwarding(bool forwarding, TimePoint now) {
    LanActions out;
    route_.set_forwarding(forwarding);
    follow_route(now, out);
    return out;
}

void LanRouter::follow_route(TimePoint now, LanActions& out) {
    const RouteState state = route_.state(now);
    if (state == route_state_ || leaving()) return;
    route_state_ = state;
    advertise(advertiser_.set_config(advertised(config_.ra, route_state_), now), out);
}

LanActions LanRouter::on_icmpv6(std::span<const std::byte> message, const ra::PacketInfo& info,
                                TimePoint now) {
    LanActions out;
    if (message.empty()) return out;
    if (message.front() == kRouterSolicitation) {
        const auto solicitation = ra::parse_router_solicitation(message, info);
        if (solicitation) {
            ++counters_.solicitations_received;
            advertise(advertiser_.on_solicitation(*solicitation, info.source, now, info.link_source), out);
            return out;
        }
        ++counters_.refused;
        last_refusal_ = solicitation.error().text();
    } else if (message.front() == kRouterAdvertisement) {
        const auto advertisement = ra::parse_router_advertisement(message, info);
        // Ours carry our link-layer address. Another machine's from our address are a split brain, and no
        // loop.
        if (advertisement && has_own_mac(*advertisement) && is_own_voice(info.source, now)) return out;
        if (advertisement) {
            ++counters_.advertisements_received;
            former_.remove(info.source);  // somebody else goes on from there
            compare(*advertisement, info.source, now, out);
        } else {
            ++counters_.refused;
            last_refusal_ = advertisement.error().text();
        }
    } else if (message.front() == kNeighborAdvertisement) {
        const auto advertisement = ra::parse_neighbor_advertisement(message, info);
        if (advertisement) {
            on_claim(*advertisement, info, now, out);
        } else {
            ++counters_.refused;
            last_refusal_ = advertisement.error().text();
        }
    }
    return out;
}

void LanRouter::on_unresolved(const net::Ipv6Address& host, TimePoint now) {
    ++counters_.replies_unresolved;
    advertiser_.on_unresolved(host, now);
}

// CONFORMANCE: differences are logged, and nothing else is done about them.
void LanRouter::compare(const ra::RouterAdvertisement& theirs, const net::Ipv6Address& from, TimePoint now,
                        LanActions& out) {
    std::optional<ra::Source> sending = source_;
    if (sending && !config_.ra.source_link_layer_address) sending->link_address.reset();
    ra::Ours ours{config_.ra.advertisement, sending, sending_since_, {}};
    if (machine_) ours.shared = machine_->config().address;
    for (ra::Notice& notice : watch_.on_advertisement(theirs, from, ours, now))
        out.emplace_back(std::move(notice));
}

std::optional<ra::Sender> LanRouter::split_brain(TimePoint now) const {
    if (!source_) return std::nullopt;
    return watch_.split_brain(sending_since_, now);
}

LanActions LanRouter::on_vrrp(std::span<const std::byte> packet, const vrrp::PacketInfo& info,
                              TimePoint now) {
    LanActions out;
    if (!machine_) return out;
    check_lease(now, out);
    const auto refuse = [&](vrrp::Refusal why) {
        counters_.vrrp_refused.count(why);
        last_refusal_ = fmt::format("vrrp from {}: {}", net::to_string(info.source), to_string(why));
        return out;
    };
    const auto advertisement = vrrp::parse(packet, info);
    if (!advertisement) return refuse(advertisement.error());
    if (is_own_voice(info.source, now)) return refuse(vrrp::Refusal::own_source);
    for (const net::Ipv6Address& address : advertisement->addresses) former_.remove(address);
    if (advertisement->vrid != machine_->config().vrid) return refuse(vrrp::Refusal::unknown_vrid);
    if (!self_ || info.source == *self_) return refuse(vrrp::Refusal::own_source);
    ++counters_.vrrp_received;
    if (advertisement->priority != vrrp::kPriorityStopping) claims_.partner_spoke(now);
    advertiser_.assume_known();  // the routers of a LAN advertise the same
    if (leaving() && advertisement->priority != vrrp::kPriorityStopping) {
        if (!taken_over_) taken_over_ = now;
        end_final_ra(now);  // somebody has taken over: hosts keep their route, and need no word
        return out;
    }
    take(machine_->on_advertisement(*advertisement, info.source, *self_, now), now, out);
    return out;
}

LanActions LanRouter::on_deadline(TimePoint now) {
    LanActions out;
    check_lease(now, out);
    if (machine_) take(machine_->on_deadline(now), now, out);
    follow_sends(now, out);
    if (announcer_.on_deadline(now)) announce(out);
    if (final_ra_at_ && now >= *final_ra_at_) {
        final_ra_at_.reset();
        advertise(advertiser_.withdraw(now), out);  // this was the last router of the site
    }
    if (drained_at_ && now >= *drained_at_) drained_at_.reset();
    std::vector<ra::Send> last_words;
    for (const net::Ipv6Address& address : former_.due(now))
        last_words.push_back(advertiser_.forget_address(address));
    advertise(std::move(last_words), out);
    follow_route(now, out);
    advertise(advertiser_.on_deadline(now), out);
    return out;
}

std::optional<LanRouter::TimePoint> LanRouter::deadline() const {
    std::optional<TimePoint> next = advertiser_.deadline();
    const auto sooner = [&](const std::optional<TimePoint>& other) {
        if (other && (!next || *other < *next)) next = other;
    };
    if (machine_) sooner(machine_->deadline());
    if (machine_ && !leaving()) sooner(sends_.mute() == silenced_ ? sends_.deadline() : TimePoint::min());
    sooner(announcer_.deadline());
    sooner(former_.deadline());
    sooner(final_ra_at_);
    sooner(drained_at_);
    if (route_state_ == RouteState::full && !leaving()) sooner(route_.deadline());
    return next;
}

LanActions LanRouter::announce_again(TimePoint now) {
    LanActions out;
    if (machine_ && source_ && !leaving() && announcer_.start(now)) announce(out);
    return out;
}

// While this process stood still the kernel has removed the address, and another router is Active by now.
void LanRouter::check_lease(TimePoint now, LanActions& out) {
    if (!machine_ || machine_->state() != vrrp::State::active || !leased_until_ || now < *leased_until_)
        return;
    const auto stood = std::chrono::duration_cast<std::chrono::milliseconds>(now - *leased_until_) +
                       std::chrono::milliseconds{kAddressLease};
    take(machine_->lease_lost(
             now, fmt::format("the virtual address was not renewed for {}", human_duration(stood))),
         now, out);
}

void LanRouter::take(const vrrp::Actions& actions, TimePoint now, LanActions& out) {
    for (const vrrp::Action& action : actions) {
        if (const auto* send = std::get_if<vrrp::SendAdvertisement>(&action)) {
            if (self_ && (source_ || !config_.vrrp->virtual_mac))
                out.emplace_back(SendVrrp{*self_, machine_->advertisement(send->priority)});
        } else if (std::holds_alternative<vrrp::TakeAddress>(action)) {
            leased_until_ = now + kAddressLease;  // from the first attempt to put it there
        } else if (std::holds_alternative<vrrp::ReleaseAddress>(action)) {
            announcer_.stop();
            leased_until_.reset();
            if (leaving()) continue;  // withdraw() decides about the last word
            source_.reset();
            advertise(advertiser_.set_source(std::nullopt, now), out);
        } else if (std::holds_alternative<vrrp::Announce>(action)) {
            if (source_ && announcer_.start(now)) announce(out);
        } else if (const auto* changed = std::get_if<vrrp::Changed>(&action)) {
            out.emplace_back(*changed);
        } else {
            out.emplace_back(std::get<vrrp::Differs>(action));
        }
    }
}

void LanRouter::announce(LanActions& out) const {
    if (!source_ || !source_->link_address) return;
    out.emplace_back(SendNeighbor{source_->address, *source_->link_address});
    out.emplace_back(SendNeighbor{net::with_interface_identifier(config_.prefix, 1), *source_->link_address});
}

}  // namespace ulagate
