// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/edge_clock.h"

#include <sys/timex.h>

#include <algorithm>
#include <chrono>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "daemon/service/assign.h"

namespace ulagate {
namespace {

constexpr std::size_t kMaxClockFile = 64;
constexpr std::chrono::seconds kRelayTimeOff{60};

}  // namespace

bool clock_is_synchronised() {
    timex ask{};
    return ::adjtimex(&ask) >= 0 && (static_cast<unsigned>(ask.status) & STA_UNSYNC) == 0;
}

void EdgeClock::load() {
    const std::string file = context_.paths.clock_file();
    const auto text = read_file(file, kMaxClockFile);
    // Without a file it is the first start.
    if (text && !floor_.load(*text)) log::warning("clock", "{} does not contain a time, ignoring it", file);
    tick(false);
}

// Each relay's clock as it was said, and has gone on since.
ClockFloor::Sources EdgeClock::sources() const {
    ClockFloor::Sources out;
    out.synchronised = synchronised_();
    const auto& relays = context_.config.relays;
    out.relays_speak = std::any_of(relays.begin(), relays.end(),
                                   [](const RelayConfig& relay) { return relay.kind == RelayKind::ulagate; });
    for (const RelayConfig& relay : relays) {
        const wg::control::RelaySession* session = relays_.channel().session(relay.name);
        if (session == nullptr || !session->relay()) continue;
        const auto& [about, heard] = *session->relay();
        const auto time =
            std::chrono::floor<std::chrono::seconds>(about.clock + (context_.loop.now() - heard));
        if (!out.relays || time > *out.relays) out.relays = time;
    }
    return out;
}

void EdgeClock::tick(bool stopping) {
    const auto now = context_.loop.now();
    const auto clock = std::chrono::floor<std::chrono::seconds>(context_.loop.wall_clock());
    const bool was_behind = floor_.behind();
    const ClockFloor::Sources from = sources();
    floor_.update(clock, from);
    if (from.relays) tell_relay_time(*from.relays);
    const std::string file = context_.paths.clock_file();
    if (const auto correction = floor_.take_correction()) log::notice("clock", "{}", *correction);
    if (floor_.behind() != was_behind) {
        if (floor_.behind()) {
            log::error("clock", "{}", floor_.problem(file));
        } else {
            log::notice("clock", "the clock is correct again, tunnels may start");
        }
    }
    const auto& relays = context_.config.relays;
    const bool works = std::any_of(relays.begin(), relays.end(),
                                   [this](const RelayConfig& relay) { return relays_.is_alive(relay); });
    behind_ = floor_.behind() && !works && !floor_.may_try(now);
    if (const auto text = floor_.take_write(now, stopping)) context_.files.write(file, *text, 0600);
}

// For the firmware, whose time servers prove nothing.
void EdgeClock::tell_relay_time(ClockFloor::Time relays) {
    const auto now = context_.loop.now();
    const auto off = relay_time_ ? relays - relay_time_->time(now) : std::chrono::seconds{0};
    if (relay_time_ && off <= kRelayTimeOff && off >= -kRelayTimeOff) return;
    relay_time_ = RelayTime::of(relays, now);
    context_.files.write(context_.paths.runtime_directory + "/relay-time", relay_time_->text(), 0644);
}

bool EdgeClock::contribute(Facts& facts) const { return assign(facts.clock_behind, behind_); }

}  // namespace ulagate
