// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/fd.h"
#include "image/boot/init/supervisor.h"

// What only the first process of a machine does. Each of these does what it can and says what it could not:
// a first process has nobody to give up to.
namespace ulagate::init {

// /proc, /sys, /dev, /dev/pts, /run and /tmp, where they are not yet there. Returns what failed.
std::vector<std::string> mount_all();
// A panic or an oops restarts the machine, Ctrl-Alt-Del asks us first, the log takes all our lines.
void set_kernel_up();
void bring_loopback_up();
// Whether the kernel's command line has this word.
bool kernel_argument(std::string_view word);

// Standard input, output and error are open in any case: else a socket would get one of their numbers.
void open_standard_streams();

// "modalias" of every device of every bus.
void for_each_modalias(const std::string& sysfs, const std::function<void(std::string_view)>& found);

// The kernel's messages about devices that come and go. Nothing when it cannot be opened.
UniqueFd open_uevents();
enum class Uevent { none, message, lost };  // lost: more came than fitted
Uevent read_uevent(int fd, std::string& message);

// Ends all other processes, writes back what is not yet on its disk, and restarts or stops the machine. Comes
// back only when the kernel would not.
void end_machine(End how);

}  // namespace ulagate::init
