// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/kernel/rtnl/links.h"
#include "daemon/service/ending.h"
#include "daemon/service/health.h"
#include "daemon/service/host.h"
#include "daemon/service/parts.h"
#include "daemon/service/reload.h"

namespace ulagate {

// The running daemon: the reconcile turn, the second, reload and end, over the parts that its role needs. One
// thread, which never waits for anybody else. The kernel, the loop and the process are arguments, so that all
// of this runs in virtual time as well.
class Daemon final : private Turn {
public:
    struct Setup {
        Kernel& kernel;
        Loop& loop;
        Host& host;
        NameResolver& resolver;
        EgressLookup& egress;
        ResultChecks::Means checks;
        std::function<std::unique_ptr<Parts>(const Context&, const Parts::Means&)> compose;
    };
    Daemon(ServicePaths paths, Config config, Setup setup);

    // Takes what is known from before; then run() makes the first plans.
    void start();
    void run();
    // After the loop has ended.
    void finish();

    // --- events ---
    void on_kernel_change(const Result<RtnlChanges>& changes);
    void on_stale(const Stale& stale);
    // Something that was left under way has ended, or the process that was asked for it.
    void on_background_end();
    void take_answer(const NameResolver::Answer& answer) { parts_->relays().take_answer(answer); }
    void reload();
    void hand_over() { ending_.hand_over(); }
    void withdraw(std::function<void(const std::string&)> answer) { ending_.withdraw(std::move(answer)); }
    Result<Status> status();

    [[nodiscard]] const Config& config() const { return config_; }
    [[nodiscard]] Reconciler& reconciler() { return reconciler_; }
    [[nodiscard]] Obstacles& obstacles() { return obstacles_; }
    [[nodiscard]] Parts& parts() { return *parts_; }

private:
    enum class Scope { quick, all };  // quick: what takes long waits, hosts need the first advertisement now
    void reconcile() override { take_turn(Scope::all); }
    void reconcile_next() override;
    void reconcile_soon() override;
    void take_turn(Scope scope);
    void bring_about(Scope scope);
    bool collect_facts();
    Reconciler::Report plan(Scope scope);
    void set_config(Config config);
    void tick();
    void mark_stale();
    void report_unwritten();
    void note_ready();

    ServicePaths paths_;
    Config config_;
    Setup setup_;
    Loop& loop_;
    FileWriter files_;
    Obstacles obstacles_;
    Reconciler reconciler_;
    KernelLog kernel_log_;
    FastPath fast_path_;
    Context context_;
    TunnelKey key_;
    Shutdown shutdown_;
    std::unique_ptr<Parts> parts_;
    Health health_;
    Reload reload_;
    Ending ending_;
    Facts facts_;           // as the parts contributed them last
    bool plan_due_ = true;  // the last plan was for another configuration, or other facts
    bool posted_ = false;
    bool told_ready_ = false;
    std::chrono::nanoseconds took_{};  // the last turn, of processor time
    Loop::TimePoint started_;
    Loop::TimePoint full_check_at_;
    Loop::TimePoint egress_until_;
    Loop::TimePoint tunnels_read_at_;
    Alarm soon_;
    Alarm tick_;
    Alarm retry_;
};

}  // namespace ulagate
