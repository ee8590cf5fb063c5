// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/address.h"

namespace ulagate {

// One that answers questions for this machine.
struct NameServer {
    net::IpAddress address;
    std::string scope;  // of a link-local address: the name or number of its interface
    std::uint16_t port = 53;
    bool operator==(const NameServer&) const = default;
};

// What /etc/resolv.conf says (resolv.conf(5)). The C library's parser and c-ares' each know something that
// the other does not; a router must know what its machine knows, with any version of them.
struct ResolvConf {
    std::vector<NameServer> servers;  // in the order to ask them; never empty
    std::vector<std::string> search;  // domains for names with fewer than `ndots` dots
    bool has_search = false;          // it says so itself; else the machine's own domain counts
    unsigned ndots = 1;
    std::chrono::seconds patience{2};  // before the next one is asked too
    unsigned attempts = 3;
    bool tcp = false;  // options use-vc: this network lets DNS through by TCP only
    bool operator==(const ResolvConf&) const = default;
};

// What makes no sense is left out, as the C library does; without any server it is the machine itself.
ResolvConf parse_resolv_conf(std::string_view text);

// What to ask for, one after the other until one has an address: the name as it is, and with each domain of
// the list behind it; first the one or the other, as its dots are. `domains`: of the file, or the machine's.
std::vector<std::string> names_to_ask(const std::string& host, unsigned ndots,
                                      const std::vector<std::string>& domains);

// As c-ares reads it: "[fe80::1%eth0]:53".
std::string to_string(const NameServer& server);

}  // namespace ulagate
