// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/routers/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "daemon/base/text.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// Routers come in crowds, after an outage of theirs or ours.
constexpr auto kGather = 2s;
constexpr auto kRoutersWrittenEvery = 30s;
constexpr auto kWriteForFreshness = 1h;

using Entry = std::pair<wg::PublicKey, RouterMemory::Router>;

std::optional<Entry> parse_line(std::string_view line) {
    const auto key = wg::parse_public_key(take_word(line));
    const auto endpoint = net::parse_endpoint(take_word(line));
    std::int64_t heard_at = -1;
    const auto parsed = std::from_chars(line.data(), line.data() + line.size(), heard_at);
    if (!key || !endpoint || heard_at < 0) return std::nullopt;
    if (parsed.ec != std::errc{} || parsed.ptr != line.data() + line.size()) return std::nullopt;
    return Entry{*key, {*endpoint, std::chrono::sys_seconds{std::chrono::seconds{heard_at}}}};
}

}  // namespace

std::size_t RouterMemory::load(std::string_view text) {
    std::size_t broken = 0;
    while (!text.empty()) {
        const auto entry = parse_line(take_word(text, '\n'));
        if (!entry) {
            ++broken;
        } else if (routers_.size() < kMost) {
            routers_.insert(*entry);
        }
    }
    return broken;
}

void RouterMemory::keep_only(const std::set<wg::PublicKey>& configured) {
    std::erase_if(routers_, [&](const auto& entry) { return !configured.contains(entry.first); });
}

void RouterMemory::note(const wg::PublicKey& key, const Router& router, TimePoint now) {
    const auto [known, is_new] = routers_.try_emplace(key, router);
    if (!is_new && known->second == router) return;
    fresher_ = true;
    if ((is_new || known->second.endpoint != router.endpoint) && !moved_at_) moved_at_ = now;
    known->second = router;
}

std::optional<std::string> RouterMemory::take_write(TimePoint now, bool stopping) {
    const auto passed = [&](std::chrono::seconds time) { return !written_at_ || now - *written_at_ >= time; };
    const bool moved = moved_at_ && now - *moved_at_ >= kGather && passed(kRoutersWrittenEvery);
    const bool due = moved || (fresher_ && written_at_ && passed(kWriteForFreshness));
    if (!due && !(stopping && fresher_)) return std::nullopt;
    fresher_ = false;
    moved_at_.reset();
    written_at_ = now;
    return text();
}

void RouterMemory::not_written(TimePoint now) {
    fresher_ = true;
    if (!moved_at_) moved_at_ = now;
}

std::string RouterMemory::text() const {
    std::vector<const std::pair<const wg::PublicKey, Router>*> order;
    order.reserve(routers_.size());
    for (const auto& entry : routers_) order.push_back(&entry);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
        return a->second.last_handshake > b->second.last_handshake;
    });
    if (order.size() > kMost) order.resize(kMost);
    std::string out;
    for (const auto* entry : order) {
        fmt::format_to(std::back_inserter(out), "{} {} {}\n", wg::to_string(entry->first),
                       net::to_string(entry->second.endpoint),
                       entry->second.last_handshake.time_since_epoch().count());
    }
    return out;
}

}  // namespace ulagate
