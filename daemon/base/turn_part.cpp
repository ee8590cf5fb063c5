// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/resource.h>

#include "daemon/base/log.h"
#include "daemon/base/turn_record.h"

namespace ulagate {
namespace {

using std::chrono::microseconds;

microseconds length_of(const timeval& time) {
    return std::chrono::seconds{time.tv_sec} + microseconds{time.tv_usec};
}

TurnRecord::Reading reading() {
    rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    const auto wall = std::chrono::steady_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<microseconds>(wall),
            length_of(used.ru_utime) + length_of(used.ru_stime), static_cast<std::uint64_t>(used.ru_nvcsw)};
}

}  // namespace

TurnRecord& turns() {
    static thread_local TurnRecord record;
    return record;
}

TurnPart::TurnPart(const char* name) { turns().begin(name, reading()); }

TurnPart::~TurnPart() {
    const TurnRecord::Reading now = reading();
    if (!turns().end(now)) return;
    // With little processor time it was the machine or the kernel that kept us waiting.
    if (const auto line = turns().take_line(now.wall)) log::notice("loop", "{}", *line);
}

}  // namespace ulagate
