// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdint>
#include <cstdlib>
#include <span>

#include "wg/control/message.h"
#include "wg/control/site_list.h"

using namespace ulagate::wg;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

// What parses can be built, is no longer than it was, and parses to the same value.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto datagram = std::as_bytes(std::span{data, size});
    const auto packet = control::parse(datagram);
    if (!packet) {
        require(packet.error().code && !packet.error().context.empty());
        return 0;
    }
    require(!control::type_name(packet->message).empty());
    const auto bytes = control::build(*packet);
    require(bytes.size() <= datagram.size());
    const auto again = control::parse(bytes);
    require(again && *again == *packet);
    require(control::build(*again) == bytes);
    if (const auto* sites = std::get_if<control::Sites>(&packet->message)) {
        control::SiteMirror mirror{sites->overlay};
        if (mirror.on_message(*sites, control::TimePoint{}) && mirror.sites()) {
            for (const auto& site : mirror.sites()->prefixes()) require(sites->overlay.contains(site));
            for (const auto& site : mirror.sites()->transit()) require(sites->overlay.contains(site));
        }
    }
    return 0;
}
