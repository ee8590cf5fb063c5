// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/service.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <ctime>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/base/turn_record.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kMergeEvents = 20ms;
constexpr auto kTick = 1s;
constexpr auto kFullCheck = 60s;
constexpr auto kWaysKept = 10s;   // a path MTU that the kernel has learnt is no event
constexpr auto kLookAtWays = 5s;  // prefixes take turns
// In a second, both ways: more than our own probes and a keepalive make of it.
constexpr std::uint64_t kIdleBytes = 2000;
// A dump of 10,000 peers costs a relay tens of milliseconds; handshakes are seconds apart.
constexpr std::size_t kManyPeers = 64;
constexpr auto kReadManyPeersEvery = 10s;
constexpr std::size_t kLinesOfAKind = 8;
constexpr auto kReadyPatience = 60s;

// Of this thread, with what the kernel does for it: on a busy machine time passes without any work of ours.
std::chrono::nanoseconds processor_time() {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

std::size_t peer_count(const Have& have) {
    std::size_t count = 0;
    for (const auto& [name, device] : have.tunnels) count += device.peers.size();
    return count;
}

}  // namespace

Result<std::unique_ptr<Service>> Service::create(ServicePaths paths, Config config) {
    auto lock = InstanceLock::take(paths.runtime_directory);
    if (!lock) return tl::unexpected<Error>{std::move(lock.error())};
    std::unique_ptr<Service> service{new Service(std::move(paths), std::move(config), std::move(*lock))};
    if (auto started = service->start(); !started) return tl::unexpected<Error>{std::move(started.error())};
    return service;
}

Service::Service(ServicePaths paths, Config config, InstanceLock lock)
    : paths_(std::move(paths)), config_(std::move(config)), lock_(std::move(lock)) {}

Result<void> Service::start() {
    auto kernel = LinuxKernel::open(paths_.runtime_directory, config_.tunnel.backend);
    if (!kernel) return tl::unexpected<Error>{std::move(kernel.error())};
    kernel_ = std::move(*kernel);
    reconciler_.emplace(*kernel_);
    resolver_ =
        std::make_unique<Resolver>(io_, [this](const Resolver::Answer& answer) { take_answer(answer); });

    auto rtnl = Readable::watch(io_, kernel_->rtnl().event_handle(), [this] { on_kernel_event(); });
    if (!rtnl) return tl::unexpected<Error>{std::move(rtnl.error())};
    rtnl_events_ = std::move(*rtnl);
    auto nft = Readable::watch(io_, kernel_->nftables().event_handle(), [this] { on_firewall_event(); });
    if (!nft) return tl::unexpected<Error>{std::move(nft.error())};
    firewall_events_ = std::move(*nft);
    auto answers = Readable::watch(io_, kernel_->nftables().answer_handle(), [this] { on_background_end(); });
    if (!answers) return tl::unexpected<Error>{std::move(answers.error())};
    firewall_answers_ = std::move(*answers);
    if (auto opened = open_control(); !opened) return opened;

    if (::mkdir(paths_.state_directory.c_str(), 0700) != 0 && errno != EEXIST) {
        log::warning("ulagate", "{}, going on without",
                     fail_errno("create " + paths_.state_directory).value().text());
    }
    if (config_.role == Role::edge) {
        edge_control_ = std::make_unique<EdgeControl>(
            io_, files_, paths_.state_directory, [this] { reconcile_now(); }, [this] { decide_paths(); },
            [this](const net::Ipv6Prefix& prefix) { announce_again(prefix); });
        path_control_ = std::make_unique<PathControl>(io_, [this] { move_paths(); });
        talk_ = edge_control_.get();
    } else {
        RelayControl::Calls calls;
        calls.moved = [this](const auto& moved) { move_prefixes(moved); };
        calls.detoured = [this] { take_detours(); };
        calls.changed = [this] { reconcile_now(); };
        relay_control_ = std::make_unique<RelayControl>(io_, std::move(calls));
        talk_ = relay_control_.get();
    }

    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) signals_.add(signal);
    on_signal();
    load_key();
    load_clock_floor();
    load_relay_memory();
    load_router_memory();
    load_advertised_memory();
    set_config(config_);
    if (relay_control_) adopt_owners();
    if (path_control_) adopt_paths();
    return {};
}

Result<void> Service::open_control() {
    control_.reset();
    auto control =
        ControlServer::listen(io_, paths_.control_socket(), config_.control_group,
                              [this](const std::string& command, const ControlServer::Reply& reply) {
                                  on_command(command, reply);
                              });
    if (!control) return tl::unexpected<Error>{std::move(control.error())};
    control_ = std::move(*control);
    return {};
}

// What somebody, or a clean-up of /run, has removed comes back.
void Service::keep_runtime_files() {
    if (control_ && control_->in_place() && lock_.in_place()) return;
    std::string trouble;
    if (auto again = lock_.put_back(); !again) trouble = again.error().text();
    if (trouble.empty() && (!control_ || !control_->in_place())) {
        if (auto opened = open_control(); !opened) trouble = opened.error().text();
    }
    if (trouble.empty()) {
        log::notice("ulagate", "somebody removed files of ours in {}: made again", paths_.runtime_directory);
        obstacles_.set("files", {});
    } else {
        obstacles_.set("files", {{trouble + ", retrying every second", false, {}, {}}});
    }
}

Result<void> Service::run() {
    log::info("ulagate", "{} {} starting, overlay {}", name(config_.role), config_.node,
              net::to_string(config_.overlay));
    // Hosts need the first advertisement now; making interfaces in userspace takes longer than all the rest.
    reconcile(false);
    reconcile();
    note_ready();
    tick();
    io_.run();
    files_.finish();
    report_unwritten();
    log::tell_rest();
    return {};
}

// Once what takes long has been done too, or has shown that it takes too long.
void Service::note_ready() {
    if (told_ready_ || (reconciler_->under_way() && now() < started_ + kReadyPatience)) return;
    told_ready_ = true;
    supervisor_.ready(fmt::format("{} {}", name(config_.role), config_.node));
}

void Service::set_config(Config config) {
    config_ = std::move(config);
    set_lans();
    set_contacts();
    stock_relays_.clear();
    facts_.relays.clear();
    reconciled_facts_.reset();
    if (edge_control_) edge_control_->set_config(config_);
    if (path_control_) path_control_->set_config(config_);
    if (relay_control_) {
        relay_control_->set_config(config_);
        take_owners();
        set_routers();
    }
    watch_handshakes();
    ask_resolver();
    choose_endpoints();
}

// --- reconciliation ---

void Service::on_kernel_event() {
    const auto changes = kernel_->rtnl().changes();
    if (changes && !changes->any()) return;
    forget_ways();
    // To find them, all routes have to be read: not for each of a hundred thousand that come.
    if (!changes || changes->default_routes) default_routes_.reset();
    ways_look_at_ = {};          // with the next tick
    Stale stale = Stale::all();  // an error means that we do not know what changed
    if (changes) {
        stale = {};
        stale.links = changes->links;
        stale.addresses = changes->addresses;
        stale.routes =
            changes->our_routes || changes->links;  // the kernel drops routes with their link, silently
        stale.rules = changes->rules;
        stale.sysctls = changes->links;  // a new interface has settings of its own
        stale.tunnels = changes->links;
        if (changes->links || changes->addresses) reconciler_->retry_now();
    } else {
        log::warning("kernel", "{}, reading everything again", changes.error().text());
    }
    reconciler_->mark(stale);
    reconcile_soon();
}

void Service::on_firewall_event() {
    const auto foreign = kernel_->nftables().drain();
    if (foreign && !*foreign) return;
    kernel_->forget_firewall();
    Stale stale;
    stale.firewall = true;
    reconciler_->mark(stale);
    reconcile_soon();
}

// Something that was left under way has ended, or the process that was asked for it.
void Service::on_background_end() {
    if (stopping_) return finish_take_down();
    reconcile();
}

void Service::reconcile_soon() {
    // Not moved by later events: a stream of them must not put it off for ever.
    if (soon_.is_set()) return;
    // And one for which there is much to read must not keep the loop from everything else: at most a fifth of
    // the time goes into what others do to the kernel.
    const auto pause = std::clamp<std::chrono::steady_clock::duration>(4 * reconciled_in_, kMergeEvents, 2s);
    soon_.set(now() + pause);
}

void Service::reconcile(bool slow_too) {
    if (stopping_) return;
    const TurnPart part{"plan"};
    const auto begun = processor_time();
    bring_about(slow_too);
    reconciled_in_ = processor_time() - begun;
}

void Service::bring_about(bool slow_too) {
    ask_resolver();
    choose_endpoints();
    if (path_control_) decide_paths();
    take_lan_states();
    // A plan for 10,000 sites costs tens of milliseconds: only when something could come of it. What cannot
    // be read is reported by run().
    const auto changed = reconciler_->refresh();
    if (changed && *changed && config_.role == Role::relay) remember_endpoints();
    const bool same = changed && !*changed && facts_ == reconciled_facts_ && reconciler_->settled();
    const bool lans_work =
        std::all_of(lans_.begin(), lans_.end(), [](const auto& lan) { return lan->works(); });
    if (same && lans_work) {
        send_by_new_ways();
        schedule();
        return;
    }
    const auto want = [this](const Have& have) {
        const TurnPart wishes{"what is wanted"};
        return desired(config_, facts_, have);
    };
    const Reconciler::Report done = reconciler_->run(want, now(), slow_too);
    report(done);
    watch_backend();
    if (switching_) {
        if (auto switched = finish_switch(done); !switching_) return end_reload(switched);
    }
    // Once they have been taken away, that is.
    if (!reconciler_->under_way() && std::exchange(renewing_, false)) {
        // The peers that were taken away come anew.
        for (auto& [name, facts] : facts_.relays) facts.renew_peer = false;
        take_lan_states();
        report(reconciler_->run(want, now(), slow_too));
        quiet_ = false;
    }
    if (!reconciler_->under_way() && !std::exchange(facts_.renew_peers, {}).empty()) reconcile_now();
    reconciled_facts_ = facts_;
    send_by_new_ways();
    note_tunnel_changes();
    note_silent_tunnels();
    find_silent_routers();
    report_obstacles();
    update_lans();
    take_lan_states();
    note_ready();
    schedule();
}

// From where a reconciliation may be under way.
void Service::reconcile_now() {
    if (std::exchange(reconcile_posted_, true)) return;
    boost::asio::post(io_, [this] {
        const TurnPart turn{"reconciliation"};
        reconcile_posted_ = false;
        reconcile();
    });
}

void Service::report(const Reconciler::Report& report) {
    // "add route" -> how many; a relay's start with 10,000 sites is not 20,000 lines.
    std::map<std::string, std::size_t> many;
    std::string restored;
    std::size_t more_restored = 0;
    for (const Reconciler::Done& done : report.done) {
        const std::string kind = done.what.substr(0, done.what.find(' ', done.what.find(' ') + 1));
        if (++many[kind + (done.restored ? " again" : "")] > kLinesOfAKind) {
            if (done.restored) ++more_restored;
            continue;
        }
        if (quiet_ || done.again) {
            log::debug("kernel", "{}", done.what);
        } else if (done.restored) {
            restored += (restored.empty() ? "" : "; ") + done.what;
        } else {
            log::info("kernel", "{}", done.what);
        }
    }
    if (!restored.empty()) {
        log::notice("kernel", "somebody else removed or changed something of ours: {}{}", restored,
                    more_restored > 0 ? fmt::format(", and {} more", more_restored) : std::string{});
    }
    for (const auto& [kind, count] : many) {
        if (count > kLinesOfAKind && !kind.ends_with(" again"))
            log::info("kernel", "{}: {} more", kind, count - kLinesOfAKind);
    }
    for (const Reconciler::Failed& failed : report.failed) {
        if (!failed.first) continue;
        log::error("kernel", "{}: {}, retrying in {}", failed.what, failed.error.text(),
                   human_duration(failed.retry_in));
    }
}

void Service::report_obstacles() {
    reconciler_->fights().forget_calm(now());
    report_source_ports();
    obstacles_.set("fights", reconciler_->fights().obstacles());
    const Obstacles::Changes changes = obstacles_.take_changes();
    for (const std::string& sentence : changes.appeared) log::warning("ulagate", "{}", sentence);
    for (const std::string& sentence : changes.gone) log::notice("ulagate", "over: {}", sentence);
}

// Only when all of ours is in place, or cannot be: what is under way is no finding. At most once a second.
void Service::look_at_ways() {
    if (now() < ways_look_at_ || (!reconciler_->settled() && reconciler_->troubles().empty())) return;
    ways_look_at_ = now() + kLookAtWays;
    const Have& have = reconciler_->have();
    const auto ask = [this](const Forwarding& packet) { return kernel_->rtnl().forwarded(packet); };
    const auto& busy = path_control_ ? path_control_->busy() : std::vector<net::Ipv6Prefix>{};
    const auto before = obstacles_.all();
    obstacles_.set("forwarding", forward_check_.look(config_, have, busy, ask));
    obstacles_.set("addresses", misplaced_addresses(config_, have));
    obstacles_.set("loopback", loopback_trouble(config_, have));
    if (obstacles_.all() == before) return;
    report_obstacles();
    update_lans();
    take_lan_states();
}

void Service::look_at_tables() {
    const auto neighbours = kernel_->rtnl().neighbour_table();
    obstacles_.set("full tables", full_tables_.judge(neighbours ? std::optional{*neighbours} : std::nullopt,
                                                     LinuxKernel::connection_table(), now()));
    report_obstacles();
}

// A relay that carries something now has to be missed sooner when it dies.
void Service::note_traffic() {
    for (const RelayConfig& relay : config_.relays) {
        const wg::Peer* peer = peer_of(relay);
        if (peer == nullptr) continue;
        const std::uint64_t bytes = peer->rx_bytes + peer->tx_bytes;
        const std::uint64_t before = std::exchange(tunnel_bytes_[relay.name], bytes);
        // With thousands of peers the counters are not read each second.
        const bool detour = std::any_of(facts_.detours.begin(), facts_.detours.end(),
                                        [&](const auto& each) { return each.second == relay.name; });
        overlay_traffic_[relay.name] = detour || bytes > before + kIdleBytes;
        const bool suspected = now() < suspected_until_[relay.name];
        talk_->set_traffic(relay.name, overlay_traffic_[relay.name] || suspected);
    }
    measure_paths();
}

void Service::tick() {
    renew_leases();
    Stale stale;
    stale.sysctls = true;
    const auto time = now();
    const bool many = peer_count(reconciler_->have()) > kManyPeers;
    if (!many || time >= tunnels_read_at_ + kReadManyPeersEvery) {
        stale.tunnels = true;
        tunnels_read_at_ = time;
    }
    if (time >= full_check_at_) {
        full_check_at_ = time + kFullCheck;
        stale = Stale::all();
    }
    if (time >= ways_until_) {
        ways_until_ = time + kWaysKept;
        forget_ways();
    }
    reconciler_->mark(stale);
    if (!facts_.private_key && time >= key_retry_at_) load_key();
    watch_clock();
    keep_relay_memory();
    keep_router_memory();
    keep_advertised_memory();
    report_unwritten();
    look_at_tables();
    log::tell_left_out();
    keep_runtime_files();
    kernel_->keep_originals();
    note_silent_tunnels();
    note_ready();
    check_relay_words();
    check_passages();
    reconcile();
    look_at_ways();
    check_lans();
    cure_clocks();
    note_traffic();
    if (path_control_) note_busy_sites();
    obstacles_.set("untrue words", edge_control_ ? edge_control_->untrue() : relay_control_->untrue());
    name_copied_routers();
    supervisor_.alive();
    auto next = std::chrono::nanoseconds{kTick};
    if (const auto watchdog = supervisor_.watchdog_interval())
        next = std::min<std::chrono::nanoseconds>(next, *watchdog);
    tick_.set(time + next);
}

void Service::schedule() {
    retry_.set(reconciler_->deadline());
    std::optional<TimePoint> contact;
    for (const auto& [name, known] : contacts_) {
        const auto due = known.deadline();
        if (due && (!contact || *due < *contact)) contact = due;
    }
    contact_.set(contact);
    std::optional<TimePoint> reminder;
    for (const auto& [name, stock] : stock_relays_) {
        if (stock.deadline() && (!reminder || *stock.deadline() < *reminder)) reminder = stock.deadline();
    }
    reminder_.set(reminder);
}

// --- configuration and end ---

void Service::on_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
        if (error) return;
        const TurnPart turn{"signal"};
        on_signal();
        if (signal == SIGHUP) {
            reload();
        } else {
            log::info("ulagate", "stopping on {}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
            hand_over();
        }
    });
}

}  // namespace ulagate
