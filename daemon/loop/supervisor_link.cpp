// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/supervisor_link.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace ulagate {
namespace {

// A socket connected to $NOTIFY_SOCKET: a path, or with '@' in front a name in the abstract namespace.
UniqueFd connect_to_supervisor() {
    const char* variable = std::getenv("NOTIFY_SOCKET");
    const std::string_view name = variable != nullptr ? variable : "";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (name.size() < 2 || name.size() >= sizeof(address.sun_path)) return {};
    std::copy(name.begin(), name.end(), std::begin(address.sun_path));
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    // The one cast that the socket API demands.
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
        return {};
    return socket;
}

std::optional<std::uint64_t> number_in(const char* variable) {
    const char* text = std::getenv(variable);
    if (text == nullptr) return std::nullopt;
    const std::string_view view{text};
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), number);
    if (error != std::errc{} || end != view.data() + view.size()) return std::nullopt;
    return number;
}

}  // namespace

SupervisorLink::SupervisorLink() : socket_(connect_to_supervisor()) {
    const auto pid = number_in("WATCHDOG_PID");
    const auto usec = number_in("WATCHDOG_USEC");
    // Half of what systemd allows, so that one late turn of the loop is not a reason to be killed.
    if (usec && *usec > 0 && (!pid || *pid == static_cast<std::uint64_t>(::getpid()))) {
        watchdog_ = std::chrono::microseconds{static_cast<std::int64_t>(*usec / 2)};
    }
}

void SupervisorLink::send(const std::string& message) const {
    // A full queue drops the message: the next one says as much.
    if (socket_ && ::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
}

void SupervisorLink::ready(const std::string& status) const {
    std::string line = status;  // a line break would begin another message
    std::replace(line.begin(), line.end(), '\n', ' ');
    send(fmt::format("READY=1\nSTATUS={}", line));
}

void SupervisorLink::reloading() const {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", usec));
}

void SupervisorLink::stopping() const { send("STOPPING=1"); }

void SupervisorLink::alive() const {
    if (watchdog_) send("WATCHDOG=1");
}

}  // namespace ulagate
