// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/update/facts.h"

#include <filesystem>

#include "daemon/base/file.h"
#include "daemon/cli/relay_health.h"
#include "daemon/config/config.h"

namespace ulagate::appliance {

slot::Facts gather_facts(const std::string& root) {
    slot::Facts out;
    std::error_code ignored;
    const bool rescue = std::filesystem::exists(root + "/run/appliance/rescue", ignored);
    if (const auto text = read_file(root + "/etc/ulagate/ulagate.toml", kMaxConfigBytes)) {
        const Loaded loaded = load_config(*text);
        out.configuration_good = loaded.config && !rescue;
        if (loaded.config) {
            for (const LanConfig& lan : loaded.config->lans) {
                // Reading it is an error while the interface is down.
                const auto carrier = read_file(root + "/sys/class/net/" + lan.interface + "/carrier", 16);
                if (carrier && carrier->starts_with('1')) out.links_up.insert(lan.interface);
            }
        }
    }
    if (const auto reached = any_relay_up(root + "/run/ulagate/control")) out.relay_reachable = *reached;
    return out;
}

}  // namespace ulagate::appliance
