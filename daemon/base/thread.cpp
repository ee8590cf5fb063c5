// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/thread.h"

#include <csignal>

namespace ulagate {

std::thread without_signals(const std::function<void()>& body) {
    sigset_t all{};
    sigset_t before{};
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        std::thread thread{body};
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        return thread;
    } catch (...) {
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
}

}  // namespace ulagate
