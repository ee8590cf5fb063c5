// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/nftables.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include "daemon/base/fd.h"
#include "firewall/nft_message.h"
#include "firewall/nft_process.h"
#include "firewall/nft_socket.h"

namespace ulagate::firewall {
namespace {

constexpr std::size_t kMessageBuffer = std::size_t{64} * 1024;  // more than the kernel puts into one event
constexpr int kEventBuffer = 4 * 1024 * 1024;  // a replaced table of 10,000 sites is about 2 MB of events
constexpr int kDrainLimit = 256;               // datagrams
// What a ruleset of a few rules takes, with room for a busy machine.
constexpr std::chrono::milliseconds kMoment{8};

// As a difference, because generations wrap around.
bool is_after(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) > 0; }

Result<UniqueFd> listen_to_events() {
    UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER)};
    if (!fd) return fail_errno("open netfilter netlink socket");
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kEventBuffer, sizeof kEventBuffer) != 0) {
        static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kEventBuffer, sizeof kEventBuffer));
    }
    sockaddr_nl self{};
    self.nl_family = AF_NETLINK;
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&self), sizeof self) != 0)
        return fail_errno("bind netfilter netlink socket");
    const int group = NFNLGRP_NFTABLES;
    if (::setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
        return fail_errno("subscribe to nf_tables events");
    return fd;
}

}  // namespace

struct Nftables::Impl {
    Impl(NftSocket socket, UniqueFd listener, NftProcess applier)
        : requests(std::move(socket)), events(std::move(listener)), process(std::move(applier)) {}

    NftSocket requests;
    UniqueFd events;
    NftProcess process;

    // Every transaction of nf_tables makes a new generation of the ruleset, and its events end with the
    // number of it. Numbers tell our transactions from others': the port of libnftables' socket is its
    // secret, and the process id in the event is that of the first PID namespace, which in a container is not
    // ours.
    std::set<std::uint32_t> own;  // made by apply(), events not yet read
    std::uint32_t seen = 0;       // the newest whose events were read
    bool touched = false;         // our table occurs in the events since
    // While an answer is waited for: which of these is ours is not known yet.
    std::set<std::uint32_t> unclaimed;
    bool lost = false;     // events
    bool foreign = false;  // one of them was not
    std::array<std::byte, kMessageBuffer> buffer{};

    bool on_event(const NftMessage& message);
    bool lost_only_our_own();
    std::optional<Result<void>> take(std::chrono::milliseconds patience);
};

// What one event says: true when it ends a transaction of somebody else in which our table occurred.
bool Nftables::Impl::on_event(const NftMessage& message) {
    if (!ends_transaction(message)) {
        touched = is_about_our_table(message) || touched;
        return false;
    }
    const auto number = generation_of(message);
    bool stranger = touched && !(number && own.contains(*number));
    touched = false;
    if (number && stranger && process.busy()) {
        unclaimed.insert(*number);
        stranger = false;
    }
    if (number) {
        if (is_after(*number, seen)) seen = *number;
        std::erase_if(own, [&number](std::uint32_t n) { return !is_after(n, *number); });
    }
    return stranger;
}

// After events were lost: whether all transactions that can be among them were ours.
bool Nftables::Impl::lost_only_our_own() {
    touched = false;
    const auto now = requests.generation();
    if (!now) return false;
    bool ours = true;
    for (std::uint32_t number = seen; ours && number != *now;) {
        number = next_generation(number);
        ours = own.contains(number);
    }
    seen = *now;
    return ours;
}

std::optional<Result<void>> Nftables::Impl::take(std::chrono::milliseconds patience) {
    auto answer = process.receive(patience);
    if (!answer) return std::nullopt;
    if (answer->own_generation) {
        unclaimed.erase(*answer->own_generation);
        if (is_after(*answer->own_generation, seen) || lost) own.insert(*answer->own_generation);
    }
    foreign = foreign || !std::exchange(unclaimed, {}).empty();
    if (std::exchange(lost, false)) foreign = !lost_only_our_own() || foreign;
    return std::move(answer->result);
}

Nftables::Nftables(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Nftables::~Nftables() = default;

Result<std::unique_ptr<Nftables>> Nftables::open(std::vector<std::string> child) {
    auto process = NftProcess::create(std::move(child));
    if (!process) return tl::unexpected<Error>{std::move(process.error())};
    auto requests = NftSocket::open();
    if (!requests) return tl::unexpected<Error>{std::move(requests.error())};
    auto events = listen_to_events();
    if (!events) return tl::unexpected<Error>{std::move(events.error())};
    const auto generation = requests->generation();
    if (!generation) return tl::unexpected<Error>{generation.error()};
    // It makes itself ready while we do other things.
    if (auto started = process->start(); !started) return tl::unexpected<Error>{std::move(started.error())};
    auto impl = std::make_unique<Impl>(std::move(*requests), std::move(*events), std::move(*process));
    impl->seen = *generation;
    return std::unique_ptr<Nftables>(new Nftables(std::move(impl)));
}

Result<void> Nftables::apply(const std::string& ruleset) {
    if (ruleset.empty()) return {};
    if (auto sent = impl_->process.send(ruleset); !sent) return sent;
    if (auto answer = impl_->take(kMoment)) return std::move(*answer);
    return fail_errno("apply the ruleset", EINPROGRESS);
}

int Nftables::answer_handle() const { return impl_->process.event_handle(); }

std::optional<Result<void>> Nftables::take_answer() { return impl_->take({}); }

int Nftables::child() const { return impl_->process.pid(); }

Result<bool> Nftables::table_exists() { return impl_->requests.table_exists(); }

int Nftables::event_handle() const { return impl_->events.get(); }

bool Nftables::take_foreign() { return std::exchange(impl_->foreign, false); }

Result<bool> Nftables::drain() {
    bool foreign = take_foreign();
    const int fd = event_handle();
    for (int i = 0; i < kDrainLimit; ++i) {
        sockaddr_nl from{};
        socklen_t from_size = sizeof from;
        const ssize_t size = ::recvfrom(fd, impl_->buffer.data(), impl_->buffer.size(), MSG_TRUNC,
                                        reinterpret_cast<sockaddr*>(&from), &from_size);
        if (size < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) break;
            if (errno != ENOBUFS) return fail_errno("read nf_tables events");
            if (impl_->process.busy()) {
                impl_->lost = true;
                impl_->touched = false;
            } else {
                foreign = !impl_->lost_only_our_own() || foreign;
            }
            continue;
        }
        if (from.nl_pid != 0) continue;  // not the kernel
        const auto length = static_cast<std::size_t>(size);
        // Longer than any event should be, or out of shape: we do not know what it says.
        const bool clear = length <= impl_->buffer.size() &&
                           each_nft_message(std::span<const std::byte>{impl_->buffer}.first(length),
                                            [&](const NftMessage& message) {
                                                foreign = impl_->on_event(message) || foreign;
                                                return true;
                                            });
        foreign = foreign || !clear;
    }
    return foreign;
}

}  // namespace ulagate::firewall
