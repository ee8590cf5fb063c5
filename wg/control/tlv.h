// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "wg/control/message.h"

// The numbers of the overlay control protocol, for its parser and its builder.
namespace ulagate::wg::control {

inline constexpr std::uint32_t kMagic = 0x554c4743;  // "ULGC"
inline constexpr std::size_t kHeader = 12;

enum class Type : std::uint8_t {
    hello = 1,
    hello_ack = 2,
    claim = 3,
    claim_ack = 4,
    release = 5,
    probe = 6,
    probe_ack = 7,
    goodbye = 8,
    sites = 9
};

// TLVs, the same in every message.
inline constexpr std::uint16_t kTlvVersion = 1;       // 1 byte
inline constexpr std::uint16_t kTlvCapabilities = 2;  // 4
inline constexpr std::uint16_t kTlvClock = 3;         // 8: milliseconds since 1970
inline constexpr std::uint16_t kTlvEpoch = 4;         // 8
inline constexpr std::uint16_t kTlvPriority = 5;      // 1
inline constexpr std::uint16_t kTlvPrefix = 6;        // 17: length, address; repeated
inline constexpr std::uint16_t kTlvOwner = 7;    // 42: prefix, router (:: = none), epoch, priority; repeated
inline constexpr std::uint16_t kTlvAnswers = 8;  // 4
inline constexpr std::uint16_t kTlvProbeId = 9;  // 8
inline constexpr std::uint16_t kTlvSites = 10;   // 8: generation of the list of sites, not 0
inline constexpr std::uint16_t kTlvSitesFrom = 11;  // 8: that which a change follows, not 0
inline constexpr std::uint16_t kTlvSitesPart = 12;  // 4: which part (2), of how many (2)
inline constexpr std::uint16_t kTlvSitesAdded =
    13;  // a run, see wg/control/site_codec.h; repeated, the lengths ascending
inline constexpr std::uint16_t kTlvSitesRemoved = 14;
inline constexpr std::uint16_t kTlvSitesTransit = 15;

inline constexpr std::size_t kPrefixSize = 17;
inline constexpr std::size_t kOwnerSize = 42;

// What a system_clock::time_point can hold, so that nobody who converts has to check: the year 2262.
inline constexpr UnixTime kLastClock =
    std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::time_point::max());

}  // namespace ulagate::wg::control
