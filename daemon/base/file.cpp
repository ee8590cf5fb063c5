// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "daemon/base/fd.h"

namespace ulagate {

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (!fd) return fail_errno("open " + path);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return fail_errno("stat " + path);
    if (S_ISDIR(info.st_mode)) return fail_errno("read " + path, EISDIR);
    std::string content;
    std::array<char, 16384> chunk{};
    for (;;) {
        const ssize_t n = ::read(fd.get(), chunk.data(), chunk.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("read " + path);
        if (n == 0) return content;
        content.append(chunk.data(), static_cast<std::size_t>(n));
        if (content.size() > max_bytes) return fail_errno("read " + path, EFBIG);
    }
}

namespace {

// A power cut may else bring the old file back: its name is the folder's, and not part of what fsync() of a
// file writes.
Result<void> sync_folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const UniqueFd fd{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    // Some file systems have nothing to be synced there, and say so.
    if (!fd || (::fsync(fd.get()) != 0 && errno != EINVAL && errno != ENOTSUP))
        return fail_errno("fsync " + folder);
    return {};
}

}  // namespace

Result<void> write_file_atomically(const std::string& path, std::string_view content, mode_t mode) {
    const std::string temporary = path + ".new";
    UniqueFd fd{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)};
    if (!fd) return fail_errno("create " + temporary);
    // The umask, or a file left by a crash, may have given it another mode.
    if (::fchmod(fd.get(), mode) != 0) return fail_errno("chmod " + temporary);
    while (!content.empty()) {
        const ssize_t n = ::write(fd.get(), content.data(), content.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("write " + temporary);
        content.remove_prefix(static_cast<std::size_t>(n));
    }
    if (::fsync(fd.get()) != 0) return fail_errno("fsync " + temporary);
    if (::rename(temporary.c_str(), path.c_str()) != 0) return fail_errno("rename to " + path);
    return sync_folder_of(path);
}

}  // namespace ulagate
