// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/key_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "daemon/base/fd.h"

namespace ulagate::wg {
namespace {

constexpr mode_t kMode = S_IRUSR | S_IWUSR;
constexpr std::size_t kMaxBytes = 128;  // a key has 44 characters

// On the stack and wiped when it goes: no copy of the key is left in freed memory.
struct KeyText {
    std::array<char, kMaxBytes> bytes{};
    std::size_t size = 0;

    KeyText() = default;
    KeyText(const KeyText&) = delete;
    KeyText& operator=(const KeyText&) = delete;
    KeyText(KeyText&&) = delete;
    KeyText& operator=(KeyText&&) = delete;
    ~KeyText() { ::sodium_memzero(bytes.data(), bytes.size()); }

    // Without the line end that editors add, be it \n or \r\n.
    [[nodiscard]] std::string_view line() const {
        const std::string_view all{bytes.data(), size};
        const auto last = all.find_last_not_of("\r\n \t");
        return last == std::string_view::npos ? std::string_view{} : all.substr(0, last + 1);
    }
};

Result<void> check_owner_and_mode(int fd, const std::string& path) {
    struct stat info {};
    if (::fstat(fd, &info) != 0) return fail_errno("stat " + path);
    if (!S_ISREG(info.st_mode)) return fail("private key " + path + " is not an ordinary file");
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return fail(fmt::format("private key {} is open to others (mode {:04o}): chmod 600 {}", path,
                                info.st_mode & 07777U, path));
    }
    if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
        return fail(fmt::format("private key {} belongs to user {}, who could change it: chown {} {}", path,
                                info.st_uid, ::geteuid(), path));
    }
    return {};
}

Result<void> read_all(int fd, const std::string& path, KeyText& text) {
    while (text.size < text.bytes.size()) {
        const ssize_t n = ::read(fd, text.bytes.data() + text.size, text.bytes.size() - text.size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("read private key " + path);
        if (n == 0) return {};
        text.size += static_cast<std::size_t>(n);
    }
    return fail("private key " + path + " is too long for a key: expected one line as `wg genkey` writes it");
}

// The file, and the folder entry that leads to it: a key that is used once must not be lost by a power cut.
Result<void> write_all(int fd, const std::string& path, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("write private key " + path);
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    if (::fsync(fd) != 0) return fail_errno("fsync private key " + path);
    const auto slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const UniqueFd dir{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!dir || ::fsync(dir.get()) != 0) return fail_errno("fsync folder of private key " + path);
    return {};
}

}  // namespace

Result<PrivateKey> load_private_key(const std::string& path) {
    // A symbolic link is fine: the checks are on the file that was opened. O_NONBLOCK, or a FIFO would hang
    // us.
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    if (!fd) return fail_errno("open private key " + path);
    if (auto checked = check_owner_and_mode(fd.get(), path); !checked) return tl::unexpected(checked.error());
    KeyText text;
    if (auto read = read_all(fd.get(), path, text); !read) return tl::unexpected(read.error());
    auto key = PrivateKey::parse(text.line());
    if (!key) {
        return fail("private key " + path +
                    " does not contain a key: expected one line of 44 characters as `wg genkey` writes it");
    }
    return std::move(*key);
}

Result<PrivateKey> create_private_key(const std::string& path) {
    const UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kMode)};
    if (!fd) return fail_errno("create private key " + path);
    PrivateKey key = PrivateKey::generate();
    std::string text = key.reveal_base64();
    text.push_back('\n');  // into the room that the terminating zero of the encoder left: no copy
    auto written = write_all(fd.get(), path, text);
    wipe(text);
    if (!written) {
        ::unlink(path.c_str());  // half a key would be taken for a broken one at the next start
        return tl::unexpected(written.error());
    }
    return key;
}

}  // namespace ulagate::wg
