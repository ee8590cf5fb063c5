// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/rtnl/links.h"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <utility>

#include "daemon/kernel/rtnl/impl.h"

namespace ulagate {
namespace rtnl {

std::optional<unsigned> link_index(const Socket& socket, const std::string& name) {
    ifreq request{};
    if (name.empty() || name.size() >= sizeof request.ifr_name) return std::nullopt;
    name.copy(&request.ifr_name[0], name.size());
    // Any socket answers interface requests, in the namespace it was opened in.
    if (::ioctl(socket.fd(), SIOCGIFINDEX, &request) < 0) return std::nullopt;
    return static_cast<unsigned>(request.ifr_ifindex);
}

std::optional<std::string> link_name(const Socket& socket, unsigned index) {
    ifreq request{};
    request.ifr_ifindex = static_cast<int>(index);
    if (::ioctl(socket.fd(), SIOCGIFNAME, &request) < 0) return std::nullopt;
    return std::string(&request.ifr_name[0]);
}

const std::optional<std::string>& LinkNames::operator()(unsigned index) {
    const auto [entry, is_new] = known_.try_emplace(index);
    if (is_new) entry->second = link_name(socket_, index);
    return entry->second;
}

}  // namespace rtnl

namespace {

using rtnl::Answer;
using rtnl::Message;

constexpr int kCommandBuffer = 1 << 20;
// A notification of a route takes about 1 KiB here: room for a burst of some thousand changes, before the
// kernel has to tell us that it lost some.
constexpr int kEventBuffer = 8 << 20;
// In one call, so that a flood of changes cannot keep the loop from everything else.
constexpr int kMaxEventsAtOnce = 512;

Message link_request(int type, const std::string& name, const ifinfomsg& header = {}) {
    Message request{type, 0, header};
    request.put_text(IFLA_IFNAME, name);
    return request;
}

// The kernel refuses such names with ERANGE, but an interface of that name is simply not there.
bool is_possible_link_name(const std::string& name) { return !name.empty() && name.size() < IFNAMSIZ; }

Message address_request(int type, int flags, unsigned link, const net::Ipv6Prefix& address) {
    ifaddrmsg header{};
    header.ifa_family = AF_INET6;
    header.ifa_prefixlen = address.length;
    header.ifa_index = link;
    Message request{type, flags, header};
    request.put_bytes(IFA_ADDRESS, address.address.bytes);
    request.put_bytes(IFA_LOCAL, address.address.bytes);
    return request;
}

Message add_address_request(int flags, unsigned link, const AddressKey& address, bool check_duplicate,
                            const std::optional<std::chrono::seconds>& lease) {
    Message request = address_request(RTM_NEWADDR, NLM_F_CREATE | flags, link, address.address);
    request.put_bytes(IFA_PROTO, std::array{kRouteProtocol});
    request.put_u32(IFA_FLAGS, IFA_F_NOPREFIXROUTE | (check_duplicate ? 0U : unsigned{IFA_F_NODAD}));
    if (lease) {
        const std::uint32_t preferred = 0;
        const auto valid = static_cast<std::uint32_t>(lease->count());
        const auto lifetimes = std::bit_cast<std::array<std::uint8_t, sizeof(ifa_cacheinfo)>>(
            ifa_cacheinfo{preferred, valid, 0, 0});
        request.put_bytes(IFA_CACHEINFO, lifetimes);
    }
    return request;
}

std::string describe(const AddressKey& key) {
    return fmt::format("address {} on {}", net::to_string(key.address), key.link);
}

}  // namespace

Rtnl::Rtnl(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Rtnl::~Rtnl() = default;

Result<std::unique_ptr<Rtnl>> Rtnl::open() {
    auto commands = rtnl::Socket::open(kCommandBuffer);
    if (!commands) return fail(commands.error(), "commands");
    auto events = rtnl::Socket::open(kEventBuffer);
    if (!events) return fail(events.error(), "events");
    constexpr std::array<int, 7> kGroups{RTNLGRP_LINK,       RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_IFADDR,
                                         RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_ROUTE,  RTNLGRP_IPV6_RULE,
                                         RTNLGRP_IPV4_RULE};
    if (auto joined = events->join(kGroups); !joined) return fail(joined.error(), "events");
    return std::unique_ptr<Rtnl>(new Rtnl(std::make_unique<Impl>(std::move(*commands), std::move(*events))));
}

Result<Links> Rtnl::links() {
    const Message request{RTM_GETLINK, NLM_F_DUMP, ifinfomsg{}};
    return impl_->commands.read_table<Links>(request, "links", [](Links& out, const nlmsghdr& message) {
        if (auto row = rtnl::decode_link(message)) out.insert_or_assign(std::move(row->name), row->link);
    });
}

Result<TableUse> Rtnl::neighbour_table() {
    ndtmsg header{};
    header.ndtm_family = AF_INET6;
    const Message request{RTM_GETNEIGHTBL, NLM_F_DUMP, header};
    auto found = impl_->commands.read_table<std::optional<TableUse>>(
        request, "the table of neighbours", [](std::optional<TableUse>& out, const nlmsghdr& message) {
            if (const auto row = rtnl::decode_neighbour_table(message)) out = row;
        });
    if (!found) return tl::unexpected<Error>{std::move(found.error())};
    if (!*found) return fail("read the table of neighbours: the kernel does not report it");
    return **found;
}

Result<Addresses> Rtnl::addresses() {
    ifaddrmsg header{};
    header.ifa_family = AF_INET6;
    const Message request{RTM_GETADDR, NLM_F_DUMP, header};
    rtnl::LinkNames name_of{impl_->commands};
    return impl_->commands.read_table<Addresses>(
        request, "addresses", [&](Addresses& out, const nlmsghdr& message) {
            const auto row = rtnl::decode_address(message);
            // An address whose interface has gone in this moment is gone as well.
            if (!row || !name_of(row->link)) return;
            out.insert_or_assign(AddressKey{*name_of(row->link), row->address}, row->state);
        });
}

Result<Egress> Rtnl::egress_to(const net::IpAddress& destination) {
    const std::string what = "look up the route to " + net::to_string(destination);
    const auto* ipv6 = std::get_if<net::Ipv6Address>(&destination);
    rtmsg header{};
    header.rtm_family = ipv6 != nullptr ? AF_INET6 : AF_INET;
    header.rtm_dst_len = ipv6 != nullptr ? 128 : 32;
    Message request{RTM_GETROUTE, 0, header};
    std::visit([&](const auto& address) { request.put_bytes(RTA_DST, address.bytes); }, destination);

    std::optional<rtnl::RouteRow> route;
    const Answer found =
        impl_->commands.ask(request, [&](const nlmsghdr& message) { route = rtnl::decode_egress(message); });
    // A route of type "prohibit" answers EACCES and "blackhole" EINVAL, depending on the family.
    const std::array<int, 5> no_route{ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, ENETDOWN};
    if (std::find(no_route.begin(), no_route.end(), found.code) != no_route.end()) {
        return fail_errno(what, ENETUNREACH);
    }
    if (!found.ok()) return rtnl::fail(found, what);
    if (!route || (route->type != RTN_UNICAST && route->type != RTN_LOCAL)) {
        return fail_errno(what, ENETUNREACH);
    }

    ifinfomsg link_header{};
    link_header.ifi_index = static_cast<int>(route->link);
    std::optional<rtnl::LinkRow> link;
    const Answer looked =
        impl_->commands.ask(Message{RTM_GETLINK, 0, link_header},
                            [&](const nlmsghdr& message) { link = rtnl::decode_link(message); });
    // Between the two questions the interface may go away, and the route with it.
    if (!looked.ok() || !link) return fail_errno(what, ENETUNREACH);
    unsigned mtu = link->link.mtu;
    if (ipv6 != nullptr && link->ipv6_mtu) mtu = std::min(mtu, *link->ipv6_mtu);
    return Egress{std::move(link->name), route->mtu.value_or(mtu), route->gateway, route->source};
}

Result<Forwarded> Rtnl::forwarded(const Forwarding& packet) {
    const std::string what =
        fmt::format("look up the route from {} to {}", packet.from, net::to_string(packet.destination));
    const auto from = rtnl::link_index(impl_->commands, packet.from);
    if (!from) return fail_errno(what, ENODEV);
    rtmsg header{};
    header.rtm_family = AF_INET6;
    header.rtm_src_len = header.rtm_dst_len = 128;
    header.rtm_flags = RTM_F_FIB_MATCH;
    Message request{RTM_GETROUTE, 0, header};
    request.put_bytes(RTA_SRC, packet.source.bytes);
    request.put_bytes(RTA_DST, packet.destination.bytes);
    request.put_u32(RTA_IIF, *from);
    std::optional<rtnl::RouteRow> row;
    const Answer answer =
        impl_->commands.ask(request, [&](const nlmsghdr& message) { row = rtnl::decode_match(message); });
    if (answer.code == ENODEV || answer.code == ETIMEDOUT) return rtnl::fail(answer, what);
    if (!answer.ok() || !row) return Forwarded{answer.ok() ? ENETUNREACH : answer.code, {}, {}};
    Forwarded out{0, {}, row->key, row->protocol, row->type, row->gateway};
    if (out.gateway == net::IpAddress{kTunnelNextHop}) out.gateway.reset();  // as our_routes() shows it
    out.link = rtnl::link_name(impl_->commands, row->link).value_or(std::string{});
    return out;
}

Result<void> Rtnl::set_link(const std::string& name, bool up, unsigned mtu) {
    const std::string what = fmt::format("set link {} {} mtu {}", name, up ? "up" : "down", mtu);
    if (!is_possible_link_name(name)) return fail_errno(what, ENODEV);
    ifinfomsg header{};
    header.ifi_flags = up ? IFF_UP : 0;
    header.ifi_change = IFF_UP;
    Message request = link_request(RTM_NEWLINK, name, header);
    if (mtu != 0) request.put_u32(IFLA_MTU, mtu);
    const Answer answer = impl_->commands.ask(request);
    if (!answer.ok()) return rtnl::fail(answer, what);
    return {};
}

Result<void> Rtnl::delete_link(const std::string& name) {
    if (!is_possible_link_name(name)) return {};
    const Answer answer = impl_->commands.ask(link_request(RTM_DELLINK, name));
    if (answer.ok() || answer.code == ENODEV) return {};
    return rtnl::fail(answer, "delete link " + name);
}

Result<void> Rtnl::create_macvlan(const std::string& name, const std::string& parent,
                                  const net::MacAddress& mac) {
    const std::string what = fmt::format("create macvlan {} on {}", name, parent);
    const auto below = rtnl::link_index(impl_->commands, parent);
    if (!below) return fail_errno(what, ENODEV);
    Message request{RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{}};
    request.put_text(IFLA_IFNAME, name);
    request.put_u32(IFLA_LINK, *below);
    request.put_bytes(IFLA_ADDRESS, mac.bytes);
    nlattr* info = request.nest(IFLA_LINKINFO);
    request.put_text(IFLA_INFO_KIND, "macvlan");
    nlattr* data = request.nest(IFLA_INFO_DATA);
    request.put_u32(IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
    request.end(data);
    request.end(info);
    const Answer answer = impl_->commands.ask(request);
    if (answer.code == EBUSY) {
        return fail_errno(
            fmt::format("{}: {} is a port of a bridge or bond; give the LAN the bridge itself, or "
                        "set virtual_mac = false",
                        what, parent),
            EBUSY);
    }
    if (!answer.ok()) return rtnl::fail(answer, what);
    return {};
}

Result<void> Rtnl::put_address(const AddressKey& address, bool check_duplicate,
                               std::optional<std::chrono::seconds> lease) {
    const std::string what = "put " + describe(address);
    const auto link = rtnl::link_index(impl_->commands, address.link);
    if (!link) return fail_errno(what, ENODEV);
    Answer answer =
        impl_->commands.ask(add_address_request(NLM_F_EXCL, *link, address, check_duplicate, lease));
    if (answer.ok()) return {};
    if (answer.code != EEXIST) return rtnl::fail(answer, what);

    std::optional<rtnl::AddressRow> present;
    const Message question = address_request(RTM_GETADDR, 0, *link, {address.address.address, 0});
    answer = impl_->commands.ask(question, [&](const nlmsghdr& row) { present = rtnl::decode_address(row); });
    if (!answer.ok() || !present) return rtnl::fail(answer, what);
    // The kernel knows an address by its bits only: "replace" would succeed and leave another prefix length
    // as it is, and we would try for ever.
    if (present->address.length != address.address.length) {
        return fail_errno(
            fmt::format("{}: exists with prefix length {}, leaving it alone", what, present->address.length),
            EEXIST);
    }
    // And it would put our mark, our flags and an endless lifetime on an address that somebody else set.
    if (!present->state.ours) return {};
    answer = impl_->commands.ask(add_address_request(NLM_F_REPLACE, *link, address, check_duplicate, lease));
    if (!answer.ok()) return rtnl::fail(answer, what);
    return {};
}

Result<void> Rtnl::delete_address(const AddressKey& address) {
    const auto link = rtnl::link_index(impl_->commands, address.link);
    if (!link) return {};
    const Answer answer = impl_->commands.ask(address_request(RTM_DELADDR, 0, *link, address.address));
    // ENXIO: the interface has no IPv6 at all (its MTU is below 1280, say).
    if (answer.ok() || answer.code == EADDRNOTAVAIL || answer.code == ENODEV || answer.code == ENXIO)
        return {};
    return rtnl::fail(answer, "delete " + describe(address));
}

int Rtnl::event_handle() const { return impl_->events.fd(); }

Result<RtnlChanges> Rtnl::changes() {
    RtnlChanges out;
    for (int count = 0; count < kMaxEventsAtOnce; ++count) {
        const int code =
            impl_->events.receive_event([&](const nlmsghdr& message) { rtnl::note_change(message, out); });
        if (code == EAGAIN) {
            if (std::exchange(impl_->lost_events, false))
                out = RtnlChanges{true, true, true, true, true, true, true};
            impl_->note_main_table(out);
            return out;
        }
        if (code == ENOBUFS || code == EMSGSIZE) {
            impl_->lost_events = true;
        } else if (code != 0) {
            return fail_errno("read rtnetlink events", code);
        }
    }
    // Once messages were lost the kernel says nothing more until its queue has been read to the end, not even
    // that it lost more. The queue cannot grow meanwhile, so that the end comes within some calls; only then
    // is it worth reading everything again.
    if (impl_->lost_events) return RtnlChanges{};
    impl_->note_main_table(out);
    return out;
}

}  // namespace ulagate
