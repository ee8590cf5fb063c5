// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/netlink_codec.h"

#include <linux/netlink.h>

#include <algorithm>
#include <cassert>
#include <limits>

namespace ulagate::wg {
namespace {

constexpr std::uint16_t kTypeMask = 0x3fff;  // NLA_TYPE_MASK, which is a negative int in C

}  // namespace

MessageBuilder::MessageBuilder(std::uint16_t type, std::uint16_t flags, std::size_t reserve) {
    bytes_.reserve(std::max(reserve, sizeof(nlmsghdr)));
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
    fixed(header);
}

void MessageBuilder::append(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    pad();
}

void MessageBuilder::pad() { bytes_.resize(netlink_aligned(bytes_.size())); }

void MessageBuilder::attribute(std::uint16_t type, std::span<const std::byte> payload) {
    assert(payload.size() <= std::numeric_limits<std::uint16_t>::max() - sizeof(nlattr));
    fixed(nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + payload.size()), type});
    append(payload);
}

void MessageBuilder::text(std::uint16_t type, std::string_view text) {
    fixed(nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + text.size() + 1), type});
    const auto bytes = std::as_bytes(std::span{text.data(), text.size()});
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    bytes_.push_back(std::byte{0});
    pad();
}

std::size_t MessageBuilder::open_nest(std::uint16_t type) {
    const std::size_t nest = bytes_.size();
    fixed(nlattr{0, static_cast<std::uint16_t>(type | NLA_F_NESTED)});
    return nest;
}

void MessageBuilder::close_nest(std::size_t nest) {
    assert(bytes_.size() - nest <= std::numeric_limits<std::uint16_t>::max());
    const auto length = static_cast<std::uint16_t>(bytes_.size() - nest);
    std::memcpy(bytes_.data() + nest, &length, sizeof(length));
}

std::vector<std::byte> MessageBuilder::finish() && {
    const auto length = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &length, sizeof(length));
    return std::move(bytes_);
}

std::optional<Attribute> AttributeReader::next() {
    if (!ok_ || rest_.empty()) return std::nullopt;
    nlattr header{};
    ok_ = rest_.size() >= sizeof(header);
    if (!ok_) return std::nullopt;
    std::memcpy(&header, rest_.data(), sizeof(header));
    ok_ = header.nla_len >= sizeof(header) && header.nla_len <= rest_.size();
    if (!ok_) return std::nullopt;
    const Attribute out{static_cast<std::uint16_t>(header.nla_type & kTypeMask),
                        rest_.subspan(sizeof(header), header.nla_len - sizeof(header))};
    // The last attribute may come without its padding.
    rest_ = rest_.subspan(std::min(netlink_aligned(header.nla_len), rest_.size()));
    return out;
}

std::optional<std::span<const std::byte>> message_body(std::span<const std::byte> message, std::size_t skip) {
    nlmsghdr header{};
    if (message.size() < sizeof(header) + skip) return std::nullopt;
    std::memcpy(&header, message.data(), sizeof(header));
    if (header.nlmsg_len != message.size()) return std::nullopt;
    return message.subspan(sizeof(header) + skip);
}

std::string_view attribute_text(const Attribute& attribute) {
    // Any object may be looked at as char.
    const auto* data = reinterpret_cast<const char*>(attribute.payload.data());
    const std::string_view all{data, attribute.payload.size()};
    return all.substr(0, all.find('\0'));
}

}  // namespace ulagate::wg
