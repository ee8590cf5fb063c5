// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/init/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <utility>

namespace ulagate::init {
namespace {

constexpr std::string_view kTag = "ulagate-init";
constexpr int kWarning = 4;
constexpr int kNotice = 5;

double since_boot() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Log::Log(std::string kmsg, std::string folder) : kmsg_(std::move(kmsg)), folder_(std::move(folder)) {
    ::mkdir(folder_.c_str(), 0700);
}

void Log::say(bool problem, std::string_view text) {
    const LogLine line{problem ? kWarning : kNotice, std::string{text}};
    to_kernel(line.level, kTag, text);
    to_file(kTag, line);
}

void Log::line(std::string_view service, const LogLine& line, LogAllowance& allowance) {
    to_file(service, line);
    unsigned skipped = 0;
    if (line.level > kKernelLevel || !allowance.take(std::chrono::steady_clock::now(), skipped)) return;
    if (skipped > 0) {
        to_kernel(kNotice, service, fmt::format("({} lines more are in {}/messages only)", skipped, folder_));
    }
    to_kernel(line.level, service, line.text);
}

void Log::to_kernel(int level, std::string_view tag, std::string_view text) {
    if (!kernel_) kernel_.reset(::open(kmsg_.c_str(), O_WRONLY | O_CLOEXEC | O_APPEND | O_NOCTTY));
    const std::string record = fmt::format("<{}>{}: {}\n", level, tag, text);
    // A log that takes nothing is not a reason to stop.
    if (kernel_ && ::write(kernel_.get(), record.data(), record.size()) < 0) return;
}

void Log::to_file(std::string_view tag, const LogLine& line) {
    const std::string path = folder_ + "/messages";
    if (!file_) {
        file_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600));
        written_ = 0;
    }
    const std::string text = fmt::format("[{:10.3f}] <{}>{}: {}\n", since_boot(), line.level, tag, line.text);
    if (file_ && ::write(file_.get(), text.data(), text.size()) < 0) return;
    written_ += text.size();
    if (written_ < kMaxFile) return;
    ::rename(path.c_str(), (path + ".1").c_str());
    file_.reset();
}

}  // namespace ulagate::init
