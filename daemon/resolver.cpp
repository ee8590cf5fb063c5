// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace ulagate {
namespace {

class Category : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "resolver"; }
    [[nodiscard]] std::string message(int code) const override { return ::gai_strerror(code); }
    [[nodiscard]] std::error_condition default_error_condition(int code) const noexcept override {
        switch (code) {
            case EAI_NONAME:
            case EAI_NODATA:
            case EAI_ADDRFAMILY:
                return std::errc::address_not_available;
            case EAI_AGAIN:
                return std::errc::resource_unavailable_try_again;
            default:
                return {code, *this};
        }
    }
};

struct FreeList {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

template <class Socket>
Socket socket_address(const addrinfo& entry) {
    Socket out{};
    std::memcpy(&out, entry.ai_addr, std::min<std::size_t>(entry.ai_addrlen, sizeof out));
    return out;
}

std::optional<net::IpAddress> address_of(const addrinfo& entry) {
    if (entry.ai_family == AF_INET) {
        const auto from = socket_address<sockaddr_in>(entry).sin_addr;
        net::Ipv4Address out;
        std::memcpy(out.bytes.data(), &from, out.bytes.size());
        return out;
    }
    if (entry.ai_family == AF_INET6) {
        const auto from = socket_address<sockaddr_in6>(entry).sin6_addr;
        net::Ipv6Address out;
        std::memcpy(out.bytes.data(), &from, out.bytes.size());
        return out;
    }
    return std::nullopt;
}

Result<std::vector<net::IpAddress>> resolve(const std::string& host) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_DGRAM;  // else every address comes once for each kind of socket
    // No AI_ADDRCONFIG: whether a family can be used is for the routes to say, and may change in a minute.
    addrinfo* raw = nullptr;
    const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw);
    const int system_code = errno;
    const std::unique_ptr<addrinfo, FreeList> list{raw};
    if (code == EAI_SYSTEM) return fail_errno("resolve " + host, system_code);
    if (code != 0) return fail(std::error_code{code, resolver_category()}, "resolve " + host);
    std::vector<net::IpAddress> out;
    for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
        const auto address = address_of(*entry);
        if (address && std::find(out.begin(), out.end(), *address) == out.end()) out.push_back(*address);
    }
    if (out.empty()) return fail(std::error_code{EAI_NONAME, resolver_category()}, "resolve " + host);
    return out;
}

// Signals are the loop's: a new thread inherits the mask of the one that starts it.
class BlockSignals {
public:
    BlockSignals() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    BlockSignals(const BlockSignals&) = delete;
    BlockSignals& operator=(const BlockSignals&) = delete;
    BlockSignals(BlockSignals&&) = delete;
    BlockSignals& operator=(BlockSignals&&) = delete;
    ~BlockSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

}  // namespace

const std::error_category& resolver_category() {
    static const Category category;
    return category;
}

// Lives as long as the thread or the Resolver, whichever ends last.
struct Resolver::Shared {
    std::mutex mutex;
    std::condition_variable wake;
    std::function<void()> notify;
    bool stop = false;
    bool running = false;
    std::deque<std::string> waiting;  // the first one is being asked
    std::vector<Answer> done;
};

Resolver::Resolver(std::function<void()> notify) : shared_(std::make_shared<Shared>()) {
    shared_->notify = std::move(notify);
}

Resolver::~Resolver() {
    const std::lock_guard lock{shared_->mutex};
    shared_->stop = true;
    shared_->notify = nullptr;
    shared_->wake.notify_one();
}

void Resolver::request(std::string host) {
    const std::lock_guard lock{shared_->mutex};
    auto& waiting = shared_->waiting;
    if (std::find(waiting.begin(), waiting.end(), host) != waiting.end()) return;
    waiting.push_back(std::move(host));
    shared_->wake.notify_one();
    if (shared_->running) return;
    try {
        const BlockSignals block;
        // Detached: nobody can end a query of the C library, and the program must not wait for one to exit.
        std::thread([shared = shared_] { serve(shared); }).detach();
        shared_->running = true;
    } catch (const std::system_error& error) {
        shared_->done.push_back({waiting.back(), fail(error.code(), "start the resolver thread")});
        waiting.pop_back();
        if (shared_->notify) shared_->notify();
    }
}

std::vector<Resolver::Answer> Resolver::take() {
    const std::lock_guard lock{shared_->mutex};
    return std::exchange(shared_->done, {});
}

void Resolver::serve(const std::shared_ptr<Shared>& shared) {
    std::unique_lock lock{shared->mutex};
    for (;;) {
        shared->wake.wait(lock, [&] { return shared->stop || !shared->waiting.empty(); });
        if (shared->stop) return;
        const std::string host = shared->waiting.front();
        lock.unlock();
        auto addresses = resolve(host);
        lock.lock();
        // Under the lock, so that the destructor knows that nobody is inside notify() any more.
        if (shared->stop) return;
        shared->waiting.pop_front();
        shared->done.push_back({host, std::move(addresses)});
        if (shared->notify) shared->notify();
    }
}

}  // namespace ulagate
