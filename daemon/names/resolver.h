// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/ip_family.h"
#include "daemon/base/result.h"

namespace ulagate {

// Why a name has no address. Compares equal to
//   std::errc::address_not_available              the name does not exist
//   std::errc::resource_unavailable_try_again     no answer now, another time perhaps
const std::error_category& resolver_category();

// Turns names into addresses and says for how long that holds.
class NameResolver {
public:
    struct Answer {
        std::string host;
        IpFamily family = IpFamily::ipv6;
        // In ascending order; none: the name has no address of this family.
        Result<std::vector<net::IpAddress>> addresses;
        std::chrono::seconds ttl{0};  // 0 also for what /etc/hosts says
    };
    using Call = std::function<void(const Answer&)>;

    NameResolver() = default;
    NameResolver(const NameResolver&) = delete;
    NameResolver& operator=(const NameResolver&) = delete;
    NameResolver(NameResolver&&) = delete;
    NameResolver& operator=(NameResolver&&) = delete;
    virtual ~NameResolver() = default;

    // The families are asked for one by one: name servers that drop one kind of question must not delay the
    // answer to the other. Nothing happens while the same is being asked. The answer comes in a later turn.
    virtual void request(const std::string& host, IpFamily family) = 0;
    // The network has changed: what is being asked left by a route that is gone, and is asked anew.
    virtual void start_again() = 0;
};

// /etc/hosts first, then DNS (c-ares, driven by the loop: nothing here waits). The name servers are those of
// /etc/resolv.conf, which is looked at again with each question and each second of waiting: a router that is
// carried to another network gets new ones.
class Resolver final : public NameResolver {
public:
    // `call` comes from the loop, never from within request().
    Resolver(boost::asio::io_context& io, Call call);
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;
    Resolver(Resolver&&) = delete;
    Resolver& operator=(Resolver&&) = delete;
    ~Resolver() override;

    void request(const std::string& host, IpFamily family) override;
    void start_again() override;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ulagate
