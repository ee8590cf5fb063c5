// SPDX-License-Identifier: GPL-2.0-or-later
// What an appliance does beside routing; the first process of the firmware starts it.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "image/appliance/prepare/command.h"
#include "image/appliance/run.h"
#include "image/appliance/update/update.h"
#include "image/appliance/uplinks/lease_event.h"

namespace ulagate::appliance {
namespace {

constexpr int kUsageError = 2;

constexpr const char* kHelp = R"(ulagate-appliance: what the firmware does beside routing.

usage:
  ulagate-appliance prepare        read the card: configuration, key, clock (once, at boot)
  ulagate-appliance run            uplinks, Wi-Fi, time, ssh and the status page, until SIGTERM
  ulagate-appliance update FILE|URL|-
                                   write a new version into the other slot and try it
)";

int dispatch(const std::vector<std::string>& words) {
    static const std::map<std::string, int (*)(const std::vector<std::string>&)> kCommands{
        {"prepare", prepare}, {"run", run}, {"update", update}};
    if (words.empty() || words.front() == "--help" || words.front() == "-h") {
        std::fputs(kHelp, words.empty() ? stderr : stdout);
        return words.empty() ? kUsageError : EXIT_SUCCESS;
    }
    const auto command = kCommands.find(words.front());
    if (command == kCommands.end()) {
        std::fputs("ulagate-appliance: no such command; see --help\n", stderr);
        return kUsageError;
    }
    return command->second({words.begin() + 1, words.end()});
}

}  // namespace
}  // namespace ulagate::appliance

int main(int argc, char** argv) try {
    const std::string program = argc > 0 ? argv[0] : "";
    if (program.ends_with("/lease-event"))
        return ulagate::appliance::lease_event(program, {argv + 1, argv + argc});
    return ulagate::appliance::dispatch({argv + 1, argv + argc});
} catch (const std::exception& error) {
    std::fputs("ulagate-appliance: internal error: ", stderr);
    std::fputs(error.what(), stderr);
    std::fputc('\n', stderr);
    return EXIT_FAILURE;
}
