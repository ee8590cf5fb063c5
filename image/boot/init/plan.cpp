// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/init/plan.h"

namespace ulagate::init {

Plan trial_plan(const std::string& folder, unsigned faster) {
    Plan plan;
    plan.machine = false;
    plan.kmsg = folder + "/kmsg";
    plan.log = folder + "/log";
    plan.watchdog = folder + "/watchdog";
    plan.sysfs = folder + "/sys";
    plan.preload = folder + "/preload";
    plan.notify = folder + "/notify";
    plan.modprobe = {folder + "/modprobe"};
    plan.prepare = {folder + "/prepare"};
    plan.router = {folder + "/ulagate"};
    plan.appliance = {folder + "/ulagate-appliance"};
    Limits& limits = plan.limits;
    for (Milliseconds* time : {&plan.watchdog_timeout, &plan.prepare_within, &plan.modprobe_within,
                               &limits.ready_within, &limits.watchdog, &limits.stop, &limits.kill,
                               &limits.give_up, &limits.first_pause, &limits.longest_pause, &limits.calm}) {
        *time /= faster;
    }
    return plan;
}

}  // namespace ulagate::init
