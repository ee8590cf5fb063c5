// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/site_codec.h"

#include <limits>
#include <system_error>
#include <tuple>

namespace ulagate::wg::control {
namespace {

constexpr unsigned kBitsOfByte = 7;
constexpr std::uint8_t kMore = 0x80;

tl::unexpected<Error> bad(const char* why) { return fail(std::make_error_code(std::errc::bad_message), why); }

std::uint64_t first_half(const net::Ipv6Address& address) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) value = value << 8U | address.bytes.at(i);
    return value;
}

// The highest number of a prefix of this length inside the overlay.
std::uint64_t last_number(std::uint8_t length, const net::Ipv6Prefix& overlay) {
    const unsigned bits = length - overlay.length;
    if (bits == 0) return 0;
    return std::numeric_limits<std::uint64_t>::max() >> (64U - bits);
}

std::uint64_t number_of(const net::Ipv6Prefix& prefix, const net::Ipv6Prefix& overlay) {
    if (prefix.length == overlay.length) return 0;
    return first_half(prefix.address) >> (64U - prefix.length) & last_number(prefix.length, overlay);
}

net::Ipv6Prefix prefix_of(std::uint64_t number, std::uint8_t length, const net::Ipv6Prefix& overlay) {
    net::Ipv6Prefix prefix{overlay.network().address, length};
    if (length == overlay.length) return prefix;
    const std::uint64_t half = first_half(prefix.address) | number << (64U - length);
    for (std::size_t i = 0; i < 8; ++i)
        prefix.address.bytes.at(i) = static_cast<std::uint8_t>(half >> (8U * (7 - i)));
    return prefix;
}

void put_number(net::ByteWriter& out, std::uint64_t number) {
    for (; number >= kMore; number >>= kBitsOfByte) out.put(static_cast<std::uint8_t>(number | kMore));
    out.put(static_cast<std::uint8_t>(number));
}

std::size_t size_of(std::uint64_t number) {
    std::size_t size = 1;
    for (; number >= kMore; number >>= kBitsOfByte) ++size;
    return size;
}

// Only the shortest form is right, so that equal lists are equal bytes.
Result<std::uint64_t> read_number(net::ByteReader& in) {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += kBitsOfByte) {
        const auto byte = in.read<std::uint8_t>();
        if (!in.ok()) return bad("a number of a site is cut off");
        const std::uint64_t bits = byte & (kMore - 1U);
        if ((bits << shift) >> shift != bits) break;
        number |= bits << shift;
        if ((byte & kMore) != 0) continue;
        if (byte == 0 && shift > 0) return bad("a number of a site is longer than it has to be");
        return number;
    }
    return bad("a number of a site is too large");
}

}  // namespace

bool site_before(const net::Ipv6Prefix& a, const net::Ipv6Prefix& b) {
    return std::tie(a.length, a.address) < std::tie(b.length, b.address);
}

bool is_site(const net::Ipv6Prefix& prefix, const net::Ipv6Prefix& overlay) {
    return prefix.length <= kLongestSite && prefix.network() == prefix && overlay.contains(prefix);
}

void put_run(net::ByteWriter& out, std::span<const net::Ipv6Prefix> run, const net::Ipv6Prefix& overlay) {
    out.put(run.front().length);
    std::uint64_t next = 0;
    for (const net::Ipv6Prefix& prefix : run) {
        const std::uint64_t number = number_of(prefix, overlay);
        put_number(out, number - next);
        next = number + 1;
    }
}

Result<void> read_run(net::ByteReader in, const net::Ipv6Prefix& overlay, std::vector<net::Ipv6Prefix>& out) {
    const auto length = in.read<std::uint8_t>();
    if (in.remaining() == 0) return bad("no site in a list of sites");
    if (length > kLongestSite || length < overlay.length)
        return bad("a site has an impossible prefix length");
    const std::uint64_t last = last_number(length, overlay);
    std::uint64_t room = last;  // how far the next number may be behind `next`
    std::uint64_t next = 0;
    for (bool full = false; in.remaining() != 0;) {
        const auto gap = read_number(in);
        if (!gap) return tl::unexpected<Error>{gap.error()};
        if (full || *gap > room) return bad("a site outside the overlay");
        const std::uint64_t number = next + *gap;
        out.push_back(prefix_of(number, length, overlay));
        full = number == last;
        next = number + 1;
        room = full ? 0 : last - next;
    }
    return {};
}

std::size_t size_in_run(const net::Ipv6Prefix* before, const net::Ipv6Prefix& prefix,
                        const net::Ipv6Prefix& overlay) {
    const std::uint64_t number = number_of(prefix, overlay);
    return before == nullptr ? 1 + size_of(number) : size_of(number - number_of(*before, overlay) - 1);
}

}  // namespace ulagate::wg::control
