// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <chrono>
#include <tuple>

#include "daemon/base/text.h"
#include "daemon/config/keys.h"
#include "daemon/config/sections.h"
#include "daemon/config/values.h"

namespace ulagate::config_file {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::uint8_t kOwner = 255;  // RFC 9568 section 5.2.4: the virtual address is this router's own

// [lan.vrrp] as the file says it.
struct VrrpSettings {
    std::optional<Located<std::uint8_t>> id;
    std::optional<Located<net::Ipv6Address>> address;
    std::optional<Located<std::uint8_t>> priority;
    Located<vrrp::Centiseconds> interval;
    Located<bool> preempt;
    Located<milliseconds> preempt_delay;
    Located<milliseconds> start_delay;
    Located<bool> accept;
    Located<bool> virtual_mac;
};

using S = VrrpSettings;
constexpr DurationIn<milliseconds> kDelays{0s, 1000s};

const std::tuple kKeys{
    NeededNumberKey<S, std::uint8_t>{"id", 51, 1, 255, &S::id},
    NeededTextKey{"address", "fe80::5eed", parse_virtual_address, &S::address},
    NeededNumberKey<S, std::uint8_t>{"priority", 100, 1, 255, &S::priority},
    // RFC 9568 section 5.2.7: 12 bits.
    TextKey{"interval", "100ms", DurationIn<vrrp::Centiseconds>{10ms, 40950ms}, &S::interval},
    FlagKey{"preempt", true, &S::preempt},
    TextKey{"preempt_delay", "10s", kDelays, &S::preempt_delay},
    TextKey{"start_delay", "0s", kDelays, &S::start_delay},
    FlagKey{"accept", false, &S::accept},
    FlagKey{"virtual_mac", false, &S::virtual_mac},
};

std::vector<TrackedInterface> read_tracked(TableReader& track) {
    std::vector<TrackedInterface> out;
    auto interfaces = track.table("interfaces");
    if (!interfaces) return out;
    for (const auto name : interfaces->keys()) {
        const unsigned line = interfaces->line_of(name);
        if (const auto legal = parse_tracked_interface(name); !legal) {
            track.findings().error(line, track.path_of("interfaces"), legal.error().context);
        } else if (interfaces->holds_tables(name)) {
            track.findings().error(
                line, interfaces->path_of(name),
                "is not followed by a number; a name with a dot needs quotes, like \"eth0.10\" = 50");
        } else {
            out.push_back({*legal, interfaces->integer<std::uint8_t>(name, 50, 0, 254).value});
        }
    }
    return out;
}

void read_track(TableReader& vrrp, VrrpConfig& out) {
    auto track = vrrp.table("track");
    if (!track) return;
    out.no_tunnel = track->integer<std::uint8_t>("tunnel", 150, 0, 254).value;
    out.no_uplink = track->integer<std::uint8_t>("uplink", 150, 0, 254).value;
    out.tracked = read_tracked(*track);
    track->finish();
    if (out.machine.priority == kOwner) {
        track->findings().warning(track->line(), vrrp.path_of("track"),
                                  "has no effect, because priority 255 is never lowered; choose a lower "
                                  "priority, or remove the table");
    }
}

void check_owner(const VrrpSettings& vrrp, Findings& findings) {
    if (!vrrp.priority || vrrp.priority->value != kOwner) return;
    if (!vrrp.preempt.value) {
        warn(findings, vrrp.preempt,
             "has no effect, because a router with priority 255 always takes over (RFC 9568); choose a lower "
             "priority, or remove it");
    }
    if (vrrp.accept.given() && !vrrp.accept.value) {
        warn(findings, vrrp.accept,
             "has no effect, because with priority 255 the address is this router's own (RFC 9568); choose a "
             "lower priority, or remove it");
    }
}

void check_interval(const Located<vrrp::Centiseconds>& interval, Findings& findings) {
    if (!interval.usable() || interval.value >= 30ms) return;
    warn(findings, interval,
         fmt::format("{} is short: when a small machine is busy for three times as long, the other router "
                     "takes over needlessly; choose 30ms or more there",
                     to_string(milliseconds{interval.value})));
}

}  // namespace

std::vector<KeyText> vrrp_keys() { return texts_of(kKeys); }

std::optional<VrrpConfig> read_vrrp(TableReader& lan, Facts& facts) {
    auto vrrp = lan.table("vrrp");
    if (!vrrp) return std::nullopt;
    VrrpSettings settings;
    read_keys(*vrrp, kKeys, settings);
    check_owner(settings, lan.findings());
    check_interval(settings.interval, lan.findings());
    if (settings.id && settings.virtual_mac.value) facts.virtual_macs.push_back(*settings.id);

    VrrpConfig out;
    if (settings.id) out.machine.vrid = settings.id->value;
    if (settings.address) out.machine.address = settings.address->value;
    if (settings.priority) out.machine.priority = settings.priority->value;
    out.machine.interval = settings.interval.value;
    out.machine.preempt = settings.preempt.value;
    out.machine.preempt_delay = settings.preempt_delay.value;
    out.machine.start_delay = settings.start_delay.value;
    out.accept = settings.accept.value || out.machine.priority == kOwner;
    out.virtual_mac = settings.virtual_mac.value;
    read_track(*vrrp, out);
    vrrp->finish();
    return out;
}

}  // namespace ulagate::config_file
