// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "image/boot/init/supervisor.h"

namespace ulagate::init {

// What is run and where; a trial in a folder has other programs and files, and is not a machine.
struct Plan {
    bool machine = true;  // file systems, settings of the kernel, lo, and the end of it all
    std::string kmsg = "/dev/kmsg";
    std::string log = "/run/log";
    std::string watchdog = "/dev/watchdog";
    std::string sysfs = "/sys";
    std::string preload = "/etc/modules";  // names of modules, a line each
    std::string notify = "/run/ulagate-init.notify";
    std::vector<std::string> modprobe{"/sbin/modprobe", "-a", "-b", "-q", "--"};
    std::vector<std::string> prepare{"/usr/bin/ulagate-appliance", "prepare"};
    std::vector<std::string> router{"/usr/bin/ulagate", "run"};
    std::vector<std::string> appliance{"/usr/bin/ulagate-appliance", "run"};
    Milliseconds watchdog_timeout{15'000};  // what the Raspberry Pi can do
    Milliseconds prepare_within{60'000};
    Milliseconds modprobe_within{30'000};
    Limits limits;
};

// Programs named prepare, ulagate, ulagate-appliance and modprobe in `folder`, and all files there; times
// divided by `faster`.
Plan trial_plan(const std::string& folder, unsigned faster);

}  // namespace ulagate::init
