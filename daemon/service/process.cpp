// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/process.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <csignal>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/base/turn_record.h"
#include "daemon/base/version.h"
#include "daemon/kernel/udp_port.h"
#include "daemon/service/edge_parts.h"
#include "daemon/service/relay_parts.h"
#include "firewall/active_prefixes.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kSilence = 1s;  // of a tunnel's process, worth a word

// Opens the reader at the first need, and anew after an error.
SiteRouting::ActivePrefixes read_active_prefixes() {
    return [reader = std::make_shared<std::optional<firewall::ActivePrefixes>>()]()
               -> Result<std::vector<net::Ipv6Prefix>> {
        if (!*reader) {
            auto opened = firewall::ActivePrefixes::open();
            if (!opened) return tl::unexpected<Error>{std::move(opened.error())};
            reader->emplace(std::move(*opened));
        }
        auto sites = (*reader)->read();
        if (!sites) reader->reset();
        return sites;
    };
}

}  // namespace

Result<std::unique_ptr<Process>> Process::create(ServicePaths paths, Config config) {
    auto lock = InstanceLock::take(paths.runtime_directory);
    if (!lock) return tl::unexpected<Error>{std::move(lock.error())};
    std::unique_ptr<Process> process{new Process(std::move(paths), std::move(*lock))};
    if (auto started = process->start(std::move(config)); !started)
        return tl::unexpected<Error>{std::move(started.error())};
    return process;
}

Result<void> Process::start(Config config) {
    auto kernel = LinuxKernel::open(paths_.runtime_directory, config.tunnel.backend);
    if (!kernel) return tl::unexpected<Error>{std::move(kernel.error())};
    kernel_ = std::move(*kernel);
    resolver_ = std::make_unique<Resolver>(
        io_, [this](const NameResolver::Answer& answer) { daemon_->take_answer(answer); });
    if (auto watched = watch_kernel(); !watched) return watched;
    if (auto opened = open_control(config.control_group); !opened) return opened;
    if (::mkdir(paths_.state_directory.c_str(), 0700) != 0 && errno != EEXIST) {
        log::warning("ulagate", "{}, continuing without it",
                     fail_errno("create " + paths_.state_directory).value().text());
    }
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) signals_.add(signal);
    on_signal();
    const Role role = config.role;
    daemon_ = std::make_unique<Daemon>(
        paths_, std::move(config),
        Daemon::Setup{*kernel_, loop_, *this, *resolver_, *this, checks(),
                      [this, role](const Context& context, const Parts::Means& means) {
                          return compose(role, context, means);
                      }});
    daemon_->start();
    return {};
}

// The one place that asks for the role.
std::unique_ptr<Parts> Process::compose(Role role, const Context& context, const Parts::Means& means) {
    auto link = std::make_unique<SocketControlLink>(loop_);
    if (role == Role::relay) return std::make_unique<RelayParts>(context, means, std::move(link));
    EdgeParts::Machine machine{std::move(link), RawLanSockets::open, read_active_prefixes(),
                               clock_is_synchronised};
    return std::make_unique<EdgeParts>(context, means, std::move(machine));
}

ResultChecks::Means Process::checks() {
    ResultChecks::Means means;
    means.forwarded = [this](const Forwarding& packet) { return kernel_->rtnl().forwarded(packet); };
    means.neighbours = [this] { return kernel_->rtnl().neighbour_table(); };
    means.connections = LinuxKernel::connection_table;
    means.passages = [this](const PassageWatch::View& view, Loop::TimePoint time) {
        return passages_.check(view, time);
    };
    means.forwards = [this] { return passages_.forwards(); };
    return means;
}

Result<void> Process::run() {
    daemon_->run();
    io_.run();
    daemon_->finish();
    log::tell_rest();
    return {};
}

// --- the kernel ---

Result<void> Process::watch_kernel() {
    auto rtnl = Readable::watch(loop_, kernel_->rtnl().event_handle(),
                                [this] { daemon_->on_kernel_change(kernel_->rtnl().changes()); });
    if (!rtnl) return tl::unexpected<Error>{std::move(rtnl.error())};
    rtnl_events_ = std::move(*rtnl);
    auto nft = Readable::watch(loop_, kernel_->nftables().event_handle(), [this] { on_firewall_event(); });
    if (!nft) return tl::unexpected<Error>{std::move(nft.error())};
    firewall_events_ = std::move(*nft);
    auto answers =
        Readable::watch(loop_, kernel_->nftables().answer_handle(), [this] { daemon_->on_background_end(); });
    if (!answers) return tl::unexpected<Error>{std::move(answers.error())};
    firewall_answers_ = std::move(*answers);
    return {};
}

void Process::on_firewall_event() {
    const auto foreign = kernel_->nftables().drain();
    if (foreign && !*foreign) return;
    kernel_->forget_firewall();
    Stale stale;
    stale.firewall = true;
    daemon_->on_stale(stale);
}

// What it leaves under way comes back as an event.
void Process::watch_backend() {
    if (backend_events_ || kernel_->backend() == nullptr) return;
    auto watched = Readable::watch(loop_, kernel_->backend()->event_handle(), [this] {
        Stale stale;
        stale.tunnels = true;
        daemon_->reconciler().mark(stale);
        daemon_->on_background_end();
    });
    if (watched) {
        backend_events_ = std::move(*watched);
    } else {
        log::error("tunnel", "{}, retrying", watched.error().text());
    }
}

void Process::look_at_tunnels() {
    for (const std::string& sentence : kernel_->take_killed())
        log::warning("tunnel", "{}; creating the interface again", sentence);
    std::vector<Obstacle> found;
    const auto* backend = kernel_->backend();
    for (const std::string& interface : daemon_->reconciler().have().unanswered_tunnels) {
        const std::string complaint = kernel_->complaint(interface);
        if (!complaint.empty()) {
            found.push_back(
                {fmt::format("{}: its answers are malformed ({}): its reported state may be outdated",
                             interface, complaint),
                 false,
                 {},
                 {}});
        } else if (backend != nullptr && backend->silence(interface) >= kSilence) {
            found.push_back(
                {fmt::format("{}: {} WireGuard does not answer: its reported state may be outdated",
                             interface, backend->name()),
                 false,
                 {},
                 {}});
        }
    }
    daemon_->obstacles().set("tunnel processes", std::move(found));
}

Result<Egress> Process::egress_to(const net::IpAddress& destination) {
    return kernel_->rtnl().egress_to(destination);
}
Result<std::vector<DefaultRoute>> Process::default_routes() { return kernel_->rtnl().default_routes(); }
bool Process::udp_port_is_free(std::uint16_t port) { return ulagate::udp_port_is_free(port); }

// --- signals, commands and files ---

void Process::on_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
        if (error) return;
        const TurnPart turn{"signal"};
        on_signal();
        if (signal == SIGHUP) {
            daemon_->reload();
        } else {
            log::info("ulagate", "stopping on {}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
            daemon_->hand_over();
        }
    });
}

Result<void> Process::open_control(const std::string& group) {
    control_.reset();
    auto control =
        ControlServer::listen(io_, paths_.control_socket(), group,
                              [this](const std::string& command, const ControlServer::Reply& reply) {
                                  on_command(command, reply);
                              });
    if (!control) return tl::unexpected<Error>{std::move(control.error())};
    control_ = std::move(*control);
    return {};
}

Result<void> Process::set_control_group(const std::string& group) {
    return ControlServer::set_group(paths_.control_socket(), group);
}

void Process::on_command(const std::string& command, const ControlServer::Reply& reply) {
    if (command == "status") {
        auto status = daemon_->status();
        if (!status) {
            reply(boost::json::object{{"error", status.error().text()}});
            return;
        }
        status->version = kVersion;
        status->backend = kernel_->backend() != nullptr ? kernel_->backend()->name() : "no";
        reply(to_json(*status));
    } else if (command == "withdraw") {
        daemon_->withdraw([reply](const std::string& error) {
            if (error.empty()) {
                reply(boost::json::object{{"withdrawn", true}});
            } else {
                reply(boost::json::object{{"error", error}});
            }
        });
    } else {
        reply(boost::json::object{{"error", fmt::format("unknown command {}", quote(command))}});
    }
}

void Process::second() {
    keep_runtime_files();
    kernel_->keep_originals();
}

// What somebody, or a clean-up of /run, has removed comes back.
void Process::keep_runtime_files() {
    if (control_ && control_->in_place() && lock_.in_place()) return;
    std::string problem;
    if (auto again = lock_.put_back(); !again) problem = again.error().text();
    if (problem.empty() && (!control_ || !control_->in_place())) {
        if (auto opened = open_control(daemon_->config().control_group); !opened)
            problem = opened.error().text();
    }
    if (problem.empty()) {
        log::notice("ulagate", "files of ulagate in {} were removed; created them again",
                    paths_.runtime_directory);
        daemon_->obstacles().set("files", {});
    } else {
        daemon_->obstacles().set("files", {{problem + ", retrying every second", false, {}, {}}});
    }
}

}  // namespace ulagate
