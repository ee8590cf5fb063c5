// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/prepare/command.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "daemon/base/log.h"
#include "image/appliance/prepare/files.h"

namespace ulagate::appliance {
namespace {

constexpr int kUsageError = 2;
constexpr int kRescue = 3;
constexpr const char* kPlace = "card";

constexpr const char* kHelp =
    R"(ulagate-appliance prepare: read the card: configuration, key, clock (once, at boot).

  --disk FILE         the card, or an image of one (default: look for it)
  --root DIR          write below DIR, and leave this machine alone
  --patience SECONDS  how long to wait for the card (default 10)

Exit status: 0 the configuration is good, 3 rescue: see /run/appliance/rescue.
)";

std::optional<PrepareOptions> read_words(const std::vector<std::string>& words) {
    PrepareOptions options;
    for (std::size_t i = 0; i < words.size(); i += 2) {
        if (i + 1 == words.size()) return std::nullopt;
        const std::string& value = words[i + 1];
        if (words[i] == "--disk") {
            options.disk = value;
        } else if (words[i] == "--root") {
            options.root = value;
        } else if (words[i] == "--patience") {
            unsigned seconds = 0;
            const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
            if (error != std::errc{} || end != value.data() + value.size() || seconds > 3600)
                return std::nullopt;
            options.patience = std::chrono::seconds{seconds};
        } else {
            return std::nullopt;
        }
    }
    return options;
}

std::string for_people(std::chrono::sys_seconds time) {
    return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(time.time_since_epoch().count()));
}

// Forward only: what is later than the floor comes from a clock with a battery, or from a time service.
void set_clock(const Floor& floor) {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    if (now >= floor.time) return;
    const timespec time{floor.time.time_since_epoch().count(), 0};
    if (::clock_settime(CLOCK_REALTIME, &time) != 0) {
        log::warning(kPlace, "clock stays at {}: {}", for_people(now),
                     std::generic_category().message(errno));
        return;
    }
    log::notice(kPlace, "clock set from {} to {}: {}", for_people(now), for_people(floor.time), floor.why);
}

}  // namespace

int prepare(const std::vector<std::string>& words) {
    if (words.size() == 1 && words.front() == "--help") {
        std::fputs(kHelp, stdout);
        return EXIT_SUCCESS;
    }
    const auto options = read_words(words);
    if (!options) {
        std::fputs("ulagate-appliance prepare: wrong options; see --help\n", stderr);
        return kUsageError;
    }
    const Prepared prepared = prepare_files(*options);
    if (options->root.empty()) {
        if (prepared.floor) set_clock(*prepared.floor);
        if (::sethostname(prepared.hostname.data(), prepared.hostname.size()) != 0) {
            log::warning(kPlace, "hostname stays: {}", std::generic_category().message(errno));
        }
    }
    for (const std::string& text : prepared.notes) log::notice(kPlace, "{}", text);
    for (const std::string& text : prepared.rescue) log::error(kPlace, "{}", text);
    if (prepared.rescue.empty()) log::info(kPlace, "{} is ready to run", prepared.hostname);
    return prepared.rescue.empty() ? EXIT_SUCCESS : kRescue;
}

}  // namespace ulagate::appliance
