// SPDX-License-Identifier: GPL-2.0-or-later
// How the daemon ends: by a hand-over to another router, or with the whole site.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/service/hand_over.h"
#include "daemon/service/service.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kWithdrawLimit = 60s;  // a takeover at the longest interval, three advertisements, 3 s apart
constexpr auto kTakeDownLimit = 5s;   // longer than it takes to end a process that does not answer
// A relay that stops goes on forwarding until its goodbye has reached the routers and they have moved.
constexpr auto kFarewell = 500ms;
// After another router was heard as Active. It claims the site before it has told the hosts, who send to this
// one until they know, and a busy machine may be late. A stock relay sends to whoever of the site shook hands
// last, and tells nobody: what was on its way here before that arrives within a round trip.
constexpr auto kLastPackets = 300ms;

}  // namespace

void Service::withdraw(ControlServer::Reply reply) {
    if (withdrawing_) {
        reply(boost::json::object{{"error", "already withdrawing"}});
        return;
    }
    log::notice("ulagate", "withdrawing: telling the hosts, then removing everything");
    withdrawing_ = std::move(reply);
    for (const auto& lan : lans_) lan->withdraw();
    give_up_withdraw_at_ = now() + kWithdrawLimit;
    finish_withdraw();
}

// Forwarding goes on until every LAN has heard the last advertisement.
void Service::finish_withdraw() {
    const bool silent = std::all_of(lans_.begin(), lans_.end(), [](const auto& lan) { return lan->done(); });
    if (silent || now() >= give_up_withdraw_at_) {
        take_down();
    } else {
        withdraw_alarm_.set(now() + 50ms);
    }
}

// A clean stop: the virtual addresses are given up, and this router goes on forwarding until the relays know
// the one that takes over. No packet is lost meanwhile, but for those that a stock relay sends too late.
void Service::hand_over() {
    if (stopping_ || hand_over_until_) return;
    supervisor_.stopping();
    const bool was_active = !facts_.active_lans.empty();
    std::chrono::milliseconds interval{0};
    for (const auto& lan : lans_) {
        if (const auto& vrrp = lan->port().config().vrrp)
            interval = std::max<std::chrono::milliseconds>(interval, vrrp->machine.interval);
    }
    hand_over_until_ = now() + (was_active ? hand_over_limit(interval) : 0ms);
    facts_.handing_over = was_active;
    if (relay_control_) {
        relay_control_->stop();
        hand_over_until_ = now() + kFarewell;
    }
    for (const auto& lan : lans_) lan->hand_over();
    reconcile();
    finish_hand_over();
}

bool Service::handed_over(const LanPort& lan) const {
    if (!edge_control_->handed_over(lan.config().prefix)) return false;
    if (lan.machine() == nullptr || !any_relay_reachable()) return true;
    return lan.taken_over() && now() >= *lan.taken_over() + kLastPackets;
}

void Service::finish_hand_over() {
    const bool taken = edge_control_ && std::all_of(lans_.begin(), lans_.end(), [this](const auto& lan) {
                           return handed_over(lan->port());
                       });
    if (taken || now() >= *hand_over_until_) {
        take_down();
    } else {
        hand_over_alarm_.set(now() + 20ms);
    }
}

void Service::take_down() {
    if (stopping_) return;
    stopping_ = true;
    watch_clock(true);
    keep_relay_memory(true);
    keep_router_memory(true);
    keep_advertised_memory();
    supervisor_.stopping();
    if (edge_control_) edge_control_->stop();
    if (relay_control_) relay_control_->stop();
    reconciler_->mark(Stale::all());
    reconciler_->retry_now();
    give_up_take_down_at_ = now() + kTakeDownLimit;
    finish_take_down();
}

// Until all is out of the kernel; what is left under way there is waited for, but not for ever.
void Service::finish_take_down() {
    static_cast<void>(reconciler_->refresh());  // an error is reported by the run
    // As it is now: the settings of all interfaces follow one another when they are set back.
    Wanted nothing = nothing_wanted(reconciler_->have());
    report(reconciler_->run([&](const Have&) { return nothing; }, now()));
    watch_backend();
    if (reconciler_->under_way() && now() < give_up_take_down_at_) return take_down_alarm_.set(now() + 20ms);
    if (exit_.is_set()) return;
    if (reconciler_->settled()) kernel_->forget_originals();
    if (withdrawing_) withdrawing_(boost::json::object{{"withdrawn", true}});
    log::info("ulagate", "stopped after {}",
              human_duration(std::chrono::duration_cast<std::chrono::milliseconds>(now() - started_)));
    // The answer to a client still has to leave.
    exit_.set(now() + (withdrawing_ ? 100ms : 0ms));
}

}  // namespace ulagate
