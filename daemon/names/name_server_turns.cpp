// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/names/name_server_turns.h"

#include <algorithm>

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// The end: whoever was asked last has at least this.
constexpr std::chrono::milliseconds kLastPatience = 8s;

}  // namespace

NameServerTurns::NameServerTurns(std::size_t servers, std::chrono::milliseconds patience, unsigned attempts)
    : servers_(servers), patience_(patience), attempts_(servers == 0 ? 0 : attempts) {}

void NameServerTurns::skip_failed() {
    while (turns_left() && failed_.contains(at_)) {
        if (failed_.size() >= servers_) {
            pass_ = attempts_;
            return;
        }
        if (++at_ < servers_) continue;
        at_ = 0;
        ++pass_;
    }
}

std::optional<std::size_t> NameServerTurns::next(TimePoint now) {
    skip_failed();
    if (!turns_left() || (due_ && now < *due_)) return std::nullopt;
    const std::size_t server = at_;
    const auto wait = patience_ * (1U << std::min(pass_, 2U));
    if (++at_ >= servers_) {
        at_ = 0;
        ++pass_;
    }
    skip_failed();
    due_ = now + (turns_left() ? wait : std::max(wait, kLastPatience));
    return server;
}

void NameServerTurns::failed(std::size_t server, TimePoint now) {
    if (!failed_.insert(server).second) return;
    skip_failed();
    if (turns_left()) due_ = now;
}

bool NameServerTurns::over(TimePoint now) const {
    if (failed_.size() >= servers_) return true;
    return !turns_left() && due_ && now >= *due_;
}

}  // namespace ulagate
