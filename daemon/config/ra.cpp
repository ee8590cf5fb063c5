// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/ra.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "daemon/base/text.h"
#include "daemon/config/keys.h"
#include "daemon/config/ra_values.h"
#include "daemon/config/values.h"

namespace ulagate::config_file {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// Each of them has to fit into an advertisement of its own on the smallest MTU.
constexpr std::size_t kMaxDnsServers = 16;
constexpr std::size_t kMaxSearchDomains = 4;
// RFC 4191 section 4: hosts need not keep more.
constexpr std::size_t kMaxRoutes = 17;

const OneOf<ra::Preference> kPreferences{
    {"low", ra::Preference::low}, {"medium", ra::Preference::medium}, {"high", ra::Preference::high}};
const OneOf<bool> kWhenIsolated{{"keep", false}, {"withdraw", true}};

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
    // As in the tables of flags (ra/message.h, ra/option.h).
    std::array<Located<bool>, std::size(ra::kRouterFlags)> router_flags;
    std::array<Located<bool>, std::size(ra::kPrefixFlags)> prefix_flags;
    Located<ra::Seconds> prefix_valid_lifetime;
    Located<ra::Seconds> prefix_preferred_lifetime;
    Located<ra::Seconds> route_lifetime;
    Located<ra::Preference> route_preference;
    Located<std::uint32_t> mtu;
    Located<bool> unicast_replies;
    Located<std::chrono::sys_seconds> prefix_valid_until;
    Located<std::chrono::sys_seconds> prefix_preferred_until;
    Located<bool> withdraw_when_isolated;
    Located<milliseconds> isolated_after;
    std::vector<Located<net::Ipv6Address>> rdnss;
    std::vector<Located<std::string>> dnssl;
    Located<ra::Seconds> dns_lifetime;
    Located<net::Ipv6Prefix> pref64;
    Located<ra::Seconds> pref64_lifetime;
    Located<std::string> captive_portal;
    Located<bool> source_link_layer_address;
    // [[lan.ra.route]]
    struct Route {
        Located<net::Ipv6Prefix> prefix;
        Located<ra::Seconds> lifetime;
        Located<ra::Preference> preference;
    };
    std::vector<Route> routes;
};

using S = RaSettings;
constexpr DurationIn<RouterLifetime> kRouterLifetimes{0s, 65535s};
constexpr DurationIn<ra::Milliseconds> kRetransTimers{0s, milliseconds{0xffffffff}};

// The bounds are those of RFC 4861 section 6.2.1, with the intervals and the router lifetime of RFC 8319.
const std::tuple kKeys{
    FlagKey{"advertise", true, &S::advertise},
    TextKey{"min_interval", "10s", DurationIn<milliseconds>{3s, 65535s}, &S::min_interval},
    TextKey{"max_interval", "30s", DurationIn<milliseconds>{4s, 65535s}, &S::max_interval},
    TextKey{"router_lifetime", "0s", kRouterLifetimes, &S::router_lifetime},
    TextKey{"router_preference", "medium", kPreferences, &S::router_preference},
    TextKey{"reachable_time", "0s", DurationIn<ra::Milliseconds>{0s, 1h}, &S::reachable_time},
    TextKey{"retrans_timer", "0s", kRetransTimers, &S::retrans_timer},
    NumberKey<S, std::uint8_t>{"hop_limit", 64, 0, 255, &S::hop_limit},
    TextKey{"prefix_valid_lifetime", "1d", parse_lifetime, &S::prefix_valid_lifetime},
    TextKey{"prefix_preferred_lifetime", "4h", parse_lifetime, &S::prefix_preferred_lifetime},
    TextKey{"route_lifetime", "30m", parse_lifetime, &S::route_lifetime},
    TextKey{"route_preference", "high", kPreferences, &S::route_preference},
    NumberKey<S, std::uint32_t>{"mtu", 0, 1280, 65535, &S::mtu, 1500},
    FlagKey{"unicast_replies", true, &S::unicast_replies},
    UnsetKey{"prefix_valid_until", "2027-06-30T00:00:00Z", parse_instant, &S::prefix_valid_until},
    UnsetKey{"prefix_preferred_until", "2027-06-29T00:00:00Z", parse_instant, &S::prefix_preferred_until},
    TextKey{"route_when_isolated", "keep", kWhenIsolated, &S::withdraw_when_isolated},
    TextKey{"isolated_after", "30s", DurationIn<milliseconds>{5s, 1h}, &S::isolated_after},
    ListKey{"rdnss", "fd12:3456:789a:a::53", parse_dns_server, &S::rdnss},
    ListKey{"dnssl", "example.net", parse_search_domain, &S::dnssl},
    TextKey{"dns_lifetime", "3m", parse_lifetime, &S::dns_lifetime},
    UnsetKey{"pref64", "64:ff9b::/96", parse_pref64, &S::pref64},
    TextKey{"pref64_lifetime", "3m", DurationIn<ra::Seconds>{0s, 65528s}, &S::pref64_lifetime},
    UnsetKey{"captive_portal", "https://portal.example.net/api", parse_captive_portal, &S::captive_portal},
    FlagKey{"source_link_layer_address", true, &S::source_link_layer_address},
};

// The default of a flag is that of the member.
template <class T, std::size_t kCount>
void read_flags(TableReader& ra, const ra::Flag<T> (&flags)[kCount], std::array<Located<bool>, kCount>& out) {
    const T defaults{};
    for (std::size_t i = 0; i < kCount; ++i) out.at(i) = ra.flag(flags[i].key, defaults.*flags[i].member);
}
template <class T, std::size_t kCount>
void copy_flags(const ra::Flag<T> (&flags)[kCount], const std::array<Located<bool>, kCount>& from, T& to) {
    for (std::size_t i = 0; i < kCount; ++i) to.*flags[i].member = from.at(i).value;
}
template <class T, std::size_t kCount>
void add_texts(const ra::Flag<T> (&flags)[kCount], std::vector<KeyText>& out) {
    const T defaults{};
    for (const auto& flag : flags)
        out.push_back({fmt::format("{} = {}", flag.key, defaults.*flag.member), {}});
}

void read_routes(TableReader& ra, RaSettings& out) {
    for (TableReader& route : ra.tables("route")) {
        const auto prefix = route.require("prefix", "fd99:1::/48", parse_route);
        RaSettings::Route read;
        read.lifetime = route.optional("lifetime", "30m", parse_lifetime);
        if (!read.lifetime.given() && read.lifetime.usable()) read.lifetime = out.route_lifetime;
        read.preference = route.optional("preference", "medium", kPreferences);
        route.finish();
        if (!prefix) continue;
        read.prefix = *prefix;
        out.routes.push_back(std::move(read));
    }
}

// RFC 8106 section 5.1 and RFC 8781 section 4.1: three times max_interval. Android ignores what is shorter
// than 3m (2m for DNS servers), and by our default interval it would be.
ra::Seconds default_lifetime(const Located<milliseconds>& max_interval) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(max_interval.value * 3);
    return std::max(ra::Seconds{180}, ra::Seconds{static_cast<std::uint32_t>(seconds.count())});
}

// To the hosts of this LAN we are the default router, also to those (Android) that use a network only
// with a default router and a DNS server from its advertisements. Other LANs never see this.
void apply_gateway(const TableReader& ra, const RaParseContext& context, RaSettings& out) {
    auto& lifetime = out.router_lifetime;
    if (!lifetime.given() && lifetime.usable()) {
        // RFC 4861 section 6.2.1 has three times max_interval as the default.
        const auto three = std::chrono::ceil<std::chrono::seconds>(out.max_interval.value * 3);
        lifetime.value =
            RouterLifetime{static_cast<std::uint16_t>(std::clamp<std::int64_t>(three.count(), 1800, 65535))};
    }
    // The address that the site's router has whoever it is; without VRRP it is always here.
    if (!ra.has("rdnss"))
        out.rdnss.push_back({with_interface_identifier(context.prefix, 1), ra.path_of("rdnss"), ra.line(),
                             Located<net::Ipv6Address>::Origin::fallback});
}

RaSettings read_ra_settings(TableReader& ra, const RaParseContext& context) {
    RaSettings out;
    read_keys(ra, kKeys, out);
    read_flags(ra, ra::kRouterFlags, out.router_flags);
    read_flags(ra, ra::kPrefixFlags, out.prefix_flags);
    if (!out.dns_lifetime.given()) out.dns_lifetime.value = default_lifetime(out.max_interval);
    if (!out.pref64_lifetime.given())
        out.pref64_lifetime.value = std::min(default_lifetime(out.max_interval), ra::kLongestPref64Lifetime);
    read_routes(ra, out);
    if (context.gateway) apply_gateway(ra, context, out);
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

void check_gateway(const Located<RouterLifetime>& lifetime, Findings& findings) {
    if (!lifetime.usable() || lifetime.value.count() != 0) return;
    complain(
        findings, lifetime,
        "with 0s this is not a default router, but with gateway = true it is the only one; remove it, or "
        "choose 30m");
}

void check_countdown(const RaSettings& ra, Findings& findings) {
    const auto& valid = ra.prefix_valid_until;
    const auto& preferred = ra.prefix_preferred_until;
    if (valid.given() && preferred.given() && preferred.value > valid.value)
        complain(findings, preferred, "is later than prefix_valid_until (RFC 4861); choose an earlier time");
}

template <class T>
void check_list(const std::vector<Located<T>>& list, std::size_t max, std::string_view what,
                Findings& findings) {
    for (std::size_t i = 0; i < list.size(); ++i) {
        const auto& here = list.at(i);
        const auto before = list.begin() + static_cast<std::ptrdiff_t>(i);
        if (std::any_of(list.begin(), before, [&](const auto& other) { return other.value == here.value; }))
            complain(findings, here, fmt::format("has the same {} twice; remove one", what));
        if (i == max) {
            complain(findings, here,
                     fmt::format("has more than {} {}s, but hosts keep about three (RFC 8106); shorten it",
                                 max, what));
        }
    }
}

void check_names(const RaSettings& ra, Findings& findings) {
    check_list(ra.rdnss, kMaxDnsServers, "server", findings);
    check_list(ra.dnssl, kMaxSearchDomains, "domain", findings);
    check_expiry(ra.dns_lifetime, ra, findings);
    // By default it is as long as it can be.
    if (ra.pref64_lifetime.given()) check_expiry(ra.pref64_lifetime, ra, findings);
    const auto needs = [&](const auto& lifetime, bool there, std::string_view keys) {
        if (lifetime.given() && !there)
            warn(findings, lifetime, fmt::format("has no effect without {}", keys));
    };
    needs(ra.dns_lifetime, !ra.rdnss.empty() || !ra.dnssl.empty(), "rdnss or dnssl; remove it");
    needs(ra.pref64_lifetime, ra.pref64.given(), "pref64; remove it");
}

void check_routes(const RaSettings& ra, const RaParseContext& context, Findings& findings) {
    std::size_t count = 1;  // the overlay
    std::vector<net::Ipv6Prefix> seen{context.overlay};
    for (const auto& route : ra.routes) {
        if (std::find(seen.begin(), seen.end(), route.prefix.value) != seen.end()) {
            complain(
                findings, route.prefix,
                fmt::format(
                    "{} is already advertised, and an advertisement may contain a route only once (RFC "
                    "4191); remove it{}",
                    to_string(route.prefix.value),
                    route.prefix.value == context.overlay ? ", and see route_lifetime for the overlay" : ""));
        }
        seen.push_back(route.prefix.value);
        if (route.lifetime.given()) {
            check_android(route.lifetime, findings);
            check_expiry(route.lifetime, ra, findings);
        }
        if (++count == kMaxRoutes + 1) {
            warn(findings, route.prefix,
                 fmt::format("exceeds the {} routes that hosts are asked to keep (RFC 4191); advertise fewer",
                             kMaxRoutes));
        }
    }
}

void check_ra(const RaSettings& ra, const RaParseContext& context, Findings& findings) {
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
        complain(
            findings, preferred,
            "is longer than prefix_valid_lifetime, so hosts ignore the prefix (RFC 4862); make it shorter");
    }
    check_countdown(ra, findings);
    if (context.gateway) check_gateway(ra.router_lifetime, findings);
    check_names(ra, findings);
    check_routes(ra, context, findings);
    const auto& preference = ra.router_preference;
    if (preference.usable() && preference.value != ra::Preference::medium && ra.router_lifetime.usable() &&
        ra.router_lifetime.value.count() == 0) {
        warn(findings, preference,
             "is not sent, because router_lifetime is 0s, so this is not a default router (RFC 4191); remove "
             "it. route_preference is for the route to the overlay");
    }
}

// Those that are few and always there come first, so that they are in the first of several messages.
void add_further_options(const RaSettings& ra, std::vector<ra::Option>& options) {
    if (ra.mtu.given()) options.emplace_back(ra::Mtu{ra.mtu.value});
    if (!ra.rdnss.empty()) {
        ra::RecursiveDnsServers dns{{}, ra.dns_lifetime.value};
        for (const auto& server : ra.rdnss) dns.servers.push_back(server.value);
        options.emplace_back(std::move(dns));
    }
    if (!ra.dnssl.empty()) {
        ra::DnsSearchList dns{{}, ra.dns_lifetime.value};
        for (const auto& domain : ra.dnssl) dns.domains.push_back(domain.value);
        options.emplace_back(std::move(dns));
    }
    if (ra.pref64.given()) options.emplace_back(ra::Pref64{ra.pref64.value, ra.pref64_lifetime.value});
    if (ra.captive_portal.given()) options.emplace_back(ra::CaptivePortal{ra.captive_portal.value});
    for (const auto& route : ra.routes) {
        options.emplace_back(
            ra::RouteInformation{route.prefix.value, route.preference.value, route.lifetime.value});
    }
}

ra::Config to_config(const RaSettings& ra, const RaParseContext& context) {
    ra::Config out;
    out.min_interval = ra.min_interval.value;
    out.max_interval = ra.max_interval.value;
    out.unicast_replies = ra.unicast_replies.value;
    out.source_link_layer_address = ra.source_link_layer_address.value;
    if (ra.prefix_valid_until.given()) out.valid_until = ra.prefix_valid_until.value;
    if (ra.prefix_preferred_until.given()) out.preferred_until = ra.prefix_preferred_until.value;

    ra::RouterAdvertisement& message = out.advertisement;
    message.hop_limit = ra.hop_limit.value;
    copy_flags(ra::kRouterFlags, ra.router_flags, message);
    message.router_lifetime = ra.router_lifetime.value;
    // RFC 4191 section 2.2: 00 when this is not a default router.
    if (message.router_lifetime.count() != 0) message.preference = ra.router_preference.value;
    message.reachable_time = ra.reachable_time.value;
    message.retrans_timer = ra.retrans_timer.value;

    ra::PrefixInformation pio;
    pio.prefix = context.prefix;
    copy_flags(ra::kPrefixFlags, ra.prefix_flags, pio);
    if (pio.router_address) {  // RFC 6275 section 7.2: the whole address, not the prefix
        pio.prefix.address = with_interface_identifier(context.prefix, context.router_identifier);
    }
    pio.valid_lifetime = ra.prefix_valid_lifetime.value;
    pio.preferred_lifetime = ra.prefix_preferred_lifetime.value;
    message.options.emplace_back(pio);
    message.options.emplace_back(
        ra::RouteInformation{context.overlay, ra.route_preference.value, ra.route_lifetime.value});
    add_further_options(ra, message.options);
    return out;
}

}  // namespace

std::vector<KeyText> ra_keys() {
    std::vector<KeyText> all = texts_of(kKeys);
    add_texts(ra::kRouterFlags, all);
    add_texts(ra::kPrefixFlags, all);
    return all;
}

Located<bool> read_ra(TableReader& lan, const RaParseContext& context, LanConfig& out) {
    static const toml::table kNothing;
    auto ra = lan.table("ra");
    if (!ra) ra.emplace(kNothing, lan.path_of("ra"), lan.line(), lan.findings());
    RaSettings settings = read_ra_settings(*ra, context);
    check_ra(settings, context, lan.findings());
    out.advertise = settings.advertise.value;
    out.ra = to_config(settings, context);
    out.withdraw_when_isolated = settings.withdraw_when_isolated.value;
    out.isolated_after = settings.isolated_after.value;
    return std::move(settings.advertise);
}

}  // namespace ulagate::config_file
