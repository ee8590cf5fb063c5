// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/address.h"
#include "daemon/base/result.h"
#include "firewall/model.h"
#include "ra/message.h"
#include "vrrp/time.h"
#include "wg/device/key.h"

// The words of the configuration language: one text each, without its surroundings. The context of an error
// is what a finding says behind the key: what is wrong, why, and what to write instead.
namespace ulagate::config_file {

// Names that become parts of interface names, state files and log lines: [a-z0-9-], no hyphen at either end.
class Name {
public:
    explicit Name(std::size_t max) : max_(max) {}
    Result<std::string> operator()(std::string_view text) const;

private:
    std::size_t max_;
};

// A duration between two bounds, as a count of Unit; one that Unit cannot express exactly is refused.
template <class Unit>
class DurationIn {
public:
    constexpr DurationIn(std::chrono::milliseconds min, std::chrono::milliseconds max)
        : min_(min), max_(max) {}
    Result<Unit> operator()(std::string_view text) const;
    [[nodiscard]] std::chrono::milliseconds max() const { return max_; }

private:
    std::chrono::milliseconds min_;
    std::chrono::milliseconds max_;
};

using RouterLifetime = std::chrono::duration<std::uint16_t>;
extern template class DurationIn<std::chrono::milliseconds>;
extern template class DurationIn<ra::Milliseconds>;
extern template class DurationIn<RouterLifetime>;
extern template class DurationIn<ra::Seconds>;
extern template class DurationIn<vrrp::Centiseconds>;

// Whole seconds, or "infinite".
Result<ra::Seconds> parse_lifetime(std::string_view text);

Result<std::string> parse_interface(std::string_view text);          // of a LAN
Result<std::string> parse_tracked_interface(std::string_view text);  // any that is not ours

// A prefix without bits behind its length.
Result<net::Ipv6Prefix> parse_network(std::string_view text);
Result<net::Ipv6Prefix> parse_overlay(std::string_view text);
Result<net::Ipv6Prefix> parse_lan_prefix(std::string_view text);

// An address that one machine can own and others can reach.
Result<net::Ipv6Address> parse_host_address(std::string_view text);

// The link-local address of a virtual router.
Result<net::Ipv6Address> parse_virtual_address(std::string_view text);

Result<std::string> parse_key_file(std::string_view text);
Result<wg::PublicKey> parse_peer_key(std::string_view text);

// Where a relay is found: "relay.example.net:51820", "192.0.2.1:51820", "[2001:db8::1]:51820".
struct RelayEndpoint {
    std::string host;
    std::uint16_t port = 0;
    std::optional<net::IpAddress> address;  // when host is one
};
Result<RelayEndpoint> parse_relay_endpoint(std::string_view text);

// The name or the public address of a machine, without a port.
Result<std::string> parse_server(std::string_view text);

Result<std::uint16_t> parse_keepalive(std::string_view text);  // seconds; "off" and "0s" are 0

// "icmpv6", "any", "tcp", "udp", "tcp/22", "udp/58000-60000"
Result<firewall::Service> parse_service(std::string_view text);

Result<std::string> parse_group(std::string_view text);

}  // namespace ulagate::config_file
