// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/resolver.h"

#include <ares.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "daemon/base/kernel_address.h"
#include "daemon/loop.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

// Twice the patience with each try: a dead name server costs 2 + 4 + 8 s, and the next one of the list is
// asked after each.
constexpr int kFirstPatience = 2000;  // ms
constexpr int kTries = 3;
constexpr auto kLookAgain = 1s;
constexpr const char* kResolvConf = "/etc/resolv.conf";

class Category : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "resolver"; }
    [[nodiscard]] std::string message(int code) const override { return ::ares_strerror(code); }
    [[nodiscard]] std::error_condition default_error_condition(int code) const noexcept override {
        switch (code) {
            case ARES_ENOTFOUND:
            case ARES_ENODATA:
            case ARES_ENONAME:
                return std::errc::address_not_available;
            case ARES_ETIMEOUT:
            case ARES_ESERVFAIL:
            case ARES_EREFUSED:
            case ARES_ECONNREFUSED:
                return std::errc::resource_unavailable_try_again;
            default:
                return {code, *this};
        }
    }
};

using Addresses = std::vector<net::IpAddress>;
using Question = std::pair<std::string, IpFamily>;

void sort_once(Addresses& addresses) {
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
}

template <class Address>
Address address_at(const void* bytes) {
    Address out;
    std::memcpy(out.bytes.data(), bytes, out.bytes.size());
    return out;
}

int system_family(IpFamily family) { return family == IpFamily::ipv6 ? AF_INET6 : AF_INET; }

// Like the C library: who is in /etc/hosts with addresses of one family only has none of the other.
// Nothing: the file does not have the name.
std::optional<Addresses> from_hosts_file(ares_channel channel, const Question& question) {
    std::optional<Addresses> out;
    for (const IpFamily family : kIpFamilies) {
        hostent* found = nullptr;
        const int status =
            ::ares_gethostbyname_file(channel, question.first.c_str(), system_family(family), &found);
        if (status != ARES_SUCCESS) continue;
        const std::unique_ptr<hostent, void (*)(hostent*)> owner{found, ::ares_free_hostent};
        if (!out) out.emplace();
        if (family != question.second) continue;
        for (char** entry = found->h_addr_list; *entry != nullptr; ++entry) {
            if (family == IpFamily::ipv6) {
                out->emplace_back(address_at<net::Ipv6Address>(*entry));
            } else {
                out->emplace_back(address_at<net::Ipv4Address>(*entry));
            }
        }
    }
    if (out) sort_once(*out);
    return out;
}

// A name server that has moved, or another file: by what stat() says of it.
using FileMark = std::tuple<dev_t, ino_t, off_t, std::int64_t, std::int64_t>;
FileMark mark_of(const char* path) {
    struct stat at {};
    if (::stat(path, &at) != 0) return {};
    return {at.st_dev, at.st_ino, at.st_size, at.st_mtim.tv_sec, at.st_mtim.tv_nsec};
}

}  // namespace

const std::error_category& resolver_category() {
    static const Category category;
    return category;
}

class Resolver::Impl {
public:
    Impl(boost::asio::io_context& io, Call call)
        : io_(io),
          call_(std::move(call)),
          timer_(io, [this] { on_timer(); }),
          deliver_(io, [this] { deliver(); }) {
        ::ares_library_init(ARES_LIB_INIT_ALL);
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    Impl(Impl&&) = delete;
    Impl& operator=(Impl&&) = delete;
    ~Impl() {
        close();
        ::ares_library_cleanup();
    }

    void request(const Question& question) {
        if (open_.contains(question)) return;
        if (mark_of(kResolvConf) != mark_) start_again();
        open_.insert(question);
        ask(question);
        schedule();
    }

    void start_again() {
        std::set<Question> waiting = open_;
        for (const Answer& answer : done_) waiting.erase({answer.host, answer.family});
        close();
        for (const Question& question : waiting) ask(question);
        schedule();
    }

private:
    // A socket of the library's while it wants to hear of it. We watch a duplicate: the library closes its
    // own.
    struct Watch {
        Watch(boost::asio::io_context& io, int fd) : descriptor(io, fd) {}
        boost::asio::posix::stream_descriptor descriptor;
        bool alive = true;
        bool read = false;
        bool write = false;
        bool waits_read = false;
        bool waits_write = false;
    };
    struct Query {
        Impl* owner;
        Question question;
    };

    bool open() {
        if (channel_ != nullptr) return true;
        ares_options options{};
        options.flags = ARES_FLAG_NOALIASES;
        options.timeout = kFirstPatience;
        options.tries = kTries;
        options.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
            static_cast<Impl*>(self)->on_socket(fd, read != 0, write != 0);
        };
        options.sock_state_cb_data = this;
        std::string dns_only = "b";
        options.lookups = dns_only.data();
        int mask =
            ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS;
#ifdef ARES_OPT_QUERY_CACHE
        // Of newer versions: they would tell us the old address when we ask because it is dead.
        options.qcache_max_ttl = 0;
        mask |= ARES_OPT_QUERY_CACHE;
#endif
        mark_ = mark_of(kResolvConf);
        channel_error_ = ::ares_init_options(&channel_, &options, mask);
        if (channel_error_ != ARES_SUCCESS) channel_ = nullptr;
        return channel_ != nullptr;
    }

    // The library answers every open question with "destroyed", which is not passed on.
    void close() {
        if (channel_ != nullptr) ::ares_destroy(std::exchange(channel_, nullptr));
        for (auto& [fd, watch] : watches_) forget(*watch);
        watches_.clear();
    }

    void ask(const Question& question) {
        if (!open()) {
            finish(question, fail(std::error_code{channel_error_, resolver_category()}, "start the resolver"),
                   0s);
            return;
        }
        if (auto known = from_hosts_file(channel_, question)) {
            finish(question, std::move(*known), 0s);
            return;
        }
        ares_addrinfo_hints hints{};
        // Not sorted: the library would make sockets for that, and both families are tried anyway.
        hints.ai_flags = ARES_AI_NOSORT;
        hints.ai_family = system_family(question.second);
        hints.ai_socktype = SOCK_DGRAM;
        auto query = std::make_unique<Query>(Query{this, question});
        ::ares_getaddrinfo(
            channel_, question.first.c_str(), nullptr, &hints,
            [](void* raw, int status, int, ares_addrinfo* found) {
                const std::unique_ptr<Query> done{static_cast<Query*>(raw)};
                const std::unique_ptr<ares_addrinfo, void (*)(ares_addrinfo*)> list{found,
                                                                                    ::ares_freeaddrinfo};
                if (status != ARES_EDESTRUCTION) done->owner->on_found(done->question, status, list.get());
            },
            query.release());
    }

    void on_found(const Question& question, int status, const ares_addrinfo* found) {
        if (status == ARES_ENODATA) {
            finish(question, Addresses{}, 0s);
            return;
        }
        if (status != ARES_SUCCESS) {
            finish(question, fail(std::error_code{status, resolver_category()}, "resolve " + question.first),
                   0s);
            return;
        }
        Addresses addresses;
        int ttl = std::numeric_limits<int>::max();
        // An alias may move sooner than what it points to.
        for (const auto* alias = found->cnames; alias != nullptr; alias = alias->next)
            ttl = std::min(ttl, alias->ttl);
        for (const auto* node = found->nodes; node != nullptr; node = node->ai_next) {
            ttl = std::min(ttl, node->ai_ttl);
            if (node->ai_family == AF_INET6) {
                sockaddr_in6 at{};
                std::memcpy(&at, node->ai_addr, std::min<std::size_t>(node->ai_addrlen, sizeof at));
                addresses.emplace_back(net::from_kernel(at.sin6_addr));
            } else if (node->ai_family == AF_INET) {
                sockaddr_in at{};
                std::memcpy(&at, node->ai_addr, std::min<std::size_t>(node->ai_addrlen, sizeof at));
                addresses.emplace_back(net::from_kernel(at.sin_addr));
            }
        }
        sort_once(addresses);
        const std::chrono::seconds valid{addresses.empty() ? 0 : std::max(ttl, 0)};
        finish(question, std::move(addresses), valid);
    }

    void finish(const Question& question, Result<Addresses> addresses, std::chrono::seconds ttl) {
        done_.push_back({question.first, question.second, std::move(addresses), ttl});
        deliver_.set(std::chrono::steady_clock::now());
    }

    void deliver() {
        const auto done = std::exchange(done_, {});
        for (const Answer& answer : done) open_.erase({answer.host, answer.family});
        schedule();
        for (const Answer& answer : done) call_(answer);
    }

    void on_socket(ares_socket_t fd, bool read, bool write) {
        if (!read && !write) {
            const auto known = watches_.find(fd);
            if (known == watches_.end()) return;
            forget(*known->second);
            watches_.erase(known);
            return;
        }
        auto& watch = watches_[fd];
        if (!watch) {
            const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
            if (copy < 0) {
                watches_.erase(fd);
                return;  // its question times out
            }
            watch = std::make_shared<Watch>(io_, copy);
        }
        watch->read = read;
        watch->write = write;
        wait(fd, watch);
    }

    static void forget(Watch& watch) {
        watch.alive = false;
        boost::system::error_code ignored;
        watch.descriptor.close(ignored);
    }

    void wait(ares_socket_t fd, const std::shared_ptr<Watch>& watch) {
        using Descriptor = boost::asio::posix::stream_descriptor;
        if (watch->read && !std::exchange(watch->waits_read, true)) {
            watch->descriptor.async_wait(Descriptor::wait_read,
                                         [this, fd, watch](const boost::system::error_code& error) {
                                             watch->waits_read = false;
                                             if (!error && watch->alive)
                                                 process(fd, watch->read, false, watch);
                                         });
        }
        if (watch->write && !std::exchange(watch->waits_write, true)) {
            watch->descriptor.async_wait(Descriptor::wait_write,
                                         [this, fd, watch](const boost::system::error_code& error) {
                                             watch->waits_write = false;
                                             if (!error && watch->alive)
                                                 process(fd, false, watch->write, watch);
                                         });
        }
    }

    void process(ares_socket_t fd, bool read, bool write, const std::shared_ptr<Watch>& watch) {
        ::ares_process_fd(channel_, read ? fd : ARES_SOCKET_BAD, write ? fd : ARES_SOCKET_BAD);
        if (watch->alive) wait(fd, watch);
        schedule();
    }

    void on_timer() {
        if (mark_of(kResolvConf) != mark_) {
            start_again();
            return;
        }
        if (channel_ != nullptr) ::ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        schedule();
    }

    void schedule() {
        if (open_.empty() || channel_ == nullptr) {
            timer_.set(std::nullopt);
            return;
        }
        timeval longest{std::chrono::seconds{kLookAgain}.count(), 0};
        timeval room{};
        const timeval* left = ::ares_timeout(channel_, &longest, &room);
        const auto wait_for = std::chrono::seconds{left->tv_sec} + std::chrono::microseconds{left->tv_usec};
        timer_.set(std::chrono::steady_clock::now() + wait_for);
    }

    boost::asio::io_context& io_;
    Call call_;
    ares_channel channel_ = nullptr;
    int channel_error_ = ARES_SUCCESS;
    FileMark mark_;  // of resolv.conf, as the channel knows it
    std::map<ares_socket_t, std::shared_ptr<Watch>> watches_;
    std::set<Question> open_;
    std::vector<Answer> done_;
    Alarm timer_;
    Alarm deliver_;
};

Resolver::Resolver(boost::asio::io_context& io, Call call)
    : impl_(std::make_unique<Impl>(io, std::move(call))) {}
Resolver::~Resolver() = default;
void Resolver::request(const std::string& host, IpFamily family) { impl_->request({host, family}); }
void Resolver::start_again() { impl_->start_again(); }

}  // namespace ulagate
