// SPDX-License-Identifier: GPL-2.0-or-later
// What udhcpc and pppd call, under the name lease-event, with what they got: a file for the manager, which
// watches the folder. It takes nothing from the network but addresses, and runs no shell.
#include "image/appliance/uplinks/lease_event.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "daemon/base/file.h"
#include "daemon/base/log.h"
#include "image/appliance/uplinks/lease.h"

namespace ulagate::appliance {
namespace {

constexpr std::array kNames{"ip",           "mask",  "router", "dns",  "ntpsrv",
                            "staticroutes", "lease", "DNS1",   "DNS2", "IPLOCAL"};

bool is_link_name(const std::string& name) {
    return !name.empty() && name.size() < 16 && name.find('/') == std::string::npos && name.front() != '.';
}

}  // namespace

int lease_event(const std::string& program, const std::vector<std::string>& words) {
    const std::string folder = program.substr(0, program.rfind('/')) + "/lease";
    Variables variables;
    for (const char* name : kNames)
        if (const char* value = std::getenv(name); value != nullptr) variables[name] = value;
    const char* const connect_time = std::getenv("CONNECT_TIME");  // pppd has it when a session has ended
    const char* const interface = std::getenv("interface");
    // pppd calls with "ppp-eth0 device speed local remote", udhcpc with "bound" and the interface in a
    // variable.
    const bool session = interface == nullptr;
    const std::string link = session ? (words.empty() ? "" : words.front()) : interface;
    if (!is_link_name(link)) return EXIT_FAILURE;
    const std::string file = folder + "/" + link;
    const bool gone = session ? connect_time != nullptr
                              : words.empty() || (words.front() != "bound" && words.front() != "renew");
    if (gone) {
        // "leasefail" and "nak" come while there is a lease that still holds, or none.
        const bool ended = session || (!words.empty() && words.front() == "deconfig");
        if (ended) ::unlink(file.c_str());
        return EXIT_SUCCESS;
    }
    const auto lease = session ? lease_of_pppd(variables) : lease_of_udhcpc(variables);
    if (!lease) {
        log::warning(link, "{}, ignoring", lease.error().text());
        return EXIT_FAILURE;
    }
    if (auto written = write_file_atomically(file, to_text(*lease), 0600); !written) {
        log::warning(link, "{}", written.error().text());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

}  // namespace ulagate::appliance
