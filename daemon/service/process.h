// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <optional>
#include <string>

#include "daemon/checks/passage_watch.h"
#include "daemon/kernel/linux_kernel.h"
#include "daemon/loop/control_server.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/supervisor_link.h"
#include "daemon/names/resolver.h"
#include "daemon/service/daemon.h"
#include "daemon/service/egress_cache.h"
#include "daemon/service/host.h"
#include "daemon/service/instance_lock.h"

namespace ulagate {

// The process that a daemon runs in: signals, the control socket, the supervisor, the kernel and what it
// says. Turns all of that into events of the daemon, and decides nothing.
class Process final : private Host, private EgressLookup {
public:
    static Result<std::unique_ptr<Process>> create(ServicePaths paths, Config config);
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    Process(Process&&) = delete;
    Process& operator=(Process&&) = delete;
    ~Process() override = default;

    // Until a signal or `withdraw` ends it. What is ours is then out of the kernel.
    Result<void> run();

private:
    Process(ServicePaths paths, InstanceLock lock) : paths_(std::move(paths)), lock_(std::move(lock)) {}
    Result<void> start(Config config);
    [[nodiscard]] ResultChecks::Means checks();
    std::unique_ptr<Parts> compose(Role role, const Context& context, const Parts::Means& means);

    Result<void> watch_kernel();
    void watch_backend();
    void on_firewall_event();
    void on_signal();
    Result<void> open_control(const std::string& group);
    void on_command(const std::string& command, const ControlServer::Reply& reply);
    void keep_runtime_files();

    // Host
    void ready(const std::string& status) override { supervisor_.ready(status); }
    void reloading() override { supervisor_.reloading(); }
    void stopping() override { supervisor_.stopping(); }
    void alive() override { supervisor_.alive(); }
    [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() override {
        return supervisor_.watchdog_interval();
    }
    Result<void> set_control_group(const std::string& group) override;
    void applied() override { watch_backend(); }
    void look_at_tunnels() override;
    void second() override;
    void taken_down() override { kernel_->forget_originals(); }
    void exit() override { io_.stop(); }

    // EgressLookup
    Result<Egress> egress_to(const net::IpAddress& destination) override;
    Result<std::vector<DefaultRoute>> default_routes() override;
    bool udp_port_is_free(std::uint16_t port) override;

    ServicePaths paths_;
    InstanceLock lock_;
    boost::asio::io_context io_{1};
    AsioLoop loop_{io_};
    boost::asio::signal_set signals_{io_};
    SupervisorLink supervisor_;
    std::unique_ptr<LinuxKernel> kernel_;
    PassageWatch passages_;
    std::unique_ptr<Resolver> resolver_;
    std::unique_ptr<Daemon> daemon_;
    std::unique_ptr<ControlServer> control_;
    std::unique_ptr<Readable> rtnl_events_;
    std::unique_ptr<Readable> firewall_events_;
    std::unique_ptr<Readable> firewall_answers_;
    std::unique_ptr<Readable> backend_events_;  // once there is a backend
};

}  // namespace ulagate
