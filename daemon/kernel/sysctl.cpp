// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/sysctl.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "daemon/base/fd.h"

namespace ulagate {
namespace {

// Interface names come from a configuration file, and ".." is not one.
bool is_inside(const std::string& path) {
    std::size_t begin = 0;
    while (begin <= path.size()) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string part = path.substr(begin, end - begin);
        if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string::npos) return false;
        begin = end + 1;
    }
    return true;
}

Result<UniqueFd> open_setting(const std::string& path, int flags, const std::string& what) {
    if (!is_inside(path)) return fail_errno(what + ": not the name of a setting", EINVAL);
    UniqueFd file{::open(("/proc/sys/" + path).c_str(), flags | O_CLOEXEC)};
    if (!file && errno == EROFS) return fail_errno(what + ": read-only /proc/sys", EROFS);
    if (!file) return fail_errno(what);
    return file;
}

}  // namespace

Result<std::string> read_sysctl(const std::string& path) {
    const std::string what = "read sysctl " + path;
    const auto file = open_setting(path, O_RDONLY, what);
    if (!file) return tl::unexpected{file.error()};
    std::string out;
    std::array<char, 4096> chunk{};
    for (;;) {
        const ssize_t size = ::read(file->get(), chunk.data(), chunk.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fail_errno(what);
        if (size == 0) break;
        out.append(chunk.data(), static_cast<std::size_t>(size));
    }
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
}

Result<void> write_sysctl(const std::string& path, const std::string& value) {
    const std::string what = "set sysctl " + path + " = " + value;
    const auto file = open_setting(path, O_WRONLY, what);
    if (!file) return tl::unexpected{file.error()};
    for (;;) {
        // One write: the kernel takes what one call brings as the whole value.
        const ssize_t size = ::write(file->get(), value.data(), value.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fail_errno(what);
        if (static_cast<std::size_t>(size) != value.size()) return fail_errno(what + ": cut short", EIO);
        return {};
    }
}

}  // namespace ulagate
