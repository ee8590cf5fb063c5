// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan/joined_groups.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "daemon/base/text.h"

namespace ulagate {
namespace {

template <class T>
std::optional<T> number_in_column(std::string_view text, int base) {
    T value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
        return std::nullopt;
    return value;
}

// 32 hexadecimal digits
std::optional<net::Ipv6Address> group_in_column(std::string_view text) {
    net::Ipv6Address address;
    if (text.size() != 2 * address.bytes.size()) return std::nullopt;
    for (std::uint8_t& byte : address.bytes) {
        const auto value = number_in_column<std::uint8_t>(text.substr(0, 2), 16);
        if (!value) return std::nullopt;
        byte = *value;
        text.remove_prefix(2);
    }
    return address;
}

// Columns are padded with more than one blank.
std::string_view next_column(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    return take_word(line);
}

}  // namespace

JoinedGroups parse_joined_groups(std::string_view igmp6) {
    JoinedGroups out;
    while (!igmp6.empty()) {
        std::string_view line = take_word(igmp6, '\n');
        const auto index = number_in_column<unsigned>(next_column(line), 10);
        next_column(line);  // the name
        const auto address = group_in_column(next_column(line));
        if (index && address) out.emplace(*index, *address);
    }
    return out;
}

}  // namespace ulagate
