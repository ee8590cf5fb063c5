// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdint>
#include <cstdlib>
#include <span>

#include "ra/message.h"

using namespace ulagate;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

// What parses can be built, and what was built parses to the same value.
void check_solicitation(std::span<const std::byte> message, const ra::PacketInfo& info) {
    const auto parsed = ra::parse_router_solicitation(message, info);
    if (!parsed) return require(!parsed.error().text().empty());
    const auto again = ra::parse_router_solicitation(ra::build(*parsed), info);
    require(again && *again == *parsed);
}

void check_advertisement(std::span<const std::byte> message, const ra::PacketInfo& info) {
    const auto parsed = ra::parse_router_advertisement(message, info);
    if (!parsed) return require(!parsed.error().text().empty());
    const auto bytes = ra::build(*parsed);
    require(bytes.size() <= message.size());
    const auto again = ra::parse_router_advertisement(bytes, info);
    require(again && *again == *parsed);
    require(ra::build(*again) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto message = std::as_bytes(std::span{data, size});
    ra::PacketInfo info;
    info.hop_limit = 255;
    check_solicitation(message, info);  // from ::
    info.source = net::Ipv6Address{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    check_solicitation(message, info);
    check_advertisement(message, info);
    return 0;
}
