// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/link_message.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "daemon/base/text.h"
#include "wg/device/netlink_codec.h"

namespace ulagate::wg {
namespace {

constexpr std::size_t kReserve = 128;

}  // namespace

Result<void> check_interface_name(std::string_view name) {
    const auto invalid = std::make_error_code(std::errc::invalid_argument);
    if (name.empty() || name.size() >= IFNAMSIZ) {
        return fail(invalid, "interface name " + quote(name) + " must have 1 to 15 characters");
    }
    const bool printable =
        std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    // The kernel takes a '%' as a pattern to number interfaces by.
    if (!printable || name.find_first_of("/:%") != std::string_view::npos || name == "." || name == "..") {
        return fail(invalid, quote(name) + " is not an interface name");
    }
    return {};
}

std::vector<std::byte> encode_create_wireguard_link(std::string_view name) {
    MessageBuilder out{RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, kReserve};
    out.fixed(ifinfomsg{});
    out.text(IFLA_IFNAME, name);
    const std::size_t info = out.open_nest(IFLA_LINKINFO);
    out.text(IFLA_INFO_KIND, "wireguard");
    out.close_nest(info);
    return std::move(out).finish();
}

std::vector<std::byte> encode_get_link(std::string_view name) {
    MessageBuilder out{RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, kReserve};
    out.fixed(ifinfomsg{});
    out.text(IFLA_IFNAME, name);
    return std::move(out).finish();
}

std::vector<std::byte> encode_delete_link(int index) {
    MessageBuilder out{RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, kReserve};
    ifinfomsg link{};
    link.ifi_index = index;
    out.fixed(link);
    return std::move(out).finish();
}

Result<Link> parse_link(std::span<const std::byte> message) {
    const auto bad = std::make_error_code(std::errc::bad_message);
    const auto body = message_body(message, sizeof(ifinfomsg));
    if (!body) return fail(bad, "link message shorter than its header");
    ifinfomsg header{};
    std::memcpy(&header, message.data() + sizeof(nlmsghdr), sizeof(header));
    Link link;
    link.index = header.ifi_index;
    AttributeReader attributes{*body};
    while (const auto attribute = attributes.next()) {
        if (attribute->type != IFLA_LINKINFO) continue;
        AttributeReader info{attribute->payload};
        while (const auto part = info.next()) {
            if (part->type == IFLA_INFO_KIND) link.kind = attribute_text(*part);
        }
        if (!info.ok()) return fail(bad, "link message with a broken IFLA_LINKINFO");
    }
    if (!attributes.ok()) return fail(bad, "link message with an attribute that does not fit");
    return link;
}

}  // namespace ulagate::wg
