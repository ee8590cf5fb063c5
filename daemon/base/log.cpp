// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>

namespace ulagate::log {
namespace {

// The one process-wide setting: a log that had to be passed to every function would hide what they really
// need.
Level g_level = Level::info;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

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
    // One write, so that lines of two processes on one terminal do not mix. A full or closed stderr must not
    // stop us.
    if (::write(STDERR_FILENO, out.data(), out.size()) < 0) return;
}

}  // namespace ulagate::log
