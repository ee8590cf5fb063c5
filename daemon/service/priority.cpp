// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/priority.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/base/fd.h"
#include "daemon/base/log.h"
#include "daemon/base/result.h"

namespace ulagate {
namespace {

constexpr int kNiceness = -20;

// Where the kernel shares the processor between sessions first, niceness counts only inside of one. A shell's
// session is not ours to raise.
void raise_session() {
    if (::getsid(0) != ::getpid()) return;
    const UniqueFd file{::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC)};
    if (!file) return;  // a kernel without
    static constexpr char kText[] = "-20";
    if (::write(file.get(), kText, sizeof(kText) - 1) < 0)
        log::info("ulagate", "{}, continuing",
                  fail_errno("raise the priority of the session").value().text());
}

}  // namespace

void raise_priority() {
    // Nice= and CPUSchedulingResetOnFork= of ulagate.service have done it already, and it may not do so
    // itself.
    const auto policy = static_cast<unsigned>(::sched_getscheduler(0));
    if (::getpriority(PRIO_PROCESS, 0) == kNiceness && policy == (SCHED_OTHER | SCHED_RESET_ON_FORK))
        return raise_session();
    if (::setpriority(PRIO_PROCESS, 0, kNiceness) != 0) {
        log::info("ulagate", "{}, continuing: other programs can make a take-over late",
                  fail_errno("raise the priority").value().text());
        return;
    }
    // A negative niceness is then not inherited: a WireGuard process and the threads that write files and
    // resolve names have no hurry, and need no right for it.
    const sched_param none{};
    if (::sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none) != 0)
        log::info("ulagate", "{}, continuing", fail_errno("keep the priority from children").value().text());
    raise_session();
}

}  // namespace ulagate
