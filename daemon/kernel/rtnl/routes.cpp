// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "daemon/kernel/rtnl/impl.h"
#include "daemon/kernel/rtnl/links.h"

// IPv6 routes, and why they are not simply "replaced": the kernel takes routes of one destination and metric
// for the same route whoever set them, and NLM_F_REPLACE takes the first of them away, another program's as
// well. A delete, however, can carry a protocol number and then hits only routes that bear it. So we add only
// where nothing is (NLM_F_EXCL), and move a route by adding the new one behind the old and deleting the old.
// Look-ups use the old one until it goes: no packet is lost in between.
namespace ulagate {
namespace {

using rtnl::Answer;
using rtnl::Message;
using rtnl::RouteRow;

// The loopback's index is 1 in every network namespace. IPv6 unreachable routes are bound to it.
constexpr unsigned kLoopback = 1;

constexpr std::uint32_t kKernelMetric = 256;  // of routes that the kernel makes for its addresses

Message route_request(int type, int flags, const RouteKey& key, std::uint8_t route_type,
                      std::uint8_t protocol = kRouteProtocol) {
    rtmsg header{};
    header.rtm_family = AF_INET6;
    header.rtm_dst_len = key.destination.length;
    header.rtm_table = static_cast<unsigned char>(key.table);
    header.rtm_protocol = protocol;
    header.rtm_scope = RT_SCOPE_UNIVERSE;
    header.rtm_type = route_type;
    Message request{type, flags, header};
    request.put_bytes(RTA_DST, key.destination.address.bytes);
    request.put_u32(RTA_PRIORITY, key.metric);
    return request;
}

// Without a protocol: everybody's. Only our table and the main one are ever asked for.
Message dump_request(std::uint8_t protocol, std::uint32_t table) {
    rtmsg header{};
    header.rtm_family = AF_INET6;
    header.rtm_table = static_cast<unsigned char>(table);
    header.rtm_protocol = protocol;
    return Message{RTM_GETROUTE, NLM_F_DUMP, header};
}

// A route with our number that we would not set like this (another gateway, several hops, "blackhole") points
// to an interface without a name, which nobody ever wants: so it gets replaced or deleted.
RouteTarget target_of(const RouteRow& row, rtnl::LinkNames& name_of) {
    if (!row.plain) return {std::string{}};
    if (row.type == RTN_UNREACHABLE) return {};
    const std::string link = name_of(row.link).value_or(std::string{});
    const std::optional<net::IpAddress> hop =
        is_tunnel_name(link) ? std::optional{net::IpAddress{kTunnelNextHop}} : std::nullopt;
    return {row.gateway == hop ? link : std::string{}};
}

bool is_any(const RouteTarget& target) { return target.link && target.link->empty(); }

std::string describe(const RouteKey& key) {
    return fmt::format("route {} metric {}{}", net::to_string(key.destination), key.metric,
                       key.table == kRouteTable ? "" : fmt::format(" table {}", key.table));
}

std::string describe(const RouteKey& key, const RouteTarget& target) {
    return fmt::format("{} {}", describe(key), target.link ? "dev " + *target.link : "unreachable");
}

std::string protocol_name(std::uint8_t protocol) {
    switch (protocol) {
        case RTPROT_REDIRECT:
            return "1 (redirect)";
        case RTPROT_KERNEL:
            return "2 (kernel)";
        case RTPROT_BOOT:
            return "3 (boot)";
        case RTPROT_STATIC:
            return "4 (static)";
        case RTPROT_RA:
            return "9 (ra)";
        case RTPROT_ZEBRA:
            return "11 (zebra)";
        case RTPROT_BIRD:
            return "12 (bird)";
        case RTPROT_DHCP:
            return "16 (dhcp)";
        case RTPROT_BGP:
            return "186 (bgp)";
        case RTPROT_OSPF:
            return "188 (ospf)";
        default:
            return std::to_string(protocol);
    }
}

// What the kernel would take but store as something else, so that it never compares equal again.
Result<void> check(const RouteKey& key) {
    if (key.table != kRouteTable && key.table != kMainTable)
        return fail_errno(describe(key) + ": not ulagate's table", EINVAL);
    if (key.metric == 0)
        return fail_errno(describe(key) + ": metric 0 stands for the kernel's default", EINVAL);
    if (key.destination.length > 128 || key.destination.network() != key.destination) {
        return fail_errno(describe(key) + ": has bits set behind its length", EINVAL);
    }
    return {};
}

// Routes of equal metric with gateways are one route of several hops for the kernel. While we move one, it
// uses the old hop and the new by turns; a delete that names its gateway takes only that away.
void put_target(Message& request, const std::string& link, unsigned index) {
    request.put_u32(RTA_OIF, index);
    if (is_tunnel_name(link)) request.put_bytes(RTA_GATEWAY, kTunnelNextHop.bytes);
}

// All of a table that have one destination and metric, as a count of ours and one of the others.
struct Present {
    std::vector<RouteTarget> ours;
    std::optional<RouteRow> foreign;
};

}  // namespace

// `flags`: NLM_F_EXCL where nothing may be, NLM_F_APPEND beside what is there.
Answer Rtnl::Impl::add_route(const RouteKey& key, const RouteTarget& target, int flags) {
    if (key.table == kMainTable) main_table_changed();
    Message request =
        route_request(RTM_NEWROUTE, NLM_F_CREATE | flags, key, target.link ? RTN_UNICAST : RTN_UNREACHABLE);
    if (target.link) {
        const auto link = rtnl::link_index(commands, *target.link);
        if (!link) return {ENODEV, {}};
        put_target(request, *target.link, *link);
    }
    return commands.ask(request);
}

// Never anything but ours. Without a name: the first of ours, wherever it points.
Answer Rtnl::Impl::remove_route(const RouteKey& key, const RouteTarget& target) {
    if (key.table == kMainTable) main_table_changed();
    Message request = route_request(RTM_DELROUTE, 0, key, RTN_UNSPEC);
    if (!target.link) {
        request.put_u32(RTA_OIF, kLoopback);
    } else if (!is_any(target)) {
        const auto link = rtnl::link_index(commands, *target.link);
        if (!link) return {ENODEV, {}};
        put_target(request, *target.link, *link);
    }
    return commands.ask(request);
}

Answer Rtnl::Impl::move_route(const RouteKey& key, const RouteTarget& from, const RouteTarget& to) {
    if (Answer added = add_route(key, to, NLM_F_APPEND); !added.ok()) return added;
    Answer removed = remove_route(key, from);
    // The old one was not ours, or not there: then we do not belong here either.
    if (!removed.ok()) remove_route(key, to);
    return removed;
}

// Something with this destination and metric is there already.
Result<void> Rtnl::Impl::settle_route(const RouteKey& key, const RouteTarget& target) {
    const std::string what = "put " + describe(key, target);
    if (const auto known = last_known.find(key); known != last_known.end() && known->second != target &&
                                                 !is_any(known->second) &&
                                                 move_route(key, known->second, target).ok()) {
        known->second = target;
        return {};
    }
    rtnl::LinkNames name_of{commands};
    const auto present = commands.read_table<Present>(dump_request(RTPROT_UNSPEC, key.table), "routes",
                                                      [&](Present& out, const nlmsghdr& message) {
                                                          const auto row = rtnl::decode_route(message);
                                                          if (!row || row->cached || row->key != key) return;
                                                          if (row->protocol != kRouteProtocol) {
                                                              out.foreign = row;
                                                          } else {
                                                              out.ours.push_back(target_of(*row, name_of));
                                                          }
                                                      });
    if (!present) return fail(present.error(), what);
    if (present->ours.empty() && present->foreign) {
        last_known.erase(key);
        return fail_errno(fmt::format("{} belongs to protocol {}, leaving it alone", describe(key),
                                      protocol_name(present->foreign->protocol)),
                          EEXIST);
    }
    Answer answer;
    if (present->ours.size() == 1 && !is_any(present->ours.front())) {
        if (present->ours.front() != target) answer = move_route(key, present->ours.front(), target);
    } else {
        // Somebody used our number, or an earlier move was cut short: make a clean start.
        for (std::size_t count = 0; count < present->ours.size(); ++count) {
            remove_route(key, {std::string{}});
        }
        answer = add_route(key, target, present->foreign ? NLM_F_APPEND : NLM_F_EXCL);
    }
    if (!answer.ok()) return rtnl::fail(answer, what);
    last_known.insert_or_assign(key, target);
    return {};
}

Result<Routes> Rtnl::our_routes() {
    rtnl::LinkNames name_of{impl_->commands};
    const auto read = [&](std::uint32_t table) {
        return impl_->commands.read_table<Routes>(
            dump_request(kRouteProtocol, table), "routes", [&](Routes& out, const nlmsghdr& message) {
                const auto row = rtnl::decode_route(message);
                // A kernel before 4.20 ignores the filter in the request.
                if (!row || row->cached || row->protocol != kRouteProtocol || row->key.table != table) return;
                const bool endpoint_route =
                    row->key.metric == kEndpointRouteMetric && row->key.destination.length == 128;
                if (table == kMainTable && endpoint_route) return;
                const auto [entry, is_new] = out.try_emplace(row->key, target_of(*row, name_of));
                if (!is_new) entry->second = {std::string{}};  // two of them: not as we would have it
            });
    };
    Routes all;
    for (const std::uint32_t table : {kRouteTable, kMainTable}) {
        auto routes =
            table == kMainTable ? impl_->main_routes.get([&] { return read(kMainTable); }) : read(table);
        // The kernel has no such table before its first route.
        if (!routes && routes.error().code == std::errc::no_such_file_or_directory) continue;
        if (!routes) return routes;
        all.merge(*routes);
    }
    impl_->last_known = all;
    return all;
}

Result<void> Rtnl::put_route(const RouteKey& key, const RouteTarget& target) {
    if (auto valid = check(key); !valid) return valid;
    const Answer added = impl_->add_route(key, target, NLM_F_EXCL);
    if (added.code == EEXIST) return impl_->settle_route(key, target);
    if (!added.ok()) return rtnl::fail(added, "put " + describe(key, target));
    impl_->last_known.insert_or_assign(key, target);
    return {};
}

Result<void> Rtnl::delete_route(const RouteKey& key, const RouteTarget& target) {
    if (auto valid = check(key); !valid) return valid;
    impl_->last_known.erase(key);
    Answer removed = impl_->remove_route(key, target);
    // There may be several of a form that we do not know.
    while (removed.ok() && is_any(target)) removed = impl_->remove_route(key, target);
    if (removed.ok() || removed.code == ESRCH || removed.code == ENODEV) return {};
    return rtnl::fail(removed, "delete " + describe(key, target));
}

Result<void> Rtnl::put_link_local_route(const std::string& link) {
    const std::string what = "put the link-local route on " + link;
    const auto index = rtnl::link_index(impl_->commands, link);
    if (!index) return fail_errno(what, ENODEV);
    const RouteKey key{{{std::array<std::uint8_t, 16>{0xfe, 0x80}}, 64}, kKernelMetric, kMainTable};
    // Not NLM_F_EXCL: those of the other interfaces have the same destination and metric.
    Message request = route_request(RTM_NEWROUTE, NLM_F_CREATE, key, RTN_UNICAST, RTPROT_KERNEL);
    request.put_u32(RTA_OIF, *index);
    const Answer answer = impl_->commands.ask(request);
    if (answer.ok() || answer.code == EEXIST) return {};
    return rtnl::fail(answer, what);
}

}  // namespace ulagate
