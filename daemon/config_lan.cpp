// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "daemon/config_sections.h"
#include "daemon/config_values.h"

namespace ulagate::config_file {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

const OneOf<ra::Preference> kPreferences{
    {"low", ra::Preference::low}, {"medium", ra::Preference::medium}, {"high", ra::Preference::high}};

// [lan.ra] as the file says it.
struct RaSettings {
    Located<bool> advertise;
    Located<milliseconds> min_interval;
    Located<milliseconds> max_interval;
    Located<RouterLifetime> router_lifetime;
    Located<ra::Preference> router_preference;
    Located<ra::Milliseconds> reachable_time;
    Located<ra::Milliseconds> retrans_timer;
    Located<std::uint8_t> hop_limit;
    Located<bool> managed;
    Located<bool> other_config;
    Located<ra::Seconds> prefix_valid_lifetime;
    Located<ra::Seconds> prefix_preferred_lifetime;
    Located<bool> on_link;
    Located<bool> autonomous;
    Located<bool> router_address;
    Located<ra::Seconds> route_lifetime;
    Located<ra::Preference> route_preference;
    Located<std::uint32_t> mtu;
    Located<bool> unicast_replies;
};

// The bounds are those of RFC 4861 section 6.2.1, with the intervals and the router lifetime of RFC 8319.
RaSettings read_ra_settings(TableReader& ra) {
    const DurationIn<milliseconds> interval{3s, 65535s};
    const DurationIn<milliseconds> longest_interval{4s, 65535s};
    const DurationIn<RouterLifetime> router_lifetime{0s, 65535s};
    const DurationIn<ra::Milliseconds> reachable{0s, 1h};
    const DurationIn<ra::Milliseconds> retrans{0s, milliseconds{0xffffffff}};
    RaSettings out;
    out.advertise = ra.flag("advertise", true);
    out.min_interval = ra.optional("min_interval", "10s", interval);
    out.max_interval = ra.optional("max_interval", "30s", longest_interval);
    out.router_lifetime = ra.optional("router_lifetime", "0s", router_lifetime);
    out.router_preference = ra.optional("router_preference", "medium", kPreferences);
    out.reachable_time = ra.optional("reachable_time", "0s", reachable);
    out.retrans_timer = ra.optional("retrans_timer", "0s", retrans);
    out.hop_limit = ra.integer<std::uint8_t>("hop_limit", 64, 0, 255);
    out.managed = ra.flag("managed", false);
    out.other_config = ra.flag("other_config", false);
    out.prefix_valid_lifetime = ra.optional("prefix_valid_lifetime", "1d", parse_lifetime);
    out.prefix_preferred_lifetime = ra.optional("prefix_preferred_lifetime", "4h", parse_lifetime);
    out.on_link = ra.flag("on_link", true);
    out.autonomous = ra.flag("autonomous", true);
    out.router_address = ra.flag("router_address", false);
    out.route_lifetime = ra.optional("route_lifetime", "30m", parse_lifetime);
    out.route_preference = ra.optional("route_preference", "high", kPreferences);
    out.mtu = ra.integer<std::uint32_t>("mtu", 0, 1280, 65535);
    out.unicast_replies = ra.flag("unicast_replies", true);
    ra.finish();
    // RFC 4861 gives Min as a third of Max when only Max is configured.
    if (!out.min_interval.given() && out.max_interval.given()) {
        out.min_interval.value = std::max<milliseconds>(3s, out.max_interval.value / 3);
    }
    return out;
}

void check_intervals(const RaSettings& ra, Findings& findings) {
    const auto& min = ra.min_interval;
    const auto& max = ra.max_interval;
    const auto& lifetime = ra.router_lifetime;
    if (min.usable() && max.usable() && min.value * 4 > max.value * 3) {
        complain(
            findings, min,
            fmt::format("{} is more than three quarters of max_interval {} (RFC 4861); choose at most {}",
                        to_string(min.value), to_string(max.value), to_string(max.value * 3 / 4)));
    }
    if (lifetime.usable() && max.usable() && lifetime.value.count() != 0 && lifetime.value < max.value) {
        complain(
            findings, lifetime,
            fmt::format("{} is shorter than max_interval {}, so hosts would lose this router between two "
                        "advertisements (RFC 4861); choose 0s or at least max_interval",
                        to_string(lifetime.value), to_string(max.value)));
    }
}

template <class Lifetime>
void check_android(const Located<Lifetime>& lifetime, Findings& findings) {
    if (!lifetime.usable() || lifetime.value.count() == 0 || lifetime.value >= 180s) return;
    warn(findings, lifetime,
         fmt::format("{} is less than 3m, which Android 15 and later ignore; choose 3m or more",
                     to_string(lifetime.value)));
}

void check_expiry(const Located<ra::Seconds>& lifetime, const RaSettings& ra, Findings& findings) {
    // 0 withdraws; it is not a short lifetime.
    if (!lifetime.usable() || !ra.max_interval.usable() || lifetime.value.count() == 0) return;
    if (lifetime.value >= ra.max_interval.value) return;
    warn(
        findings, lifetime,
        fmt::format("{} is shorter than max_interval {}, so it expires between two advertisements; choose at "
                    "least three times max_interval",
                    to_string(lifetime.value), to_string(ra.max_interval.value)));
}

void check_ra(const RaSettings& ra, Findings& findings) {
    check_intervals(ra, findings);
    check_android(ra.router_lifetime, findings);
    check_android(ra.prefix_preferred_lifetime, findings);
    check_android(ra.route_lifetime, findings);
    check_expiry(ra.prefix_valid_lifetime, ra, findings);
    check_expiry(ra.prefix_preferred_lifetime, ra, findings);
    check_expiry(ra.route_lifetime, ra, findings);

    const auto& valid = ra.prefix_valid_lifetime;
    const auto& preferred = ra.prefix_preferred_lifetime;
    if (valid.usable() && preferred.usable() && preferred.value > valid.value) {
        complain(findings, preferred,
                 "is longer than prefix_valid_lifetime, and hosts ignore such a prefix (RFC 4862); make it "
                 "shorter");
    }
    const auto& preference = ra.router_preference;
    if (preference.usable() && preference.value != ra::Preference::medium && ra.router_lifetime.usable() &&
        ra.router_lifetime.value.count() == 0) {
        warn(findings, preference,
             "is not sent, because router_lifetime is 0s and this is no default router (RFC 4191); remove "
             "it. For the "
             "route to the overlay there is route_preference");
    }
}

ra::Config to_config(const RaSettings& ra, const net::Ipv6Prefix& prefix, const net::Ipv6Prefix& overlay,
                     std::uint64_t router_identifier) {
    ra::Config out;
    out.min_interval = ra.min_interval.value;
    out.max_interval = ra.max_interval.value;
    out.unicast_replies = ra.unicast_replies.value;

    ra::RouterAdvertisement& message = out.advertisement;
    message.hop_limit = ra.hop_limit.value;
    message.managed = ra.managed.value;
    message.other_config = ra.other_config.value;
    message.router_lifetime = ra.router_lifetime.value;
    // RFC 4191 section 2.2: 00 when this is no default router.
    if (message.router_lifetime.count() != 0) message.preference = ra.router_preference.value;
    message.reachable_time = ra.reachable_time.value;
    message.retrans_timer = ra.retrans_timer.value;

    ra::PrefixInformation pio;
    pio.prefix = prefix;
    pio.on_link = ra.on_link.value;
    pio.autonomous = ra.autonomous.value;
    pio.router_address = ra.router_address.value;
    if (pio.router_address) {  // RFC 6275 section 7.2: the whole address, not the prefix
        pio.prefix.address = with_interface_identifier(prefix, router_identifier);
    }
    pio.valid_lifetime = ra.prefix_valid_lifetime.value;
    pio.preferred_lifetime = ra.prefix_preferred_lifetime.value;
    message.options.emplace_back(pio);
    message.options.emplace_back(
        ra::RouteInformation{overlay, ra.route_preference.value, ra.route_lifetime.value});
    if (ra.mtu.given()) message.options.emplace_back(ra::Mtu{ra.mtu.value});
    return out;
}

LanConfig read_lan(TableReader& lan, const Surroundings& around, Facts& facts) {
    LanConfig out;
    if (const auto interface = lan.require("interface", "eth0", parse_interface)) {
        out.interface = interface->value;
        facts.interfaces.push_back(*interface);
    }
    if (const auto prefix = lan.require("prefix", "fd12:3456:789a:a::/64", parse_lan_prefix)) {
        out.prefix = prefix->value;
        facts.prefixes.push_back(*prefix);
    }
    out.vrrp = read_vrrp(lan, facts);

    // The Active router of several also holds <prefix>::1, and what is advertised is the same on all of them.
    const std::uint64_t router_identifier = out.vrrp ? 1 : interface_identifier(around.node);

    static const toml::table kNothing;
    auto ra = lan.table("ra");
    if (!ra) ra.emplace(kNothing, lan.path_of("ra"), lan.line(), lan.findings());
    const RaSettings settings = read_ra_settings(*ra);
    check_ra(settings, lan.findings());
    if (out.vrrp && !settings.advertise.value) {
        warn(lan.findings(), settings.advertise,
             "with false hosts are not told of the virtual router of [lan.vrrp]; remove it, or give them the "
             "route by other means");
    }
    out.advertise = settings.advertise.value;
    out.ra = to_config(settings, out.prefix, around.overlay, router_identifier);
    lan.finish();
    return out;
}

}  // namespace

std::vector<LanConfig> read_lans(TableReader& file, const Surroundings& around, Facts& facts) {
    std::vector<LanConfig> out;
    if (!file.has("lan") || file.is_empty_list("lan")) {
        file.findings().error(0, "lan", "is missing; add a [[lan]] table for each LAN of this site");
    }
    for (auto& lan : file.tables("lan")) out.push_back(read_lan(lan, around, facts));
    return out;
}

}  // namespace ulagate::config_file
