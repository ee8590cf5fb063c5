// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/uplinks/lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>

#include "daemon/base/text.h"

namespace ulagate::appliance {
namespace {

constexpr std::size_t kMaxEach = 8;  // of servers and routes: more is no use to anybody
constexpr std::uint8_t kFullMask = 32;
constexpr std::chrono::seconds kShortest{30};  // a shorter lease would keep the radio and the log busy

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> out;
    while (!text.empty()) {
        const auto begin = text.find_first_not_of(' ');
        if (begin == std::string_view::npos) break;
        text.remove_prefix(begin);
        const auto end = std::min(text.find(' '), text.size());
        out.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return out;
}

template <class T>
std::optional<T> number(std::string_view text) {
    T out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return out;
}

std::string_view value_of(const Variables& variables, const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string_view{} : std::string_view{found->second};
}

// An address that a machine can have or be asked at.
bool is_host(const net::Ipv4Address& address) {
    const auto first = address.bytes[0];
    return first != 0 && first != 127 && first < 224;
}

std::optional<net::Ipv4Address> host(std::string_view text) {
    const auto address = net::parse_ipv4(text);
    return address && is_host(*address) ? address : std::nullopt;
}

std::vector<net::Ipv4Address> hosts(std::string_view text) {
    std::vector<net::Ipv4Address> out;
    for (const auto word : words_of(text)) {
        const auto address = host(word);
        if (address && std::find(out.begin(), out.end(), *address) == out.end()) out.push_back(*address);
        if (out.size() == kMaxEach) break;
    }
    return out;
}

std::optional<net::Ipv4Prefix> prefix(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto address = net::parse_ipv4(text.substr(0, slash));
    const auto length = number<std::uint8_t>(text.substr(slash + 1));
    if (!address || !length || *length > kFullMask) return std::nullopt;
    return net::Ipv4Prefix{*address, *length};
}

// RFC 3442: with these a client must ignore the router option.
std::vector<LeasedRoute> classless(std::string_view text) {
    std::vector<LeasedRoute> out;
    const auto words = words_of(text);
    for (std::size_t i = 0; i + 1 < words.size() && out.size() < kMaxEach; i += 2) {
        const auto destination = prefix(words[i]);
        const auto gateway = net::parse_ipv4(words[i + 1]);
        if (!destination || !gateway) continue;
        // 0.0.0.0: on the link itself.
        const bool on_link = *gateway == net::Ipv4Address{};
        if (!on_link && !is_host(*gateway)) continue;
        out.push_back({*destination, on_link ? std::nullopt : gateway});
    }
    return out;
}

std::optional<std::chrono::seconds> lifetime(std::string_view text) {
    const auto seconds = number<std::uint32_t>(text);
    if (!seconds || *seconds == UINT32_MAX) return std::nullopt;
    return std::max(std::chrono::seconds{*seconds}, kShortest);
}

}  // namespace

Result<Lease> lease_of_udhcpc(const Variables& variables) {
    Lease lease;
    const auto address = host(value_of(variables, "ip"));
    if (!address) return fail("DHCP: no usable address: " + quote(value_of(variables, "ip")));
    // "mask" is the length; "subnet" the same as four numbers, and a server may send neither.
    const auto length = number<std::uint8_t>(value_of(variables, "mask")).value_or(24);
    if (length == 0 || length > kFullMask) {
        return fail("DHCP: no usable network mask: " + quote(value_of(variables, "mask")));
    }
    lease.address = {*address, length};
    lease.routes = classless(value_of(variables, "staticroutes"));
    if (lease.routes.empty()) {
        for (const auto& router : hosts(value_of(variables, "router"))) {
            lease.routes.push_back({{}, router});
            break;
        }
    }
    lease.dns = hosts(value_of(variables, "dns"));
    lease.time_servers = hosts(value_of(variables, "ntpsrv"));
    lease.lifetime = lifetime(value_of(variables, "lease"));
    return lease;
}

Result<Lease> lease_of_pppd(const Variables& variables) {
    Lease lease;
    const auto address = host(value_of(variables, "IPLOCAL"));
    if (!address) return fail("PPP: no usable address: " + quote(value_of(variables, "IPLOCAL")));
    lease.address = {*address, kFullMask};
    lease.routes.push_back({});
    for (const char* name : {"DNS1", "DNS2"}) {
        const auto server = host(value_of(variables, name));
        if (server) lease.dns.push_back(*server);
    }
    return lease;
}

std::string to_text(const Lease& lease) {
    std::string out = fmt::format("address={}\n", net::to_string(lease.address));
    for (const auto& route : lease.routes) {
        out += fmt::format("route={} {}\n", net::to_string(route.destination),
                           route.gateway ? net::to_string(*route.gateway) : "link");
    }
    for (const auto& server : lease.dns) out += fmt::format("dns={}\n", net::to_string(server));
    for (const auto& server : lease.time_servers) out += fmt::format("time={}\n", net::to_string(server));
    if (lease.lifetime) out += fmt::format("lifetime={}\n", lease.lifetime->count());
    return out;
}

Result<Lease> parse_lease(std::string_view text) {
    Lease lease;
    bool has_address = false;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const auto equals = std::min(line.find('='), line.size());
        const std::string_view key = line.substr(0, equals);
        const std::string_view value = line.substr(std::min(equals + 1, line.size()));
        bool good = false;
        if (key == "address") {
            const auto address = prefix(value);
            good = address.has_value() && !has_address;
            if (good) lease.address = *address;
            has_address |= good;
        } else if (key == "route") {
            const auto words = words_of(value);
            const auto destination = words.size() == 2 ? prefix(words[0]) : std::nullopt;
            const auto gateway = words.size() == 2 ? net::parse_ipv4(words[1]) : std::nullopt;
            good = destination && (gateway || words[1] == "link") && lease.routes.size() < kMaxEach;
            if (good) lease.routes.push_back({*destination, gateway});
        } else if (key == "dns" || key == "time") {
            auto& list = key == "dns" ? lease.dns : lease.time_servers;
            const auto server = net::parse_ipv4(value);
            good = server && list.size() < kMaxEach;
            if (good) list.push_back(*server);
        } else if (key == "lifetime") {
            const auto seconds = number<std::uint32_t>(value);
            good = seconds.has_value();
            if (good) lease.lifetime = std::chrono::seconds{*seconds};
        }
        if (!good) return fail("not a lease file: " + quote(line));
    }
    if (!has_address) return fail("not a lease file: no address");
    return lease;
}

}  // namespace ulagate::appliance
