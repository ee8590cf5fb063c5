// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/names/resolver.h"

#include <ares.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <type_traits>
#include <utility>

#include "daemon/base/file.h"
#include "daemon/loop/loop.h"
#include "daemon/names/dns_exchange.h"
#include "daemon/names/name_server_turns.h"
#include "daemon/names/resolv_conf.h"

namespace ulagate {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookAgain = 1s;
constexpr const char* kResolvConf = "/etc/resolv.conf";
constexpr std::size_t kMaxResolvConf = std::size_t{64} << 10U;

// It will not answer this question now, so another one is asked; else the question is at fault.
bool is_the_servers(int status) {
    switch (status) {
        case ARES_EBADNAME:
        case ARES_EBADQUERY:
        case ARES_EBADFAMILY:
        case ARES_EFORMERR:
            return false;
        default:
            return true;
    }
}

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

// Like the C library: who is in /etc/hosts with addresses of one family only has none of the other.
// nullopt: the file does not have the name.
std::optional<Addresses> from_hosts_file(const Question& question) {
    std::optional<Addresses> out;
    ares_channel channel = nullptr;
    if (::ares_init_options(&channel, nullptr, 0) != ARES_SUCCESS) return out;
    const std::unique_ptr<std::remove_pointer_t<ares_channel>, void (*)(ares_channel)> closed{channel,
                                                                                              ::ares_destroy};
    for (const IpFamily family : kIpFamilies) {
        hostent* found = nullptr;
        const int status = ::ares_gethostbyname_file(channel, question.first.c_str(),
                                                     family == IpFamily::ipv6 ? AF_INET6 : AF_INET, &found);
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
        asked_.clear();
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
        asked_.clear();
        mark_ = mark_of(kResolvConf);
        const auto text = read_file(kResolvConf, kMaxResolvConf);
        config_ = parse_resolv_conf(text ? *text : std::string{});
        for (const Question& question : waiting) ask(question);
        schedule();
    }

private:
    // A question on its way: to whom it went, and who is next.
    struct Asked {
        NameServerTurns turns;
        struct Exchange {
            std::size_t server;
            std::unique_ptr<DnsExchange> exchange;
        };
        std::vector<Exchange> exchanges;
        int error = ARES_ETIMEOUT;  // of who failed last
    };

    void ask(const Question& question) {
        if (auto known = from_hosts_file(question)) {
            finish(question, std::move(*known), 0s);
            return;
        }
        asked_.insert_or_assign(
            question, Asked{NameServerTurns{config_.servers.size(), config_.patience, config_.attempts}, {}});
        take_turns(question, asked_.at(question));
    }

    void take_turns(const Question& question, Asked& asked) {
        while (const auto server = asked.turns.next(now())) {
            asked.exchanges.push_back({*server, std::make_unique<DnsExchange>(
                                                    io_, config_.servers[*server], config_, question.first,
                                                    question.second, [this] { deliver_.set(now()); })});
        }
    }

    // Who has answered, or failed, since the last time; true when the question has its answer.
    bool settle(const Question& question, Asked& asked) {
        for (auto each = asked.exchanges.begin(); each != asked.exchanges.end();) {
            const auto& outcome = each->exchange->outcome();
            if (!outcome) {
                ++each;
                continue;
            }
            if (outcome->status == ARES_SUCCESS || outcome->status == ARES_ENODATA) {
                finish(question, outcome->addresses, outcome->ttl);
                return true;
            }
            if (outcome->status == ARES_ENOTFOUND || !is_the_servers(outcome->status)) {
                finish(question, failure(question, outcome->status), 0s);
                return true;
            }
            asked.error = outcome->status;
            asked.turns.failed(each->server, now());
            each = asked.exchanges.erase(each);
        }
        take_turns(question, asked);
        if (!asked.turns.over(now())) return false;
        finish(question, failure(question, asked.error), 0s);
        return true;
    }

    static tl::unexpected<Error> failure(const Question& question, int status) {
        return fail(std::error_code{status, resolver_category()}, "resolve " + question.first);
    }

    void finish(const Question& question, Result<Addresses> addresses, std::chrono::seconds ttl) {
        done_.push_back({question.first, question.second, std::move(addresses), ttl});
        deliver_.set(now());
    }

    void deliver() {
        for (auto entry = asked_.begin(); entry != asked_.end();)
            entry = settle(entry->first, entry->second) ? asked_.erase(entry) : std::next(entry);
        const auto done = std::exchange(done_, {});
        for (const Answer& answer : done) open_.erase({answer.host, answer.family});
        schedule();
        for (const Answer& answer : done) call_(answer);
    }

    void on_timer() {
        if (mark_of(kResolvConf) != mark_) {
            start_again();
            return;
        }
        for (auto& [question, asked] : asked_) {
            for (auto& each : asked.exchanges) each.exchange->look_at_time();
        }
        deliver();
    }

    void schedule() {
        if (asked_.empty()) {
            timer_.set(std::nullopt);
            return;
        }
        auto next = now() + kLookAgain;
        for (const auto& [question, asked] : asked_)
            next = std::min(next, asked.turns.deadline().value_or(next));
        timer_.set(next);
    }

    static std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }

    boost::asio::io_context& io_;
    Call call_;
    ResolvConf config_;
    FileMark mark_{~dev_t{0}, 0, 0, 0, 0};  // of resolv.conf as we know it; no file has this one
    std::map<Question, Asked> asked_;
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
