// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/manager.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/kernel/sysctl.h"
#include "daemon/relays/time.h"
#include "image/appliance/rescue_ruleset.h"
#include "image/appliance/update/facts.h"
#include "image/appliance/uplinks/link_reader.h"

namespace ulagate::appliance {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxSmallFile = 1U << 16U;
// Changes come in bursts: one look after them is enough.
constexpr auto kSettle = 50ms;
// The new version is compared with the old one that often.
constexpr auto kTrialStep = 5s;
constexpr std::int64_t kFirstFirmware = 1767225600;  // 2026-01-01: there was none before
constexpr std::string_view kDnsUser = "nobody";

Result<void> make_folder(const std::string& path, mode_t mode) {
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return fail_errno("make " + path);
    return {};
}

std::string own_program() {
    std::array<char, 512> path{};
    const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
    return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : std::string{};
}

}  // namespace

Manager::Manager(boost::asio::io_context& io, ManagerOptions options)
    : io_(io),
      options_(std::move(options)),
      state_(io, {options_.runtime + "/card", options_.daemon_state, options_.runtime + "/ssh_host_key"},
             [this] { return time_ && time_->synchronised(); }),
      children_(io, [this](const std::string& name, const std::string& line) { take_line(name, line); }),
      page_(io, options_.page_port, [this](const HttpRequest& request) { return answer(request, status()); }),
      settle_alarm_(io, [this] { settle(); }),
      retry_alarm_(io, [this] { soon(); }),
      uplink_alarm_(io,
                    [this] {
                        uplinks_->on_deadline(now());
                        settle();
                    }),
      alive_alarm_(io,
                   [this] {
                       supervisor_.alive();
                       log::tell_left_out();
                       alive_alarm_.set(now() + *supervisor_.watchdog_interval());
                   }),
      tell_alarm_(io, [this] { tell(); }),
      trial_alarm_(io, [this] { watch_trial(); }) {}

Result<void> Manager::start() {
    if (auto made = make_folder(options_.runtime, 0700); !made) return made;
    const std::string leases = options_.runtime + "/lease";
    if (auto made = make_folder(leases, 0700); !made) return made;
    child_paths_.runtime = options_.runtime;
    child_paths_.dnsmasq = options_.dnsmasq;
    child_paths_.root_home = options_.root_home;
    child_paths_.script = options_.runtime + "/lease-event";
    child_paths_.consoles = {"tty1", "console"};
    if (::getpwnam(std::string(kDnsUser).c_str()) != nullptr) child_paths_.dns_user = kDnsUser;
    ::unlink(child_paths_.script.c_str());
    if (::symlink(own_program().c_str(), child_paths_.script.c_str()) != 0)
        return fail_errno("make " + child_paths_.script);

    state_.start();
    load();
    if (!rescue_.empty()) keep_strangers_out();
    if (auto watching = watch_kernel(); !watching) return watching;
    // First of all that follows: from here a link takes a second to see that nobody else has its address
    // (RFC 4862 5.4), and the other things do not wait for it.
    look_at_links();
    apply(uplinks_->plan());
    make_host_key();
    if (auto watching = watch_leases(); !watching) return watching;
    if (auto keeping = keep_time(); !keeping) return keeping;
    settle();
    trial_.emplace(
        slot::Trial::begin("", [](const std::string& line) { log::notice("update", "{}", line); }));
    watch_trial();
    supervisor_.ready(rescue_.empty() ? "running" : "rescue");
    if (supervisor_.watchdog_interval()) alive_alarm_.set(now());
    return {};
}

void Manager::load_rescue() {
    const auto reasons = read_file(options_.runtime + "/rescue", kMaxSmallFile);
    if (reasons) {
        rescue_.push_back(*reasons);
        while (!rescue_.back().empty() && rescue_.back().back() == '\n') rescue_.back().pop_back();
    } else if (!config_) {
        rescue_.push_back(options_.config_file + " is not usable");
    }
}

// Those that could be read from a configuration that is otherwise broken: its owner can come in and repair
// it.
void Manager::read_rescue_keys() {
    const auto text = read_file(options_.runtime + "/rescue_ssh_keys", kMaxSmallFile);
    if (!text) return;
    for (std::size_t at = 0; at < text->size();) {
        const std::size_t end = std::min(text->find('\n', at), text->size());
        if (end > at) appliance_.ssh_keys.push_back(text->substr(at, end - at));
        at = end + 1;
    }
}

// Without that there is no ssh: a cable may lead to the internet directly. The page has no secrets.
void Manager::keep_strangers_out() {
    const std::string file = options_.runtime + "/rescue.nft";
    const auto written = write_file_atomically(file, rescue_ruleset(options_.page_port), 0600);
    if (written && run_to_end({"nft", "-f", file}, Capabilities{CAP_NET_ADMIN}, 20s)) return;
    appliance_.ssh_keys.clear();
    rescue_.emplace_back("the rescue ruleset could not be applied, so ssh stays closed");
    log::error("appliance", "{}", rescue_.back());
}

void Manager::load() {
    const auto text = read_file(options_.config_file, kMaxConfigBytes);
    if (text) config_ = load_config(*text).config;
    load_rescue();
    if (!rescue_.empty()) config_.reset();
    if (config_) {
        if (config_->appliance) appliance_ = *config_->appliance;
        if (appliance_.hostname.empty()) appliance_.hostname = config_->node;
        for (const LanConfig& lan : config_->lans) {
            lans_.insert(lan.interface);
            if (lan.gateway) gateway_lans_.push_back({lan.interface, lan.gateway->ipv4});
        }
    }
    if (!rescue_.empty()) read_rescue_keys();
    if (appliance_.hostname.empty()) appliance_.hostname = "ulagate";
    Uplinks::Setup setup{appliance_.uplinks, {}, lans_};
    for (const GatewayLan& lan : gateway_lans_) setup.gateway_lans.insert(lan.interface);
    if (appliance_.wifi_ap) setup.gateway_lans.insert(appliance_.wifi_ap->interface);
    uplinks_.emplace(std::move(setup));
    if (auto key = read_file(options_.runtime + "/public_key", kMaxSmallFile)) {
        public_key_ = key->substr(0, key->find('\n'));
    }
    if (const auto release = read_file(options_.release_file, kMaxSmallFile)) {
        const auto at = release->find("VERSION=");
        if (at != std::string::npos) version_ = release->substr(at + 8, release->find('\n', at) - at - 8);
    }
    log::info("appliance", "{}: {} uplinks configured, {} LANs, internet gateway of {}",
              rescue_.empty() ? "configured" : "rescue", appliance_.uplinks.size(), lans_.size(),
              gateway_lans_.size());
}

void Manager::make_host_key() {
    if (appliance_.ssh_keys.empty()) return;
    const std::string file = options_.runtime + "/ssh_host_key";
    // The one that the card has: who knows this machine must not be told that it is another.
    if (const std::string kept = state_.host_key(); !kept.empty()) {
        if (auto written = write_file_atomically(file, kept, 0600); !written)
            log::warning("ssh", "{}, ignoring", written.error().text());
    }
    if (::access(file.c_str(), R_OK) != 0 &&
        !run_to_end({"dropbearkey", "-t", "ed25519", "-f", file}, {}, 20s)) {
        log::error("ssh", "cannot make a host key, so there is no ssh");
        return;
    }
    child_paths_.host_key = file;
    if (state_.host_key().empty()) state_.save_soon("ssh_host_key");
}

WallTime Manager::clock_floor() const {
    std::int64_t floor = std::max(state_.clock(), kFirstFirmware);
    const auto number = [&](std::string_view text) {
        std::int64_t seconds = 0;
        if (std::from_chars(text.data(), text.data() + text.size(), seconds).ec == std::errc{})
            floor = std::max(floor, seconds);
    };
    if (const auto release = read_file(options_.release_file, kMaxSmallFile)) {
        const auto at = release->find("BUILD_TIME=");
        if (at != std::string::npos) number(std::string_view{*release}.substr(at + 11));
    }
    if (const auto daemon = read_file(options_.daemon_state + "/clock", kMaxSmallFile)) number(*daemon);
    return WallTime{std::chrono::seconds{floor}};
}

Result<void> Manager::keep_time() {
    const auto told_by_relays = [file =
                                     options_.daemon_runtime + "/relay-time"]() -> std::optional<WallTime> {
        const auto text = read_file(file, kMaxSmallFile);
        const auto told = text ? RelayTime::parse(*text) : std::nullopt;
        if (!told) return std::nullopt;
        return WallTime{told->time(std::chrono::steady_clock::now())};
    };
    time_.emplace(
        io_, TimeKeeper::Setup{appliance_.time_servers, clock_floor(), told_by_relays, options_.dry_clock},
        [this] { soon(); });
    return time_->start();
}

Result<void> Manager::watch_kernel() {
    auto rtnl = Rtnl::open();
    if (!rtnl) return tl::unexpected{rtnl.error()};
    rtnl_ = std::move(*rtnl);
    auto net = NetSetup::open();
    if (!net) return tl::unexpected{net.error()};
    net_ = std::move(*net);
    auto readable = Readable::watch(io_, rtnl_->event_handle(), [this] {
        const auto changes = rtnl_->changes();
        if (!changes || changes->any()) soon();
    });
    if (!readable) return tl::unexpected{readable.error()};
    rtnl_readable_ = std::move(*readable);

    auto ra_dns = RaDnsWatch::open();
    if (!ra_dns) return tl::unexpected{ra_dns.error()};
    ra_dns_ = std::move(*ra_dns);
    readable = Readable::watch(io_, ra_dns_->handle(), [this] {
        for (const auto& news : ra_dns_->receive()) uplinks_->on_ipv6_dns(news.link, news.servers);
        soon();
    });
    if (!readable) return tl::unexpected{readable.error()};
    ra_dns_readable_ = std::move(*readable);
    return {};
}

Result<void> Manager::watch_leases() {
    const std::string folder = options_.runtime + "/lease";
    // Of an earlier run: its clients have ended with it.
    if (DIR* const old = ::opendir(folder.c_str()); old != nullptr) {
        while (const dirent* const entry = ::readdir(old))
            if (entry->d_name[0] != '.') ::unlinkat(::dirfd(old), entry->d_name, 0);
        ::closedir(old);
    }
    lease_watch_ = UniqueFd{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    if (!lease_watch_ || ::inotify_add_watch(lease_watch_.get(), folder.c_str(), IN_MOVED_TO | IN_DELETE) < 0)
        return fail_errno("watch " + folder);
    auto readable = Readable::watch(io_, lease_watch_.get(), [this] {
        alignas(inotify_event) std::array<char, 4096> buffer{};
        const ssize_t size = ::read(lease_watch_.get(), buffer.data(), buffer.size());
        for (ssize_t at = 0; at + static_cast<ssize_t>(sizeof(inotify_event)) <= size;) {
            inotify_event event{};
            std::memcpy(&event, buffer.data() + at, sizeof event);
            const char* const name = buffer.data() + at + sizeof event;
            if (event.len > 0) take_lease(name);
            at += static_cast<ssize_t>(sizeof event + event.len);
        }
        soon();
    });
    if (!readable) return tl::unexpected{readable.error()};
    lease_readable_ = std::move(*readable);
    return {};
}

void Manager::take_lease(const std::string& link) {
    if (link.ends_with(".new")) return;
    const auto text = read_file(options_.runtime + "/lease/" + link, kMaxSmallFile);
    if (!text) {
        uplinks_->on_lease(link, std::nullopt, now());
        return;
    }
    const auto lease = parse_lease(*text);
    if (!lease) {
        log::warning(link, "{}, ignoring", lease.error().text());
        return;
    }
    uplinks_->on_lease(link, *lease, now());
}

void Manager::take_line(const std::string& child, const std::string& line) {
    if (child == "access point") {
        ap_clients_.on_line(line);
    } else if (child.starts_with("wifi ")) {
        const auto complaint = wifi_complaint(line);
        if (!complaint) return;
        uplinks_->on_complaint(child.substr(5), *complaint);
    } else {
        return;
    }
    soon();
}

void Manager::watch_trial() {
    if (!trial_->running()) return;
    if (trial_->step(gather_facts(""), now()) == slot::Trial::Want::reboot) ::kill(1, SIGTERM);
    soon();
    trial_alarm_.set(now() + kTrialStep);
}

void Manager::soon() {
    if (!settle_alarm_.is_set()) settle_alarm_.set(now() + kSettle);
}

void Manager::stop() {
    supervisor_.stopping();
    children_.stop(5s);
    state_.finish();
}

}  // namespace ulagate::appliance
