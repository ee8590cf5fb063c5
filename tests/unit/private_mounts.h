// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "daemon/base/fd.h"

namespace ulagate::test {

// In a plain chroot "/" is not a mount point: what it is part of, and what would hand our mounts on, lies
// outside, and `ip -n` fails as well. So the mount outside becomes private, and our root a mount of its own.
inline bool leave_chroot() {
    std::array<char, PATH_MAX> where{};
    std::array<char, PATH_MAX> path{};
    const UniqueFd root{::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    // Any folder below will do: who is outside of his root may go up.
    if (::getcwd(where.data(), where.size()) == nullptr || ::chdir("/") != 0 || ::chroot("/proc") != 0)
        return false;
    while (::mount(nullptr, ".", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
        if (errno != EINVAL || ::chdir("..") != 0) return false;
    }
    return ::chroot(".") == 0 && ::fchdir(root.get()) == 0 && ::getcwd(path.data(), path.size()) != nullptr &&
           ::mount(path.data(), path.data(), nullptr, MS_BIND | MS_REC, nullptr) == 0 &&
           ::chroot(path.data()) == 0 && ::chdir(where.data()) == 0;
}

// In a mount namespace that was just made: no mount that follows is seen outside of it.
inline bool keep_mounts_here() {
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return true;
    return errno == EINVAL && leave_chroot();
}

}  // namespace ulagate::test
