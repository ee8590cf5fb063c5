// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "daemon/base/address.h"
#include "daemon/base/fd.h"
#include "daemon/base/result.h"
#include "wg/control/message.h"
#include "wg/control/voices.h"

namespace ulagate::wg::control {

struct Received {
    net::Ipv6Address from;
    Packet packet;
};

// The UDP socket of the overlay control protocol on this machine's tunnel address: hop limit 255 both ways,
// and only what came in by the interface of its very sender is let through (Voices). Non-blocking; the loop
// waits on native_handle(). Decides nothing.
class ControlSocket {
public:
    // The address need not exist yet. It sits on lo, so the kernel takes packets for it from every
    // interface.
    static Result<ControlSocket> open(const net::Ipv6Address& address, std::uint16_t port = kPort);

    // Who speaks through which interface; before the first call every tunnel will do for everybody.
    void set_voices(Voices voices) { voices_ = std::move(voices); }

    // What has come, up to a limit that always leads back to the loop; empty: nothing now. What does not
    // parse, or came another way than its sender does, is passed over and counted. An Error is the socket's.
    Result<std::vector<Received>> receive(TimePoint now = std::chrono::steady_clock::now());
    // Never blocks. What cannot be sent (no route yet, buffer full) is dropped and counted: the protocol
    // repeats everything that matters.
    void send(std::span<const Outgoing> packets);

    struct Counters {
        std::uint64_t received = 0;
        std::uint64_t sent = 0;
        std::uint64_t not_sent = 0;   // no route, buffer full
        std::uint64_t elsewhere = 0;  // another interface or hop limit
        std::uint64_t too_many_lists = 0;
        std::uint64_t malformed = 0;
        std::uint64_t unsupported = 0;  // a newer version or an unknown type
    };
    [[nodiscard]] const Counters& counters() const { return counters_; }
    [[nodiscard]] int native_handle() const { return fd_.get(); }

private:
    ControlSocket(UniqueFd fd, std::uint16_t port) : fd_(std::move(fd)), port_(port) {}
    void send_batch(std::span<const Outgoing> packets);
    UniqueFd fd_;
    Voices voices_;
    std::uint16_t port_ = kPort;  // ours and theirs
    Counters counters_;
};

}  // namespace ulagate::wg::control
