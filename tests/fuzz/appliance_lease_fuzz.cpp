// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "image/appliance/uplinks/lease.h"

using namespace ulagate;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check(const Result<appliance::Lease>& lease) {
    if (!lease) return require(!lease.error().text().empty());
    const auto again = appliance::parse_lease(appliance::to_text(*lease));
    require(again && *again == *lease);
}

}  // namespace

// What a server sends becomes a lease that can be handed on, or none. Lines are the variables in turn.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(data, data + size);
    check(appliance::parse_lease(text));
    static constexpr std::array kNames{"ip", "mask", "router", "dns", "ntpsrv", "staticroutes", "lease"};
    appliance::Variables variables;
    std::size_t at = 0;
    for (const char* name : kNames) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        variables[name] = text.substr(std::min(at, text.size()), end - std::min(at, text.size()));
        at = end + 1;
    }
    check(appliance::lease_of_udhcpc(variables));
    variables["IPLOCAL"] = variables["ip"];
    variables["DNS1"] = variables["dns"];
    check(appliance::lease_of_pppd(variables));
    return 0;
}
