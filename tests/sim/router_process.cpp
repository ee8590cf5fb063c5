// SPDX-License-Identifier: GPL-2.0-or-later
// What the daemon does around LanRouter, as daemon/service/service.cpp and daemon/lan/task.cpp have it.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/kernel/desired.h"
#include "daemon/kernel/plan.h"
#include "tests/sim/router.h"
#include "vrrp/neighbor.h"

namespace ulagate::sim {
namespace {

using namespace std::chrono_literals;

constexpr int kDatagramsATurn = 64;
constexpr int kMaxRounds = 5;
constexpr Duration kTick = 1s;
constexpr Duration kHandOverLimit = 2s;
constexpr Duration kWithdrawLimit = 60s;

Config config_of(const LanConfig& lan) {
    Config config;
    config.node = "a1";
    config.overlay = net::parse_ipv6_prefix("fd12:3456:789a::/48").value();
    config.lans = {lan};
    config.firewall.mode = firewall::Mode::off;
    return config;
}

}  // namespace

void Router::start(TimePoint now) {
    if (!powered_ || frozen_at_ || lan_router_) return;
    setup_.tell("the daemon starts");
    now = clock(now);
    started_ = now;
    ++life_;
    lan_router_.emplace(
        lan_, [this](ra::Duration low, ra::Duration high) { return setup_.dice->between(low, high); });
    tick_at_ = now;
    settled_ = false;
    event_at_ = TimePoint::max();
    reconcile(now);
}

void Router::kill() {
    if (!lan_router_ || frozen_at_) return;
    setup_.tell("the daemon is killed");
    forget_process();
}

// Service::hand_over()
void Router::hand_over(TimePoint now) {
    if (!lan_router_ || frozen_at_ || leaving()) return;
    setup_.tell("the daemon hands over");
    stalled_until_ = std::min(stalled_until_, now);
    now = clock(now);
    end_at_ = now + (lan_router_->wants_address() ? kHandOverLimit : 0s);
    perform(lan_router_->hand_over(now), now);
    reconcile(now);
    poll_end(now);
}

void Router::withdraw(TimePoint now) {
    if (!lan_router_ || frozen_at_ || leaving()) return;
    setup_.tell("the daemon withdraws");
    stalled_until_ = std::min(stalled_until_, now);
    now = clock(now);
    withdraws_ = true;
    end_at_ = now + kWithdrawLimit;
    perform(lan_router_->withdraw(now), now);
    poll_end(now);
}

void Router::set_config(LanConfig lan, TimePoint now) {
    if (frozen_at_) return;
    lan_ = std::move(lan);
    if (!lan_router_ || leaving()) return;
    setup_.tell("the daemon reloads");
    stalled_until_ = std::min(stalled_until_, now);
    now = clock(now);
    perform(lan_router_->set_config(lan_, now), now);
    settled_ = false;
    reconcile(now);
}

void Router::deduct(std::uint8_t amount, TimePoint now) {
    if (frozen_at_) return;
    deduction_ = amount;
    if (!lan_router_) return;
    setup_.tell(fmt::format("less worth by {}", amount));
    settled_ = false;
    event_at_ = std::min(event_at_, clock(now));
}

void Router::receive_vrrp(TimePoint now) {
    for (int i = 0; i < kDatagramsATurn && !vrrp_in_.empty(); ++i) {
        const auto frame = std::move(vrrp_in_.front());
        vrrp_in_.pop_front();
        perform(lan_router_->on_vrrp(frame->bytes, {frame->source, frame->destination, 255}, now), now);
    }
    behind_ = !vrrp_in_.empty();
}

void Router::receive_icmpv6(TimePoint now) {
    for (int i = 0; i < kDatagramsATurn && !icmpv6_in_.empty(); ++i) {
        const auto frame = std::move(icmpv6_in_.front());
        icmpv6_in_.pop_front();
        perform(lan_router_->on_icmpv6(frame->bytes, {frame->source, frame->destination, 255}, now), now);
    }
}

void Router::on_timer(TimePoint now) {
    timer_at_ = TimePoint::max();
    receive_vrrp(now);
    perform(lan_router_->on_deadline(now), now);
}

void Router::on_tick(TimePoint now) {
    tick_at_ = now + kTick;
    receive_vrrp(now);
    perform(lan_router_->on_deadline(now), now);
    reconcile(now);
    for (const AddressKey& address : leases_) {
        if (!known_.addresses.contains(address)) continue;
        const bool was_there = kernel_.addresses.contains(address);
        apply(PutAddress{address, {false, true}}, now);
        if (!was_there) kernel_event(now);
        lan_router_->address_renewed(now);
    }
    reconcile(now);
}

void Router::on_kernel_event(TimePoint now) {
    event_at_ = TimePoint::max();
    settled_ = false;
    reconcile(now);
}

// Service::reconcile()
void Router::reconcile(TimePoint now) {
    reconcile_at_ = TimePoint::max();
    const bool wants = lan_router_->wants_address();
    if (settled_ && wants == !leases_.empty()) return;
    settled_ = true;
    known_ = kernel_;
    Facts facts;
    if (wants) facts.active_lans.insert(lan_.interface);
    facts.handing_over = leaving() && !withdraws_;
    leases_.clear();
    for (int round = 0; round < kMaxRounds; ++round) {
        const Wanted wanted = desired(config_of(lan_), facts, known_);
        for (const Step& step : plan(wanted, known_)) apply(step, now);
        known_ = kernel_;
        leases_.clear();
        for (const auto& [address, wish] : wanted.addresses) {
            if (wish.leased) leases_.push_back(address);
        }
    }
    std::vector<Deduction> deductions;
    if (deduction_ > 0) deductions.push_back({"a problem", deduction_});
    perform(lan_router_->set_deductions(std::move(deductions), now), now);
    const bool sockets = known_.links.contains(lan_router_->sending_interface());
    perform(lan_router_->set_links(sockets ? known_.links : Links{}, known_.addresses, now), now);
}

void Router::poll_end(TimePoint now) {
    const bool over = withdraws_ ? lan_router_->done() : setup_.drained();
    if (over || now >= end_at_) return take_down(now);
    end_poll_at_ = now + (withdraws_ ? 50ms : 20ms);
}

void Router::take_down(TimePoint now) {
    setup_.tell("the daemon has ended");
    for (const Step& step : plan(nothing_wanted({}), kernel_)) apply(step, now);
    forget_process();
}

void Router::perform(const LanActions& actions, TimePoint now) {
    for (const LanAction& action : actions) {
        if (const auto* changed = std::get_if<vrrp::Changed>(&action)) {
            setup_.changed(*changed);
        } else if (!std::holds_alternative<vrrp::Differs>(action) &&
                   !std::holds_alternative<ra::Notice>(action)) {
            put_on_wire(action, now);
        }
    }
    finish(now);
}

// The kernel refuses what comes from an interface that is down or an address that is not there.
void Router::put_on_wire(const LanAction& action, TimePoint now) {
    const std::string sending = lan_router_->sending_interface();
    const auto link = kernel_.links.find(sending);
    const auto refuse = [&](const char* why) { lan_router_->send_failed(action, why, now); };
    if (link == kernel_.links.end() || !link->second.up || !link->second.running)
        return refuse("Network is down");
    Frame frame{*link->second.mac, {}, {}, {}, kIcmpv6, {}};
    if (const auto* vrrp = std::get_if<SendVrrp>(&action)) {
        frame.protocol = vrrp::kProtocol;
        frame.source = vrrp->source;
        frame.destination = vrrp::kAllVrrpRouters;
        frame.bytes = vrrp::build(vrrp->message, vrrp->source);
    } else {
        const auto* of_own = std::get_if<SendNeighbor>(&action);
        const bool own = of_own != nullptr && of_own->address == setup_.address;
        if (!own && !face_.has_address) return refuse("Invalid argument");
        if (const auto* advertisement = std::get_if<ra::Send>(&action)) {
            frame.source = advertisement->source;
            frame.destination = advertisement->destination;
            frame.bytes = ra::build(advertisement->message);
        } else {
            const auto& neighbor = std::get<SendNeighbor>(action);
            frame.source = neighbor.address;
            frame.destination = vrrp::kAllNodes;
            frame.bytes = vrrp::neighbor_advertisement(neighbor.address, neighbor.link_address);
        }
    }
    lan_router_->sent(action, now);
    setup_.send(std::move(frame));
}

}  // namespace ulagate::sim
