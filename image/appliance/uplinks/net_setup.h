// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/kernel/rtnl/socket.h"
#include "image/appliance/uplinks/net_steps.h"

namespace ulagate::appliance {

// Marks the addresses (IFA_PROTO) and routes (rtm_protocol) that the manager has set, beside the daemon's
// 117: nobody else's are ever touched.
inline constexpr std::uint8_t kManagerProtocol = 118;

// Addresses, routes and VLANs of the uplinks in the kernel, of both families. Decides nothing.
class NetSetup {
public:
    static Result<std::unique_ptr<NetSetup>> open();

    // Those with our mark.
    Result<NetState> read();
    Result<void> apply(const NetStep& step, TimePoint now);
    // It is there when this returns.
    Result<void> create_vlan(const std::string& name, const UplinkPlan::Vlan& vlan);

private:
    explicit NetSetup(rtnl::Socket socket) : socket_(std::move(socket)) {}
    Result<void> address(bool put, const NetAddress& wanted, const std::optional<TimePoint>& until,
                         TimePoint now);
    Result<void> route(bool put, const NetRoute& wanted);

    rtnl::Socket socket_;
};

// The name servers that Router Advertisements bring: the kernel hands them on (RTNLGRP_ND_USEROPT) and keeps
// none.
class RaDnsWatch {
public:
    struct Servers {
        std::string link;
        std::vector<net::Ipv6Address> servers;  // none: the router has taken them back
    };
    static Result<std::unique_ptr<RaDnsWatch>> open();
    [[nodiscard]] int handle() const { return socket_.fd(); }
    std::vector<Servers> receive();

private:
    explicit RaDnsWatch(rtnl::Socket socket) : socket_(std::move(socket)) {}
    rtnl::Socket socket_;
};

}  // namespace ulagate::appliance
