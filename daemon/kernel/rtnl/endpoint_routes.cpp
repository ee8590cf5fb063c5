// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "daemon/kernel/rtnl/impl.h"
#include "daemon/kernel/rtnl/links.h"

// Default routes of both families, which are others' and only read, and routes of our own to single hosts
// that lead around them. Those have our number and a metric of their own: nobody else's are touched.
namespace ulagate {
namespace {

using rtnl::Answer;
using rtnl::Message;

unsigned char family_number(IpFamily family) { return family == IpFamily::ipv6 ? AF_INET6 : AF_INET; }

// Without a protocol: everybody's.
Message dump_request(IpFamily family, std::uint8_t protocol = RTPROT_UNSPEC) {
    rtmsg header{};
    header.rtm_protocol = protocol;
    header.rtm_family = family_number(family);
    header.rtm_table = RT_TABLE_MAIN;
    return Message{RTM_GETROUTE, NLM_F_DUMP, header};
}

Message endpoint_route_request(int type, int flags, const net::IpAddress& address, unsigned char scope,
                               unsigned route_flags = 0) {
    const IpFamily family = family_of(address);
    rtmsg header{};
    header.rtm_family = family_number(family);
    header.rtm_dst_len = family == IpFamily::ipv6 ? 128 : 32;
    header.rtm_table = RT_TABLE_MAIN;
    header.rtm_protocol = kRouteProtocol;
    header.rtm_scope = scope;
    header.rtm_type = type == RTM_NEWROUTE ? RTN_UNICAST : RTN_UNSPEC;
    header.rtm_flags = route_flags;
    Message request{type, flags, header};
    std::visit([&](const auto& bits) { request.put_bytes(RTA_DST, bits.bytes); }, address);
    request.put_u32(RTA_PRIORITY, kEndpointRouteMetric);
    return request;
}

}  // namespace

Result<std::vector<DefaultRoute>> Rtnl::default_routes() {
    std::vector<DefaultRoute> out;
    rtnl::LinkNames name_of{impl_->commands};
    for (const IpFamily family : kIpFamilies) {
        const auto routes = impl_->commands.read_table<std::vector<DefaultRoute>>(
            dump_request(family), "default routes",
            [&](std::vector<DefaultRoute>& found, const nlmsghdr& message) {
                const auto row = rtnl::decode_outer_route(message);
                if (!row || row->host || !row->works || row->route.key.table != RT_TABLE_MAIN) return;
                if (const auto& link = name_of(row->route.link))
                    found.push_back({family, {*link, row->route.gateway}, row->metric});
            });
        if (!routes) return tl::unexpected<Error>{routes.error()};
        out.insert(out.end(), routes->begin(), routes->end());
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const auto& one, const auto& other) { return one.metric < other.metric; });
    return out;
}

Result<EndpointRoutes> Rtnl::endpoint_routes() {
    return impl_->main_endpoint_routes.get([this] { return impl_->read_endpoint_routes(); });
}

Result<EndpointRoutes> Rtnl::Impl::read_endpoint_routes() {
    EndpointRoutes out;
    rtnl::LinkNames name_of{commands};
    for (const IpFamily family : kIpFamilies) {
        auto found = commands.read_table<EndpointRoutes>(
            dump_request(family, kRouteProtocol), "endpoint routes",
            [&](EndpointRoutes& endpoint_routes, const nlmsghdr& message) {
                const auto row = rtnl::decode_outer_route(message);
                if (!row || !row->host || row->metric != kEndpointRouteMetric ||
                    row->route.protocol != kRouteProtocol || row->route.key.table != RT_TABLE_MAIN)
                    return;
                endpoint_routes.insert_or_assign(
                    *row->host, Uplink{name_of(row->route.link).value_or(std::string{}), row->route.gateway});
            });
        if (!found) return found;
        out.merge(*found);
    }
    return out;
}

Result<void> Rtnl::put_endpoint_route(const net::IpAddress& address, const Uplink& uplink) {
    impl_->main_table_changed();
    const std::string what = fmt::format("add endpoint route {} to {}", net::to_string(address), uplink.link);
    const auto link = rtnl::link_index(impl_->commands, uplink.link);
    if (!link) return fail_errno(what, ENODEV);
    if (auto removed = delete_endpoint_route(address); !removed) return removed;
    // The gateway need not be in a network of the link's (a provider with /32 addresses): the default route
    // has shown that it is there.
    const bool on_link = uplink.gateway && family_of(address) == IpFamily::ipv4;
    const unsigned char scope = uplink.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    Message request = endpoint_route_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, address, scope,
                                             on_link ? unsigned{RTNH_F_ONLINK} : 0U);
    request.put_u32(RTA_OIF, *link);
    if (uplink.gateway) {
        if (family_of(*uplink.gateway) != family_of(address)) return fail_errno(what, EAFNOSUPPORT);
        std::visit([&](const auto& bits) { request.put_bytes(RTA_GATEWAY, bits.bytes); }, *uplink.gateway);
    }
    const Answer answer = impl_->commands.ask(request);
    if (!answer.ok()) return rtnl::fail(answer, what);
    return {};
}

Result<void> Rtnl::delete_endpoint_route(const net::IpAddress& address) {
    impl_->main_table_changed();
    const Answer answer =
        impl_->commands.ask(endpoint_route_request(RTM_DELROUTE, 0, address, RT_SCOPE_NOWHERE));
    if (answer.ok() || answer.code == ESRCH) return {};
    return rtnl::fail(answer, "remove endpoint route " + net::to_string(address));
}

}  // namespace ulagate
