// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/config/appliance.h"
#include "image/appliance/uplinks/lease.h"
#include "image/appliance/uplinks/links.h"

namespace ulagate::appliance {

using TimePoint = std::chrono::steady_clock::time_point;

struct NetAddress {
    std::string link;
    net::IpPrefix address;     // host bits set
    std::uint32_t metric = 0;  // of the route to its network
    auto operator<=>(const NetAddress&) const = default;
};
struct NetRoute {
    std::string link;
    net::IpPrefix destination;
    std::optional<net::IpAddress> gateway;
    std::uint32_t metric = 0;
    auto operator<=>(const NetRoute&) const = default;
};

// A name server, with the interface where the address alone is not enough (fe80::1).
struct NameServer {
    net::IpAddress address;
    std::string link;
    auto operator<=>(const NameServer&) const = default;
};

// What should be in the kernel, and which clients should run, for the uplinks to work.
struct UplinkPlan {
    struct Vlan {
        std::string parent;
        std::uint16_t id = 0;
        bool operator==(const Vlan&) const = default;
    };
    struct Pppoe {
        std::string link;  // of the PPP session itself
        UplinkConfig::Pppoe login;
        bool operator==(const Pppoe&) const = default;
    };
    std::set<std::string> up;
    std::map<std::string, Vlan> vlans;     // by the VLAN's link
    std::map<std::string, unsigned> dhcp;  // link -> which attempt: a new one is a new client
    std::map<std::string, std::vector<UplinkConfig::Wifi>> wifi;  // link -> network
    std::map<std::string, Pppoe> pppoe;                           // Ethernet link -> session
    std::map<std::string, unsigned> ipv6;  // link -> which attempt: a new one starts IPv6 afresh
    std::map<std::string, std::uint32_t>
        ra_metrics;  // link -> of the default route of an RA; 0: no RA wanted
    std::map<NetAddress, std::optional<TimePoint>> addresses;  // until when; nullopt: for ever
    std::set<NetRoute> routes;
    std::vector<NameServer> dns;               // of the uplinks in use
    std::vector<net::IpAddress> time_servers;  // of all, those in use first
    bool operator==(const UplinkPlan&) const = default;
};

// How one uplink does, for people.
struct UplinkReport {
    enum class State { down, waiting, standby, in_use };
    std::string name;  // its link, or what is waited for: "usb"
    std::string kind;  // "Ethernet", "Wi-Fi", "USB"
    State state = State::down;
    std::string reason;  // "no cable", "192.0.2.7/24 by DHCP"
    bool operator==(const UplinkReport&) const = default;
};
std::string_view name(UplinkReport::State state);

// Which uplinks there are, which work, and which is used: the first of the list that works, for each family
// by the metric of its default route. All are kept ready. Facts go in, a plan comes out; no clock, no socket.
class Uplinks {
public:
    struct Setup {
        std::vector<UplinkConfig> uplinks;   // none: each Ethernet, then USB network devices
        std::set<std::string> gateway_lans;  // never an uplink
        std::set<std::string> lans;          // all of them: their IPv6 is the router's
    };

    explicit Uplinks(Setup setup) : setup_(std::move(setup)) {}

    void on_links(const LinkTable& links, TimePoint now);
    void on_lease(const std::string& link, const std::optional<Lease>& lease, TimePoint now);
    // The links that have an IPv6 default route, by Router Advertisements or fixed.
    void on_ipv6_routers(const std::set<std::string>& links) { ipv6_routers_ = links; }
    [[nodiscard]] const std::set<std::string>& ipv6_routers() const { return ipv6_routers_; }
    // Name servers that Router Advertisements brought (RFC 8106).
    void on_ipv6_dns(const std::string& link, const std::vector<net::Ipv6Address>& servers);
    // What a client has to say of its network; empty: nothing any more.
    void on_complaint(const std::string& link, const std::string& text) { complaints_[link] = text; }

    [[nodiscard]] std::optional<TimePoint> deadline() const;
    void on_deadline(TimePoint now);

    [[nodiscard]] UplinkPlan plan() const;
    [[nodiscard]] std::vector<UplinkReport> reports() const;

private:
    // One link that is an uplink now.
    struct Binding {
        std::optional<std::size_t> rank;  // of the configuration; nullopt: found by itself
        UplinkConfig::Kind kind = UplinkConfig::Kind::ethernet;
        std::string base;   // the device
        std::string below;  // the device or its VLAN: what a client speaks on
        std::string link;   // that, or the PPP session on it: what has the addresses
        std::uint32_t metric = 0;
    };
    struct Progress {
        bool carrier = false;
        std::optional<TimePoint> since;     // carrier
        std::optional<TimePoint> lost_at;   // carrier
        std::optional<TimePoint> start_at;  // a client is held back until then: the plug bounces
        unsigned attempt = 0;
        unsigned ipv6_attempt = 0;
        std::optional<Lease> lease;
        std::optional<TimePoint> lease_until;
        std::vector<net::Ipv6Address> ipv6_dns;
    };

    void bind();
    void bind_rank(std::size_t rank);
    void bind_found();
    void add(Binding binding);
    void watch_carrier(const Binding& binding, TimePoint now);
    [[nodiscard]] bool is_bound(const std::string& base) const;
    [[nodiscard]] bool is_named(const std::string& base) const;
    [[nodiscard]] const UplinkConfig* config(const Binding& binding) const;
    [[nodiscard]] std::vector<UplinkConfig::Wifi> networks(const std::string& base) const;
    [[nodiscard]] bool wants_client(const Binding& binding) const;
    [[nodiscard]] const Progress& progress(const Binding& binding) const;
    [[nodiscard]] bool works_ipv4(const Binding& binding) const;
    [[nodiscard]] bool works_ipv6(const Binding& binding) const;
    [[nodiscard]] const Binding* in_use(bool ipv6) const;
    void plan_binding(const Binding& binding, UplinkPlan& plan) const;
    void plan_fixed(const Binding& binding, UplinkPlan& plan) const;
    void plan_lease(const Binding& binding, UplinkPlan& plan) const;
    void plan_servers(UplinkPlan& plan) const;
    [[nodiscard]] UplinkReport report(const Binding& binding) const;

    Setup setup_;
    std::vector<Binding> bindings_;     // in order of preference
    std::vector<std::size_t> missing_;  // slots without a device
    LinkTable links_;
    std::map<std::string, Progress> progress_;  // by Binding::link
    std::map<std::string, std::string> complaints_;
    std::set<std::string> ipv6_routers_;
};

// The drivers of phones and sticks that look like Ethernet.
bool is_tethering_driver(std::string_view driver);

// The link of a PPP session: at most 15 characters.
std::string ppp_link(const std::string& base);

}  // namespace ulagate::appliance
