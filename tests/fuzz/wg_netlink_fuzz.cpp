// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdint>
#include <cstdlib>
#include <span>

#include "tests/unit/wg/device/netlink_support.h"
#include "wg/device/link_message.h"
#include "wg/device/netlink_message.h"

using namespace ulagate;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

// What was understood is understood again when it is dumped anew, in other pieces.
void check_dump_again(const wg::Device& device) {
    for (const std::size_t per_message : {1UL, 50UL}) {
        wg::DumpMerger merger;
        for (const auto& message : wg::test::encode_dump(device, per_message))
            require(merger.add(message).has_value());
        require(std::move(merger).take() == device);
    }
}

// And can be set: the fragments say what the whole says, and none is too long.
void check_set(const wg::Device& device) {
    constexpr std::size_t kMax = 600;
    wg::DeviceChange change;
    for (const auto& [key, peer] : device.peers) {
        wg::PeerChange out;
        out.key = key;
        out.endpoint = peer.endpoint;
        out.keepalive_seconds = peer.keepalive_seconds;
        out.replace_allowed_ips = peer.has_preshared_key;
        out.allowed_ips = peer.allowed_ips;
        change.peers.push_back(std::move(out));
    }
    const auto messages = wg::encode_set_device(0x1c, "wg0", change, kMax);
    for (const auto& message : messages) require(message.size() <= kMax);
    const auto decoded = wg::test::decode_set(messages, 0x1c, "wg0");
    require(decoded.error.empty());
    require(decoded.change.peers == change.peers);
}

void check(const wg::DumpMerger& merger) {
    wg::DumpMerger copy = merger;
    const wg::Device device = std::move(copy).take();
    check_dump_again(device);
    check_set(device);
}

// The length in front of each message says where the next begins, as in a real dump.
void merge_raw(std::span<const std::byte> in) {
    wg::DumpMerger merger;
    while (in.size() >= sizeof(std::uint32_t)) {
        std::uint32_t length = 0;
        std::memcpy(&length, in.data(), sizeof(length));
        const auto message = in.first(std::min<std::size_t>(std::max<std::size_t>(length, 4), in.size()));
        in = in.subspan(message.size());
        if (const auto added = merger.add(message); !added) return require(!added.error().text().empty());
    }
    check(merger);
}

// The same bytes as the attributes of one message: deeper with fewer lucky guesses.
void merge_wrapped(std::span<const std::byte> in) {
    const std::string body{reinterpret_cast<const char*>(in.data()), in.size()};
    wg::DumpMerger merger;
    if (merger.add(wg::test::dump_message(body))) check(merger);
    (void)wg::parse_family(wg::test::dump_message(body)).has_value();
    (void)wg::parse_link(wg::test::netlink_message(16, std::string(16, '\0') + body)).has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto in = std::as_bytes(std::span{data, size});
    merge_raw(in);
    merge_wrapped(in);
    (void)wg::parse_family(in).has_value();
    (void)wg::parse_link(in).has_value();
    return 0;
}
