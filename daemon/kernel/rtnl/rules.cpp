// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "daemon/kernel/rtnl/impl.h"
#include "daemon/kernel/rtnl/links.h"

// The rules of the routing policy for IPv6. Ours carry our protocol number, which the kernel compares when
// one is deleted: nobody else's is ever touched.
namespace ulagate {
namespace rtnl {
namespace {

using RuleAttributes = Attributes<FRA_MAX>;

std::string table_name(std::uint32_t table) {
    switch (table) {
        case RT_TABLE_LOCAL:
            return "local";
        case RT_TABLE_MAIN:
            return "main";
        case RT_TABLE_DEFAULT:
            return "default";
        default:
            return std::to_string(table);
    }
}

std::optional<net::Ipv6Prefix> prefix_of(const RuleAttributes& attributes, int type, std::uint8_t length) {
    const auto address = attributes.ipv6(type);
    if (!address || length == 0 || length > 128) return std::nullopt;
    return net::Ipv6Prefix{*address, length};
}

std::string action_text(const fib_rule_hdr& header, const RuleAttributes& attributes, std::uint32_t table) {
    switch (header.action) {
        case FR_ACT_TO_TBL:
            if (attributes.value<std::uint8_t>(FRA_L3MDEV).value_or(0) != 0) return "lookup [l3mdev-table]";
            return "lookup " + table_name(table);
        case FR_ACT_GOTO:
            return fmt::format("goto {}", attributes.u32(FRA_GOTO).value_or(0));
        case FR_ACT_NOP:
            return "nop";
        case FR_ACT_BLACKHOLE:
            return "blackhole";
        case FR_ACT_UNREACHABLE:
            return "unreachable";
        case FR_ACT_PROHIBIT:
            return "prohibit";
        default:
            return fmt::format("action {}", header.action);
    }
}

Rule::Kind kind_of(std::uint8_t action) {
    switch (action) {
        case FR_ACT_TO_TBL:
            return Rule::Kind::look_up;
        case FR_ACT_BLACKHOLE:
        case FR_ACT_UNREACHABLE:
        case FR_ACT_PROHIBIT:
            return Rule::Kind::drop;
        case FR_ACT_GOTO:
            return Rule::Kind::jump;
        default:
            return Rule::Kind::other;
    }
}

// What only some packets have, as iproute2 writes it; "" = all have it.
std::string conditions(const fib_rule_hdr& header, const RuleAttributes& attributes) {
    std::string text;
    const auto add = [&](const std::string& words) { text += words + " "; };
    if (header.tos != 0) add(fmt::format("tos {:#04x}", header.tos));
    const std::uint32_t mark = attributes.u32(FRA_FWMARK).value_or(0);
    const std::uint32_t mask = attributes.u32(FRA_FWMASK).value_or(0);
    if (mark != 0 || mask != 0) {
        const bool whole = mask == std::numeric_limits<std::uint32_t>::max();
        add(whole ? fmt::format("fwmark {:#x}", mark) : fmt::format("fwmark {:#x}/{:#x}", mark, mask));
    }
    if (attributes.has(FRA_IIFNAME)) add("iif " + attributes.text(FRA_IIFNAME));
    if (attributes.has(FRA_OIFNAME)) add("oif " + attributes.text(FRA_OIFNAME));
    if (const auto users = attributes.value<std::array<std::uint32_t, 2>>(FRA_UID_RANGE))
        add(fmt::format("uidrange {}-{}", users->at(0), users->at(1)));
    if (const auto number = attributes.value<std::uint8_t>(FRA_IP_PROTO))
        add(fmt::format("ipproto {}", *number));
    for (const auto& [type, name] : {std::pair{FRA_SPORT_RANGE, "sport"}, {FRA_DPORT_RANGE, "dport"}}) {
        if (const auto ports = attributes.value<std::array<std::uint16_t, 2>>(type))
            add(fmt::format("{} {}-{}", name, ports->at(0), ports->at(1)));
    }
    if (attributes.has(FRA_TUN_ID)) add("tun_id");
    return text;
}

// Of the routes that the table has, only those count that are not suppressed.
std::string suppressed(const RuleAttributes& attributes) {
    constexpr std::uint32_t kNothing = std::numeric_limits<std::uint32_t>::max();
    std::string text;
    for (const auto& [type, name] : {std::pair{FRA_SUPPRESS_PREFIXLEN, "suppress_prefixlength"},
                                     {FRA_SUPPRESS_IFGROUP, "suppress_ifgroup"}}) {
        const std::uint32_t value = attributes.u32(type).value_or(kNothing);
        if (value != kNothing) text += fmt::format(" {} {}", name, value);
    }
    return text;
}

}  // namespace

std::optional<Rule> decode_rule(const nlmsghdr& message) {
    const auto header = fixed_header<fib_rule_hdr>(message);
    if (message.nlmsg_type != RTM_NEWRULE || !header || header->family != AF_INET6) return std::nullopt;
    const RuleAttributes attributes{message, sizeof *header};
    Rule rule;
    rule.key.preference = attributes.u32(FRA_PRIORITY).value_or(0);
    rule.key.table = attributes.u32(FRA_TABLE).value_or(header->table);
    rule.key.to = prefix_of(attributes, FRA_DST, header->dst_len);
    rule.protocol = attributes.value<std::uint8_t>(FRA_PROTOCOL).value_or(RTPROT_UNSPEC);
    const auto source = prefix_of(attributes, FRA_SRC, header->src_len);
    const std::string more = conditions(*header, attributes);
    const std::string less = suppressed(attributes);
    const bool inverted = (header->flags & FIB_RULE_INVERT) != 0;
    const bool l3mdev = attributes.value<std::uint8_t>(FRA_L3MDEV).value_or(0) != 0;
    rule.inverted = inverted;
    rule.from = source;
    rule.iif = attributes.text(FRA_IIFNAME);
    rule.kind = kind_of(header->action);
    rule.plain =
        header->action == FR_ACT_TO_TBL && !source && !inverted && !l3mdev && more.empty() && less.empty();
    rule.text =
        fmt::format("{}from {} {}{}{}{}", inverted ? "not " : "", source ? net::to_string(*source) : "all",
                    rule.key.to ? "to " + net::to_string(*rule.key.to) + " " : "", more,
                    action_text(*header, attributes, rule.key.table), less);
    return rule;
}

}  // namespace rtnl

namespace {

using rtnl::Answer;
using rtnl::Message;

Message rule_request(int type, int flags, const RuleKey& rule) {
    fib_rule_hdr header{};
    header.family = AF_INET6;
    header.action = type == RTM_NEWRULE ? FR_ACT_TO_TBL : FR_ACT_UNSPEC;  // to be deleted: whatever it does
    header.dst_len = rule.to ? rule.to->length : std::uint8_t{0};
    Message request{type, flags, header};
    request.put_u32(FRA_PRIORITY, rule.preference);
    if (rule.table != RT_TABLE_UNSPEC) request.put_u32(FRA_TABLE, rule.table);
    request.put_bytes(FRA_PROTOCOL, std::array{kRouteProtocol});
    if (rule.to) request.put_bytes(FRA_DST, rule.to->address.bytes);
    return request;
}

std::string describe(const RuleKey& rule) {
    return fmt::format("rule {}: from all {}lookup {}", rule.preference,
                       rule.to ? "to " + net::to_string(*rule.to) + " " : "", rtnl::table_name(rule.table));
}

}  // namespace

Result<Rules> Rtnl::rules() {
    fib_rule_hdr header{};
    header.family = AF_INET6;
    return impl_->commands.read_table<Rules>(Message{RTM_GETRULE, NLM_F_DUMP, header}, "rules",
                                             [](Rules& out, const nlmsghdr& message) {
                                                 if (auto rule = rtnl::decode_rule(message))
                                                     out.push_back(std::move(*rule));
                                             });
}

Result<void> Rtnl::put_rule(const RuleKey& rule) {
    const std::string what = "put " + describe(rule);
    Answer answer = impl_->commands.ask(rule_request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule));
    if (answer.code == EEXIST) {
        // The kernel does not look at who set it. One of somebody else may go at any time: ours stands beside
        // it.
        const auto now = rules();
        if (!now) return fail(now.error(), what);
        const bool there = std::any_of(now->begin(), now->end(), [&](const Rule& each) {
            return each.ours() && each.plain && each.key == rule;
        });
        if (there) return {};
        answer = impl_->commands.ask(rule_request(RTM_NEWRULE, NLM_F_CREATE, rule));
    }
    if (!answer.ok()) return rtnl::fail(answer, what);
    return {};
}

Result<void> Rtnl::delete_rule(const RuleKey& rule) {
    const Answer answer = impl_->commands.ask(rule_request(RTM_DELRULE, 0, rule));
    if (answer.ok() || answer.code == ENOENT) return {};
    return rtnl::fail(answer, "delete " + describe(rule));
}

}  // namespace ulagate
