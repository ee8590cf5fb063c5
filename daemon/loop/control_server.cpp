// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/control_server.h"

#include <fmt/format.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <map>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/base/turn_record.h"

namespace ulagate {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Protocol = asio::local::stream_protocol;

constexpr int kWaiting = 16;  // in the kernel, until the loop comes by
constexpr std::size_t kMaxRequest = 4096;
constexpr std::size_t kMaxBuffer = std::size_t{8} << 20;  // of the kernel's memory, for one answer
constexpr std::chrono::seconds kRequestPatience{2};
constexpr std::chrono::seconds kExchangePatience{20};  // `withdraw` needs the time of three RAs
constexpr const char* kDefaultGroup = "ulagate";

json::value refusal(const std::string& why) { return json::object{{"error", why}}; }

uid_t user_of(Protocol::socket& socket) {
    ucred who{};
    socklen_t size = sizeof(who);
    const bool known = ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0;
    return known ? who.uid : static_cast<uid_t>(-1);
}

// The command's name, or why there is none.
Result<std::string> parse_request(const std::string& line) {
    boost::system::error_code error;
    const json::value request = json::parse(line, error);
    if (error) return fail(fmt::format("not JSON: {}", quote(line)));
    const json::object* object = request.if_object();
    const json::value* command = object != nullptr ? object->if_contains("command") : nullptr;
    if (command == nullptr || !command->is_string()) return fail(R"(expected {"command": "..."})");
    return std::string{command->as_string()};
}

}  // namespace

struct ControlServer::Clients {
    ControlSlots slots;
    std::map<ControlSlots::Id, std::weak_ptr<Session>> sessions;
};

class ControlServer::Session : public std::enable_shared_from_this<Session> {
public:
    Session(ControlSlots::Id id, Protocol::socket socket, std::shared_ptr<Handler> handler,
            std::shared_ptr<Clients> clients)
        : id_(id),
          socket_(std::move(socket)),
          patience_(socket_.get_executor()),
          handler_(std::move(handler)),
          clients_(std::move(clients)) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    Session(Session&&) = delete;
    Session& operator=(Session&&) = delete;
    ~Session() {
        clients_->slots.left(id_);
        clients_->sessions.erase(id_);
    }

    void start() {
        clients_->sessions[id_] = weak_from_this();
        wait(kRequestPatience);
        asio::async_read_until(
            socket_, asio::dynamic_buffer(input_, kMaxRequest), '\n',
            [self = shared_from_this()](const boost::system::error_code& error, std::size_t length) {
                const TurnPart turn{"control command"};
                if (error == asio::error::not_found) {
                    self->reply(
                        refusal(fmt::format("a request must be one line of at most {} bytes", kMaxRequest)));
                } else if (!error) {
                    self->handle(self->input_.substr(0, length - 1));
                }
            });
    }

    void close() {
        patience_.cancel();
        boost::system::error_code ignored;
        socket_.close(ignored);
    }

private:
    void wait(std::chrono::seconds patience) {
        patience_.expires_after(patience);
        patience_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (!error && self) self->close();
        });
    }

    void handle(const std::string& line) {
        clients_->slots.has_asked(id_);
        wait(kExchangePatience);
        const auto command = parse_request(line);
        if (!command) {
            log::info("control", "refused a request: {}", command.error().text());
            reply(refusal(command.error().text()));
            return;
        }
        (*handler_)(*command,
                    [self = shared_from_this()](const json::value& answer) { self->reply(answer); });
    }

    void reply(const json::value& answer) {
        output_ = json::serialize(answer) + "\n";
        // At once, not 64 KiB whenever the loop comes by: the answer of a relay with ten thousand routers has
        // megabytes, and while it reaches out to them all a turn of its loop may take a second.
        const int size = static_cast<int>(std::min(output_.size(), kMaxBuffer));
        ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
        asio::async_write(
            socket_, asio::buffer(output_),
            [whole = output_.size()](const boost::system::error_code& error, std::size_t written) {
                return error ? 0 : whole - written;
            },
            [self = shared_from_this()](const boost::system::error_code&, std::size_t) { self->close(); });
    }

    ControlSlots::Id id_;
    Protocol::socket socket_;
    asio::steady_timer patience_;
    std::shared_ptr<Handler> handler_;
    std::shared_ptr<Clients> clients_;
    std::string input_;
    std::string output_;
};

Result<std::unique_ptr<ControlServer>> ControlServer::listen(asio::io_context& io, const std::string& path,
                                                             const std::string& group, Handler handler) {
    std::unique_ptr<ControlServer> server{new ControlServer(io, path, std::move(handler))};
    ::unlink(path.c_str());  // of a predecessor; the lock on the runtime directory says that none is alive
    // No moment in which others could connect before chmod.
    const mode_t umask_before = ::umask(0117);
    boost::system::error_code error;
    server->acceptor_.open(Protocol{}, error);
    if (!error) server->acceptor_.bind(Protocol::endpoint{path}, error);
    if (!error) server->acceptor_.listen(kWaiting, error);
    ::umask(umask_before);
    if (error) return fail(std::error_code{error}, fmt::format("listen on {}", path));
    if (auto owned = set_group(path, group); !owned) return tl::unexpected<Error>{std::move(owned.error())};
    struct stat made {};
    if (::stat(path.c_str(), &made) == 0) server->file_ = {made.st_dev, made.st_ino};
    server->accept();
    return server;
}

bool ControlServer::in_place() const {
    struct stat now {};
    return ::stat(path_.c_str(), &now) == 0 && std::pair{now.st_dev, now.st_ino} == file_;
}

ControlServer::ControlServer(asio::io_context& io, std::string path, Handler handler)
    : acceptor_(io),
      pause_(io),
      path_(std::move(path)),
      handler_(std::make_shared<Handler>(std::move(handler))),
      clients_(std::make_shared<Clients>()) {}

ControlServer::~ControlServer() { ::unlink(path_.c_str()); }

Result<void> ControlServer::set_group(const std::string& path, const std::string& group) {
    const ::group* entry = ::getgrnam(group.empty() ? kDefaultGroup : group.c_str());
    if (entry == nullptr && group.empty()) return {};
    if (entry == nullptr) return fail(fmt::format("control.group: group {} does not exist", quote(group)));
    // ulagate.service gives the folder to the group, and has no right to change owners.
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && info.st_gid == entry->gr_gid) return {};
    if (::chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) == 0) return {};
    if (errno != EPERM) return fail_errno("chgrp " + path);
    return fail_errno(
        fmt::format("chgrp {} (`systemctl edit ulagate` with [Service] SupplementaryGroups={} allows it)",
                    path, entry->gr_name),
        EPERM);
}

void ControlServer::accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, Protocol::socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (error) {
            // Out of descriptors, say: the client is still waiting, so accepting at once would fail at once.
            log::warning("control", "accept: {}, retrying in 1 s", error.message());
            pause_.expires_after(std::chrono::seconds{1});
            pause_.async_wait([this](const boost::system::error_code& stopped) {
                if (!stopped) accept();
            });
            return;
        }
        // Over the limit the new client is closed at once; it may try again.
        const ControlSlots::Id id = ++last_id_;
        const auto admission = clients_->slots.admit(id, user_of(socket));
        if (admission.leaves) {
            const auto silent = clients_->sessions.find(*admission.leaves);
            if (const auto session = silent->second.lock()) session->close();
        }
        if (admission.admitted) std::make_shared<Session>(id, std::move(socket), handler_, clients_)->start();
        accept();
    });
}

}  // namespace ulagate
