// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/task.h"

#include <chrono>
#include <random>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/base/log_state.h"

namespace ulagate {
namespace {

// A flood must not starve the timers: after this many datagrams the loop gets its turn.
constexpr int kDatagramsATurn = 64;
constexpr int kBatchesATurn = 4;
constexpr int kClaimsATurn = 16;
constexpr std::chrono::minutes kDifferenceEvery{1};
constexpr const char* kRoute = "hosts' route";  // for the log's limits

ra::Random system_random() {
    return [engine = std::mt19937_64{std::random_device{}()}](ra::Duration low, ra::Duration high) mutable {
        return ra::Duration{std::uniform_int_distribution{low.count(), high.count()}(engine)};
    };
}

}  // namespace

LanTask::LanTask(Loop& loop, LanConfig config, std::function<void()> changed, LanSockets::Open open)
    : loop_(loop),
      router_(std::move(config), system_random()),
      changed_(std::move(changed)),
      open_(std::move(open)),
      alarm_(loop, [this] { catch_up(); }) {}

void LanTask::open_sockets(const Links& links) {
    const LanConfig& config = router_.config();
    const auto lan = links.find(config.interface);
    const auto sending = links.find(router_.sending_interface());
    std::optional<LanSockets::Place> place;
    if (lan != links.end() && sending != links.end())
        place = LanSockets::Place{lan->second.index, sending->second.index};
    could_hear_ = place && lan->second.up && lan->second.mtu >= LanRouter::kSmallestMtu;
    const bool deaf = sockets_ && could_hear_ && !sockets_->hears();
    if (deaf) {
        log::notice(config.interface,
                    "the kernel dropped our multicast memberships when IPv6 was switched off on the "
                    "interface; joining again");
    }
    if (!place || deaf || (sockets_ && sockets_->place() != *place)) {
        sockets_.reset();
        problem_.clear();
    }
    if (!place || sockets_) return;
    auto opened = open_(loop_, config, *place,
                        {[this] { receive_icmpv6(); }, [this] { receive_solicitations(); },
                         [this] { receive_vrrp(); }, [this] { receive_claims(); }});
    std::string problem = opened ? std::string{} : opened.error().text();
    if (!problem.empty() && problem != problem_) log::error(config.interface, "{}", problem);
    problem_ = std::move(problem);
    if (opened) sockets_ = std::move(*opened);
    listened_for_.clear();
}

std::string LanTask::why_deaf() const {
    if (sockets_) return {};
    if (!problem_.empty()) return problem_;
    return "interface " + router_.sending_interface() + " does not exist yet";
}

bool LanTask::works() const { return problem_.empty() && (!sockets_ || !could_hear_ || sockets_->hears()); }

void LanTask::set_links(const Links& links, const Addresses& addresses, const Sysctls& settings) {
    open_sockets(links);
    tell_time();
    const auto source_before = router_.source();
    const std::string waiting_before = router_.waiting_for();
    router_.set_deaf(why_deaf());
    const auto actions = router_.set_links(links, addresses, loop_.now(), settings);
    const std::string& interface = router_.config().interface;
    if (router_.source() != source_before && router_.source()) {
        log::info(interface, "ra: advertising {} from {}", net::to_string(router_.config().prefix),
                  net::to_string(router_.source()->address));
    } else if (router_.waiting_for() != waiting_before && !router_.waiting_for().empty()) {
        log::info(interface, "ra: silent: {}", router_.waiting_for());
    }
    listen_for_claims();
    perform(actions);
}

void LanTask::listen_for_claims() {
    auto addresses = router_.held_addresses();
    if (!sockets_ || addresses == listened_for_) return;
    if (const auto listening = sockets_->listen_for(addresses); !listening)
        log::warning(router_.config().interface, "{}, going on", listening.error().text());
    listened_for_ = std::move(addresses);
}

void LanTask::set_config(LanConfig config) {
    const bool other_sockets =
        config.vrrp.has_value() != router_.config().vrrp.has_value() ||
        (config.vrrp && config.vrrp->machine.address != router_.config().vrrp->machine.address) ||
        sending_interface(config) != router_.sending_interface();
    tell_time();
    perform(router_.set_config(std::move(config), loop_.now()));
    if (other_sockets) sockets_.reset();
}

void LanTask::set_deductions(std::vector<Deduction> deductions) {
    perform(router_.set_deductions(std::move(deductions), loop_.now()));
}

void LanTask::set_isolated(bool isolated) { perform(router_.set_isolated(isolated, loop_.now())); }
void LanTask::set_forwarding(bool forwarding) { perform(router_.set_forwarding(forwarding, loop_.now())); }
void LanTask::recall(const std::vector<ra::Stale>& stale) { router_.recall(stale, loop_.now()); }
void LanTask::recall_sources(const std::vector<net::Ipv6Address>& told_from) {
    router_.recall_sources(told_from);
}
void LanTask::follow_prefixes(const std::function<bool(const net::Ipv6Prefix&)>& is_elsewhere) {
    perform(router_.follow_prefixes(is_elsewhere, loop_.now()));
}
void LanTask::leave() { perform(router_.leave(loop_.now())); }
void LanTask::hand_over() { perform(router_.hand_over(loop_.now())); }
void LanTask::withdraw() { perform(router_.withdraw(loop_.now())); }
void LanTask::announce_again() { perform(router_.announce_again(loop_.now())); }
void LanTask::address_renewed() { router_.address_renewed(loop_.now()); }

void LanTask::receive_icmpv6() {
    if (sockets_) {
        for (const net::Ipv6Address& host : sockets_->unresolved()) router_.on_unresolved(host, loop_.now());
    }
    for (int i = 0; i < kDatagramsATurn && sockets_; ++i) {
        auto datagram = sockets_->receive_icmpv6();
        if (!datagram) {
            log::warning(router_.config().interface, "ra: {}, ignoring", datagram.error().text());
            break;
        }
        if (!*datagram) break;
        perform(router_.on_icmpv6((*datagram)->message, (*datagram)->info, loop_.now()));
    }
    finish();  // with or without a datagram, the deadline may have moved
}

void LanTask::receive_solicitations() {
    for (int i = 0; i < kBatchesATurn && sockets_; ++i) {
        const auto packets = sockets_->receive_solicitations();
        if (!packets) {
            log::warning(router_.config().interface, "ra: {}, ignoring", packets.error().text());
            break;
        }
        if (packets->empty()) break;
        for (const ra::Packet& packet : *packets) {
            const LanActions actions = router_.on_icmpv6(packet.message, packet.info, loop_.now());
            if (!actions.empty()) perform(actions);
        }
    }
    finish();
}

void LanTask::receive_vrrp() {
    for (int i = 0; i < kDatagramsATurn && sockets_; ++i) {
        auto datagram = sockets_->receive_vrrp();
        if (!datagram) {
            log::warning(router_.config().interface, "vrrp: {}, ignoring", datagram.error().text());
            break;
        }
        if (!*datagram) break;
        perform(router_.on_vrrp((*datagram)->packet, (*datagram)->info, loop_.now()));
    }
}

void LanTask::receive_claims() {
    // A router that takes over says so by VRRP first: then the address is not ours any more.
    receive_vrrp();
    for (int i = 0; i < kClaimsATurn && sockets_; ++i) {
        auto datagram = sockets_->receive_claim();
        if (!datagram) {
            log::warning(router_.config().interface, "{}, ignoring", datagram.error().text());
            break;
        }
        if (!*datagram) break;
        perform(router_.on_icmpv6((*datagram)->message, (*datagram)->info, loop_.now()));
    }
}

void LanTask::catch_up() {
    // After a stall, an advertisement that waits in the socket says more than the timer (CONFORMANCE V-39).
    receive_vrrp();
    tell_time();
    perform(router_.on_deadline(loop_.now()));
}

void LanTask::perform(const LanActions& actions) {
    for (const LanAction& action : actions) {
        if (const auto* changed = std::get_if<vrrp::Changed>(&action)) {
            log(*changed);
        } else if (const auto* differs = std::get_if<vrrp::Differs>(&action)) {
            log(*differs);
        } else if (const auto* notice = std::get_if<ra::Notice>(&action)) {
            log(*notice);
        } else {
            send(action);
        }
    }
    finish();
}

void LanTask::log(const vrrp::Changed& change) const {
    const LanConfig& config = router_.config();
    log::info(config.interface, "vrrp {}: {} -> {}: {}", config.vrrp ? config.vrrp->machine.vrid : 0,
              vrrp::to_string(change.from), vrrp::to_string(change.to), change.reason);
}

// It comes with each advertisement; what has been said once is not said again until it is another, nor then
// more than once a minute: anybody can make it alternate.
void LanTask::log(const vrrp::Differs& difference) {
    Logged& logged = differences_[difference.what];
    if (logged.text == difference.text) return;
    if (!logged.text.empty() && loop_.now() - logged.when < kDifferenceEvery) {
        ++logged.left_out;
        return;
    }
    const std::string more =
        logged.left_out == 0 ? "" : " (and " + std::to_string(logged.left_out) + " times something else)";
    logged = {difference.text, loop_.now(), 0};
    log::warning(router_.config().interface, "vrrp: {}{}, continuing", difference.text, more);
}

void LanTask::log(const ra::Notice& notice) const {
    const std::string& interface = router_.config().interface;
    if (notice.serious) {
        log::warning(interface, "ra: {}, ignoring", notice.text);
    } else {
        log::info(interface, "ra: {}", notice.text);
    }
}

void LanTask::send(const LanAction& action) {
    if (!sockets_) return;
    Result<void> sent;
    if (const auto* advertisement = std::get_if<ra::Send>(&action)) {
        sent = sockets_->send(*advertisement);
    } else if (const auto* vrrp = std::get_if<SendVrrp>(&action)) {
        sent = sockets_->send(*vrrp);
    } else {
        sent = sockets_->send(std::get<SendNeighbor>(action));
    }
    if (sent) {
        router_.sent(action, loop_.now());
        if (!failure_.empty() && router_.send_error().empty()) {
            log::notice(router_.config().interface, "sending works again");
            failure_.clear();
        }
    } else {
        // The next one is due by the timer in any case (CONFORMANCE R-41).
        router_.send_failed(action, sent.error().text(), loop_.now());
        log_failure(sent.error().text());
    }
}

// Each of ten a second may fail for the same reason.
void LanTask::log_failure(const std::string& error) {
    if (error == failure_) return;
    failure_ = error;
    log::warning(router_.config().interface, "{}, continuing", error);
}

// It may be set at any time.
void LanTask::tell_time() { router_.set_wall_clock(loop_.wall_clock(), loop_.now()); }

void LanTask::log_route() {
    const std::string withdrawn = router_.route_withdrawn();
    if (withdrawn == route_withdrawn_) return;
    route_withdrawn_ = withdrawn;
    if (withdrawn.empty()) {
        log::state(log::Level::notice, router_.config().interface, kRoute,
                   "ra: hosts get the route to the overlay again");
    } else {
        log::state(log::Level::notice, router_.config().interface, kRoute,
                   "ra: hosts lose the route to the overlay: {}", withdrawn);
    }
}

void LanTask::finish() {
    log_route();
    alarm_.set(router_.deadline());
    if (router_.wants_address() == told_wants_) return;
    told_wants_ = router_.wants_address();
    changed_();
}

}  // namespace ulagate
