// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "daemon/base/result.h"

namespace ulagate::appliance {

// Time as NTP writes it: seconds since 1900, of which only the lower 32 bits are sent, and a fraction.
struct NtpTime {
    std::uint32_t seconds = 0;
    std::uint32_t fraction = 0;
    bool operator==(const NtpTime&) const = default;
};
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;
NtpTime to_ntp(WallTime time);
// The one of the times so written that is nearest to `near`: the 32 bits begin anew in 2036.
WallTime from_ntp(NtpTime time, WallTime near);

// What a server answered (RFC 5905 section 7.3), as far as a client of RFC 4330 needs it.
struct SntpReply {
    std::uint8_t leap = 0;
    std::uint8_t version = 4;
    std::uint8_t mode = 4;
    std::uint8_t stratum = 0;
    std::string kiss;  // of a stratum 0 answer: "RATE"
    NtpTime origin;    // our own cookie
    NtpTime receive;
    NtpTime transmit;
    bool operator==(const SntpReply&) const = default;
};

// A client's question. `cookie` goes where our own time would stand: nobody needs to know that, and only who
// has seen the question can answer it.
std::vector<std::byte> sntp_question(NtpTime cookie);
// The fields, whatever they say. Longer than 48 bytes is allowed: extensions, which are ignored.
Result<SntpReply> parse_sntp(std::span<const std::byte> packet);
std::vector<std::byte> build_sntp(const SntpReply& reply);
// Whether it is an answer to our question that may be believed, in the order of RFC 4330 section 5.
Result<void> check_sntp(const SntpReply& reply, NtpTime cookie);

}  // namespace ulagate::appliance
