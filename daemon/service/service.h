// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/fd.h"
#include "daemon/base/file_writer.h"
#include "daemon/base/obstacles.h"
#include "daemon/checks/forward_check.h"
#include "daemon/checks/full_tables.h"
#include "daemon/checks/passage_watch.h"
#include "daemon/cli/status.h"
#include "daemon/config/config.h"
#include "daemon/kernel/desired.h"
#include "daemon/kernel/linux_kernel.h"
#include "daemon/kernel/reconciler.h"
#include "daemon/lan/advertised_memory.h"
#include "daemon/lan/check.h"
#include "daemon/lan/task.h"
#include "daemon/loop/control_server.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/supervisor_link.h"
#include "daemon/names/resolver.h"
#include "daemon/relays/address_rule.h"
#include "daemon/relays/clock_floor.h"
#include "daemon/relays/contact.h"
#include "daemon/relays/edge_control.h"
#include "daemon/relays/memory.h"
#include "daemon/relays/mtu_probe.h"
#include "daemon/relays/path_control.h"
#include "daemon/relays/stock_relay.h"
#include "daemon/relays/time.h"
#include "daemon/routers/clock_cure.h"
#include "daemon/routers/copied_routers.h"
#include "daemon/routers/knock_schedule.h"
#include "daemon/routers/memory.h"
#include "daemon/routers/relay_control.h"
#include "daemon/service/instance_lock.h"
#include "firewall/busy_sites.h"
#include "wg/device/handshake_watch.h"

namespace ulagate {

// Where a daemon lives. Several on one machine (network namespaces) need directories of their own.
struct ServicePaths {
    std::string config_file = "/etc/ulagate/ulagate.toml";
    std::string runtime_directory = "/run/ulagate";
    std::string state_directory = "/var/lib/ulagate";  // what outlives a reboot of the machine
    [[nodiscard]] std::string control_socket() const { return runtime_directory + "/control"; }
    [[nodiscard]] std::string clock_file() const { return state_directory + "/clock"; }
    [[nodiscard]] std::string routers_file() const { return state_directory + "/routers"; }
    [[nodiscard]] std::string relays_file() const { return state_directory + "/relays"; }
    [[nodiscard]] std::string advertised_file() const { return state_directory + "/advertised"; }
};

// The running daemon: the one place where events (kernel, packets, time, signals, commands) become facts, and
// facts are brought to the kernel by the reconciler. One thread, which never waits for anybody else.
class Service {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    static Result<std::unique_ptr<Service>> create(ServicePaths paths, Config config);
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;
    Service(Service&&) = delete;
    Service& operator=(Service&&) = delete;
    ~Service() = default;

    // Until a signal or `withdraw` ends it. What is ours is then out of the kernel.
    Result<void> run();

private:
    Service(ServicePaths paths, Config config, InstanceLock lock);
    Result<void> start();

    // Facts.
    Result<void> open_control();
    void keep_runtime_files();
    void load_key();
    void ask_resolver();
    void take_answer(const Resolver::Answer& answer);
    void set_contacts();
    [[nodiscard]] RelayAddressRule relay_address_rule() const;
    void choose_endpoints();
    void choose_endpoint(const RelayConfig& relay);
    void choose_source_port(const RelayConfig& relay, const EndpointRace::View& view);
    void report_source_ports();
    void measure_paths();
    void on_network_change();
    void on_contact_deadline();
    void send_by_new_ways();
    void load_relay_memory();
    void keep_relay_memory(bool stopping = false);
    [[nodiscard]] bool is_alive(const RelayConfig& relay) const;
    [[nodiscard]] bool is_reachable(const RelayConfig& relay) const;
    void note_tunnel_changes();
    void watch_backend();
    void note_silent_tunnels();
    void load_router_memory();
    void set_routers();
    void remember_endpoints();
    void name_copied_routers();
    void keep_router_memory(bool stopping = false);
    void find_silent_routers();
    void knock();
    void report_unwritten();
    [[nodiscard]] const wg::Peer* peer_of(const RelayConfig& relay) const;
    const std::optional<Way>& way_to(const net::IpAddress& address);
    const std::optional<Way>& way_to_internet(IpFamily family);
    [[nodiscard]] std::optional<Uplink> pin_of(const net::IpAddress& address) const;
    std::optional<Uplink> own_way(const net::IpAddress& address);
    std::vector<Uplink> other_ways(const net::IpAddress& address);
    void note_uplinks();
    const std::vector<DefaultRoute>& all_default_routes();
    void follow_choice(RelayFacts& facts, const std::optional<Candidate>& choice);
    void forget_ways();
    void load_clock_floor();
    void watch_clock(bool stopping = false);
    [[nodiscard]] ClockFloor::Sources clock_sources() const;
    void tell_relay_time(ClockFloor::Time relays);
    void watch_handshakes();
    void take_initiations(std::size_t which);
    void cure_clocks();
    [[nodiscard]] ClockCure::Peer cure_peer(const RouterConfig& config, std::size_t slot) const;

    // Reconciliation.
    void on_kernel_event();
    void on_firewall_event();
    void on_background_end();
    void reconcile_soon();
    void reconcile(bool slow_too = true);
    void bring_about(bool slow_too);
    void report(const Reconciler::Report& report);
    void report_obstacles();
    void look_at_ways();
    void look_at_tables();
    void check_relay_words();
    void check_passages();
    void update_lans();
    void set_lans();
    void load_advertised_memory();
    void keep_advertised_memory();
    void take_lan_states();
    void check_lans();
    [[nodiscard]] bool is_elsewhere(const net::Ipv6Prefix& prefix) const;
    [[nodiscard]] bool same_link(const LanTask& before, const LanConfig& after) const;
    void recall(LanTask& lan);
    void on_lan_change();
    bool take_over();
    void note_reachable();
    void announce_again(const net::Ipv6Prefix& prefix);
    void renew_leases();
    [[nodiscard]] std::vector<Deduction> deductions(const LanConfig& lan) const;
    void take_owners();
    void adopt_owners();
    void forget_adopted_owners();
    void note_traffic();
    [[nodiscard]] bool any_relay_reachable() const;
    void adopt_paths();
    void decide_paths();
    void move_paths();
    void note_busy_sites();
    void note_own_part();
    void take_detours();
    void move_prefixes(const std::vector<wg::control::OwnerChanged>& moved);
    void reconcile_now();
    void tick();
    void schedule();

    // Configuration and end.
    void set_config(Config config);
    void reload();
    Result<Config> read_new_config();
    Result<void> switch_to(Config config);
    Result<void> finish_switch(const Reconciler::Report& report);
    void end_reload(const Result<void>& switched);
    void on_signal();
    void withdraw(ControlServer::Reply reply);
    void finish_withdraw();
    void remind_stock_relays();
    void hand_over();
    [[nodiscard]] bool handed_over(const LanPort& lan) const;
    void finish_hand_over();
    void take_down();
    void finish_take_down();
    void note_ready();

    void on_command(const std::string& command, const ControlServer::Reply& reply);
    [[nodiscard]] Status status() const;
    void add_lan_status(Status& status) const;
    void add_relay_status(Status& status) const;
    void add_path_status(Status& status) const;
    void add_session_status(const RelayConfig& config, Status::Relay& relay) const;
    void add_router_status(Status& status) const;

    ServicePaths paths_;
    Config config_;
    InstanceLock lock_;
    boost::asio::io_context io_{1};
    boost::asio::signal_set signals_{io_};
    SupervisorLink supervisor_;
    FileWriter files_;
    std::unique_ptr<LinuxKernel> kernel_;
    std::optional<Reconciler> reconciler_;
    std::unique_ptr<Resolver> resolver_;
    std::unique_ptr<ControlServer> control_;
    std::vector<std::unique_ptr<LanTask>> lans_;
    std::vector<std::unique_ptr<LanTask>>
        former_lans_;                                // not in the configuration any more; until they are done
    std::unique_ptr<EdgeControl> edge_control_;      // role edge
    std::unique_ptr<PathControl> path_control_;      // role edge
    std::optional<firewall::BusySites> busy_sites_;  // role edge
    std::unique_ptr<RelayControl> relay_control_;    // role relay
    RelayTalk* talk_ = nullptr;                      // the one of these that we have
    std::map<std::string, RelayContact> contacts_;   // by relay
    MtuProbe mtu_probe_{io_, [this] { reconcile_now(); }};
    AdvertisedMemory advertised_memory_;              // role edge
    RelayMemory relay_memory_;                        // role edge
    RouterMemory router_memory_;                      // role relay
    CopiedRouters copied_routers_;                    // role relay
    KnockSchedule knocks_;                            // role relay
    std::map<std::string, StockRelay> stock_relays_;  // by relay
    ClockFloor clock_floor_;                          // role edge
    std::optional<RelayTime> relay_time_;             // role edge: as written
    ClockCure clock_cure_;                            // role relay
    struct Watch {
        wg::HandshakeWatch socket;
        std::unique_ptr<Readable> readable;
    };
    std::vector<Watch> watches_;                                   // role relay
    std::pair<std::uint16_t, std::uint16_t> watched_ports_{0, 0};  // the first, how many
    Facts facts_;
    std::map<net::IpAddress, std::optional<Way>> ways_;        // as looked up since the network changed last
    std::optional<std::vector<DefaultRoute>> default_routes_;  // since one of them changed last
    std::optional<Facts>
        reconciled_facts_;  // those of the last plan; nothing after a change of configuration
    std::map<std::string, bool> logged_up_;  // by relay: what the log said of its tunnel last
    Obstacles obstacles_;                    // what the checks of the result have found
    ForwardCheck forward_check_;
    FullTables full_tables_;
    LanCheck lan_check_;
    PassageWatch passage_watch_;
    std::string key_trouble_;
    std::string last_reload_;
    ControlServer::Reply withdrawing_;  // who asked for it; empty while nobody has

    std::unique_ptr<Readable> rtnl_events_;
    std::unique_ptr<Readable> firewall_events_;
    std::unique_ptr<Readable> firewall_answers_;
    std::unique_ptr<Readable> backend_events_;  // once there is a backend
    Alarm soon_{io_, [this] { reconcile(); }};
    Alarm tick_{io_, [this] { tick(); }};
    Alarm retry_{io_, [this] { reconcile(); }};
    Alarm contact_{io_, [this] { on_contact_deadline(); }};
    Alarm reminder_{io_, [this] { remind_stock_relays(); }};
    Alarm knock_{io_, [this] { knock(); }};
    Alarm withdraw_alarm_{io_, [this] { finish_withdraw(); }};
    Alarm hand_over_alarm_{io_, [this] { finish_hand_over(); }};
    Alarm exit_{io_, [this] { io_.stop(); }};
    Alarm take_down_alarm_{io_, [this] { finish_take_down(); }};
    TimePoint started_ = std::chrono::steady_clock::now();
    TimePoint full_check_at_;
    TimePoint ways_until_;
    TimePoint ways_look_at_;  // when forwarded packets' ways are asked for again
    TimePoint tunnels_read_at_;
    TimePoint key_retry_at_;
    TimePoint give_up_withdraw_at_;
    std::optional<TimePoint> hand_over_until_;  // stopping: another router takes the site over meanwhile
    bool reconcile_posted_ = false;
    bool take_over_posted_ = false;
    bool renewing_ = false;  // facts ask for a peer to be made anew
    bool quiet_ = false;     // what is done now is routine, and only worth a debug line
    std::map<std::string, std::uint64_t> tunnel_bytes_;  // by relay, at the last tick
    std::map<std::string, bool> overlay_traffic_;        // by relay, in the second before it
    std::map<std::string, TimePoint> suspected_until_;   // by relay: its death has to be seen soon
    Alarm adopted_{io_, [this] { forget_adopted_owners(); }};
    bool stopping_ = false;
    bool told_ready_ = false;
    std::chrono::steady_clock::duration reconciled_in_{};  // what the last one took
    TimePoint give_up_take_down_at_;
    // A reload whose steps have not all come to their end.
    struct Switching {
        Config before;
        std::optional<wg::PrivateKey> key_before;
        std::map<std::string, Reconciler::Trouble> troubles_before;
        TimePoint give_up_at;
    };
    std::optional<Switching> switching_;
    bool reload_again_ = false;                                // asked for meanwhile
    std::map<wg::PublicKey, std::uint64_t> endpoint_changes_;  // role relay
};

}  // namespace ulagate
