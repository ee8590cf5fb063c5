// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/lan/router.h"
#include "daemon/lan/sockets.h"
#include "daemon/loop/loop.h"

namespace ulagate {

// Runs one LanRouter: owns its sockets and its timer, performs what it says. Decides nothing but when to open
// the sockets (the interfaces are there) and when to close them (one went away, or came back as another one).
class LanTask {
public:
    // `changed`: the router wants its virtual address, or does not want it any more.
    LanTask(Loop& loop, LanConfig config, std::function<void()> changed, LanSockets::Open open);

    void set_links(const Links& links, const Addresses& addresses, const Sysctls& settings);
    void set_config(LanConfig config);
    void set_deductions(std::vector<Deduction> deductions);
    void set_isolated(bool isolated);
    void set_forwarding(bool forwarding);
    void recall(const std::vector<ra::Stale>& stale);
    void recall_sources(const std::vector<net::Ipv6Address>& told_from);
    void follow_prefixes(const std::function<bool(const net::Ipv6Prefix&)>& is_elsewhere);
    void hand_over();
    void withdraw();
    void leave();
    void announce_again();
    void address_renewed();
    // What waits in the sockets and what is due, now.
    void catch_up();
    // Nothing more to say after hand_over(), withdraw() or leave().
    [[nodiscard]] bool done() const { return router_.done(); }

    [[nodiscard]] const LanRouter& router() const { return router_; }
    // Why the sockets are not open, though the interface is there; empty when all is well.
    [[nodiscard]] const std::string& problem() const { return problem_; }
    // The sockets are open and hear what they have joined, or cannot as the interface is now. If not,
    // set_links() is to be called: it opens them anew.
    [[nodiscard]] bool works() const;

private:
    void open_sockets(const Links& links);
    [[nodiscard]] std::string why_deaf() const;
    void receive_icmpv6();
    void receive_solicitations();
    void receive_vrrp();
    void listen_for_claims();
    void receive_claims();
    void perform(const LanActions& actions);
    void log(const vrrp::Changed& change) const;
    void log(const vrrp::Differs& difference);
    void log(const ra::Notice& notice) const;
    void send(const LanAction& action);
    void log_failure(const std::string& error);
    void finish();
    void tell_time();
    void log_route();

    Loop& loop_;
    LanRouter router_;
    std::function<void()> changed_;
    LanSockets::Open open_;
    std::unique_ptr<LanSockets> sockets_;
    Alarm alarm_;
    std::vector<net::Ipv6Address> listened_for_;  // by sockets_
    std::string problem_;
    struct Logged {
        std::string text;
        std::chrono::steady_clock::time_point when;
        std::uint64_t left_out = 0;  // since then
    };
    std::map<vrrp::Difference, Logged> differences_;
    bool told_wants_ = false;
    std::string route_withdrawn_;  // as last logged
    bool could_hear_ = false;      // the LAN's interface is up, and has an IPv6
    std::string failure_;          // of sends, as last logged; empty: they leave
};

}  // namespace ulagate
