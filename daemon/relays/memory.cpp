// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/relays/memory.h"

#include <utility>

#include "daemon/base/text.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kWinnersAtMostEvery = 5min;
constexpr const char* kNobody = "-";

}  // namespace

void RelayMemory::load(std::string_view text) {
    while (!text.empty()) {
        std::string_view line = take_word(text, '\n');
        const std::string name{take_word(line, ' ')};
        Relay relay;
        relay.host = take_word(line, ' ');
        relay.winner = net::parse_ip(take_word(line, ' '));
        while (!line.empty()) {
            if (const auto address = net::parse_ip(take_word(line, ' '))) relay.addresses.push_back(*address);
        }
        if (!relay.addresses.empty()) on_disk_[name] = std::move(relay);
    }
    relays_ = on_disk_;
}

const RelayMemory::Relay* RelayMemory::find(const std::string& relay, const std::string& host) const {
    const auto found = relays_.find(relay);
    return found == relays_.end() || found->second.host != host ? nullptr : &found->second;
}

std::optional<std::string> RelayMemory::take_write(TimePoint now, bool stopping) {
    if (relays_ == on_disk_) return std::nullopt;
    if (written_at_ && !stopping && now < *written_at_ + kWinnersAtMostEvery) return std::nullopt;
    written_at_ = now;
    on_disk_ = relays_;
    std::string text;
    for (const auto& [name, relay] : relays_) {
        text += name + " " + relay.host + " " + (relay.winner ? net::to_string(*relay.winner) : kNobody);
        for (const auto& address : relay.addresses) text += " " + net::to_string(address);
        text += "\n";
    }
    return text;
}

}  // namespace ulagate
