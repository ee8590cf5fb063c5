// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.h"

namespace ulagate::wg {

// The rtnetlink messages that make, find and remove a tunnel's interface, and nothing else of it. Pure.

// A name that the kernel accepts and that is also safe as part of a path (the userspace socket).
Result<void> check_interface_name(std::string_view name);

struct Link {
    int index = 0;
    std::string kind;  // "wireguard", "tun"; empty for real hardware
    bool operator==(const Link&) const = default;
};

std::vector<std::byte> encode_create_wireguard_link(std::string_view name);
std::vector<std::byte> encode_get_link(std::string_view name);
std::vector<std::byte> encode_delete_link(int index);
Result<Link> parse_link(std::span<const std::byte> message);

}  // namespace ulagate::wg
