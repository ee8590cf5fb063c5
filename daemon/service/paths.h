// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace ulagate {

// Where a daemon lives. Several on one machine (network namespaces) need directories of their own.
struct ServicePaths {
    std::string config_file = "/etc/ulagate/ulagate.toml";
    std::string runtime_directory = "/run/ulagate";
    std::string state_directory = "/var/lib/ulagate";  // what outlives a reboot of the machine
    [[nodiscard]] std::string control_socket() const { return runtime_directory + "/control"; }
    [[nodiscard]] std::string clock_file() const { return state_directory + "/clock"; }
    [[nodiscard]] std::string routers_file() const { return state_directory + "/routers"; }
    [[nodiscard]] std::string relays_file() const { return state_directory + "/relays"; }
    [[nodiscard]] std::string advertised_file() const { return state_directory + "/advertised"; }
};

}  // namespace ulagate
