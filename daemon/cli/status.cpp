// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/cli/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iterator>

#include "daemon/base/text.h"
#include "daemon/cli/json_fields.h"

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
json::object to_json(const Status::OtherRouter& router);
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

json::object to_json(const Status::OtherRouter& router) {
    return {{"address", router.address},
            {"link_address", router.link_address},
            {"advertisements", router.advertisements},
            {"heard_ms_ago", router.heard.count()},
            {"findings", texts(router.findings)}};
}

json::object to_json(const Status::Lan& lan) {
    return {{"interface", lan.interface},
            {"prefix", lan.prefix},
            {"state", lan.state},
            {"source", lan.source},
            {"route_withdrawn", lan.route_withdrawn},
            {"addresses", texts(lan.addresses)},
            {"advertisements_sent", lan.counters.advertisements_sent},
            {"send_errors", lan.counters.send_errors},
            {"solicitations_received", lan.counters.solicitations_received},
            {"advertisements_received", lan.counters.advertisements_received},
            {"refused", lan.counters.refused},
            {"replies_unresolved", lan.counters.replies_unresolved},
            {"last_advertisement_ms_ago", age(lan.last_advertisement)},
            {"other_routers", list(lan.other_routers)},
            {"other_routers_forgotten", lan.watched.forgotten},
            {"differing_advertisements", lan.watched.differing},
            {"split_brain_advertisements", lan.watched.split_brain},
            {"vrrp_sent", lan.counters.vrrp_sent},
            {"vrrp_received", lan.counters.vrrp_received},
            {"vrrp_refused", lan.counters.vrrp_refused.total()},
            {"vrrp", to_json(lan.vrrp)}};
}

json::object to_json(const Status::Relay& relay) {
    json::object out{{"name", relay.name},
                     {"interface", relay.interface},
                     {"endpoint", relay.endpoint},
                     {"state", relay.state},
                     {"listen_port", relay.listen_port},
                     {"last_handshake_ms_ago", age(relay.last_handshake)},
                     {"rx_bytes", relay.rx_bytes},
                     {"tx_bytes", relay.tx_bytes},
                     {"mtu", relay.mtu},
                     {"path_mtu", relay.path_mtu ? json::value(*relay.path_mtu) : json::value(nullptr)},
                     {"default", relay.is_default},
                     {"round_trip_ms", age(relay.round_trip)},
                     {"probes", relay.probes},
                     {"probes_lost", relay.lost},
                     {"connected", relay.connected ? json::value(*relay.connected) : json::value(nullptr)},
                     {"transit_sites", relay.transit_sites},
                     {"transit", texts(relay.transit)},
                     {"transit_count", relay.transit_count},
                     {"default_ms", age(relay.default_since)},
                     {"default_why", relay.default_why},
                     {"owners", list(relay.owners)}};
    add_json(out, relay.measured);
    return out;
}

json::object to_json(const Status::Router& router) {
    return {{"site", router.site},
            {"node", router.node},
            {"interface", router.interface},
            {"endpoint", router.endpoint},
            {"endpoint_changes", router.endpoint_changes},
            {"up", router.up},
            {"last_handshake_ms_ago", age(router.last_handshake)},
            {"rx_bytes", router.rx_bytes},
            {"tx_bytes", router.tx_bytes},
            {"heard_ms_ago", age(router.heard)},
            {"owns", texts(router.owns)}};
}

using Out = std::back_insert_iterator<std::string>;

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

void print_other_router(Out out, const json::value& router) {
    const std::string link_address = text_of(router, "link_address");
    fmt::format_to(out, "         other router {}{}: heard {}, {} advertisements\n",
                   text_of(router, "address"), link_address.empty() ? "" : " (" + link_address + ")",
                   ago_of(router, "heard_ms_ago"), number_of(router, "advertisements"));
    for (const json::value& finding : list_of(router, "findings"))
        fmt::format_to(out, "           {}\n", string_of(finding));
}

void print_lan(Out out, const json::value& lan) {
    fmt::format_to(out, "lan    {}  {}  {}\n", text_of(lan, "interface"), text_of(lan, "prefix"),
                   text_of(lan, "state"));
    for (const json::value& address : list_of(lan, "addresses")) {
        fmt::format_to(out, "         address {}\n",
                       address.is_string() ? std::string{address.as_string()} : "");
    }
    if (const std::string why = text_of(lan, "route_withdrawn"); !why.empty())
        fmt::format_to(out, "         hosts have no route to the overlay: {}\n", why);
    const std::string source = text_of(lan, "source");
    if (!source.empty()) fmt::format_to(out, "         advertises from {}\n", source);
    fmt::format_to(out,
                   "         advertisements sent {}, last {}; solicitations {}; other routers' "
                   "advertisements {}; refused {}\n",
                   number_of(lan, "advertisements_sent"), ago_of(lan, "last_advertisement_ms_ago"),
                   number_of(lan, "solicitations_received"), number_of(lan, "advertisements_received"),
                   number_of(lan, "refused"));
    for (const json::value& router : list_of(lan, "other_routers")) print_other_router(out, router);
    if (const auto forgotten = number_of(lan, "other_routers_forgotten"); forgotten > 0)
        fmt::format_to(out, "         and {} more that were forgotten\n", forgotten);
    if (const json::value* vrrp = lan.is_object() ? lan.as_object().if_contains("vrrp") : nullptr)
        print_vrrp(out, *vrrp);
}

std::string default_text(const json::value& relay) {
    if (!has(relay, "default_ms")) return {};
    const std::string why = text_of(relay, "default_why");
    return fmt::format(" for {}{}{}",
                       human_duration(std::chrono::milliseconds{number_of(relay, "default_ms")}),
                       why.empty() ? "" : ": ", why);
}

void print_relay(Out out, const json::value& relay) {
    fmt::format_to(out, "relay  {}  {}{}\n", text_of(relay, "name"), text_of(relay, "state"),
                   flag_of(relay, "default") ? ", default relay" + default_text(relay) : "");
    const std::string endpoint = text_of(relay, "endpoint");
    const auto path_mtu = number_of(relay, "path_mtu");
    const auto port = number_of(relay, "listen_port");
    fmt::format_to(out, "         endpoint {}{}; last handshake {}; received {}, sent {}; {} MTU {}{}\n",
                   endpoint.empty() ? "unknown" : endpoint,
                   port > 0 ? fmt::format(", from UDP port {}", port) : "",
                   ago_of(relay, "last_handshake_ms_ago"), size_of(relay, "rx_bytes"),
                   size_of(relay, "tx_bytes"), text_of(relay, "interface"), number_of(relay, "mtu"),
                   path_mtu > 0 ? fmt::format(" (measured: {} outside)", path_mtu) : "");
    if (const auto probes = number_of(relay, "probes"); probes > 0) {
        fmt::format_to(out, "         {}; {} of the last {} probes lost\n", probes_text(relay),
                       number_of(relay, "probes_lost"), probes);
    }
    if (has(relay, "connected")) {
        const auto transit_sites = number_of(relay, "transit_sites");
        fmt::format_to(out, "         {} prefixes connected{}\n", number_of(relay, "connected"),
                       transit_sites > 0 ? fmt::format(", {} through other relays", transit_sites) : "");
    }
    const json::array& transit = list_of(relay, "transit");
    for (const json::value& prefix : transit)
        fmt::format_to(out, "         transit to {}, which is not connected here\n", string_of(prefix));
    if (const auto count = number_of(relay, "transit_count"); count > transit.size())
        fmt::format_to(out, "         ... {} more in transit\n", count - transit.size());
    for (const json::value& owner : list_of(relay, "owners")) {
        const std::string router = text_of(owner, "router");
        fmt::format_to(out, "         {} is active on {}\n", text_of(owner, "prefix"),
                       flag_of(owner, "us") ? "this router"
                       : router.empty()     ? "no router: the relay does not have it in our site"
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
        const std::uint64_t changes = number_of(router, "endpoint_changes");
        fmt::format_to(out, "         {} {}  {}; endpoint {}{}; last handshake {}; received {}, sent {}\n",
                       text_of(router, "site"), text_of(router, "node"),
                       flag_of(router, "up") ? "up" : "down", endpoint.empty() ? "unknown" : endpoint,
                       changes == 0 ? std::string{} : fmt::format(" (changed {} times)", changes),
                       ago_of(router, "last_handshake_ms_ago"), size_of(router, "rx_bytes"),
                       size_of(router, "tx_bytes"));
        for (const json::value& prefix : list_of(router, "owns"))
            fmt::format_to(out, "           owns {}\n", string_of(prefix));
    }
}

json::object turn(const Status::Turn& turn) {
    const auto milliseconds = [](std::chrono::microseconds time) {
        return static_cast<double>(time.count()) / 1000;
    };
    return {{"ms", milliseconds(turn.length)},
            {"processor_ms", milliseconds(turn.processor)},
            {"what", turn.what},
            {"part", turn.part}};
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
                        {"sites", list(status.sites)},
                        {"sites_known", status.sites_known},
                        {"routers", list(status.routers)},
                        {"loop", json::object{{"longest", turn(status.longest_turn)},
                                              {"longest_lately", turn(status.longest_turn_lately)},
                                              {"turns_over_20ms", status.turns_over_20ms}}},
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
    text += sites_text(status, all);
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
