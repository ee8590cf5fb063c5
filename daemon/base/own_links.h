// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <string_view>

// The names of the interfaces that we create. What depends on which kind one is asks here and nowhere else:
// a tunnel's packets are authenticated, a macvlan's come from anybody on the LAN.
namespace ulagate {

// Every one of them starts with this; no other interface may (a configuration that names one is refused).
inline constexpr const char* kLinkPrefix = "ulg-";

// Where our own probes begin (daemon/checks/frame_injector.h). No relay and no virtual router makes such a
// name.
inline constexpr const char* kProbeLink = "ulg-_probe";

// "ulg-v51": the virtual MAC of virtual router 51, on a LAN. No relay can be called "v51".
inline bool is_macvlan_name(std::string_view link) {
    constexpr std::string_view kMacvlan = "ulg-v";
    return link.starts_with(kMacvlan) && link.size() > kMacvlan.size() &&
           std::all_of(link.begin() + kMacvlan.size(), link.end(),
                       [](char c) { return c >= '0' && c <= '9'; });
}

// "ulg-r1", "ulg-s1"
inline bool is_tunnel_name(std::string_view link) {
    return link.starts_with(kLinkPrefix) && !is_macvlan_name(link) && link != kProbeLink;
}

}  // namespace ulagate
