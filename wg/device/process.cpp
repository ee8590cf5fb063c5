// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/process.h"

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL for pidfd_send_signal() is POSIX
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "daemon/base/fd.h"
#include "daemon/base/file.h"
#include "daemon/base/text.h"

namespace ulagate::wg {
namespace {

constexpr std::size_t kMaxCommandLine = 4096;

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool runs(const std::string& folder, std::string_view program, const std::string& interface) {
    const auto line = read_file(folder + "/cmdline", kMaxCommandLine);
    if (!line) return false;
    std::string_view rest{*line};
    return file_name(take_word(rest, '\0')) == program && take_word(rest, '\0') == interface;
}

// Namespaces are files: the same one has the same number.
std::optional<ino_t> network_of(const std::string& folder) {
    struct stat about {};
    if (::stat((folder + "/ns/net").c_str(), &about) != 0) return std::nullopt;
    return about.st_ino;
}

}  // namespace

unsigned kill_processes(const std::string& binary, const std::string& interface) {
    const auto program = file_name(binary);
    const auto home = network_of("/proc/self");
    unsigned killed = 0;
    std::error_code error;
    for (std::filesystem::directory_iterator entry{"/proc", error}, end; !error && entry != end;
         entry.increment(error)) {
        const std::string folder = entry->path().string();
        const std::string_view name = file_name(folder);
        int pid = 0;
        const auto [rest, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (wrong != std::errc{} || rest != name.data() + name.size() || pid == ::getpid()) continue;
        if (!runs(folder, program, interface)) continue;
        // By number, because the <sys/pidfd.h> of glibc 2.36 declares no C functions. From here on the number
        // cannot come to mean another process.
        const UniqueFd process{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
        if (!process || !home || network_of(folder) != home || !runs(folder, program, interface)) continue;
        if (::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) == 0) ++killed;
    }
    return killed;
}

}  // namespace ulagate::wg
