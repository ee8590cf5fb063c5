// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>

#include "daemon/lan_port.h"
#include "daemon/loop.h"
#include "ra/socket.h"

namespace ulagate {

// Runs one LanPort: owns its ICMPv6 socket and timer, performs what it says. Decides nothing but when to open
// the socket (the interface is there) and when to close it (it went away, or came back as another one).
class LanTask {
public:
    LanTask(boost::asio::io_context& io, LanConfig config);

    void set_link(const std::optional<Link>& link, const Addresses& addresses);
    void set_config(LanConfig config);
    void withdraw();
    // Nothing more to say after withdraw().
    [[nodiscard]] bool silent() const { return !port_.deadline(); }

    [[nodiscard]] const LanPort& port() const { return port_; }
    // Why the socket is not open, though the interface is there; empty when all is well.
    [[nodiscard]] const std::string& trouble() const { return trouble_; }

private:
    void open_socket(const std::optional<Link>& link);
    void receive();
    void send(const std::vector<ra::Send>& messages);
    void wake();

    boost::asio::io_context& io_;
    LanPort port_;
    std::optional<ra::Socket> socket_;
    unsigned socket_index_ = 0;
    std::unique_ptr<Readable> readable_;
    Alarm alarm_;
    std::string trouble_;
};

}  // namespace ulagate
