// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/log.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <mutex>

#include "daemon/base/log_limit.h"
#include "daemon/base/log_state.h"

namespace ulagate::log {
namespace {

// The one process-wide setting: a log that had to be passed to every function would hide what they really
// need.
Level g_level = Level::info;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

// As process-wide as the stream that it protects. The writer of files has a thread of its own.
struct Limited {
    std::mutex mutex;
    Limit limit;
};
Limited& limited() {
    static Limited one;
    return one;
}

void write_all(const std::vector<Limit::Line>& lines) {
    for (const Limit::Line& line : lines) write(static_cast<Level>(line.level), line.place, line.text);
}

std::atomic<std::uint64_t> g_missed{
    0};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): as above

// In pieces that a pipe takes at once or not at all (PIPE_BUF), when poll() says that there is room for one.
constexpr std::size_t kPiece = 4096;

// A whole line if possible, without ever waiting. One write for most lines, so that those of two processes on
// one terminal do not mix. True also when standard error is closed: then nobody wants to read.
bool put(std::string_view line) {
    while (!line.empty()) {
        pollfd room{STDERR_FILENO, POLLOUT, 0};
        if (::poll(&room, 1, 0) == 0) return false;
        const std::string_view piece = line.substr(0, kPiece);
        // journald's end is a stream socket, of which poll() knows less than send().
        ssize_t n = ::send(STDERR_FILENO, piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == ENOTSOCK) n = ::write(STDERR_FILENO, piece.data(), piece.size());
        if (n < 0) return errno != EAGAIN && errno != EINTR;
        line.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

std::string prefix(Level level) {
    static const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
    if (journal) return fmt::format("<{}>", static_cast<int>(level));
    std::timespec now{};
    std::timespec_get(&now, TIME_UTC);
    std::tm parts{};
    ::gmtime_r(&now.tv_sec, &parts);
    static constexpr std::array<std::string_view, 8> kNames{"",         "",        "", "error ",
                                                            "warning ", "notice ", "", "debug "};
    return fmt::format("{:02}:{:02}:{:02}.{:03} {}", parts.tm_hour, parts.tm_min, parts.tm_sec,
                       now.tv_nsec / 1'000'000, kNames.at(static_cast<std::size_t>(level)));
}

}  // namespace

void set_level(Level level) { g_level = level; }
bool enabled(Level level) { return level <= g_level; }

void write(Level level, std::string_view place, std::string_view text) {
    std::string out = fmt::format("{}{}: {}", prefix(level), place, text);
    std::replace(out.begin(), out.end(), '\n', ' ');
    out += '\n';
    // Who reads our log may hang, and then it is the log that has to wait. What it misses is counted.
    if (const std::uint64_t missed = g_missed.exchange(0); missed > 0) {
        const std::string gap = fmt::format("{}log: {} lines were lost because the reader was too slow\n",
                                            prefix(Level::warning), missed);
        if (!put(gap)) {
            g_missed += missed + 1;
            return;
        }
    }
    if (!put(out)) ++g_missed;
}

void write_limited(Level level, std::string_view place, std::string_view format, std::string_view text) {
    if (level == Level::debug) {
        write(level, place, text);
        return;
    }
    Limited& shared = limited();
    const std::lock_guard guard{shared.mutex};
    const auto line = shared.limit.admit(static_cast<int>(level), place, kind_of_line(format, text), text,
                                         std::chrono::steady_clock::now());
    if (line) write(level, line->place, line->text);
}

void write_state(Level level, std::string_view place, std::string_view subject, std::string_view text) {
    if (level == Level::debug) {
        write(level, place, text);
        return;
    }
    Limited& shared = limited();
    const std::lock_guard guard{shared.mutex};
    const auto line = shared.limit.admit_state(static_cast<int>(level), place, subject, text,
                                               std::chrono::steady_clock::now());
    if (line) write(static_cast<Level>(line->level), line->place, line->text);
}

void tell_left_out() {
    Limited& shared = limited();
    const std::lock_guard guard{shared.mutex};
    write_all(shared.limit.due(std::chrono::steady_clock::now()));
}

void tell_rest() {
    Limited& shared = limited();
    const std::lock_guard guard{shared.mutex};
    write_all(shared.limit.rest());
}

}  // namespace ulagate::log
