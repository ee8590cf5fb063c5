// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service/instance_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

namespace ulagate {
namespace {

// Each network namespace has one of its own, with mode 0600. It is only opened, never read.
constexpr const char* kOfNetwork = "/proc/sys/net/ipv6/conf/all/stable_secret";

std::string lock_file(const std::string& directory) { return directory + "/lock"; }

Result<UniqueFd> lock_directory(const std::string& directory) {
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno("create " + directory);
    const std::string path = lock_file(directory);
    UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (!fd) return fail_errno("open " + path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        return fail(fmt::format("another ulagate is running with the runtime directory {}", directory));
    return fd;
}

}  // namespace

Result<InstanceLock> InstanceLock::take(const std::string& runtime_directory) {
    auto directory = lock_directory(runtime_directory);
    if (!directory) return tl::unexpected<Error>{std::move(directory.error())};
    UniqueFd network{::open(kOfNetwork, O_RDONLY | O_CLOEXEC)};
    if (network && ::flock(network.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return fail(
            "another ulagate is running on this machine in the same network namespace, and both would manage "
            "its routes and firewall (ulagate status --runtime-dir DIR shows it; systemctl stop ulagate ends "
            "it)");
    }
    return InstanceLock{runtime_directory, std::move(*directory), std::move(network)};
}

bool InstanceLock::in_place() const {
    struct stat ours {};
    struct stat there {};
    return ::fstat(directory_.get(), &ours) == 0 &&
           ::stat(lock_file(runtime_directory_).c_str(), &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

Result<void> InstanceLock::put_back() {
    if (in_place()) return {};
    auto directory = lock_directory(runtime_directory_);
    if (!directory) return tl::unexpected<Error>{std::move(directory.error())};
    directory_ = std::move(*directory);
    return {};
}

}  // namespace ulagate
