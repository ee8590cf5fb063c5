// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/card/sectors.h"

#include <unistd.h>

namespace ulagate::card {

Result<void> read_at(int fd, const std::string& name, std::uint64_t offset, std::span<std::byte> out) {
    while (!out.empty()) {
        const ssize_t n = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("read " + name);
        if (n == 0) return fail(name + " ends too early");
        out = out.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

}  // namespace ulagate::card
