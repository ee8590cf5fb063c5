// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "vrrp/checksum.h"
#include "vrrp/packet.h"

using namespace ulagate;

namespace {

constexpr net::Ipv6Address kSource{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

void require(bool holds) {
    if (!holds) std::abort();
}

// What parses can be built, and what was built parses to the same value.
void check(std::span<const std::byte> packet) {
    const vrrp::PacketInfo info{kSource, vrrp::kAllVrrpRouters, vrrp::kHopLimit};
    const auto parsed = vrrp::parse(packet, info);
    if (!parsed) return require(!vrrp::to_string(parsed.error()).empty());
    require(parsed->interval >= vrrp::kMinInterval && parsed->interval <= vrrp::kMaxInterval);
    require(!parsed->addresses.empty());
    const auto bytes = vrrp::build(*parsed, kSource);
    require(bytes.size() == packet.size());
    const auto again = vrrp::parse(bytes, info);
    require(again && *again == *parsed);
    require(vrrp::build(*again, kSource) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = std::as_bytes(std::span{data, size});
    check(input);
    // A fuzzer does not guess checksums: once more with the right one.
    std::vector<std::byte> packet{input.begin(), input.end()};
    if (packet.size() >= 8) {
        packet[6] = packet[7] = std::byte{0};
        const auto sum = vrrp::checksum(kSource, vrrp::kAllVrrpRouters, vrrp::kProtocol, packet);
        packet[6] = static_cast<std::byte>(sum >> 8U);
        packet[7] = static_cast<std::byte>(sum);
        check(packet);
    }
    return 0;
}
