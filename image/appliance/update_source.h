// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include "daemon/base/fd.h"
#include "daemon/base/result.h"

namespace ulagate::appliance {

// Where an update comes from: a file, standard input ("-"), or an http URL through wget.
class UpdateSource {
public:
    static Result<UpdateSource> open(const std::string& what);

    UpdateSource(UpdateSource&& other) noexcept;
    UpdateSource& operator=(UpdateSource&&) = delete;
    UpdateSource(const UpdateSource&) = delete;
    UpdateSource& operator=(const UpdateSource&) = delete;
    ~UpdateSource();

    // 0: that was all of it, and the transfer was complete.
    Result<std::size_t> read(std::span<std::byte> buffer);
    // Back to its start, for what can be read twice.
    [[nodiscard]] bool rewind() const;

private:
    UpdateSource(UniqueFd fd, std::string name, pid_t fetcher)
        : fd_(std::move(fd)), name_(std::move(name)), fetcher_(fetcher) {}
    static Result<UpdateSource> fetch(const std::string& url);
    Result<void> fetched();

    UniqueFd fd_;
    std::string name_;
    pid_t fetcher_ = -1;
};

}  // namespace ulagate::appliance
