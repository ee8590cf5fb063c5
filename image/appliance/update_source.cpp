// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/update_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

#include "daemon/base/text.h"

namespace ulagate::appliance {

Result<UpdateSource> UpdateSource::open(const std::string& what) {
    if (what == "-") {
        if (::isatty(STDIN_FILENO) == 1) {
            return fail(
                "nothing comes from standard input; from another machine: ssh root@router ulagate update - < "
                "FILE");
        }
        UniqueFd copy{::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)};
        if (!copy) return fail_errno("standard input");
        return UpdateSource{std::move(copy), "standard input", -1};
    }
    if (what.starts_with("http://")) return fetch(what);
    if (what.starts_with("https://")) {
        return fail(
            "https is not spoken here: the update's own signature is what protects it, so http is as safe; "
            "or fetch it "
            "on your machine, and then: ssh root@router ulagate update - < FILE");
    }
    UniqueFd fd{::open(what.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (!fd) return fail_errno("open " + what);
    return UpdateSource{std::move(fd), what, -1};
}

Result<UpdateSource> UpdateSource::fetch(const std::string& url) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("pipe");
    UniqueFd reading{ends[0]};
    const UniqueFd writing{ends[1]};
    // busybox' own, whatever else is called wget. Its words go to our standard error.
    std::array<std::string, 8> words{"busybox", "wget", "-q", "-T", "30", "-O", "-", url};
    std::array<char*, 9> argv{};
    for (std::size_t i = 0; i < words.size(); ++i) argv.at(i) = words.at(i).data();
    posix_spawn_file_actions_t files{};
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files, writing.get(), STDOUT_FILENO);
    pid_t fetcher = -1;
    const int error = ::posix_spawnp(&fetcher, argv[0], &files, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    if (error != 0) return fail_errno("start busybox wget", error);
    return UpdateSource{std::move(reading), quote(url, 256), fetcher};
}

UpdateSource::UpdateSource(UpdateSource&& other) noexcept
    : fd_(std::move(other.fd_)), name_(std::move(other.name_)), fetcher_(std::exchange(other.fetcher_, -1)) {}

UpdateSource::~UpdateSource() {
    if (fetcher_ < 0) return;
    ::kill(fetcher_, SIGTERM);
    ::waitpid(fetcher_, nullptr, 0);
}

Result<std::size_t> UpdateSource::read(std::span<std::byte> buffer) {
    for (;;) {
        const ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("read " + name_);
        if (n == 0) {
            if (auto done = fetched(); !done) return tl::unexpected(done.error());
        }
        return static_cast<std::size_t>(n);
    }
}

Result<void> UpdateSource::fetched() {
    if (fetcher_ < 0) return {};
    int status = 0;
    if (::waitpid(std::exchange(fetcher_, -1), &status, 0) < 0) return fail_errno("wait for wget");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail("fetch " + name_ + ": wget did not get it");
    return {};
}

bool UpdateSource::rewind() const {
    struct stat info {};
    return ::fstat(fd_.get(), &info) == 0 && S_ISREG(info.st_mode) && ::lseek(fd_.get(), 0, SEEK_SET) == 0;
}

}  // namespace ulagate::appliance
