// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/lan_task.h"

#include <fmt/format.h>

#include <chrono>
#include <random>
#include <utility>

#include "daemon/base/log.h"

namespace ulagate {
namespace {

// A flood must not starve the timers: after this many datagrams the loop gets its turn.
constexpr int kDatagramsATurn = 64;

ra::TimePoint now() { return std::chrono::steady_clock::now(); }

ra::Random system_random() {
    return [engine = std::mt19937_64{std::random_device{}()}](ra::Duration low, ra::Duration high) mutable {
        return ra::Duration{std::uniform_int_distribution{low.count(), high.count()}(engine)};
    };
}

}  // namespace

LanTask::LanTask(boost::asio::io_context& io, LanConfig config)
    : io_(io), port_(std::move(config), system_random()), alarm_(io, [this] {
          send(port_.on_deadline(now()));
          wake();
      }) {}

void LanTask::open_socket(const std::optional<Link>& link) {
    if (!link || (socket_ && link->index != socket_index_)) {
        readable_.reset();
        socket_.reset();
        trouble_.clear();
    }
    if (!link || socket_) return;
    const std::string& interface = port_.config().interface;
    auto socket = ra::Socket::open(interface, link->index);
    std::unique_ptr<Readable> readable;
    std::string trouble;
    if (!socket) {
        trouble = socket.error().text();
    } else if (auto watch = Readable::watch(io_, socket->native_handle(), [this] { receive(); })) {
        readable = std::move(*watch);
    } else {
        trouble = watch.error().text();
    }
    if (!trouble.empty() && trouble != trouble_) log::error(interface, "ra: {}", trouble);
    trouble_ = std::move(trouble);
    if (!readable) return;
    socket_ = std::move(*socket);
    socket_index_ = link->index;
    readable_ = std::move(readable);
}

void LanTask::set_link(const std::optional<Link>& link, const Addresses& addresses) {
    open_socket(link);
    const auto source_before = port_.source();
    const std::string waiting_before = port_.waiting_for();
    const bool can_speak = socket_.has_value();
    const auto messages = port_.set_link(can_speak ? link : std::nullopt, addresses, now());
    const std::string& interface = port_.config().interface;
    if (port_.source() != source_before && port_.source()) {
        log::info(interface, "ra: advertising {} from {}", net::to_string(port_.config().prefix),
                  net::to_string(port_.source()->address));
    } else if (port_.waiting_for() != waiting_before && !port_.waiting_for().empty()) {
        log::notice(interface, "ra: silent: {}", port_.waiting_for());
    }
    send(messages);
    wake();
}

void LanTask::set_config(LanConfig config) {
    send(port_.set_config(std::move(config), now()));
    wake();
}

void LanTask::withdraw() {
    send(port_.withdraw(now()));
    wake();
}

void LanTask::receive() {
    for (int i = 0; i < kDatagramsATurn && socket_; ++i) {
        auto datagram = socket_->receive();
        if (!datagram) {
            log::warning(port_.config().interface, "ra: {}, ignoring", datagram.error().text());
            break;
        }
        if (!*datagram) break;
        send(port_.on_message((*datagram)->message, (*datagram)->info, now()));
    }
    wake();
}

void LanTask::send(const std::vector<ra::Send>& messages) {
    for (const ra::Send& message : messages) {
        if (!socket_) return;
        const auto sent = socket_->send(message.source, message.destination, ra::build(message.message));
        if (sent) {
            port_.sent(now());
            log::debug(port_.config().interface, "ra: sent to {}", net::to_string(message.destination));
        } else {
            // The next one is due by the timer in any case (CONFORMANCE R-41).
            port_.send_failed();
            log::warning(port_.config().interface, "ra: {}, going on", sent.error().text());
        }
    }
}

void LanTask::wake() { alarm_.set(port_.deadline()); }

}  // namespace ulagate
