// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/epoch_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "daemon/base/text.h"

namespace ulagate {
namespace {

std::optional<std::uint64_t> number_in(std::string_view text) {
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec == std::errc::result_out_of_range) return ~std::uint64_t{0};
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace

EpochMemory::Broken EpochMemory::load(std::string_view by_relay, std::string_view for_all) {
    Broken broken;
    const auto take = [&broken](std::string_view text) -> std::uint64_t {
        const auto number = number_in(text);
        if (!number) ++broken.unreadable;
        if (number && *number > kAbsurd) ++broken.absurd;
        return number && *number <= kAbsurd ? *number : 0;
    };
    while (!by_relay.empty()) {
        std::string_view line = take_word(by_relay, '\n');
        const std::string_view relay = take_word(line, ' ');
        if (relay.empty()) continue;
        const std::uint64_t epoch = take(line);
        relays_[std::string{relay}] = {epoch, epoch};
    }
    if (const std::string_view line = take_word(for_all, '\n'); !line.empty()) for_all_ = take(line);
    return broken;
}

void EpochMemory::keep_only(const std::set<std::string>& relays) {
    std::erase_if(relays_, [&](const auto& entry) { return !relays.contains(entry.first); });
}

std::uint64_t EpochMemory::reserved(const std::string& relay) const {
    const auto known = relays_.find(relay);
    return known == relays_.end() ? for_all_ : known->second.reserved;
}

bool EpochMemory::note(const std::string& relay, std::uint64_t epoch) {
    const auto [known, is_new] = relays_.try_emplace(relay, Relay{for_all_, for_all_});
    known->second.used = std::max(known->second.used, epoch);
    return known->second.used + kSpare / 2 > known->second.reserved;
}

void EpochMemory::reserve() {
    for (auto& [name, relay] : relays_) relay.reserved = std::max(relay.reserved, relay.used + kSpare);
    if (relays_.empty()) return;
    for_all_ = std::min_element(relays_.begin(), relays_.end(), [](const auto& a, const auto& b) {
                   return a.second.reserved < b.second.reserved;
               })->second.reserved;
}

std::string EpochMemory::by_relay() const {
    std::string text;
    for (const auto& [name, relay] : relays_) text += fmt::format("{} {}\n", name, relay.reserved);
    return text;
}

std::string EpochMemory::for_all() const { return fmt::format("{}\n", for_all_); }

}  // namespace ulagate
