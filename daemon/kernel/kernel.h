// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/kernel/steps.h"

namespace ulagate {

// The kernel as the reconciliation needs it: read a part, apply a step. The real one joins rtnetlink,
// WireGuard, nftables and /proc/sys (daemon/kernel/linux_kernel.h); tests have one made of maps that fails on
// demand.
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
    virtual Result<EndpointRoutes> endpoint_routes() = 0;
    struct Tunnels {
        std::map<std::string, wg::Device> devices;  // of those that exist and answer
        // Those that have been asked and whose answer will come, or made no sense: what was known before is
        // the best there is.
        std::set<std::string> unanswered;
    };
    virtual Result<Tunnels> tunnels(const std::set<std::string>& interfaces) = 0;
    // The ruleset that is in force, if we know: nothing at start and after a foreign hand.
    virtual Result<std::optional<firewall::Model>> firewall() = 0;
    // The values of those of `paths` that exist.
    virtual Result<Sysctls> sysctls(const std::set<std::string>& paths) = 0;
    // The settings that we changed, over restarts of the daemon but not of the machine.
    [[nodiscard]] virtual ChangedSysctls changed_sysctls() const = 0;
    // std::errc::operation_in_progress: it goes on without us, and take_finished() will have the result.
    virtual Result<void> apply(const Step& step) = 0;
    struct Finished {
        std::string place;  // place_of(step)
        Result<void> result;
    };
    // Steps that apply() left under way and that have ended since the last call.
    virtual std::vector<Finished> take_finished() { return {}; }
};

}  // namespace ulagate
