// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/state/keeper.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <set>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/base/log.h"

namespace ulagate::appliance {
namespace {

constexpr std::size_t kMaxKeptFile = 32U << 10U;
constexpr std::string_view kPrefix = "ulagate/";
constexpr const char* kHostKey = "ssh_host_key";
constexpr const char* kClock = "clock";

std::int64_t seconds_in(const card::StateFiles& files) {
    const auto found = files.find(kClock);
    std::int64_t out = 0;
    if (found == files.end()) return 0;
    const auto& text = found->second;
    if (std::from_chars(text.data(), text.data() + text.size(), out).ec != std::errc{}) return 0;
    return out;
}

std::int64_t wall_seconds() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())
        .time_since_epoch()
        .count();
}

bool is_kept(const std::string& file) {
    return !file.empty() && file.front() != '.' && !file.ends_with(".new");
}

}  // namespace

StateKeeper::StateKeeper(boost::asio::io_context& io, Setup setup, std::function<bool()> clock_is_right)
    : io_(io),
      setup_(std::move(setup)),
      clock_is_right_(std::move(clock_is_right)),
      alarm_(io, [this] { save(false); }) {}

void StateKeeper::start() {
    auto disk = read_file(setup_.card_file, 4096);
    if (!disk) return;
    while (!disk->empty() && disk->back() == '\n') disk->pop_back();
    const auto found = card::open_card(*disk);
    if (!found) {
        problem_ = found.error().text();
        return;
    }
    auto store = found->open_state();
    if (!store) {
        problem_ = store.error().text();
        return;
    }
    store_.emplace(std::move(*store));
    if (!store_->problem().empty()) log::warning("state", "{}, ignoring", store_->problem());

    ::mkdir(setup_.daemon_state.c_str(), 0700);
    watch_ = UniqueFd{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    if (!watch_ || ::inotify_add_watch(watch_.get(), setup_.daemon_state.c_str(),
                                       IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE) < 0) {
        problem_ = fmt::format("cannot watch {}", setup_.daemon_state);
        return;
    }
    auto readable = Readable::watch(io_, watch_.get(), [this] { read_changes(); });
    if (readable) readable_ = std::move(*readable);
    std::set<std::string> known;
    for (const auto& [name, content] : store_->files()) {
        if (name.starts_with(kPrefix)) known.insert(name.substr(kPrefix.size()));
        if (name == kHostKey) known.insert(name);
    }
    policy_.emplace(known, now());
    // What has appeared before we watched.
    for (const auto& [name, content] : daemon_files()) policy_->on_change(name.substr(kPrefix.size()), now());
    alarm_.set(policy_->deadline());
}

std::string StateKeeper::host_key() const {
    if (!store_) return {};
    const auto found = store_->files().find(kHostKey);
    return found == store_->files().end() ? std::string{} : found->second;
}

std::int64_t StateKeeper::clock() const { return store_ ? seconds_in(store_->files()) : 0; }

void StateKeeper::save_soon(const std::string& file) {
    if (!policy_) return;
    policy_->on_change(file, now());
    alarm_.set(policy_->deadline());
}

void StateKeeper::read_changes() {
    alignas(inotify_event) std::array<char, 8192> buffer{};
    const ssize_t size = ::read(watch_.get(), buffer.data(), buffer.size());
    for (ssize_t at = 0; at + static_cast<ssize_t>(sizeof(inotify_event)) <= size;) {
        inotify_event event{};
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const char* const name = buffer.data() + at + sizeof event;
        if (event.len > 0 && is_kept(name)) policy_->on_change(name, now());
        at += static_cast<ssize_t>(sizeof event + event.len);
    }
    alarm_.set(policy_->deadline());
}

card::StateFiles StateKeeper::daemon_files() const {
    card::StateFiles out;
    DIR* const folder = ::opendir(setup_.daemon_state.c_str());
    if (folder == nullptr) return out;
    while (const dirent* const entry = ::readdir(folder)) {
        const std::string name = &entry->d_name[0];
        if (!is_kept(name) || entry->d_type != DT_REG) continue;
        auto content = read_file(setup_.daemon_state + "/" + name, kMaxKeptFile);
        if (content) out.emplace(std::string(kPrefix) + name, std::move(*content));
    }
    ::closedir(folder);
    return out;
}

void StateKeeper::save(bool at_end) {
    const auto files = daemon_files();
    const auto key = read_file(setup_.host_key, kMaxKeptFile);
    const std::int64_t lease = at_end ? 0 : std::chrono::seconds{kClockLease}.count();
    const bool may_go_back = clock_is_right_();
    const auto saved = store_->edit([&](card::StateFiles& all) {
        std::erase_if(all, [](const auto& entry) { return entry.first.starts_with(kPrefix); });
        for (const auto& [name, content] : files) all[name] = content;
        if (key) all[kHostKey] = *key;
        const std::int64_t wanted = wall_seconds() + lease;
        const std::int64_t before = seconds_in(all);
        all[kClock] = fmt::format("{}\n", may_go_back ? wanted : std::max(wanted, before));
    });
    if (!saved) {
        if (problem_ != saved.error().text()) log::error("state", "{}, retrying", saved.error().text());
        problem_ = saved.error().text();
    } else {
        problem_.clear();
    }
    policy_->on_saved(now());
    alarm_.set(policy_->deadline());
}

void StateKeeper::finish() {
    if (store_) save(true);
}

}  // namespace ulagate::appliance
