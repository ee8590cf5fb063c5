// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/base/address.h"
#include "ra/flag.h"

// The options of Router Advertisements, as plain values.
namespace ulagate::ra {

using Seconds = std::chrono::duration<std::uint32_t>;  // lifetimes; 0xffffffff = infinity
using Milliseconds = std::chrono::duration<std::uint32_t, std::milli>;

inline constexpr Seconds kInfinity{0xffffffff};

// RFC 4191 section 2.1, as the two-bit value on the wire. 10 is reserved and never sent.
enum class Preference : std::uint8_t { medium = 0, high = 1, low = 3 };

struct SourceLinkLayerAddress {  // RFC 4861 section 4.6.1
    net::MacAddress address;
    bool operator==(const SourceLinkLayerAddress&) const = default;
};

struct PrefixInformation {   // RFC 4861 section 4.6.2; R flag: RFC 6275 section 7.2
    net::Ipv6Prefix prefix;  // with router_address the host bits are this router's own, else they are zero
    bool on_link = true;
    bool autonomous = true;
    bool router_address = false;
    Seconds valid_lifetime{86400};
    Seconds preferred_lifetime{14400};
    bool pd_preferred = false;  // P flag, RFC 9762: hosts had better ask for a prefix of their own by DHCPv6
    bool operator==(const PrefixInformation&) const = default;
};

inline constexpr Flag<PrefixInformation> kPrefixFlags[]{
    {"on_link", 0x80, &PrefixInformation::on_link},
    {"autonomous", 0x40, &PrefixInformation::autonomous},
    {"router_address", 0x20, &PrefixInformation::router_address},
    {"pd_preferred", 0x10, &PrefixInformation::pd_preferred,
     "    hosts should prefer a prefix from DHCPv6 (P flag)\n"},
};

struct RouteInformation {  // RFC 4191 section 2.3
    net::Ipv6Prefix prefix;
    Preference preference = Preference::medium;
    Seconds lifetime{1800};
    bool operator==(const RouteInformation&) const = default;
};

struct Mtu {  // RFC 4861 section 4.6.4
    std::uint32_t bytes = 0;
    bool operator==(const Mtu&) const = default;
};

struct RecursiveDnsServers {                // RDNSS, RFC 8106 section 5.1
    std::vector<net::Ipv6Address> servers;  // 1 to 127
    Seconds lifetime{0};
    bool operator==(const RecursiveDnsServers&) const = default;
};

struct DnsSearchList {                 // DNSSL, RFC 8106 section 5.2
    std::vector<std::string> domains;  // "example.net", without the last dot; see is_search_domain()
    Seconds lifetime{0};
    bool operator==(const DnsSearchList&) const = default;
};

struct Pref64 {              // RFC 8781 section 4
    net::Ipv6Prefix prefix;  // see is_pref64_length()
    Seconds lifetime{0};     // sent in units of 8 s, rounded up; kLongestPref64Lifetime at most
    bool operator==(const Pref64&) const = default;
};

struct CaptivePortal {  // RFC 8910 section 2.3
    std::string uri;    // visible ASCII
    bool operator==(const CaptivePortal&) const = default;
};

// An option we do not interpret, kept so that parse -> build gives the same bytes.
struct UnknownOption {
    std::uint8_t type = 0;
    std::vector<std::byte> body;  // without type and length; its length + 2 is a multiple of 8
    bool operator==(const UnknownOption&) const = default;
};

using Option = std::variant<SourceLinkLayerAddress, PrefixInformation, RouteInformation, Mtu,
                            RecursiveDnsServers, DnsSearchList, Pref64, CaptivePortal, UnknownOption>;

inline constexpr Seconds kLongestPref64Lifetime{65528};  // 13 bits, in units of 8 s
// What says that there is no captive portal (RFC 8910 section 2).
inline constexpr std::string_view kNoCaptivePortal = "urn:ietf:params:capport:unrestricted";

// 1 to 253 bytes; labels of 1 to 63 letters, digits, hyphens and underscores; no dot at the end.
bool is_search_domain(std::string_view domain);
// 32, 40, 48, 56, 64 or 96: those that RFC 6052 section 2.2 defines.
bool is_pref64_length(unsigned length);

}  // namespace ulagate::ra
