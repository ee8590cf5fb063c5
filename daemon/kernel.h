// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "daemon/base/result.h"
#include "daemon/steps.h"

namespace ulagate {

// The kernel as the reconciliation needs it: read a part, apply a step. The real one joins rtnetlink,
// WireGuard, nftables and /proc/sys (linux_kernel.h); tests have one made of maps that fails on demand.
class Kernel {
public:
    Kernel() = default;
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    Kernel(Kernel&&) = delete;
    Kernel& operator=(Kernel&&) = delete;
    virtual ~Kernel() = default;

    virtual Result<Links> links() = 0;
    virtual Result<Addresses> addresses() = 0;
    virtual Result<Routes> our_routes() = 0;
    virtual Result<Rules> rules() = 0;
    virtual Result<Pins> pins() = 0;
    // The devices of those of `interfaces` that exist and answer.
    virtual Result<std::map<std::string, wg::Device>> tunnels(const std::set<std::string>& interfaces) = 0;
    // The ruleset that is in force, if we know: nothing at start and after a foreign hand.
    virtual Result<std::optional<firewall::Model>> firewall() = 0;
    // The values of those of `paths` that exist.
    virtual Result<Sysctls> sysctls(const std::set<std::string>& paths) = 0;
    // The settings that we changed, over restarts of the daemon but not of the machine.
    [[nodiscard]] virtual ChangedSysctls changed_sysctls() const = 0;
    virtual Result<void> apply(const Step& step) = 0;
};

}  // namespace ulagate
