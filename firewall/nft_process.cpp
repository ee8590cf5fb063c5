// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/nft_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill() and the signal sets are POSIX
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include "daemon/base/process.h"
#include "daemon/base/socket_message.h"

namespace ulagate::firewall {
namespace {

using std::chrono::milliseconds;

// A replaced table takes milliseconds; one of 10,000 sites a second, on a small router several.
constexpr milliseconds kPatience{5000};
constexpr std::size_t kBytesPerMillisecond = 50;

Result<UniqueFd> file_with(const std::string& text) {
    UniqueFd file{::memfd_create("ruleset", MFD_CLOEXEC)};
    if (!file) return fail_errno("create a file for the ruleset");
    std::string_view rest{text};
    while (!rest.empty()) {
        const ssize_t n = ::write(file.get(), rest.data(), rest.size());
        if (n < 0 && errno != EINTR) return fail_errno("write the ruleset");
        if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
    }
    return file;
}

}  // namespace

Result<NftProcess> NftProcess::create(std::vector<std::string> command) {
    NftProcess out;
    out.command_ = std::move(command);
    out.events_.reset(::epoll_create1(EPOLL_CLOEXEC));
    out.timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    epoll_event watched{};
    watched.events = EPOLLIN;
    if (!out.events_ || !out.timer_ ||
        ::epoll_ctl(out.events_.get(), EPOLL_CTL_ADD, out.timer_.get(), &watched) != 0)
        return fail_errno("watch the process that applies rulesets");
    return out;
}

NftProcess::NftProcess(NftProcess&& other) noexcept
    : command_(std::move(other.command_)),
      events_(std::move(other.events_)),
      timer_(std::move(other.timer_)),
      socket_(std::move(other.socket_)),
      pid_(std::exchange(other.pid_, -1)),
      deadline_(std::exchange(other.deadline_, std::nullopt)) {}

NftProcess::~NftProcess() { end_process(); }

Result<void> NftProcess::start() {
    if (pid_ >= 0) return {};
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return fail_errno("open a pair of sockets");
    UniqueFd ours{ends[0]};
    const UniqueFd theirs{ends[1]};
    // Not of the other end, which waits for us.
    if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) return fail_errno("set up a socket");
    if (auto spawned = spawn(theirs.get()); !spawned) return spawned;
    socket_ = std::move(ours);
    epoll_event watched{};
    watched.events = EPOLLIN;
    if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, socket_.get(), &watched) != 0) {
        const int code = errno;
        end_process();
        return fail_errno("watch the process that applies rulesets", code);
    }
    return {};
}

Result<void> NftProcess::spawn(int socket) {
    // It has our rights and nothing else of ours: no file but `socket`, nothing to say to our log.
    static_assert(kNftChildSocket == 3, "where start_process() puts what is passed on");
    Command command;
    command.words = command_;
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    command.passed = socket;
    command.own_session = command.at_root = false;
    const auto child = start_process(command);
    if (!child) return tl::unexpected<Error>{child.error()};
    pid_ = *child;
    return {};
}

// How it ended, for an error.
std::string NftProcess::end_process() {
    set_deadline(std::nullopt);
    socket_.reset();  // epoll forgets it with its last descriptor
    if (pid_ < 0) return {};
    const pid_t child = std::exchange(pid_, -1);
    int status = 0;
    // It has closed its end, so that it is dead or about to be; who is not will not be asked.
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == 0) {
        ::kill(child, SIGKILL);
        while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    }
    if (ended < 0) return "ended";
    return (WIFSIGNALED(status) ? "was " : "ended with ") + how_it_ended(status);
}

void NftProcess::set_deadline(std::optional<TimePoint> when) {
    deadline_ = when;
    if (!timer_) return;
    itimerspec spec{};
    if (when) {
        const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(when->time_since_epoch());
        spec.it_value.tv_sec = static_cast<time_t>(since.count() / 1'000'000'000);
        spec.it_value.tv_nsec = static_cast<long>(since.count() % 1'000'000'000);
    }
    // It cannot fail with these values.
    if (::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr) != 0) return;
}

Result<void> NftProcess::send(const std::string& ruleset) {
    if (busy()) return fail_errno("apply two rulesets at once", EBUSY);
    const auto file = file_with(ruleset);
    if (!file) return tl::unexpected<Error>{file.error()};
    for (int attempt = 0;; ++attempt) {
        if (auto started = start(); !started) return started;
        const char byte = kApplyRuleset;
        net::SocketMessage message{std::as_bytes(std::span{&byte, 1})};
        message.set_control(SOL_SOCKET, SCM_RIGHTS, file->get());
        if (::sendmsg(socket_.get(), message.header(), MSG_NOSIGNAL) == 1) break;
        const int code = errno;
        const std::string how = end_process();  // died since the last one: once more
        if (attempt > 0) return fail_errno("the process that applies rulesets " + how, code);
    }
    set_deadline(std::chrono::steady_clock::now() + kPatience +
                 milliseconds{static_cast<milliseconds::rep>(ruleset.size() / kBytesPerMillisecond)});
    return {};
}

std::optional<RulesetResult> NftProcess::give_up(const std::string& why) {
    const bool asked = busy();
    const std::string how = end_process();
    if (!asked) return std::nullopt;  // the next ruleset starts another one
    RulesetResult out;
    out.result = ulagate::fail(fmt::format("the process that applies rulesets {}", why.empty() ? how : why));
    return out;
}

std::optional<RulesetResult> NftProcess::receive(milliseconds patience) {
    if (pid_ < 0) return std::nullopt;
    pollfd watched{socket_.get(), POLLIN, 0};
    if (patience.count() > 0 && busy()) (void)::poll(&watched, 1, static_cast<int>(patience.count()));
    std::array<std::byte, sizeof(RulesetAnswer) + kMaxReason> datagram{};
    ssize_t size = 0;
    do {
        size = ::recv(socket_.get(), datagram.data(), datagram.size(), MSG_TRUNC | MSG_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        if (!deadline_ || std::chrono::steady_clock::now() < *deadline_) return std::nullopt;
        return give_up("did not answer and was killed");
    }
    if (size <= 0) return give_up("");
    const auto length = static_cast<std::size_t>(size);
    auto result = length > datagram.size()
                      ? std::nullopt
                      : parse_ruleset_answer(std::span<const std::byte>{datagram}.first(length));
    if (!busy() || !result) return give_up("sent a malformed answer and was killed");
    set_deadline(std::nullopt);
    return result;
}

}  // namespace ulagate::firewall
