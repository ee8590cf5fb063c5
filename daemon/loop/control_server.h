// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "daemon/base/result.h"
#include "daemon/loop/control_slots.h"

namespace ulagate {

// The control socket: a client sends one line, {"command": "status"}, gets one JSON value and the end of the
// stream. Bounded in everything a client can do: number of clients (ControlSlots), length of a request, time.
class ControlServer {
public:
    using Reply = std::function<void(const boost::json::value&)>;
    // Answers now or later; an answer that comes after the client has gone is dropped.
    using Handler = std::function<void(const std::string& command, Reply reply)>;

    // Makes `path` with mode 0660 and `group` (empty: "ulagate" where that group exists, else the daemon's
    // own).
    static Result<std::unique_ptr<ControlServer>> listen(boost::asio::io_context& io, const std::string& path,
                                                         const std::string& group, Handler handler);
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;
    ControlServer(ControlServer&&) = delete;
    ControlServer& operator=(ControlServer&&) = delete;
    ~ControlServer();

    // Whether the socket is still where clients look for it.
    [[nodiscard]] bool in_place() const;

    // The group may change by reload.
    static Result<void> set_group(const std::string& path, const std::string& group);

private:
    class Session;
    struct Clients;
    ControlServer(boost::asio::io_context& io, std::string path, Handler handler);
    void accept();

    boost::asio::local::stream_protocol::acceptor acceptor_;
    boost::asio::steady_timer pause_;  // after a failed accept
    std::string path_;
    std::pair<dev_t, ino_t> file_{};
    // Shared with sessions, which may outlive the server while their last operation completes.
    std::shared_ptr<Handler> handler_;
    std::shared_ptr<Clients> clients_;
    ControlSlots::Id last_id_ = 0;
};

}  // namespace ulagate
