// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/names/dns_exchange.h"

#include <ares.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <charconv>
#include <cstring>
#include <limits>
#include <map>
#include <utility>

#include "daemon/base/kernel_address.h"

namespace ulagate {
namespace {

// Whoever asks decides how long to wait; the library would send again, and forget the first question.
constexpr int kNeverAgain = 120'000;  // ms

std::string scope_name(const std::string& scope) {
    unsigned index = 0;
    const auto parsed = std::from_chars(scope.data(), scope.data() + scope.size(), index);
    if (parsed.ec != std::errc{} || parsed.ptr != scope.data() + scope.size()) return scope;
    std::array<char, IF_NAMESIZE> name{};
    return ::if_indextoname(index, name.data()) != nullptr ? name.data() : scope;
}

// Of this machine, when resolv.conf has no list: what follows the first dot of its name.
std::vector<std::string> own_domain() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return {};
    const std::string_view whole{name.data()};
    const auto dot = whole.find('.');
    if (dot == std::string_view::npos || dot + 1 == whole.size()) return {};
    return {std::string{whole.substr(dot + 1)}};
}

int system_family(IpFamily family) { return family == IpFamily::ipv6 ? AF_INET6 : AF_INET; }

DnsExchange::Outcome outcome_of(int status, const ares_addrinfo* found) {
    DnsExchange::Outcome out;
    out.status = status;
    if (status != ARES_SUCCESS || found == nullptr) return out;
    int ttl = std::numeric_limits<int>::max();
    // An alias may move sooner than what it points to.
    for (const auto* alias = found->cnames; alias != nullptr; alias = alias->next)
        ttl = std::min(ttl, alias->ttl);
    for (const auto* node = found->nodes; node != nullptr; node = node->ai_next) {
        ttl = std::min(ttl, node->ai_ttl);
        if (node->ai_family == AF_INET6) {
            sockaddr_in6 at{};
            std::memcpy(&at, node->ai_addr, std::min<std::size_t>(node->ai_addrlen, sizeof at));
            out.addresses.emplace_back(net::from_kernel(at.sin6_addr));
        } else if (node->ai_family == AF_INET) {
            sockaddr_in at{};
            std::memcpy(&at, node->ai_addr, std::min<std::size_t>(node->ai_addrlen, sizeof at));
            out.addresses.emplace_back(net::from_kernel(at.sin_addr));
        }
    }
    std::sort(out.addresses.begin(), out.addresses.end());
    out.addresses.erase(std::unique(out.addresses.begin(), out.addresses.end()), out.addresses.end());
    out.ttl = std::chrono::seconds{out.addresses.empty() ? 0 : std::max(ttl, 0)};
    return out;
}

}  // namespace

class DnsExchange::Impl {
public:
    Impl(boost::asio::io_context& io, std::function<void()> done) : io_(io), done_(std::move(done)) {}
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    Impl(Impl&&) = delete;
    Impl& operator=(Impl&&) = delete;
    // The library answers an open question with "destroyed", which is not passed on.
    ~Impl() {
        if (channel_ != nullptr) ::ares_destroy(channel_);
        for (auto& [fd, watch] : watches_) forget(*watch);
    }

    void start(const NameServer& server, const ResolvConf& config, const std::string& host, IpFamily family) {
        int status = open(server, config);
        if (status == ARES_SUCCESS) status = set_server(server);
        if (status != ARES_SUCCESS) {
            finish(status, nullptr);
            return;
        }
        family_ = family;
        names_ = names_to_ask(host, config.ndots, config.has_search ? config.search : own_domain());
        ask();
    }

    [[nodiscard]] const std::optional<Outcome>& outcome() const { return outcome_; }
    void look_at_time() {
        if (channel_ != nullptr && !outcome_) ::ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }

private:
    // The next name. The library would give up where a domain's server refuses; a host does not.
    void ask() {
        ares_addrinfo_hints hints{};
        // Not sorted: the library would make sockets for that, and both families are tried anyway.
        hints.ai_flags = ARES_AI_NOSORT;
        hints.ai_family = system_family(family_);
        hints.ai_socktype = SOCK_DGRAM;
        ::ares_getaddrinfo(
            channel_, names_.at(next_++).c_str(), nullptr, &hints,
            [](void* self, int answer, int, ares_addrinfo* found) {
                const std::unique_ptr<ares_addrinfo, void (*)(ares_addrinfo*)> list{found,
                                                                                    ::ares_freeaddrinfo};
                if (answer != ARES_EDESTRUCTION) static_cast<Impl*>(self)->take(answer, list.get());
            },
            this);
    }

    // Of several names without an address the best that was said counts: that one exists; else that it may
    // be otherwise next time.
    void take(int status, const ares_addrinfo* found) {
        const auto rank = [](int said) { return said == ARES_ENODATA ? 2 : said == ARES_ENOTFOUND ? 0 : 1; };
        if (status == ARES_SUCCESS) return finish(status, found);
        if (!failed_ || rank(status) > rank(*failed_)) failed_ = status;
        if (next_ == names_.size()) return finish(*failed_, nullptr);
        ask();
    }

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

    int open(const NameServer& server, const ResolvConf& config) {
        ares_options options{};
        options.flags = ARES_FLAG_NOALIASES | (config.tcp ? ARES_FLAG_USEVC : 0);
        options.timeout = kNeverAgain;
        options.tries = 1;
        // Each name as it is.
        options.ndots = 0;
        options.ndomains = 0;
        options.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
            static_cast<Impl*>(self)->on_socket(fd, read != 0, write != 0);
        };
        options.sock_state_cb_data = this;
        std::string dns_only = "b";
        options.lookups = dns_only.data();
        // We have read the file ourselves.
        std::string no_file = "/dev/null";
        options.resolvconf_path = no_file.data();
        int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_DOMAINS |
                   ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF;
#ifdef ARES_OPT_QUERY_CACHE
        // Of newer versions: they would tell us the old address when we ask because it is dead.
        options.qcache_max_ttl = 0;
        mask |= ARES_OPT_QUERY_CACHE;
#endif
        const int status = ::ares_init_options(&channel_, &options, mask);
        if (status != ARES_SUCCESS) channel_ = nullptr;
        if (status == ARES_SUCCESS && !server.scope.empty())
            ::ares_set_local_dev(channel_, scope_name(server.scope).c_str());
        return status;
    }

    // Older versions of the library know no scope; a socket that is bound to the interface needs none.
    int set_server(const NameServer& server) {
        NameServer named = server;
        if (!server.scope.empty()) {
            named.scope = scope_name(server.scope);
            if (::ares_set_servers_ports_csv(channel_, to_string(named).c_str()) == ARES_SUCCESS)
                return ARES_SUCCESS;
            named.scope.clear();
        }
        return ::ares_set_servers_ports_csv(channel_, to_string(named).c_str());
    }

    void finish(int status, const ares_addrinfo* found) {
        outcome_ = outcome_of(status, found);
        done_();
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
    }

    boost::asio::io_context& io_;
    std::function<void()> done_;
    ares_channel channel_ = nullptr;
    std::map<ares_socket_t, std::shared_ptr<Watch>> watches_;
    IpFamily family_ = IpFamily::ipv6;
    std::vector<std::string> names_;
    std::size_t next_ = 0;  // of them
    std::optional<int> failed_;
    std::optional<Outcome> outcome_;
};

DnsExchange::DnsExchange(boost::asio::io_context& io, const NameServer& server, const ResolvConf& config,
                         const std::string& host, IpFamily family, std::function<void()> done)
    : impl_(std::make_unique<Impl>(io, std::move(done))) {
    impl_->start(server, config, host, family);
}
DnsExchange::~DnsExchange() = default;
const std::optional<DnsExchange::Outcome>& DnsExchange::outcome() const { return impl_->outcome(); }
void DnsExchange::look_at_time() { impl_->look_at_time(); }

}  // namespace ulagate
