// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/base/result.h"
#include "wg/device/device.h"

namespace ulagate::wg {

// The generic netlink language of the kernel's WireGuard (include/uapi/linux/wireguard.h). Pure: whole
// messages in and out, no socket.

// The kernel works through a whole message under its configuration lock, and removing one peer waits for
// every processor; 8 KiB, as the wg tool sends, let others in between. (A list of peers is one attribute with
// a 16 bit length, so that no message may reach 64 KiB.)
inline constexpr std::size_t kMaxSetBytes = 8UL * 1024;

// The change as messages of at most `max_bytes` (raised to what one peer needs). To be sent in this order,
// each after the acknowledgement of the one before. They hold secrets when the change does: wipe() them.
std::vector<std::vector<std::byte>> encode_set_device(std::uint16_t family, std::string_view interface,
                                                      const DeviceChange& change,
                                                      std::size_t max_bytes = kMaxSetBytes);

std::vector<std::byte> encode_get_device(std::uint16_t family, std::string_view interface);

// Asks the kernel for a family's number; it loads the module that has it, if there is one.
std::vector<std::byte> encode_get_family(std::string_view name);
Result<std::uint16_t> parse_family(std::span<const std::byte> message);

// Puts the messages of one dump together. A peer with many addresses is spread over several messages, each
// with its key. Keeps neither the private key nor preshared keys; the caller wipes what it received.
class DumpMerger {
public:
    Result<void> add(std::span<const std::byte> message);
    Device take() && { return std::move(device_); }

private:
    Result<void> add_peer(std::span<const std::byte> attributes);

    Device device_;
};

}  // namespace ulagate::wg
