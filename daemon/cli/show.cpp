// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/cli/show.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <iterator>
#include <optional>

#include "daemon/base/text.h"
#include "daemon/kernel/desired.h"
#include "daemon/kernel/plan.h"
#include "daemon/kernel/simulate.h"
#include "firewall/render.h"

namespace ulagate {
namespace {

constexpr int kMaxPlanRounds = 5;

Have assumed_machine(const Config& config) {
    Have have;
    have.sysctls["net/ipv6/conf/all/forwarding"] = "0";
    have.sysctls[kIpv4Forwarding] = "0";
    have.rules = {{{0, kLocalTable}, true, 0, {}}, {{32766, kMainTable}, true, 0, {}}};
    unsigned index = 2;
    for (const LanConfig& lan : config.lans) {
        have.links[lan.interface] = Link{index++, true, true, 1500, std::nullopt};
        have.sysctls[fmt::format("net/ipv6/conf/{}/accept_ra", lan.interface)] = "1";
    }
    return have;
}

Facts assumed_facts(const Config& config) {
    Facts facts;
    facts.private_key = wg::PrivateKey::generate();  // never shown
    for (const RelayConfig& relay : config.relays) {
        if (const auto address = net::parse_ip(relay.host)) {
            facts.relays[relay.name].endpoint = net::Endpoint{*address, relay.port};
        }
    }
    return facts;
}

std::string lifetime(ra::Seconds time) {
    return time == ra::kInfinity ? "infinite" : fmt::format("{} s", time.count());
}

const char* name(ra::Preference preference) {
    switch (preference) {
        case ra::Preference::high:
            return "high";
        case ra::Preference::low:
            return "low";
        case ra::Preference::medium:
            break;
    }
    return "medium";
}

const char* yes_no(bool flag) { return flag ? "yes" : "no"; }

using Out = std::back_insert_iterator<std::string>;

// Those that are set and have a line of their own.
template <class Flags, class T>
void print_flags(Out out, const Flags& flags, const T& of) {
    for (const auto& flag : flags) {
        if (of.*flag.member) fmt::format_to(out, "{}", flag.when_set);
    }
}

void print(Out out, const ra::PrefixInformation& option) {
    fmt::format_to(out, "  prefix {}: on-link {}, autonomous {}, router address {}, valid {}, preferred {}\n",
                   net::to_string(option.prefix), yes_no(option.on_link), yes_no(option.autonomous),
                   yes_no(option.router_address), lifetime(option.valid_lifetime),
                   lifetime(option.preferred_lifetime));
    print_flags(out, ra::kPrefixFlags, option);
}
void print(Out out, const ra::RouteInformation& option) {
    fmt::format_to(out, "  route {}: preference {}, lifetime {}\n", net::to_string(option.prefix),
                   name(option.preference), lifetime(option.lifetime));
}
void print(Out out, const ra::Mtu& option) { fmt::format_to(out, "  MTU {}\n", option.bytes); }
void print(Out out, const ra::SourceLinkLayerAddress& option) {
    fmt::format_to(out, "  source link-layer address {}\n", net::to_string(option.address));
}
void print(Out out, const ra::RecursiveDnsServers& option) {
    for (const net::Ipv6Address& server : option.servers) {
        fmt::format_to(out, "  DNS server {}: lifetime {}\n", net::to_string(server),
                       lifetime(option.lifetime));
    }
}
void print(Out out, const ra::DnsSearchList& option) {
    for (const std::string& domain : option.domains) {
        fmt::format_to(out, "  search domain {}: lifetime {}\n", domain, lifetime(option.lifetime));
    }
}
void print(Out out, const ra::Pref64& option) {
    fmt::format_to(out, "  NAT64 prefix {}: lifetime {}\n", net::to_string(option.prefix),
                   lifetime(option.lifetime));
}
void print(Out out, const ra::CaptivePortal& option) {
    fmt::format_to(out, "  captive portal {}\n", option.uri);
}
void print(Out out, const ra::UnknownOption& option) {
    fmt::format_to(out, "  option {}, {} bytes\n", option.type, option.body.size());
}

}  // namespace

std::string show_ra(const Config& config) {
    std::string text;
    const Out out = std::back_inserter(text);
    for (const LanConfig& lan : config.lans) {
        const ra::RouterAdvertisement& ra = lan.ra.advertisement;
        const std::string from =
            lan.vrrp ? fmt::format("{} while this router is Active (VRRP {})",
                                   net::to_string(lan.vrrp->machine.address), lan.vrrp->machine.vrid)
                     : "the interface's own link-local address";
        fmt::format_to(out, "{}: {}every {} to {} ms, from {}\n", lan.interface,
                       lan.advertise ? "" : "SWITCHED OFF; would be ", lan.ra.min_interval.count(),
                       lan.ra.max_interval.count(), from);
        fmt::format_to(out, "  hop limit {}, managed {}, other {}, preference {}\n", ra.hop_limit,
                       yes_no(ra.managed), yes_no(ra.other_config), name(ra.preference));
        fmt::format_to(out, "  router lifetime {} s, reachable time {} ms, retransmit timer {} ms\n",
                       ra.router_lifetime.count(), ra.reachable_time.count(), ra.retrans_timer.count());
        print_flags(out, ra::kRouterFlags, ra);
        for (const ra::Option& option : ra.options) std::visit([&](const auto& o) { print(out, o); }, option);
        const auto ends = [&](const char* what, const std::optional<std::chrono::sys_seconds>& when) {
            if (when)
                fmt::format_to(out, "  {} lifetime of the prefix ends at {:%FT%TZ}\n", what,
                               fmt::gmtime(*when));
        };
        ends("valid", lan.ra.valid_until);
        ends("preferred", lan.ra.preferred_until);
        if (lan.ra.source_link_layer_address) text += "  source link-layer address of the interface\n";
        if (lan.withdraw_when_isolated) {
            fmt::format_to(out, "  without a relay for {}: route to the overlay with lifetime 0\n",
                           to_string(lan.isolated_after));
        }
    }
    return text.empty() ? "a relay sends no Router Advertisements\n" : text;
}

std::string show_firewall(const Config& config) {
    return firewall::render(desired(config, assumed_facts(config), assumed_machine(config)).firewall);
}

std::string show_plan(const Config& config) {
    std::string text;
    Have have = assumed_machine(config);
    const Facts facts = assumed_facts(config);
    for (int round = 0; round < kMaxPlanRounds; ++round) {
        const auto steps = plan(desired(config, facts, have), have);
        if (steps.empty()) break;
        for (const Step& step : steps) {
            text += describe(step) + "\n";
            simulate(have, step);
        }
    }
    return text;
}

}  // namespace ulagate
