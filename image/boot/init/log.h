// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "daemon/base/fd.h"
#include "image/boot/init/log_lines.h"

namespace ulagate::init {

// The log of the machine: two files in memory of bounded length ("messages" and, older, "messages.1") with
// all of it, and in the kernel's log, which is what consoles show, what a human should know.
class Log {
public:
    static constexpr std::size_t kMaxFile = 128U << 10U;
    static constexpr int kKernelLevel = 5;  // notice

    Log(std::string kmsg, std::string folder);

    // A line of our own: to both.
    void say(bool problem, std::string_view text);
    void line(std::string_view service, const LogLine& line, LogAllowance& allowance);

private:
    void to_kernel(int level, std::string_view tag, std::string_view text);
    void to_file(std::string_view tag, const LogLine& line);

    std::string kmsg_;
    std::string folder_;
    UniqueFd kernel_;
    UniqueFd file_;
    std::size_t written_ = 0;
};

}  // namespace ulagate::init
