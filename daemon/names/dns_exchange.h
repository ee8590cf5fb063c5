// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/ip_family.h"
#include "daemon/names/resolv_conf.h"

namespace ulagate {

// One question to one name server, by c-ares and driven by the loop, until it is answered or dropped. Each
// has a channel of its own: what one of them waits for says nothing about another, and newer versions of the
// library, which learn to be impatient, have nothing to learn from.
class DnsExchange {
public:
    struct Outcome {
        int status = 0;  // of c-ares
        std::vector<net::IpAddress> addresses;
        std::chrono::seconds ttl{0};
    };

    // `done` comes once, perhaps from within this call, and must not destroy the exchange.
    DnsExchange(boost::asio::io_context& io, const NameServer& server, const ResolvConf& config,
                const std::string& host, IpFamily family, std::function<void()> done);
    DnsExchange(const DnsExchange&) = delete;
    DnsExchange& operator=(const DnsExchange&) = delete;
    DnsExchange(DnsExchange&&) = delete;
    DnsExchange& operator=(DnsExchange&&) = delete;
    ~DnsExchange();

    [[nodiscard]] const std::optional<Outcome>& outcome() const;
    // For timers of the library's; about once a second.
    void look_at_time();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ulagate
