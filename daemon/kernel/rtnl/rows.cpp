// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/rtnl/rows.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <limits>

#include "daemon/kernel/rtnl/socket.h"

namespace ulagate::rtnl {
namespace {

// DEVCONF_MTU6 of <linux/ipv6.h>, which cannot be included together with <netinet/in.h>.
constexpr std::size_t kIpv6MtuSetting = 2;

std::optional<unsigned> ipv6_mtu(const Attributes<IFLA_MAX>& link) {
    const Attributes<AF_MAX> families{link.at(IFLA_AF_SPEC)};
    const Attributes<IFLA_INET6_MAX> ipv6{families.at(AF_INET6)};
    const auto settings = ipv6.value<std::array<std::uint32_t, kIpv6MtuSetting + 1>>(IFLA_INET6_CONF);
    return settings ? std::optional{settings->at(kIpv6MtuSetting)} : std::nullopt;
}

// The parent gives it every frame, before its own IPv6 sees one.
bool takes_all_of_parent(const std::string& kind, nlattr* data) {
    if (kind != "macvlan" && kind != "macvtap") return false;
    return Attributes<IFLA_MACVLAN_MAX>{data}.u32(IFLA_MACVLAN_MODE) == MACVLAN_MODE_PASSTHRU;
}

using RouteAttributes = Attributes<RTA_MAX>;

std::optional<net::IpAddress> address_of(const rtmsg& header, const RouteAttributes& attributes, int type) {
    if (header.rtm_family == AF_INET6) return attributes.ipv6(type);
    return attributes.value<net::Ipv4Address>(type);
}

RouteRow route_of_any_family(const rtmsg& header, const RouteAttributes& attributes) {
    RouteRow row;
    row.gateway = address_of(header, attributes, RTA_GATEWAY);
    row.source = address_of(header, attributes, RTA_PREFSRC);
    row.key.table = attributes.u32(RTA_TABLE).value_or(header.rtm_table);
    row.protocol = header.rtm_protocol;
    row.type = header.rtm_type;
    row.link = attributes.u32(RTA_OIF).value_or(0);
    row.cached = (header.rtm_flags & RTM_F_CLONED) != 0;
    row.mtu = Attributes<RTAX_MAX>{attributes.at(RTA_METRICS)}.u32(RTAX_MTU);
    return row;
}

bool is_plain(const RouteRow& row, const RouteAttributes& attributes) {
    if (row.type == RTN_UNREACHABLE) return true;
    const auto more = {RTA_VIA, RTA_MULTIPATH, RTA_NH_ID, RTA_ENCAP};
    return row.type == RTN_UNICAST && row.link != 0 &&
           std::none_of(more.begin(), more.end(), [&](int type) { return attributes.has(type); });
}

// An address of ours with an end: only leased ones have that. It is news when it goes, and when it came we
// were told so by the answer to our own request.
bool is_lease_renewal(const nlmsghdr& message) {
    const auto header = fixed_header<ifaddrmsg>(message);
    if (!header || header->ifa_family != AF_INET6) return false;
    const Attributes<IFA_MAX> attributes{message, sizeof *header};
    const auto lifetimes = attributes.value<ifa_cacheinfo>(IFA_CACHEINFO);
    return attributes.value<std::uint8_t>(IFA_PROTO) == kRouteProtocol && lifetimes &&
           lifetimes->ifa_valid != std::numeric_limits<std::uint32_t>::max();
}

void note_route(const nlmsghdr& message, RtnlChanges& changes) {
    const auto header = fixed_header<rtmsg>(message);
    if (!header || (header->rtm_flags & RTM_F_CLONED) != 0) return;
    const std::uint32_t table =
        RouteAttributes{message, sizeof *header}.u32(RTA_TABLE).value_or(header->rtm_table);
    // The local table follows the addresses, which have events of their own. Any other table may carry the
    // egress to a relay, when rules lead there.
    if (table == RT_TABLE_LOCAL) return;
    const bool ours =
        header->rtm_protocol == kRouteProtocol && (table == kRouteTable || table == RT_TABLE_MAIN);
    (ours ? changes.our_routes : changes.other_routes) = true;
    if (ours && table == RT_TABLE_MAIN) changes.our_main_routes = true;
    if (header->rtm_dst_len == 0) changes.default_routes = true;
}

}  // namespace

std::optional<LinkRow> decode_link(const nlmsghdr& message) {
    const auto header = fixed_header<ifinfomsg>(message);
    if (message.nlmsg_type != RTM_NEWLINK || !header) return std::nullopt;
    const Attributes<IFLA_MAX> attributes{message, sizeof *header};
    LinkRow row;
    row.name = attributes.text(IFLA_IFNAME);
    row.link.index = static_cast<unsigned>(header->ifi_index);
    row.link.up = (header->ifi_flags & IFF_UP) != 0;
    // The kernel sets IFF_RUNNING for the operational state "unknown" too, which is all that tun, WireGuard
    // and the loopback ever have.
    row.link.running = row.link.up && (header->ifi_flags & IFF_RUNNING) != 0;
    row.link.mtu = attributes.u32(IFLA_MTU).value_or(0);
    row.link.parent = attributes.u32(IFLA_LINK).value_or(0);
    row.link.master = attributes.u32(IFLA_MASTER).value_or(0);
    const Attributes<IFLA_INFO_MAX> info{attributes.at(IFLA_LINKINFO)};
    row.link.kind = info.text(IFLA_INFO_KIND);
    row.link.bridge = row.link.kind == "bridge";
    row.link.takes_all = takes_all_of_parent(row.link.kind, info.at(IFLA_INFO_DATA));
    row.ipv6_mtu = ipv6_mtu(attributes);
    // A tunnel's "hardware address" can be an IP address.
    if (header->ifi_type == ARPHRD_ETHER && attributes.bytes(IFLA_ADDRESS).size() == 6) {
        row.link.mac = attributes.value<net::MacAddress>(IFLA_ADDRESS);
    }
    return row;
}

std::optional<TableUse> decode_neighbour_table(const nlmsghdr& message) {
    const auto header = fixed_header<ndtmsg>(message);
    if (message.nlmsg_type != RTM_NEWNEIGHTBL || !header || header->ndtm_family != AF_INET6)
        return std::nullopt;
    const Attributes<NDTA_MAX> attributes{message, sizeof *header};
    const auto config = attributes.value<ndt_config>(NDTA_CONFIG);
    const auto stats = attributes.value<ndt_stats>(NDTA_STATS);
    const auto room = attributes.u32(NDTA_THRESH3);
    if (!config || !stats || !room) return std::nullopt;
    return TableUse{config->ndtc_entries, *room, stats->ndts_table_fulls};
}

std::optional<AddressRow> decode_address(const nlmsghdr& message) {
    const auto header = fixed_header<ifaddrmsg>(message);
    if (message.nlmsg_type != RTM_NEWADDR || !header || header->ifa_family != AF_INET6) return std::nullopt;
    const Attributes<IFA_MAX> attributes{message, sizeof *header};
    // With a point-to-point peer, IFA_ADDRESS is the peer's and IFA_LOCAL is ours; otherwise there is only
    // IFA_ADDRESS.
    const auto address =
        attributes.has(IFA_LOCAL) ? attributes.ipv6(IFA_LOCAL) : attributes.ipv6(IFA_ADDRESS);
    if (!address) return std::nullopt;
    const std::uint32_t flags = attributes.u32(IFA_FLAGS).value_or(header->ifa_flags);
    AddressRow row;
    row.link = header->ifa_index;
    row.address = {*address, header->ifa_prefixlen};
    row.state.ours = attributes.value<std::uint8_t>(IFA_PROTO) == kRouteProtocol;
    row.state.tentative = (flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0;
    row.state.duplicate = (flags & IFA_F_DADFAILED) != 0;
    return row;
}

std::optional<RouteRow> decode_route(const nlmsghdr& message) {
    const auto header = fixed_header<rtmsg>(message);
    if (message.nlmsg_type != RTM_NEWROUTE || !header || header->rtm_family != AF_INET6) return std::nullopt;
    // Routes of one source prefix live in trees of their own and do not stand in the way of ours.
    if (header->rtm_src_len != 0) return std::nullopt;
    return decode_match(message);
}

std::optional<RouteRow> decode_match(const nlmsghdr& message) {
    const auto header = fixed_header<rtmsg>(message);
    if (message.nlmsg_type != RTM_NEWROUTE || !header || header->rtm_family != AF_INET6) return std::nullopt;
    const RouteAttributes attributes{message, sizeof *header};
    RouteRow row = route_of_any_family(*header, attributes);
    // The default route has no destination.
    row.key.destination = {attributes.ipv6(RTA_DST).value_or(net::Ipv6Address{}), header->rtm_dst_len};
    row.key.metric = attributes.u32(RTA_PRIORITY).value_or(0);
    row.plain = is_plain(row, attributes);
    return row;
}

std::optional<RouteRow> decode_egress(const nlmsghdr& message) {
    const auto header = fixed_header<rtmsg>(message);
    if (message.nlmsg_type != RTM_NEWROUTE || !header) return std::nullopt;
    return route_of_any_family(*header, RouteAttributes{message, sizeof *header});
}

std::optional<OuterRoute> decode_outer_route(const nlmsghdr& message) {
    const auto header = fixed_header<rtmsg>(message);
    if (message.nlmsg_type != RTM_NEWROUTE || !header || header->rtm_src_len != 0) return std::nullopt;
    if (header->rtm_family != AF_INET && header->rtm_family != AF_INET6) return std::nullopt;
    const RouteAttributes attributes{message, sizeof *header};
    OuterRoute out;
    out.route = route_of_any_family(*header, attributes);
    const unsigned whole = header->rtm_family == AF_INET6 ? 128 : 32;
    if (header->rtm_dst_len == whole) out.host = address_of(*header, attributes, RTA_DST);
    if (out.route.cached || (header->rtm_dst_len != 0 && !out.host)) return std::nullopt;
    out.metric = attributes.u32(RTA_PRIORITY).value_or(0);
    out.works = header->rtm_type == RTN_UNICAST && out.route.link != 0 && !attributes.has(RTA_VIA) &&
                (header->rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) == 0;
    return out;
}

void note_change(const nlmsghdr& message, RtnlChanges& changes) {
    switch (message.nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK: {
            // A bridge reports the state of its ports in the same group, under its own family.
            const auto header = fixed_header<ifinfomsg>(message);
            if (header && header->ifi_family == AF_UNSPEC) changes.links = changes.default_routes = true;
            break;
        }
        case RTM_NEWADDR:
            if (is_lease_renewal(message)) break;
            [[fallthrough]];
        case RTM_DELADDR: {
            const auto header = fixed_header<ifaddrmsg>(message);
            // An IPv4 address matters to us only as a part of the egress to a relay.
            if (header) (header->ifa_family == AF_INET6 ? changes.addresses : changes.other_routes) = true;
            // Each Router Advertisement of a provider renews an address, which moves no route.
            if (header && header->ifa_family == AF_INET && message.nlmsg_type == RTM_DELADDR)
                changes.default_routes = true;
            break;
        }
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
            note_route(message, changes);
            break;
        case RTM_NEWRULE:
        case RTM_DELRULE: {
            // Those for IPv4 matter to us only as a part of the egress to a relay.
            const auto header = fixed_header<fib_rule_hdr>(message);
            if (header && header->family == AF_INET6) changes.rules = true;
            if (header) changes.other_routes = true;
            break;
        }
        default:
            break;
    }
}

}  // namespace ulagate::rtnl
