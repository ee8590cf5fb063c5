// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/init/watchdog.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace ulagate::init {
namespace {

constexpr int kShortest = 3;
constexpr int kLongest = 60;

void write_byte(int fd, char byte) {
    // A write that fails is a meal that was missed: the timer itself is the answer to that.
    if (::write(fd, &byte, 1) != 1) return;
}

}  // namespace

bool Watchdog::open() {
    if (fd_) return true;
    if (!wanted()) return false;
    fd_.reset(::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_APPEND));
    if (!fd_) return false;
    int seconds = static_cast<int>(timeout_ / std::chrono::seconds{1});
    // Some have one fixed time, and a file (in a test) has none.
    ::ioctl(fd_.get(), WDIOC_SETTIMEOUT, &seconds);
    if (int set = 0; ::ioctl(fd_.get(), WDIOC_GETTIMEOUT, &set) == 0) {
        timeout_ = std::chrono::seconds{std::clamp(set, kShortest, kLongest)};
    }
    feed();
    return true;
}

void Watchdog::feed() const {
    if (fd_) write_byte(fd_.get(), '\0');
}

void Watchdog::disarm() {
    if (!fd_) return;
    write_byte(fd_.get(), 'V');  // then closing it stops the timer
    fd_.reset();
}

}  // namespace ulagate::init
