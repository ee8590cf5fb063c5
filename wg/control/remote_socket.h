// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/fd.h"
#include "daemon/base/result.h"
#include "wg/control/message.h"

namespace ulagate::wg::control {

// The UDP socket for probes between routers, through one tunnel. It is bound to that interface: what comes by
// another one does not reach it, and what it sends leaves there whatever the routes prefer (the kernel then
// takes the best route of this interface, which is a worse one than the chosen, or shorter). Non-blocking.
// Decides nothing.
class RemoteSocket {
public:
    static Result<RemoteSocket> open(const std::string& interface);

    struct Received {
        net::Ipv6Address from;
        net::Ipv6Address to;
        Packet packet;
    };
    // What has come, up to a limit that always leads back to the loop; empty: nothing now. What does not
    // parse, or has crossed more than two relays, is passed over.
    Result<std::vector<Received>> receive();
    // Never blocks; what cannot be sent is dropped. `from` has to be an address of ours.
    void send(const net::Ipv6Address& from, const net::Ipv6Address& to, const Packet& packet);

    [[nodiscard]] int native_handle() const { return fd_.get(); }

private:
    explicit RemoteSocket(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

}  // namespace ulagate::wg::control
