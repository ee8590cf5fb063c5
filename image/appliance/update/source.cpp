// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/update/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "daemon/base/text.h"
#include "image/appliance/update/http_get.h"

namespace ulagate::appliance {

Result<UpdateSource> UpdateSource::open(const std::string& what) {
    if (what == "-") {
        if (::isatty(STDIN_FILENO) == 1) {
            return fail(
                "standard input is empty; from another machine run: ssh root@router ulagate update - < "
                "FILE");
        }
        UniqueFd copy{::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)};
        if (!copy) return fail_errno("standard input");
        return UpdateSource{std::move(copy), "standard input"};
    }
    if (what.starts_with("http://")) return fetch(what);
    if (what.starts_with("https://")) {
        return fail(
            "https is not supported: the signature of the update protects it, so http is as safe; or "
            "download it on your machine, then run: ssh root@router ulagate update - < FILE");
    }
    UniqueFd fd{::open(what.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (!fd) return fail_errno("open " + what);
    return UpdateSource{std::move(fd), what};
}

Result<UpdateSource> UpdateSource::fetch(const std::string& url) {
    const auto parsed = parse_http_url(url);
    if (!parsed) return fail("not a web address: " + quote(url, 256));
    auto body = http_get(*parsed);
    if (!body) return fail(body.error(), "fetch " + url);
    UpdateSource out{std::move(body->fd), "fetch " + url};
    out.begun_ = std::move(body->answer.begun);
    out.expected_ = body->answer.bytes;
    return out;
}

Result<std::size_t> UpdateSource::read(std::span<std::byte> buffer) {
    if (expected_)
        buffer = buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), *expected_)));
    if (buffer.empty()) return std::size_t{0};
    std::size_t got = std::min(begun_.size(), buffer.size());
    if (got != 0) {
        std::ranges::copy(std::as_bytes(std::span{begun_}).first(got), buffer.begin());
        begun_.erase(0, got);
    } else {
        ssize_t n = 0;
        do {
            n = ::read(fd_.get(), buffer.data(), buffer.size());
        } while (n < 0 && errno == EINTR);
        if (n < 0) return fail_errno(name_, errno == EAGAIN ? ETIMEDOUT : errno);
        got = static_cast<std::size_t>(n);
    }
    if (got == 0 && expected_)
        return fail(fmt::format("{}: broke off, {} bytes are missing", name_, *expected_));
    if (expected_) *expected_ -= got;
    return got;
}

bool UpdateSource::rewind() const {
    struct stat info {};
    return ::fstat(fd_.get(), &info) == 0 && S_ISREG(info.st_mode) && ::lseek(fd_.get(), 0, SEEK_SET) == 0;
}

}  // namespace ulagate::appliance
