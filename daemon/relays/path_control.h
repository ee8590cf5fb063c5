// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/kernel/rtnl/state.h"
#include "daemon/loop/loop.h"
#include "wg/control/path_choice.h"
#include "wg/control/remote_probe.h"
#include "wg/control/remote_socket.h"

namespace ulagate {

// The edge's choice between its relays: the pure choice and the probes to other sites' routers, with a socket
// for each tunnel and the timers under them. What follows for the routes is the caller's.
class PathControl {
public:
    // `changed`: another path is right now; in the same turn of the loop as its cause.
    PathControl(Loop& loop, std::function<void()> changed);

    void set_config(const Config& config);
    // The relay whose route was there before us.
    void adopt(const std::string& relay);
    // Tunnels come and go.
    void set_links(const Links& links);
    // The LANs (by interface) whose virtual router is ours: only then there is an address to probe from.
    void set_active(const std::vector<net::Ipv6Prefix>& prefixes);
    // Remote /64s with traffic.
    void set_active_prefixes(std::vector<net::Ipv6Prefix> sites);
    // What is known of the relays, in the order of the configuration. True: another path is right now, and
    // `changed` is not called for it.
    bool set_relays(std::vector<wg::control::PathChoice::Relay> relays);

    // Whether it matters where the traffic goes: there is a choice, and we probe.
    [[nodiscard]] bool wants_active_prefixes() const { return sockets_.size() > 1 && !active_.empty(); }
    [[nodiscard]] const wg::control::PathChoice& choice() const { return choice_; }
    [[nodiscard]] const wg::control::RemoteProbe& probe() const { return probe_; }
    [[nodiscard]] const std::vector<net::Ipv6Prefix>& active_prefixes() const { return active_prefixes_; }

private:
    struct Tunnel {
        unsigned index = 0;  // of the interface that the socket is bound to
        wg::control::RemoteSocket socket;
        std::unique_ptr<Readable> readable;
    };
    void open_socket(const std::string& relay, const std::string& interface, unsigned index);
    void receive(const std::string& relay);
    void on_timer();
    void send(const wg::control::RemoteProbe::Outcome& outcome);
    void watch();
    bool decide();
    void schedule();

    Loop& loop_;
    std::function<void()> changed_;
    net::Ipv6Prefix overlay_;
    std::vector<net::Ipv6Prefix> own_;
    std::map<std::string, std::string> interfaces_;  // by relay
    std::map<std::string, Tunnel> sockets_;          // by relay
    std::vector<net::Ipv6Prefix> active_;
    std::vector<net::Ipv6Prefix> active_prefixes_;
    wg::control::PathChoice::Input input_;
    wg::control::PathChoice choice_;
    wg::control::RemoteProbe probe_;
    std::map<std::string, std::string> problems_;  // by relay: why there is no socket
    Alarm alarm_;
};

}  // namespace ulagate
