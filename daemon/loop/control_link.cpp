// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/control_link.h"

#include <chrono>
#include <random>
#include <utility>

#include "daemon/base/log.h"

namespace ulagate {

void SocketControlLink::bind(const net::Ipv6Address& address) {
    if (socket_ && address_ == address) return;
    readable_.reset();
    socket_.reset();
    address_ = address;
    std::string problem;
    if (auto opened = wg::control::ControlSocket::open(address); !opened) {
        problem = opened.error().text();
    } else if (auto watched = Readable::watch(loop(), opened->native_handle(), [this] { readable(); });
               !watched) {
        problem = watched.error().text();
    } else {
        socket_ = std::move(*opened);
        socket_->set_voices(voices_);
        readable_ = std::move(*watched);
    }
    if (!problem.empty() && problem != problem_) log::error("overlay", "{}, retrying", problem);
    problem_ = std::move(problem);
}

void SocketControlLink::set_voices(wg::control::Voices voices) {
    voices_ = std::move(voices);
    if (socket_) socket_->set_voices(voices_);
}

std::vector<wg::control::Received> SocketControlLink::receive() {
    if (!socket_) return {};
    auto received = socket_->receive();
    if (received) return std::move(*received);
    log::warning("overlay", "{}, ignoring", received.error().text());
    return {};
}

void SocketControlLink::send(std::span<const wg::control::Outgoing> packets) {
    if (socket_ && !packets.empty()) socket_->send(packets);
}

wg::control::Now ControlLink::now() const {
    return {loop_.now(), std::chrono::floor<std::chrono::milliseconds>(loop_.wall_clock())};
}

std::uint64_t ControlLink::random() {
    std::random_device device;
    return (std::uint64_t{device()} << 32U) | device();
}

}  // namespace ulagate
