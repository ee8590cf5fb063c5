// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/uplinks/net_setup.h"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "daemon/base/bytes.h"
#include "daemon/base/overloaded.h"
#include "daemon/kernel/rtnl/link_names.h"
#include "image/appliance/uplinks/ra_dns.h"

namespace ulagate::appliance {
namespace {

using rtnl::Answer;
using rtnl::Message;

constexpr int kBuffer = 1 << 18;

struct Bits {
    unsigned char family = AF_INET;
    std::uint8_t length = 0;
    std::span<const std::uint8_t> bytes;
};
Bits bits_of(const net::IpPrefix& prefix) {
    return std::visit(
        [](const auto& one) {
            const bool ipv6 = sizeof one.address.bytes == sizeof(net::Ipv6Address);
            return Bits{static_cast<unsigned char>(ipv6 ? AF_INET6 : AF_INET), one.length, one.address.bytes};
        },
        prefix);
}

template <int kMax>
std::optional<net::IpAddress> address_in(const rtnl::Attributes<kMax>& attributes, int type,
                                         unsigned char family) {
    if (family == AF_INET6) {
        if (const auto found = attributes.ipv6(type)) return *found;
    } else if (const auto found = attributes.template value<net::Ipv4Address>(type)) {
        return *found;
    }
    return std::nullopt;
}

net::IpPrefix prefix_of(const std::optional<net::IpAddress>& address, unsigned char family,
                        std::uint8_t length) {
    if (family == AF_INET6) {
        return net::Ipv6Prefix{address ? std::get<net::Ipv6Address>(*address) : net::Ipv6Address{}, length};
    }
    return net::Ipv4Prefix{address ? std::get<net::Ipv4Address>(*address) : net::Ipv4Address{}, length};
}

tl::unexpected<Error> failed(const Answer& answer, const std::string& what) {
    return rtnl::fail(answer, what);
}

void read_addresses(const nlmsghdr& message, rtnl::LinkNames& name_of, NetState& out) {
    const auto header = rtnl::fixed_header<ifaddrmsg>(message);
    if (message.nlmsg_type != RTM_NEWADDR || !header) return;
    const rtnl::Attributes<IFA_MAX> attributes{message, sizeof *header};
    if (attributes.value<std::uint8_t>(IFA_PROTO) != kManagerProtocol) return;
    const int type = attributes.has(IFA_LOCAL) ? IFA_LOCAL : IFA_ADDRESS;
    const auto address = address_in(attributes, type, header->ifa_family);
    const auto& link = name_of(header->ifa_index);
    if (!address || !link) return;
    out.addresses.insert({*link, prefix_of(address, header->ifa_family, header->ifa_prefixlen),
                          attributes.u32(IFA_RT_PRIORITY).value_or(0)});
}

void read_routes(const nlmsghdr& message, rtnl::LinkNames& name_of, NetState& out) {
    const auto header = rtnl::fixed_header<rtmsg>(message);
    if (message.nlmsg_type != RTM_NEWROUTE || !header || header->rtm_protocol != kManagerProtocol) return;
    const rtnl::Attributes<RTA_MAX> attributes{message, sizeof *header};
    const auto& link = name_of(attributes.u32(RTA_OIF).value_or(0));
    if (!link) return;
    out.routes.insert({*link,
                       prefix_of(address_in(attributes, RTA_DST, header->rtm_family), header->rtm_family,
                                 header->rtm_dst_len),
                       address_in(attributes, RTA_GATEWAY, header->rtm_family),
                       attributes.u32(RTA_PRIORITY).value_or(0)});
}

}  // namespace

Result<std::unique_ptr<NetSetup>> NetSetup::open() {
    auto socket = rtnl::Socket::open(kBuffer);
    if (!socket) return fail(socket.error(), "set up uplinks");
    return std::unique_ptr<NetSetup>{new NetSetup(std::move(*socket))};
}

Result<NetState> NetSetup::read() {
    NetState out;
    rtnl::LinkNames name_of{socket_};
    for (const unsigned char family : std::array<unsigned char, 2>{AF_INET, AF_INET6}) {
        ifaddrmsg addresses{};
        addresses.ifa_family = family;
        auto read = socket_.read_table<NetState>(
            Message{RTM_GETADDR, NLM_F_DUMP, addresses}, "addresses",
            [&](NetState& to, const nlmsghdr& row) { read_addresses(row, name_of, to); });
        if (!read) return read;
        out.addresses.merge(read->addresses);
        rtmsg routes{};
        routes.rtm_family = family;
        read = socket_.read_table<NetState>(
            Message{RTM_GETROUTE, NLM_F_DUMP, routes}, "routes",
            [&](NetState& to, const nlmsghdr& row) { read_routes(row, name_of, to); });
        if (!read) return read;
        out.routes.merge(read->routes);
    }
    return out;
}

Result<void> NetSetup::address(bool put, const NetAddress& wanted, const std::optional<TimePoint>& until,
                               TimePoint now) {
    const std::string what = fmt::format("{} {}", put ? "put" : "delete", name(wanted));
    const auto link = rtnl::link_index(socket_, wanted.link);
    if (!link) return put ? Result<void>{fail_errno(what, ENODEV)} : Result<void>{};
    const Bits bits = bits_of(wanted.address);
    ifaddrmsg header{};
    header.ifa_family = bits.family;
    header.ifa_prefixlen = bits.length;
    header.ifa_index = *link;
    Message request{put ? RTM_NEWADDR : RTM_DELADDR, put ? NLM_F_CREATE | NLM_F_REPLACE : 0, header};
    request.put_bytes(IFA_LOCAL, bits.bytes);
    request.put_bytes(IFA_ADDRESS, bits.bytes);
    if (put) {
        request.put_bytes(IFA_PROTO, std::array{kManagerProtocol});
        if (wanted.metric != 0) request.put_u32(IFA_RT_PRIORITY, wanted.metric);
        if (until) {
            // The kernel itself ends what nobody renews.
            const auto left = std::chrono::ceil<std::chrono::seconds>(*until - now).count();
            const auto seconds = static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 1, INT32_MAX));
            request.put_bytes(IFA_CACHEINFO, std::bit_cast<std::array<std::uint8_t, sizeof(ifa_cacheinfo)>>(
                                                 ifa_cacheinfo{seconds, seconds, 0, 0}));
        }
    }
    const Answer answer = socket_.ask(request);
    const bool was_gone = !put && (answer.code == EADDRNOTAVAIL || answer.code == ENODEV);
    if (!answer.ok() && !was_gone) return failed(answer, what);
    return {};
}

Result<void> NetSetup::route(bool put, const NetRoute& wanted) {
    const std::string what = fmt::format("{} {}", put ? "put" : "delete", name(wanted));
    const auto link = rtnl::link_index(socket_, wanted.link);
    if (!link) return put ? Result<void>{fail_errno(what, ENODEV)} : Result<void>{};
    const Bits bits = bits_of(wanted.destination);
    rtmsg header{};
    header.rtm_family = bits.family;
    header.rtm_dst_len = bits.length;
    header.rtm_table = RT_TABLE_MAIN;
    header.rtm_protocol = kManagerProtocol;
    header.rtm_type = RTN_UNICAST;
    header.rtm_scope = wanted.gateway || bits.family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    if (!put) header.rtm_scope = RT_SCOPE_NOWHERE;
    // Providers with /32 addresses have their gateway outside of the network.
    if (put && wanted.gateway) header.rtm_flags = RTNH_F_ONLINK;
    Message request{put ? RTM_NEWROUTE : RTM_DELROUTE, put ? NLM_F_CREATE | NLM_F_REPLACE : 0, header};
    if (bits.length > 0) request.put_bytes(RTA_DST, bits.bytes);
    request.put_u32(RTA_OIF, *link);
    request.put_u32(RTA_PRIORITY, wanted.metric);
    if (wanted.gateway)
        std::visit([&](const auto& one) { request.put_bytes(RTA_GATEWAY, one.bytes); }, *wanted.gateway);
    const Answer answer = socket_.ask(request);
    const bool was_gone = !put && (answer.code == ESRCH || answer.code == ENODEV);
    if (!answer.ok() && !was_gone) return failed(answer, what);
    return {};
}

Result<void> NetSetup::apply(const NetStep& step, TimePoint now) {
    return std::visit(Overloaded{
                          [&](const PutAddress& s) { return address(true, s.address, s.until, now); },
                          [&](const DropAddress& s) { return address(false, s.address, std::nullopt, now); },
                          [&](const PutRoute& s) { return route(true, s.route); },
                          [&](const DropRoute& s) { return route(false, s.route); },
                      },
                      step);
}

Result<void> NetSetup::create_vlan(const std::string& name, const UplinkPlan::Vlan& vlan) {
    const std::string what = fmt::format("create VLAN {} on {}", vlan.id, vlan.parent);
    const auto below = rtnl::link_index(socket_, vlan.parent);
    if (!below) return fail_errno(what, ENODEV);
    Message request{RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{}};
    request.put_text(IFLA_IFNAME, name);
    request.put_u32(IFLA_LINK, *below);
    nlattr* info = request.nest(IFLA_LINKINFO);
    request.put_text(IFLA_INFO_KIND, "vlan");
    nlattr* data = request.nest(IFLA_INFO_DATA);
    request.put_bytes(IFLA_VLAN_ID, std::bit_cast<std::array<std::uint8_t, sizeof vlan.id>>(vlan.id));
    request.end(data);
    request.end(info);
    const Answer answer = socket_.ask(request);
    if (!answer.ok() && answer.code != EEXIST) return failed(answer, what);
    return {};
}

Result<std::unique_ptr<RaDnsWatch>> RaDnsWatch::open() {
    auto socket = rtnl::Socket::open(kBuffer);
    if (!socket) return fail(socket.error(), "watch for name servers");
    if (auto joined = socket->join(std::array{int{RTNLGRP_ND_USEROPT}}); !joined) {
        return fail(joined.error(), "watch for name servers");
    }
    return std::unique_ptr<RaDnsWatch>{new RaDnsWatch(std::move(*socket))};
}

std::vector<RaDnsWatch::Servers> RaDnsWatch::receive() {
    std::vector<Servers> out;
    for (int i = 0; i < 64; ++i) {
        const int code = socket_.receive_event([&](const nlmsghdr& message) {
            const auto header = rtnl::fixed_header<nduseroptmsg>(message);
            if (message.nlmsg_type != RTM_NEWNDUSEROPT || !header) return;
            if (header->nduseropt_icmp_type != 134) return;  // Router Advertisement
            const std::size_t skip = NLMSG_HDRLEN + sizeof(nduseroptmsg);
            const std::size_t length = header->nduseropt_opts_len;
            if (message.nlmsg_len < skip + length) return;
            std::vector<std::byte> options(length);
            std::memcpy(options.data(), std::bit_cast<const char*>(&message) + skip, length);
            const auto link = rtnl::link_name(socket_, static_cast<unsigned>(header->nduseropt_ifindex));
            auto servers = rdnss_servers(options);
            if (link && servers) out.push_back({*link, std::move(*servers)});
        });
        if (code != 0) break;
    }
    return out;
}

}  // namespace ulagate::appliance
