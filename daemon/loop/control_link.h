// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/loop/loop.h"
#include "wg/control/socket.h"

namespace ulagate {

// The socket of the overlay control protocol in the loop. Opened again when it could not be, or when this
// machine's tunnel address changes.
class ControlLink {
public:
    ControlLink(boost::asio::io_context& io, std::function<void()> readable);

    void bind(const net::Ipv6Address& address);
    // Also for sockets to come.
    void set_voices(wg::control::Voices voices);
    // What has come; an error is logged and counts as nothing.
    std::vector<wg::control::Received> receive();
    void send(std::span<const wg::control::Outgoing> packets);
    // Why there is no socket; empty when all is well.
    [[nodiscard]] const std::string& trouble() const { return trouble_; }
    // nullptr: there is no socket.
    [[nodiscard]] const wg::control::ControlSocket* socket() const { return socket_ ? &*socket_ : nullptr; }

    static wg::control::Now now();
    // For sequence numbers and probes, where a new start must be told from the former life.
    static std::uint64_t random();

private:
    boost::asio::io_context& io_;
    std::function<void()> call_;
    std::optional<net::Ipv6Address> address_;
    wg::control::Voices voices_;
    std::optional<wg::control::ControlSocket> socket_;
    std::unique_ptr<Readable> readable_;
    std::string trouble_;
};

}  // namespace ulagate
