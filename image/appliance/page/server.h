// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "daemon/base/fd.h"
#include "daemon/loop/loop.h"
#include "image/appliance/page/http_request.h"

namespace ulagate::appliance {

// Serves the status page on port 80, to some interfaces only. At most sixteen connections at a time, and none
// for longer than some seconds: strangers may be on a LAN too.
class PageServer {
public:
    using Answer = std::function<HttpResponse(const HttpRequest&)>;

    PageServer(boost::asio::io_context& io, std::uint16_t port, Answer answer);

    // From now on these interfaces, or with an empty name in it all; one that is not there is tried again
    // with the next call.
    void serve(const std::set<std::string>& interfaces);

private:
    struct Listener {
        UniqueFd socket;
        std::unique_ptr<Readable> readable;
    };
    struct Connection {
        UniqueFd socket;
        std::unique_ptr<Readable> readable;
        HttpRequest request;
        bool answered = false;
        std::chrono::steady_clock::time_point until;
    };
    Result<Listener> listen(const std::string& interface);
    void accept(const std::string& interface);
    void read(Connection& connection);
    void sweep();

    boost::asio::io_context& io_;
    std::uint16_t port_;
    Answer answer_;
    std::map<std::string, Listener> listeners_;
    std::list<Connection> connections_;
    Alarm alarm_;
};

}  // namespace ulagate::appliance
