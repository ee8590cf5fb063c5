// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/daemon.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/base/turn_record.h"
#include "daemon/service/assign.h"
#include "daemon/service/status_report.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kMergeEvents = 20ms;
constexpr auto kTick = 1s;
constexpr auto kFullCheck = 60s;
constexpr auto kEgressKept = 10s;  // a path MTU that the kernel has learnt is not an event
// A dump of 10,000 peers costs a relay tens of milliseconds; handshakes are seconds apart.
constexpr std::size_t kManyPeers = 64;
constexpr auto kReadManyPeersEvery = 10s;
constexpr auto kReadyPatience = 60s;

std::size_t peer_count(const Have& have) {
    std::size_t count = 0;
    for (const auto& [name, device] : have.tunnels) count += device.peers.size();
    return count;
}

}  // namespace

Daemon::Daemon(ServicePaths paths, Config config, Setup setup)
    : paths_(std::move(paths)),
      config_(std::move(config)),
      setup_(std::move(setup)),
      loop_(setup_.loop),
      reconciler_(setup_.kernel),
      fast_path_(reconciler_, kernel_log_, loop_),
      context_{loop_, config_, paths_, reconciler_, fast_path_, kernel_log_, obstacles_, files_, *this},
      key_(context_),
      parts_(setup_.compose(context_, {setup_.resolver, setup_.egress, key_, shutdown_})),
      health_(context_, *parts_, shutdown_, setup_.checks),
      reload_(context_, config_, key_,
              {[this](Config next) { set_config(std::move(next)); },
               [this] {
                   collect_facts();
                   return plan(Scope::all);
               },
               [this](const std::string& group) { return setup_.host.set_control_group(group); },
               [this] { setup_.host.reloading(); },
               [this](const std::string& text) { setup_.host.ready(text); }}),
      ending_(context_, setup_.host, *parts_, shutdown_),
      started_(loop_.now()),
      soon_(loop_, [this] { reconcile(); }),
      tick_(loop_, [this] { tick(); }),
      retry_(loop_, [this] { reconcile(); }) {}

void Daemon::start() {
    key_.load();
    parts_->load();
    parts_->set_config();
    parts_->adopt();
}

void Daemon::run() {
    log::info("ulagate", "{} {} starting, overlay {}", name(config_.role), config_.node,
              net::to_string(config_.overlay));
    take_turn(Scope::quick);
    take_turn(Scope::all);
    note_ready();
    tick();
}

void Daemon::finish() {
    files_.finish();
    report_unwritten();
}

void Daemon::set_config(Config config) {
    config_ = std::move(config);
    plan_due_ = true;
    parts_->set_config();
}

// --- the turn ---

void Daemon::take_turn(Scope scope) {
    if (shutdown_.stopping()) return;
    const TurnPart part{"plan"};
    const auto begun = loop_.processor_time();
    bring_about(scope);
    took_ = loop_.processor_time() - begun;
}

// All that a turn does, in this order.
void Daemon::bring_about(Scope scope) {
    parts_->observe();                        // names, routes, answers, LANs
    const auto read = reconciler_.refresh();  // what the kernel has; the plan reports an error
    if (read && *read) parts_->kernel_changed();
    plan_due_ |= collect_facts();
    // A plan for 10,000 sites costs tens of milliseconds: only when something could come of it.
    if (read && !*read && !plan_due_ && reconciler_.settled() && !parts_->has_work()) {
        parts_->send();
        retry_.set(reconciler_.deadline());
        return;
    }
    const Reconciler::Report done = plan(scope);
    setup_.host.applied();
    if (reload_.planned(done)) return;  // with a turn of its own
    // Peers that were taken away come anew.
    if (!reconciler_.under_way() && parts_->taken_away()) {
        collect_facts();
        plan(scope);
        kernel_log_.routine(false);
    }
    parts_->send();
    parts_->planned();
    setup_.host.look_at_tunnels();
    health_.report();
    parts_->update();
    if (scope == Scope::all) note_ready();
    retry_.set(reconciler_.deadline());
}

// Of the parts that own them.
bool Daemon::collect_facts() {
    const bool handing_over = assign(facts_.handing_over, shutdown_.forwards_for_successor());
    const bool key = key_.contribute(facts_);
    return parts_->contribute(facts_) || handing_over || key;
}

Reconciler::Report Daemon::plan(Scope scope) {
    const auto want = [this](const Have& have) {
        const TurnPart wishes{"what is wanted"};
        return desired(config_, facts_, have);
    };
    Reconciler::Report done = reconciler_.run(want, loop_.now(), scope == Scope::all);
    plan_due_ = false;
    kernel_log_.tell(done);
    return done;
}

void Daemon::reconcile_next() {
    if (std::exchange(posted_, true)) return;
    loop_.post([this] {
        const TurnPart turn{"reconciliation"};
        posted_ = false;
        reconcile();
    });
}

void Daemon::reconcile_soon() {
    // Not moved by later events: a stream of them must not put it off for ever.
    if (soon_.is_set()) return;
    // And one for which there is much to read must not keep the loop from everything else: at most a fifth of
    // the time goes into what others do to the kernel.
    soon_.set(loop_.now() + std::clamp<std::chrono::nanoseconds>(4 * took_, kMergeEvents, 2s));
}

// Once what takes long has been done too, or has shown that it takes too long.
void Daemon::note_ready() {
    if (told_ready_ || (reconciler_.under_way() && loop_.now() < started_ + kReadyPatience)) return;
    told_ready_ = true;
    setup_.host.ready(fmt::format("{} {}", name(config_.role), config_.node));
}

// --- the second ---

// All that a second does, in this order.
void Daemon::tick() {
    parts_->renew();  // before anything else: the kernel would take the address away
    mark_stale();
    key_.tick();
    parts_->keep();
    report_unwritten();
    health_.look_at_tables();
    log::tell_left_out();
    setup_.host.second();
    setup_.host.look_at_tunnels();
    note_ready();
    parts_->look();
    health_.look_at_passages();
    reconcile();
    health_.check_forwarding();
    parts_->tick();
    health_.report();
    setup_.host.alive();
    auto next = std::chrono::nanoseconds{kTick};
    if (const auto watchdog = setup_.host.watchdog_interval())
        next = std::min<std::chrono::nanoseconds>(next, *watchdog);
    tick_.set(loop_.now() + next);
}

void Daemon::mark_stale() {
    const auto time = loop_.now();
    Stale stale;
    stale.sysctls = true;
    if (peer_count(reconciler_.have()) <= kManyPeers || time >= tunnels_read_at_ + kReadManyPeersEvery) {
        stale.tunnels = true;
        tunnels_read_at_ = time;
    }
    if (time >= full_check_at_) {
        full_check_at_ = time + kFullCheck;
        stale = Stale::all();
    }
    if (time >= egress_until_) {
        egress_until_ = time + kEgressKept;
        parts_->relays().forget_egress();
    }
    reconciler_.mark(stale);
}

void Daemon::report_unwritten() {
    for (const auto& failure : files_.take_failures()) {
        log::warning("ulagate", "{}, continuing", failure.error.text());
        parts_->not_written(failure.path);
    }
}

// --- events ---

void Daemon::on_kernel_change(const Result<RtnlChanges>& changes) {
    if (changes && !changes->any()) return;
    parts_->relays().forget_egress();
    if (!changes || changes->default_routes) parts_->relays().forget_default_routes();
    health_.check_forwarding_at_once();
    Stale stale = Stale::all();  // an error means that we do not know what changed
    if (changes) {
        stale = {};
        stale.links = changes->links;
        stale.addresses = changes->addresses;
        stale.routes =
            changes->our_routes || changes->links;  // the kernel drops routes with their link, silently
        stale.rules = changes->rules;
        stale.sysctls = changes->links;  // a new interface has settings of its own
        stale.tunnels = changes->links;
        if (changes->links || changes->addresses) reconciler_.retry_now();
    } else {
        log::warning("kernel", "{}; reading the whole state again", changes.error().text());
    }
    on_stale(stale);
}

void Daemon::on_stale(const Stale& stale) {
    reconciler_.mark(stale);
    reconcile_soon();
}

void Daemon::on_background_end() {
    if (shutdown_.stopping()) return ending_.go_on();
    reconcile();
}

void Daemon::reload() {
    if (!shutdown_.stopping() && !shutdown_.withdrawing()) reload_.start();
}

Result<Status> Daemon::status() {
    // Counters and handshakes of this moment, not of the last tick.
    Stale stale;
    stale.tunnels = true;
    reconciler_.mark(stale);
    const auto fresh = reconciler_.refresh();
    if (!fresh) return tl::unexpected<Error>{fresh.error()};
    if (*fresh) parts_->kernel_changed();
    Status status;
    status.uptime = std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - started_);
    status.last_reload = reload_.last();
    add_machine(status, context_);
    parts_->add_status(status);
    add_problems(status, context_, key_);
    return status;
}

}  // namespace ulagate
