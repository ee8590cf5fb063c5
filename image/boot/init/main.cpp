// SPDX-License-Identifier: GPL-2.0-or-later
// The first process of the firmware (/sbin/init). It never ends by itself: a kernel without its first process
// panics.
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "image/boot/init/init.h"
#include "image/boot/init/machine.h"

namespace ulagate::init {
namespace {

using namespace std::chrono_literals;

constexpr int kUsageError = 2;

[[noreturn]] void first_process() {
    const auto failed = mount_all();
    open_standard_streams();
    set_kernel_up();
    bring_loopback_up();
    Plan plan;
    if (kernel_argument("ulagate.watchdog=off")) plan.watchdog.clear();
    Init init{plan};
    if (!failed.empty()) {
        Log log{plan.kmsg, plan.log};
        for (const std::string& text : failed) log.say(true, text);
    }
    end_machine(init.run());
    // The kernel did not: the watchdog is hungry by now.
    for (;;) std::this_thread::sleep_for(1h);
}

// In a folder with programs to play the services: no machine is harmed. Tests do this, as the first process
// of a namespace or not.
int trial(const std::string& folder, std::string_view speed) {
    unsigned faster = 0;
    const auto [end, error] = std::from_chars(speed.data(), speed.data() + speed.size(), faster);
    if (error != std::errc{} || end != speed.data() + speed.size() || faster == 0) return kUsageError;
    const End how = Init{trial_plan(folder, faster)}.run();
    Log{folder + "/kmsg", folder + "/log"}.say(false, how == End::reboot ? "end: reboot"
                                                      : how == End::halt ? "end: halt"
                                                                         : "end: power off");
    return EXIT_SUCCESS;
}

}  // namespace
}  // namespace ulagate::init

int main(int argc, char** argv) try {
    using namespace ulagate::init;
    // The kernel hands words of its command line on to its first process: "quiet" and such are no options.
    if (argc == 4 && std::string_view{argv[1]} == "--trial") return trial(argv[2], argv[3]);
    if (::getpid() == 1) first_process();
    std::fputs("ulagate-init is the first process of the firmware and cannot be run by hand\n", stderr);
    return kUsageError;
} catch (const std::exception& error) {
    std::fputs("ulagate-init: ", stderr);
    std::fputs(error.what(), stderr);
    std::fputc('\n', stderr);
    // Only at the very start: nothing runs yet. The panic that follows restarts the machine.
    return EXIT_FAILURE;
}
