// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "daemon/base/fd.h"
#include "daemon/base/result.h"

namespace ulagate::appliance {

// Where an update comes from: a file, standard input ("-"), or an http URL.
class UpdateSource {
public:
    static Result<UpdateSource> open(const std::string& what);

    // 0: that was all of it. A transfer that breaks off is an error.
    Result<std::size_t> read(std::span<std::byte> buffer);
    // Back to its start, for what can be read twice.
    [[nodiscard]] bool rewind() const;

private:
    UpdateSource(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
    static Result<UpdateSource> fetch(const std::string& url);

    UniqueFd fd_;
    std::string name_;
    std::string begun_;                      // came with the head of the answer
    std::optional<std::uint64_t> expected_;  // how much is still to come, if that is known
};

}  // namespace ulagate::appliance
