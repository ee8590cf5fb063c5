// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/appliance/clock/sntp_packet.h"

#include <fmt/format.h>

#include "daemon/base/bytes.h"
#include "daemon/base/text.h"

namespace ulagate::appliance {
namespace {

using std::chrono::nanoseconds;

constexpr std::int64_t kUnixEpoch = 2'208'988'800;  // in seconds since 1900
constexpr std::int64_t kEra = std::int64_t{1} << 32;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint8_t kUnsynchronised = 3;
constexpr std::uint8_t kMaxStratum = 15;
constexpr std::uint8_t kServer = 4;
constexpr std::uint8_t kClient = 3;

NtpTime read_time(net::ByteReader& in) {
    NtpTime out;
    out.seconds = in.read<std::uint32_t>();
    out.fraction = in.read<std::uint32_t>();
    return out;
}

void put_time(net::ByteWriter& out, NtpTime time) {
    out.put(time.seconds);
    out.put(time.fraction);
}

void put_head(net::ByteWriter& out, std::uint8_t leap, std::uint8_t version, std::uint8_t mode) {
    out.put(static_cast<std::uint8_t>(unsigned{leap} << 6U | (version & 7U) << 3U | (mode & 7U)));
}

}  // namespace

NtpTime to_ntp(WallTime time) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    const auto rest = static_cast<std::uint64_t>((time - whole).count());
    return {static_cast<std::uint32_t>(whole.time_since_epoch().count() + kUnixEpoch),
            static_cast<std::uint32_t>((rest << 32U) / static_cast<std::uint64_t>(kSecond))};
}

WallTime from_ntp(NtpTime time, WallTime near) {
    const auto near_seconds =
        std::chrono::floor<std::chrono::seconds>(near).time_since_epoch().count() + kUnixEpoch;
    std::int64_t seconds = near_seconds - near_seconds % kEra + std::int64_t{time.seconds};
    if (seconds - near_seconds > kEra / 2) seconds -= kEra;
    if (near_seconds - seconds > kEra / 2) seconds += kEra;
    const auto fraction = static_cast<std::int64_t>(
        (std::uint64_t{time.fraction} * static_cast<std::uint64_t>(kSecond)) >> 32U);
    return WallTime{std::chrono::seconds{seconds - kUnixEpoch} + nanoseconds{fraction}};
}

std::vector<std::byte> sntp_question(NtpTime cookie) {
    net::ByteWriter out;
    put_head(out, 0, 4, kClient);
    out.zeros(39);
    put_time(out, cookie);
    return std::move(out).release();
}

Result<SntpReply> parse_sntp(std::span<const std::byte> packet) {
    net::ByteReader in{packet};
    SntpReply out;
    const auto head = in.read<std::uint8_t>();
    out.leap = static_cast<std::uint8_t>(head >> 6U);
    out.version = static_cast<std::uint8_t>((head >> 3U) & 7U);
    out.mode = static_cast<std::uint8_t>(head & 7U);
    out.stratum = in.read<std::uint8_t>();
    in.take(2 + 4 + 4);  // poll, precision, root delay, root dispersion
    for (const std::byte one : in.take(4)) out.kiss += static_cast<char>(one);
    in.take(8);  // when the server's own clock was set
    out.origin = read_time(in);
    out.receive = read_time(in);
    out.transmit = read_time(in);
    if (!in.ok()) return fail("shorter than an NTP packet");
    if (out.stratum != 0) out.kiss.clear();
    return out;
}

std::vector<std::byte> build_sntp(const SntpReply& reply) {
    net::ByteWriter out;
    put_head(out, reply.leap, reply.version, reply.mode);
    out.put(reply.stratum);
    out.zeros(10);
    for (std::size_t i = 0; i < 4; ++i)
        out.put(static_cast<std::uint8_t>(i < reply.kiss.size() ? reply.kiss[i] : 0));
    out.zeros(8);
    put_time(out, reply.origin);
    put_time(out, reply.receive);
    put_time(out, reply.transmit);
    return std::move(out).release();
}

Result<void> check_sntp(const SntpReply& reply, NtpTime cookie) {
    if (reply.mode != kServer) return fail(fmt::format("mode {} is not a server's", reply.mode));
    if (reply.origin != cookie) return fail("not an answer to our question");
    if (reply.stratum == 0) return fail("the server refuses: " + quote(reply.kiss));
    if (reply.version < 3 || reply.version > 4) return fail(fmt::format("version {}", reply.version));
    if (reply.stratum > kMaxStratum) return fail(fmt::format("stratum {}", reply.stratum));
    if (reply.leap == kUnsynchronised) return fail("the server's own clock is not set");
    if (reply.transmit == NtpTime{} || reply.receive == NtpTime{}) return fail("the server says no time");
    return {};
}

}  // namespace ulagate::appliance
