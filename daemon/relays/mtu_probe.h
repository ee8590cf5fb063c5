// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/kernel/rtnl/state.h"
#include "daemon/loop/loop.h"
#include "daemon/relays/echo_socket.h"
#include "daemon/relays/path_mtu.h"

namespace ulagate {

// Measures how large packets to each relay may be, by the egress that they take now: the sockets and timers
// under PathMtu.
class MtuProbe {
public:
    // `measured`: there is a new result.
    MtuProbe(Loop& loop, std::function<void()> measured);

    struct Path {
        net::IpAddress address;
        Egress egress;
        unsigned interface_mtu = 0;  // bytes; the egress's may be smaller, where the kernel has learnt one
        bool traffic = false;
    };
    // By relay. Those that are not there are not measured any more.
    void set_paths(const std::map<std::string, Path>& paths);
    // Bytes; nullopt: not known yet, or the relay does not answer.
    [[nodiscard]] std::optional<unsigned> measured(const std::string& relay) const;

private:
    struct Measured {
        Path path;
        PathMtu mtu;
        std::uint64_t cookie = 0;
    };
    struct Link {
        EchoSocket socket;
        std::unique_ptr<Readable> readable;
    };
    void on_timer();
    void receive(IpFamily family);
    void take(const EchoSocket::Answer& answer);
    Link* link(IpFamily family);
    void schedule();

    Loop& loop_;
    std::function<void()> call_;
    std::map<std::string, Measured> paths_;
    std::map<IpFamily, Link> links_;
    bool complained_ = false;
    Alarm alarm_;
};

}  // namespace ulagate
