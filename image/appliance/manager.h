// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/kernel/problems.h"
#include "daemon/kernel/rtnl/links.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/supervisor_link.h"
#include "image/appliance/clients/children.h"
#include "image/appliance/clients/wifi_lines.h"
#include "image/appliance/clock/keeper.h"
#include "image/appliance/page/server.h"
#include "image/appliance/page/status_page.h"
#include "image/appliance/state/keeper.h"
#include "image/appliance/uplinks/net_setup.h"
#include "image/appliance/uplinks/uplinks.h"
#include "image/boot/slot/trial.h"

namespace ulagate::appliance {

struct ManagerOptions {
    std::string config_file = "/etc/ulagate/ulagate.toml";
    std::string runtime = "/run/appliance";
    std::string dnsmasq = "/run/dnsmasq";
    std::string daemon_state = "/var/lib/ulagate";
    std::string daemon_runtime = "/run/ulagate";
    std::string resolv_conf = "/etc/resolv.conf";
    std::string release_file = "/etc/ulagate-release";
    std::string root_home = "/root";
    std::vector<std::string> consoles{"/dev/tty1", "/dev/console"};
    std::uint16_t page_port = 80;
    bool dry_clock = false;  // say what would be done to the clock, and leave it alone
};

// `ulagate-appliance run`: looks at the interfaces, asks the pure parts what should be, and makes it so. One
// thread, one loop; nothing here waits for the network.
class Manager {
public:
    Manager(boost::asio::io_context& io, ManagerOptions options);

    // An error is what makes it useless: no rtnetlink, no runtime directory.
    Result<void> start();
    // After SIGTERM: ends the children and keeps what has to be kept.
    void stop();
    void on_child() { children_.reap(); }

private:
    void load();
    void load_rescue();
    void make_host_key();
    [[nodiscard]] WallTime clock_floor() const;
    Result<void> keep_time();
    Result<void> watch_kernel();
    Result<void> watch_leases();
    void soon();
    void settle();
    void look_at_links();
    void apply(const UplinkPlan& plan);
    void apply_links(const UplinkPlan& plan);
    void apply_settings(const UplinkPlan& plan);
    void apply_addresses(const UplinkPlan& plan);
    void take_net_steps(const std::vector<NetStep>& steps);
    void note_failure(const std::string& subject, const std::string& what, const Error& error);
    void apply_ipv6_attempts(const UplinkPlan& plan);
    void set(const std::string& path, const std::string& value);
    void take_lease(const std::string& link);
    void take_line(const std::string& child, const std::string& line);
    void write_resolv_conf(const UplinkPlan& plan);
    void serve_page();
    void tell();
    void log_uplinks();
    void watch_trial();
    void read_rescue_keys();
    void keep_strangers_out();
    [[nodiscard]] ApplianceStatus status() const;
    void say_once(const std::string& key, const std::string& text);

    boost::asio::io_context& io_;
    ManagerOptions options_;
    SupervisorLink supervisor_;

    std::optional<Config> config_;
    ApplianceConfig appliance_;
    std::vector<GatewayLan> gateway_lans_;
    std::set<std::string> lans_;
    std::vector<std::string> rescue_;
    std::string version_;
    std::string public_key_;
    ChildPaths child_paths_;

    std::unique_ptr<Rtnl> rtnl_;
    std::unique_ptr<Readable> rtnl_readable_;
    std::unique_ptr<NetSetup> net_;
    std::unique_ptr<RaDnsWatch> ra_dns_;
    std::unique_ptr<Readable> ra_dns_readable_;
    UniqueFd lease_watch_;
    std::unique_ptr<Readable> lease_readable_;

    std::optional<Uplinks> uplinks_;
    LinkTable links_;
    std::map<std::string, unsigned> ipv6_attempts_;
    std::map<NetAddress, std::optional<TimePoint>> known_addresses_;
    Problems net_problems_;  // addresses and routes that the kernel refuses
    std::optional<std::string> resolv_conf_;
    std::map<std::string, UplinkReport::State> uplink_states_;  // as they were logged
    std::vector<std::string> problems_;
    std::map<std::string, std::string> said_;  // so that the same problem is one line in the log
    StateKeeper state_;
    std::optional<TimeKeeper> time_;
    std::vector<NameServer> dns_;  // as it was when the time servers were last told of a change
    std::set<NetRoute> routes_;
    std::set<std::string> ipv6_routers_;
    std::optional<slot::Trial> trial_;
    ApClients ap_clients_;
    Children children_;
    PageServer page_;
    ApplianceStatus told_;
    std::optional<TimePoint> told_at_;

    Alarm settle_alarm_;
    Alarm retry_alarm_;
    Alarm uplink_alarm_;
    Alarm alive_alarm_;
    Alarm tell_alarm_;
    Alarm trial_alarm_;
};

}  // namespace ulagate::appliance
