// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/obstacles.h"
#include "daemon/checks/foreign_firewalls.h"
#include "daemon/checks/frame_injector.h"
#include "daemon/checks/passage_check.h"
#include "daemon/config/config.h"
#include "daemon/kernel/desired.h"
#include "daemon/kernel/steps.h"
#include "firewall/checkpoint_reader.h"

namespace ulagate {

// Watches whether packets get through this machine: sends some through it each second, reads what the
// firewall's checkpoints have counted, and says who is in the way. Never waits for anything but the kernel's
// answers.
class PassageWatch {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // What is known of the machine, and proof that something works whatever a probe says.
    struct View {
        const Config& config;
        const Have& have;
        std::string uplink;                // interface of the uplink; "" = none
        std::set<std::string> heard_vrrp;  // LANs where another router is heard
        bool router_connected = false;     // relay: some router has a tunnel
        bool router_heard = false;         // relay: some router speaks the control protocol
    };

    // About once a second.
    std::vector<Obstacle> check(const View& view, TimePoint now);
    // Relay: what one site sends to another gets through, as far as we know.
    [[nodiscard]] bool forwards() const { return forwards_; }

private:
    using Kind = firewall::Passage::Kind;
    bool read_counters(const std::vector<firewall::Passage>& passages, TimePoint now);
    void look_around(TimePoint now);
    void send_probes(const View& view, const std::vector<firewall::Passage>& passages, TimePoint now);
    void probe(const View& view, const firewall::Passage& passage);
    void probe_lan(const View& view, const firewall::Passage& passage);
    void probe_relay(const View& view);
    void probe_input(const View& view, const firewall::Passage& passage);
    void inject(const std::vector<std::byte>& frame);
    [[nodiscard]] bool is_probed(const firewall::Passage& passage, TimePoint now) const;
    [[nodiscard]] bool is_excused(const View& view, const firewall::Passage& passage) const;
    [[nodiscard]] static Obstacle obstacle(const View& view, const firewall::Passage& passage,
                                           const std::string& who);
    // "": somebody else names it.
    [[nodiscard]] std::string culprit(const View& view, const firewall::Passage& passage,
                                      const PassageCheck::Finding& finding) const;

    std::optional<firewall::CheckpointReader> reader_;
    std::optional<FrameInjector> injector_;
    std::optional<TimePoint> injector_retry_;
    bool injector_problem_told_ = false;
    PassageCheck check_;
    std::vector<firewall::Passage> checked_;
    ForeignFilters filters_;
    std::optional<TimePoint> looked_;
    bool forwards_ = true;
    // Since when there are probes, and when the last one was sent.
    std::map<firewall::Passage, std::pair<TimePoint, TimePoint>> probed_;
    std::size_t injected_ = 0;
};

}  // namespace ulagate
