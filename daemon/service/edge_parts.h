// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>

#include "daemon/relays/edge_control.h"
#include "daemon/service/edge_clock.h"
#include "daemon/service/lans.h"
#include "daemon/service/parts.h"
#include "daemon/service/site_routing.h"

namespace ulagate {

// The parts of an edge.
class EdgeParts final : public Parts {
public:
    // What touches the machine.
    struct Machine {
        std::unique_ptr<ControlLink> link;
        LanSockets::Open open_lan;
        SiteRouting::ActivePrefixes active_prefixes;
        std::function<bool()> clock_is_synchronised;
    };
    EdgeParts(const Context& context, const Means& means, Machine machine);

    RelayConnections& relays() override { return relays_; }
    [[nodiscard]] const RelayConnections& relays() const override { return relays_; }
    void load() override;
    void set_config() override;
    void adopt() override { routing_.adopt(); }
    void observe() override;
    void kernel_changed() override {}
    bool contribute(Facts& facts) override;
    [[nodiscard]] bool has_work() const override { return !lans_.work(); }
    bool taken_away() override;
    void send() override { relays_.send_by_new_egress(); }
    void planned() override;
    void update() override;
    void renew() override { lans_.renew_leases(); }
    void keep() override;
    void not_written(const std::string& file) override { lans_.not_written(file); }
    void look() override;
    void tick() override;
    [[nodiscard]] std::vector<net::Ipv6Prefix> active_prefixes() const override {
        return routing_.paths().active_prefixes();
    }
    void describe(PassageWatch::View& view) const override;
    void set_forwards(bool) override {}
    HandOver hand_over() override;
    void withdraw() override { lans_.withdraw(); }
    [[nodiscard]] Shutdown::Left left() const override { return {lans_.handed_over(), lans_.silent()}; }
    void stop() override;
    void add_status(Status& status) const override;

    [[nodiscard]] const Lans& lans() const { return lans_; }

private:
    void tell_conditions();

    Context context_;
    Means means_;
    EdgeControl control_;
    RelayConnections relays_;
    EdgeClock clock_;
    SiteRouting routing_;
    Lans lans_;
};

}  // namespace ulagate
