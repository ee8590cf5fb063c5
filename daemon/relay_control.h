// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "daemon/config.h"
#include "daemon/control_link.h"
#include "daemon/loop.h"
#include "wg/ownership.h"
#include "wg/site_publisher.h"

namespace ulagate {

// The relay's side of the overlay control protocol: the claims of all routers, the socket and the timer under
// them.
class RelayControl {
public:
    // These prefixes have another owner now.
    using Changed = std::function<void(const std::vector<wg::control::OwnerChanged>&)>;
    RelayControl(boost::asio::io_context& io, Changed changed);

    void set_config(const Config& config);
    // Says goodbye to all routers, and nothing any more.
    void stop();

    [[nodiscard]] const wg::control::Ownership& ownership() const { return ownership_; }
    [[nodiscard]] const std::string& trouble() const { return link_.trouble(); }

private:
    void receive();
    void on_timer();
    void act(const wg::control::Outcome& outcome);
    void publish(const wg::control::Received& received, wg::control::TimePoint now,
                 wg::control::Outcome& out);
    void set_alarm();

    Changed changed_;
    wg::control::Ownership ownership_;
    net::Ipv6Prefix overlay_;
    std::optional<wg::control::SitePublisher> publisher_;
    bool stopped_ = false;
    ControlLink link_;
    Alarm alarm_;
};

}  // namespace ulagate
