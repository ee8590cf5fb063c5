// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/fd.h"
#include "daemon/base/result.h"
#include "firewall/nft_child.h"

namespace ulagate::firewall {

// The process that applies rulesets (nft_child.h), started when there is need for it and again when it has
// died. Never waits for it longer than the caller says. What it answers is bounded, and believed only as the
// answer to a question; whoever says more, or nothing in time, is killed.
class NftProcess {
public:
    // `command`: the program, as a path, and its arguments. "/proc/self/exe" is us, also after an upgrade has
    // removed the file.
    static Result<NftProcess> create(std::vector<std::string> command);
    NftProcess(NftProcess&& other) noexcept;
    NftProcess& operator=(NftProcess&&) = delete;
    NftProcess(const NftProcess&) = delete;
    NftProcess& operator=(const NftProcess&) = delete;
    ~NftProcess();

    // So that the first ruleset need not wait for it. Not an error when it is there.
    Result<void> start();
    // One at a time: std::errc::device_or_resource_busy.
    Result<void> send(const std::string& ruleset);
    [[nodiscard]] bool busy() const { return deadline_.has_value(); }
    // The answer, if it is there within `patience`, or what became of the process.
    std::optional<RulesetResult> receive(std::chrono::milliseconds patience);

    // Readable when there is something for receive(); always the same one.
    [[nodiscard]] int event_handle() const { return events_.get(); }
    // For tests, and the curious; -1: there is none.
    [[nodiscard]] pid_t pid() const { return pid_; }

private:
    using TimePoint = std::chrono::steady_clock::time_point;

    NftProcess() = default;
    Result<void> spawn(int socket);
    std::string end_process();
    void set_deadline(std::optional<TimePoint> when);
    std::optional<RulesetResult> give_up(const std::string& why);

    std::vector<std::string> command_;
    UniqueFd events_;  // epoll: the two that follow
    UniqueFd timer_;
    UniqueFd socket_;
    pid_t pid_ = -1;
    std::optional<TimePoint> deadline_;  // of the answer that is waited for
};

}  // namespace ulagate::firewall
