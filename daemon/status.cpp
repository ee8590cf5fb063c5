// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iterator>

#include "daemon/base/text.h"

namespace ulagate {
namespace {

namespace json = boost::json;

// More than this many lines nobody reads; `--all` prints the rest.
constexpr std::size_t kRoutersShown = 20;
constexpr std::size_t kTransitionsShown = 5;

json::value age(const Status::Age& value) {
    return value ? json::value(value->count()) : json::value(nullptr);
}

json::object to_json(const Status::Vrrp::Transition& transition);
json::object to_json(const Status::Owner& owner);
json::object to_json(const Status::Lan& lan);
json::object to_json(const Status::Relay& relay);
json::object to_json(const Status::Router& router);

template <class Items>
json::array list(const Items& items) {
    json::array out;
    for (const auto& item : items) out.push_back(to_json(item));
    return out;
}

json::array texts(const std::vector<std::string>& items) {
    json::array out;
    for (const std::string& item : items) out.emplace_back(item);
    return out;
}

json::object to_json(const Status::Vrrp::Transition& transition) {
    return {{"from", transition.from},
            {"to", transition.to},
            {"reason", transition.reason},
            {"ms_ago", transition.ago.count()}};
}

json::value to_json(const std::optional<Status::Vrrp>& vrrp) {
    if (!vrrp) return nullptr;
    return json::object{{"id", vrrp->id},
                        {"address", vrrp->address},
                        {"state", vrrp->state},
                        {"in_state_ms", vrrp->in_state.count()},
                        {"priority", vrrp->priority},
                        {"configured_priority", vrrp->configured_priority},
                        {"deductions", texts(vrrp->deductions)},
                        {"peer", vrrp->peer},
                        {"peer_priority", vrrp->peer_priority},
                        {"peer_heard_ms_ago", age(vrrp->peer_heard)},
                        {"refusals", texts(vrrp->refusals)},
                        {"transitions", list(vrrp->transitions)}};
}

json::object to_json(const Status::Owner& owner) {
    return {{"prefix", owner.prefix}, {"router", owner.router}, {"us", owner.us}};
}

json::object to_json(const Status::Lan& lan) {
    return {{"interface", lan.interface},
            {"prefix", lan.prefix},
            {"state", lan.state},
            {"source", lan.source},
            {"addresses", texts(lan.addresses)},
            {"advertisements_sent", lan.counters.advertisements_sent},
            {"send_errors", lan.counters.send_errors},
            {"solicitations_received", lan.counters.solicitations_received},
            {"advertisements_received", lan.counters.advertisements_received},
            {"refused", lan.counters.refused},
            {"last_advertisement_ms_ago", age(lan.last_advertisement)},
            {"vrrp_sent", lan.counters.vrrp_sent},
            {"vrrp_received", lan.counters.vrrp_received},
            {"vrrp_refused", lan.counters.vrrp_refused.total()},
            {"vrrp", to_json(lan.vrrp)}};
}

json::object to_json(const Status::Relay& relay) {
    return {{"name", relay.name},
            {"interface", relay.interface},
            {"endpoint", relay.endpoint},
            {"state", relay.state},
            {"last_handshake_ms_ago", age(relay.last_handshake)},
            {"rx_bytes", relay.rx_bytes},
            {"tx_bytes", relay.tx_bytes},
            {"mtu", relay.mtu},
            {"carries", relay.carries},
            {"round_trip_ms", age(relay.round_trip)},
            {"probes", relay.probes},
            {"probes_lost", relay.lost},
            {"owners", list(relay.owners)}};
}

json::object to_json(const Status::Router& router) {
    return {{"site", router.site},
            {"node", router.node},
            {"interface", router.interface},
            {"endpoint", router.endpoint},
            {"up", router.up},
            {"last_handshake_ms_ago", age(router.last_handshake)},
            {"rx_bytes", router.rx_bytes},
            {"tx_bytes", router.tx_bytes},
            {"heard_ms_ago", age(router.heard)},
            {"carries", texts(router.carries)}};
}

// The reading side: a daemon of another version may lack a member, which must not stop the command.
std::string text_of(const json::value& object, const char* name) {
    const json::value* member = object.is_object() ? object.as_object().if_contains(name) : nullptr;
    return member != nullptr && member->is_string() ? std::string{member->as_string()} : std::string{};
}

std::uint64_t number_of(const json::value& object, const char* name) {
    const json::value* member = object.is_object() ? object.as_object().if_contains(name) : nullptr;
    json::error_code inexact;  // negative, broken or too large: 0
    return member != nullptr && member->is_number() ? member->to_number<std::uint64_t>(inexact) : 0;
}

bool flag_of(const json::value& object, const char* name) {
    const json::value* member = object.is_object() ? object.as_object().if_contains(name) : nullptr;
    return member != nullptr && member->is_bool() && member->as_bool();
}

const json::array& list_of(const json::value& object, const char* name) {
    static const json::array empty;
    const json::value* member = object.is_object() ? object.as_object().if_contains(name) : nullptr;
    return member != nullptr && member->is_array() ? member->as_array() : empty;
}

std::string ago_of(const json::value& object, const char* name) {
    const json::value* member = object.is_object() ? object.as_object().if_contains(name) : nullptr;
    if (member == nullptr || !member->is_number()) return "never";
    json::error_code inexact;
    return human_duration(std::chrono::milliseconds{member->to_number<std::int64_t>(inexact)}) + " ago";
}

std::string size_of(const json::value& object, const char* name) {
    const std::uint64_t bytes = number_of(object, name);
    if (bytes < 10'000) return fmt::format("{} B", bytes);
    if (bytes < 10'000'000) return fmt::format("{} kB", bytes / 1'000);
    if (bytes < 10'000'000'000) return fmt::format("{} MB", bytes / 1'000'000);
    return fmt::format("{} GB", bytes / 1'000'000'000);
}

using Out = std::back_insert_iterator<std::string>;

std::string string_of(const json::value& item) {
    return item.is_string() ? std::string{item.as_string()} : std::string{};
}

void print_vrrp(Out out, const json::value& vrrp) {
    if (!vrrp.is_object()) return;
    const std::string state = text_of(vrrp, "state");
    fmt::format_to(out, "         vrrp {} {}: {} for {}, priority {}", number_of(vrrp, "id"),
                   text_of(vrrp, "address"), state,
                   human_duration(std::chrono::milliseconds{number_of(vrrp, "in_state_ms")}),
                   number_of(vrrp, "priority"));
    const auto configured = number_of(vrrp, "configured_priority");
    if (configured != number_of(vrrp, "priority")) fmt::format_to(out, " of {}", configured);
    const std::string peer = text_of(vrrp, "peer");
    if (peer.empty()) {
        fmt::format_to(out, "; no other router heard\n");
    } else {
        fmt::format_to(out, "; {} with priority {} heard {}\n", peer, number_of(vrrp, "peer_priority"),
                       ago_of(vrrp, "peer_heard_ms_ago"));
    }
    for (const json::value& deduction : list_of(vrrp, "deductions"))
        fmt::format_to(out, "         less {}\n", string_of(deduction));
    for (const json::value& refusal : list_of(vrrp, "refusals"))
        fmt::format_to(out, "         refused {}\n", string_of(refusal));
    std::size_t shown = 0;
    for (const json::value& change : list_of(vrrp, "transitions")) {
        if (++shown > kTransitionsShown) break;
        fmt::format_to(out, "         {}: {} -> {}: {}\n", ago_of(change, "ms_ago"), text_of(change, "from"),
                       text_of(change, "to"), text_of(change, "reason"));
    }
}

void print_lan(Out out, const json::value& lan) {
    fmt::format_to(out, "lan    {}  {}  {}\n", text_of(lan, "interface"), text_of(lan, "prefix"),
                   text_of(lan, "state"));
    for (const json::value& address : list_of(lan, "addresses")) {
        fmt::format_to(out, "         address {}\n",
                       address.is_string() ? std::string{address.as_string()} : "");
    }
    const std::string source = text_of(lan, "source");
    if (!source.empty()) fmt::format_to(out, "         advertises from {}\n", source);
    fmt::format_to(out,
                   "         advertisements sent {}, last {}; solicitations {}; other routers' "
                   "advertisements {}; refused {}\n",
                   number_of(lan, "advertisements_sent"), ago_of(lan, "last_advertisement_ms_ago"),
                   number_of(lan, "solicitations_received"), number_of(lan, "advertisements_received"),
                   number_of(lan, "refused"));
    if (const json::value* vrrp = lan.is_object() ? lan.as_object().if_contains("vrrp") : nullptr)
        print_vrrp(out, *vrrp);
}

void print_relay(Out out, const json::value& relay) {
    fmt::format_to(out, "relay  {}  {}{}\n", text_of(relay, "name"), text_of(relay, "state"),
                   flag_of(relay, "carries") ? ", carries the overlay" : "");
    const std::string endpoint = text_of(relay, "endpoint");
    fmt::format_to(out, "         endpoint {}; last handshake {}; received {}, sent {}; {} MTU {}\n",
                   endpoint.empty() ? "unknown" : endpoint, ago_of(relay, "last_handshake_ms_ago"),
                   size_of(relay, "rx_bytes"), size_of(relay, "tx_bytes"), text_of(relay, "interface"),
                   number_of(relay, "mtu"));
    if (const auto probes = number_of(relay, "probes"); probes > 0) {
        fmt::format_to(out, "         round trip {} ms; {} of the last {} probes lost\n",
                       number_of(relay, "round_trip_ms"), number_of(relay, "probes_lost"), probes);
    }
    for (const json::value& owner : list_of(relay, "owners")) {
        const std::string router = text_of(owner, "router");
        fmt::format_to(out, "         {} is carried by {}\n", text_of(owner, "prefix"),
                       flag_of(owner, "us") ? "this router"
                       : router.empty()     ? "nobody: the relay does not have it in our site"
                                            : router);
    }
}

void print_routers(Out out, const json::array& routers, bool all) {
    const auto up =
        std::count_if(routers.begin(), routers.end(), [](const auto& r) { return flag_of(r, "up"); });
    fmt::format_to(out, "sites  {} routers configured, {} up\n", routers.size(), up);
    std::size_t shown = 0;
    for (const json::value& router : routers) {
        if (!all && shown == kRoutersShown) {
            fmt::format_to(out, "         ... {} more (--all shows them)\n", routers.size() - shown);
            break;
        }
        ++shown;
        const std::string endpoint = text_of(router, "endpoint");
        fmt::format_to(out, "         {} {}  {}; endpoint {}; last handshake {}; received {}, sent {}\n",
                       text_of(router, "site"), text_of(router, "node"),
                       flag_of(router, "up") ? "up" : "down", endpoint.empty() ? "unknown" : endpoint,
                       ago_of(router, "last_handshake_ms_ago"), size_of(router, "rx_bytes"),
                       size_of(router, "tx_bytes"));
        for (const json::value& prefix : list_of(router, "carries"))
            fmt::format_to(out, "           carries {}\n", string_of(prefix));
    }
}

}  // namespace

json::value to_json(const Status& status) {
    return json::object{{"version", status.version},
                        {"role", status.role},
                        {"node", status.node},
                        {"site", status.site},
                        {"overlay", status.overlay},
                        {"uptime_ms", status.uptime.count()},
                        {"backend", status.backend},
                        {"firewall", status.firewall},
                        {"lans", list(status.lans)},
                        {"relays", list(status.relays)},
                        {"routers", list(status.routers)},
                        {"problems", texts(status.problems)},
                        {"last_reload", status.last_reload}};
}

std::string to_text(const json::value& status, bool all) {
    std::string text;
    const Out out = std::back_inserter(text);
    const std::string site = text_of(status, "site");
    fmt::format_to(out, "{} {}{}  overlay {}  up {}  ulagate {}\n", text_of(status, "role"),
                   text_of(status, "node"), site.empty() ? "" : " of site " + site,
                   text_of(status, "overlay"),
                   human_duration(std::chrono::milliseconds{number_of(status, "uptime_ms")}),
                   text_of(status, "version"));
    for (const json::value& lan : list_of(status, "lans")) print_lan(out, lan);
    for (const json::value& relay : list_of(status, "relays")) print_relay(out, relay);
    if (text_of(status, "role") == "relay") print_routers(out, list_of(status, "routers"), all);
    fmt::format_to(out, "wg     {} WireGuard\n", text_of(status, "backend"));
    fmt::format_to(out, "fw     {}\n", text_of(status, "firewall"));
    const std::string reload = text_of(status, "last_reload");
    if (!reload.empty()) fmt::format_to(out, "reload {}\n", reload);
    const json::array& problems = list_of(status, "problems");
    if (problems.empty()) text += "no problems\n";
    for (const json::value& problem : problems) {
        fmt::format_to(out, "PROBLEM {}\n", problem.is_string() ? std::string{problem.as_string()} : "");
    }
    return text;
}

}  // namespace ulagate
