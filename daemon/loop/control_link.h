// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "daemon/loop/loop.h"
#include "wg/control/socket.h"

namespace ulagate {

// By what the overlay control protocol comes and goes. SocketControlLink is the real one.
class ControlLink {
public:
    explicit ControlLink(Loop& loop) : loop_(loop) {}
    ControlLink(const ControlLink&) = delete;
    ControlLink& operator=(const ControlLink&) = delete;
    ControlLink(ControlLink&&) = delete;
    ControlLink& operator=(ControlLink&&) = delete;
    virtual ~ControlLink() = default;

    // Called when receive() has something; to be set before bind().
    void on_readable(std::function<void()> call) { readable_ = std::move(call); }
    // This machine's tunnel address. Nothing happens when it is bound to it already.
    virtual void bind(const net::Ipv6Address& address) = 0;
    // Also for sockets to come.
    virtual void set_voices(wg::control::Voices voices) = 0;
    // What has come; an error is logged and counts as nothing.
    virtual std::vector<wg::control::Received> receive() = 0;
    virtual void send(std::span<const wg::control::Outgoing> packets) = 0;

    [[nodiscard]] wg::control::Now now() const;
    // For sequence numbers and probes, where a new start must be told from the former life.
    static std::uint64_t random();

protected:
    [[nodiscard]] Loop& loop() { return loop_; }
    void readable() const {
        if (readable_) readable_();
    }

private:
    Loop& loop_;
    std::function<void()> readable_;
};

// The socket of the overlay control protocol in the loop. Opened again when it could not be, or when this
// machine's tunnel address changes.
class SocketControlLink final : public ControlLink {
public:
    using ControlLink::ControlLink;

    void bind(const net::Ipv6Address& address) override;
    void set_voices(wg::control::Voices voices) override;
    std::vector<wg::control::Received> receive() override;
    void send(std::span<const wg::control::Outgoing> packets) override;

private:
    std::optional<net::Ipv6Address> address_;
    wg::control::Voices voices_;
    std::optional<wg::control::ControlSocket> socket_;
    std::unique_ptr<Readable> readable_;
    std::string problem_;  // why there is no socket, as last logged
};

}  // namespace ulagate
