// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): the signal sets are POSIX
#include <spawn.h>
#include <unistd.h>

namespace ulagate {

// What posix_spawn(3) is to do, for a child that has nothing of ours. The C interface wants everything
// initialised and destroyed in pairs. The functions return 0 or an errno.
struct SpawnPlan {
    posix_spawn_file_actions_t files{};
    posix_spawnattr_t attributes{};

    SpawnPlan() {
        ::posix_spawn_file_actions_init(&files);
        ::posix_spawnattr_init(&attributes);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;
    SpawnPlan(SpawnPlan&&) = delete;
    SpawnPlan& operator=(SpawnPlan&&) = delete;
    ~SpawnPlan() {
        ::posix_spawnattr_destroy(&attributes);
        ::posix_spawn_file_actions_destroy(&files);
    }

    // The standard streams are nobody's.
    int silence() {
        for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
            const int rc = ::posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
            if (rc != 0) return rc;
        }
        return 0;
    }

    // A daemon blocks signals to read them from a file descriptor; its child must not inherit that. `more`:
    // other POSIX_SPAWN_* flags.
    int reset_signals(int more = 0) {
        sigset_t none{};
        sigset_t all{};
        ::sigemptyset(&none);
        ::sigfillset(&all);
        ::posix_spawnattr_setsigmask(&attributes, &none);
        ::posix_spawnattr_setsigdefault(&attributes, &all);
        const int flags = more | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
        return ::posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
    }
};

}  // namespace ulagate
