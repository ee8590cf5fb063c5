// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>

#include "daemon/service/parts.h"
#include "daemon/service/replay_recovery.h"
#include "daemon/service/router_registry.h"

namespace ulagate {

// The parts of a relay.
class RelayParts final : public Parts {
public:
    RelayParts(const Context& context, const Means& means, std::unique_ptr<ControlLink> link);

    RelayConnections& relays() override { return relays_; }
    [[nodiscard]] const RelayConnections& relays() const override { return relays_; }
    void load() override;
    void set_config() override;
    void adopt() override { routers_.adopt(); }
    void observe() override;
    void kernel_changed() override { routers_.remember_endpoints(); }
    bool contribute(Facts& facts) override;
    [[nodiscard]] bool has_work() const override { return false; }
    bool taken_away() override { return relays_.taken_away(); }
    void send() override { relays_.send_by_new_egress(); }
    void planned() override;
    void update() override { relays_.note_reachable(); }
    void renew() override {}
    void keep() override { relays_.keep(false); }
    void not_written(const std::string& file) override { routers_.not_written(file); }
    void look() override {}
    void tick() override;
    [[nodiscard]] std::vector<net::Ipv6Prefix> active_prefixes() const override { return {}; }
    void describe(PassageWatch::View& view) const override;
    void set_forwards(bool forwards) override { routers_.control().set_forwards(forwards); }
    HandOver hand_over() override;
    void withdraw() override {}
    [[nodiscard]] Shutdown::Left left() const override { return {.silent = true}; }
    void stop() override;
    void add_status(Status& status) const override;

    [[nodiscard]] RouterRegistry& routers() { return routers_; }

private:
    void tell_conditions();

    Context context_;
    Means means_;
    RouterRegistry routers_;
    ReplayRecovery recovery_;
    RelayConnections relays_;
};

}  // namespace ulagate
