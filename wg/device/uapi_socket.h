// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>

#include "daemon/base/result.h"

namespace ulagate::wg {

// How long somebody is waited for: until an end that does not move, and no longer than we are wanted.
class Patience {
public:
    // `cancelled`: set by another thread, looked at ten times a second.
    explicit Patience(std::chrono::milliseconds length, const std::atomic<bool>* cancelled = nullptr)
        : end_(std::chrono::steady_clock::now() + length), cancelled_(cancelled) {}

    [[nodiscard]] bool over() const;
    // Until `fd` has one of the events of poll(2); false: that has taken too long.
    [[nodiscard]] bool wait(int fd, short events) const;

private:
    std::chrono::steady_clock::time_point end_;
    const std::atomic<bool>* cancelled_;
};

// Sends one request to the unix socket at `path` and gives the whole answer, which may hold keys: wipe() it.
// std::errc::connection_refused or no_such_file_or_directory: nobody listens there; timed_out: not all of it
// was there in time, however busily it came.
Result<std::string> uapi_exchange(const std::string& path, std::string_view request,
                                  const Patience& patience);

// Does anybody listen at `path`? no_such_file_or_directory and connection_refused as above.
Result<void> uapi_probe(const std::string& path, const Patience& patience);

}  // namespace ulagate::wg
