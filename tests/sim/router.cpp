// SPDX-License-Identifier: GPL-2.0-or-later
// The machine, and the loop of the process on it. What the handlers do: router_process.cpp.
#include "tests/sim/router.h"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/kernel/simulate.h"
#include "vrrp/neighbor.h"

namespace ulagate::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::byte kSolicitedFlag{0x40};
constexpr Duration kMergeEvents = 20ms;     // daemon/service/service.cpp
constexpr std::size_t kSocketBuffer = 100;  // packets; the kernel drops those that come when it is full
constexpr Duration kLatestHandler = 500us;  // of a machine that has little to do

net::Ipv6Prefix link_local(const net::Ipv6Address& address) { return {address, 64}; }

}  // namespace

Router::Router(Setup setup, LanConfig lan) : setup_(std::move(setup)), lan_(std::move(lan)) {}

void Router::power(bool on, TimePoint now) {
    if (powered_ == on) return;
    powered_ = on;
    setup_.tell(on ? "power on" : "power off");
    forget_process();
    kernel_ = {};
    leased_.clear();
    lease_ends_ = TimePoint::max();
    frozen_at_.reset();
    look_at_kernel();
    if (!on) return;
    kernel_.links["eth0"] = {2, true, carrier_, 1500, setup_.mac};
    kernel_.addresses[{"eth0", link_local(setup_.address)}] = {false, true, false};
    own_address_at_ = clock(now) + setup_.dice->between(1s, 2s);
}

void Router::carrier(bool there, TimePoint now) {
    if (carrier_ == there) return;
    carrier_ = there;
    setup_.tell(there ? "cable in" : "cable out");
    if (!powered_) return;
    for (auto& [name, link] : kernel_.links) {
        if (name != "lo") link.running = there && link.up;
    }
    kernel_event(clock(now));
}

void Router::freeze(TimePoint now) {
    setup_.tell("frozen");
    frozen_at_ = now;
    ++face_version_;
}

void Router::thaw(bool clock_went_on, TimePoint now) {
    setup_.tell(clock_went_on ? "thawed, its clock went on" : "thawed, its clock stood still");
    if (frozen_at_ && !clock_went_on) lost_time_ += now - *frozen_at_;
    frozen_at_.reset();
    thawed_ = now;
    ++face_version_;
}

void Router::receive(const std::shared_ptr<const Frame>& frame, TimePoint now) {
    if (!powered_ || frozen_at_) return;
    kernel_time(clock(now));
    if (frame->to && *frame->to != setup_.mac && (!answers() || *frame->to != sending_mac())) return;
    const bool vrrp = frame->protocol == vrrp::kProtocol;
    if (!vrrp && frame->bytes.front() == kNeighborSolicitation) return answer_solicitation(*frame);
    if (!lan_router_) return;
    auto& buffer = vrrp ? vrrp_in_ : icmpv6_in_;
    if (buffer.size() < kSocketBuffer) buffer.push_back(frame);
    behind_ |= now < stalled_until_;
    run(now);
}

bool Router::hears() const {
    return powered_ && !frozen_at_ && lan_router_ && vrrp_in_.size() < kSocketBuffer;
}

void Router::look_at_kernel() {
    ++face_version_;
    const std::string sending = sending_interface(lan_);
    const auto link = kernel_.links.find(sending);
    const bool there = link != kernel_.links.end() && link->second.mac;
    face_.sending = there ? *link->second.mac : setup_.mac;
    face_.sending_up = there && link->second.up;
    face_.has_address = kernel_.addresses.contains({sending, {lan_.vrrp.value().machine.address, 128}});
    face_.forwards = kernel_.routes.contains({lan_.prefix, kRouteMetric});
}

// As ndisc_recv_ns() does: R because it forwards, S, and O because the address is not an anycast one.
void Router::answer_solicitation(const Frame& frame) {
    if (!answers()) return;
    Frame answer{sending_mac(), frame.from, lan_.vrrp->machine.address, frame.source, kIcmpv6, {}};
    answer.bytes = vrrp::neighbor_advertisement(answer.source, sending_mac());
    answer.bytes.at(4) |= kSolicitedFlag;
    setup_.send(std::move(answer));
}

void Router::kernel_time(TimePoint now) {
    if (now >= lease_ends_) {
        setup_.tell("the kernel removes the address, which was not renewed");
        std::erase_if(kernel_.addresses, [&](const auto& entry) { return leased_.contains(entry.first); });
        leased_.clear();
        lease_ends_ = TimePoint::max();
        look_at_kernel();
        kernel_event(now);
    }
    if (now >= own_address_at_) {
        own_address_at_ = TimePoint::max();
        kernel_.addresses[{"eth0", link_local(setup_.address)}] = {};
        kernel_event(now);
    }
}

// Whole seconds, which the kernel counts in its own way: gone after 2.8 s was measured.
void Router::put_leased(const AddressKey& address, TimePoint now) {
    leased_.insert(address);
    lease_ends_ = now + kAddressLease - setup_.dice->between(0ms, 200ms);
}

void Router::apply(const Step& step, TimePoint now) {
    if (const auto* put = std::get_if<PutAddress>(&step); put != nullptr) {
        if (put->wish.leased) put_leased(put->address, now);
    } else if (const auto* gone = std::get_if<DeleteAddress>(&step); gone != nullptr) {
        leased_.erase(gone->address);
        if (leased_.empty()) lease_ends_ = TimePoint::max();
    }
    simulate(kernel_, step);
    if (std::holds_alternative<SwitchLink>(step))
        kernel_.links.at(std::get<SwitchLink>(step).interface).running &= carrier_;
    look_at_kernel();
}

void Router::kernel_event(TimePoint now) {
    if (lan_router_) event_at_ = std::min(event_at_, now + kMergeEvents);
}

void Router::stall(TimePoint until) {
    setup_.tell("the process stalls");
    stalled_until_ = std::max(stalled_until_, until);
}

TimePoint Router::wake() const {
    if (!powered_ || frozen_at_) return TimePoint::max();
    const auto outside = [this](TimePoint at) { return at == TimePoint::max() ? at : at + lost_time_; };
    const TimePoint next = outside(std::min(lease_ends_, own_address_at_));
    if (!lan_router_) return next;
    TimePoint work = std::min({timer_at_, tick_at_, reconcile_at_, event_at_, end_poll_at_});
    if (!vrrp_in_.empty() || !icmpv6_in_.empty()) work = TimePoint{};
    return std::min(next, std::max(outside(work), stalled_until_));
}

std::optional<TimePoint> Router::awake_since(TimePoint now) const {
    if (!powered_ || frozen_at_ || !lan_router_ || now < stalled_until_ || behind_) return std::nullopt;
    return std::max({started_ + lost_time_, thawed_, stalled_until_});
}

void Router::run(TimePoint now) {
    if (!powered_ || frozen_at_) return;
    const bool stalled = now < stalled_until_;
    now = clock(now);
    kernel_time(now);
    if (!lan_router_ || stalled) return;
    std::array<Handler, 7> due{};
    std::size_t count = 0;
    const auto add = [&](bool is_due, Handler handler) {
        if (is_due) due.at(count++) = handler;
    };
    add(!vrrp_in_.empty(), &Router::receive_vrrp);
    add(!icmpv6_in_.empty(), &Router::receive_icmpv6);
    add(now >= timer_at_, &Router::on_timer);
    add(now >= tick_at_, &Router::on_tick);
    add(now >= reconcile_at_, &Router::reconcile);
    add(now >= event_at_, &Router::on_kernel_event);
    add(now >= end_poll_at_, &Router::poll_end);
    // The order in which they became due is not always that in which they are called.
    for (std::size_t i = count; i > 1; --i) std::swap(due.at(i - 1), due.at(setup_.dice->below(i)));
    for (std::size_t i = 0; i < count && lan_router_; ++i) (this->*due.at(i))(now);
}

void Router::finish(TimePoint now) {
    const auto deadline = lan_router_->deadline();
    const TimePoint before = timer_at_;
    timer_at_ = deadline.value_or(TimePoint::max());
    if (deadline && (before < *deadline || before > *deadline + kLatestHandler))
        timer_at_ += setup_.dice->between(0us, kLatestHandler);
    else if (deadline)
        timer_at_ = before;
    if (lan_router_->wants_address() == wants_) return;
    wants_ = lan_router_->wants_address();
    reconcile_at_ = std::min(reconcile_at_, now + setup_.dice->between(20us, 2ms));
}

void Router::forget_process() {
    lan_router_.reset();
    vrrp_in_.clear();
    icmpv6_in_.clear();
    leases_.clear();
    wants_ = settled_ = withdraws_ = behind_ = false;
    stalled_until_ = TimePoint{};
    timer_at_ = tick_at_ = reconcile_at_ = event_at_ = end_poll_at_ = end_at_ = TimePoint::max();
}

bool Router::active() const {
    return powered_ && lan_router_ && lan_router_->machine() != nullptr &&
           lan_router_->machine()->state() == vrrp::State::active;
}

}  // namespace ulagate::sim
