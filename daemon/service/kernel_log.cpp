// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/kernel_log.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "daemon/base/log.h"
#include "daemon/base/text.h"

namespace ulagate {
namespace {

constexpr std::size_t kLinesOfAKind = 8;

}  // namespace

void KernelLog::tell(const Reconciler::Report& report) const {
    // "add route" -> how many; a relay's start with 10,000 sites is not 20,000 lines.
    std::map<std::string, std::size_t> many;
    std::string restored;
    std::size_t more_restored = 0;
    for (const Reconciler::Done& done : report.done) {
        const std::string kind = done.what.substr(0, done.what.find(' ', done.what.find(' ') + 1));
        if (++many[kind + (done.restored ? " again" : "")] > kLinesOfAKind) {
            if (done.restored) ++more_restored;
            continue;
        }
        if (routine_ || done.again) {
            log::debug("kernel", "{}", done.what);
        } else if (done.restored) {
            restored += (restored.empty() ? "" : "; ") + done.what;
        } else {
            log::info("kernel", "{}", done.what);
        }
    }
    if (!restored.empty()) {
        log::notice("kernel", "another program removed or changed our state: {}{}", restored,
                    more_restored > 0 ? fmt::format(", and {} more", more_restored) : std::string{});
    }
    for (const auto& [kind, count] : many) {
        if (count > kLinesOfAKind && !kind.ends_with(" again"))
            log::info("kernel", "{}: {} more", kind, count - kLinesOfAKind);
    }
    for (const Reconciler::Failed& failed : report.failed) {
        if (!failed.first) continue;
        log::error("kernel", "{}: {}, retrying in {}", failed.what, failed.error.text(),
                   human_duration(failed.retry_in));
    }
}

}  // namespace ulagate
