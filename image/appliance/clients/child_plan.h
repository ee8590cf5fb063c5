// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/base/capabilities.h"
#include "daemon/config/config.h"
#include "image/appliance/clients/lan_files.h"
#include "image/appliance/uplinks/links.h"
#include "image/appliance/uplinks/uplinks.h"

namespace ulagate::appliance {

// One program that should run: how it is started, and the files that it reads. It is started again when any
// of that changes, but for files that it reads again on SIGHUP.
struct ChildFile {
    std::string path;
    std::string content;
    unsigned mode = 0600;
    bool read_on_hup = false;
    bool operator==(const ChildFile&) const = default;
};
struct ChildSpec {
    std::vector<std::string> argv;
    std::vector<ChildFile> files;
    unsigned attempt = 0;  // another number is another start
    // What it, and whatever it starts, may have of root's; with all of them it is not limited in any way.
    Capabilities capabilities;
    bool operator==(const ChildSpec&) const = default;
};
using ChildSpecs = std::map<std::string, ChildSpec>;  // by a name for people: "dhcp eth0"

// Where the manager keeps what children read, and which programs it has.
struct ChildPaths {
    std::string runtime = "/run/appliance";
    std::string dnsmasq = "/run/dnsmasq";  // readable for the user that dnsmasq becomes
    std::string script;                    // that udhcpc and pppd call with what they got
    std::string root_home = "/root";
    std::string dns_user;               // that dnsmasq becomes; empty: there is none
    std::vector<std::string> consoles;  // below /dev, for a login
    std::string host_key;               // of ssh; empty: there is none, so no ssh
};

struct ChildPlan {
    ChildSpecs children;
    std::vector<std::string> problems;  // what cannot be started, and why
};

// Which programs should run. Pure: everything that it decides by is an argument.
ChildPlan child_plan(const ApplianceConfig& config, const std::vector<GatewayLan>& gateway_lans,
                     const UplinkPlan& uplinks, const LinkTable& links, const ChildPaths& paths);

}  // namespace ulagate::appliance
