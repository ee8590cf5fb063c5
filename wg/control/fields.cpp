// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/fields.h"

#include <system_error>

#include "wg/control/layout.h"

namespace ulagate::wg::control {
namespace {

constexpr std::uint32_t kPartBits = 16;

net::Ipv6Address read_address(net::ByteReader& in) {
    net::Ipv6Address address;
    const auto bytes = in.take(address.bytes.size());
    std::transform(bytes.begin(), bytes.end(), address.bytes.begin(), std::to_integer<std::uint8_t>);
    return address;
}

void put_address(net::ByteWriter& out, const net::Ipv6Address& address) {
    out.put(std::as_bytes(std::span{address.bytes}));
}

}  // namespace

tl::unexpected<Error> malformed(std::string why) {
    return fail(std::make_error_code(std::errc::bad_message), std::move(why));
}

tl::unexpected<Error> missing(Tlv tlv) {
    const TlvRow* row = row_of(static_cast<std::uint16_t>(tlv));
    return malformed(std::string{row == nullptr ? "a TLV" : row->name} + " is missing");
}

std::optional<net::Ipv6Prefix> read_prefix(net::ByteReader& in) {
    net::Ipv6Prefix prefix;
    prefix.length = in.read<std::uint8_t>();
    prefix.address = read_address(in);
    if (prefix.length > 128 || prefix.network() != prefix) return std::nullopt;
    return prefix;
}

Owner read_owner(net::ByteReader in) {
    Owner owner;
    owner.prefix = read_prefix(in).value_or(net::Ipv6Prefix{});
    owner.router = read_address(in);
    owner.epoch = in.read<std::uint64_t>();
    owner.priority = in.read<std::uint8_t>();
    if (owner.router->is_unspecified()) owner.router.reset();
    return owner;
}

void put_value(net::ByteWriter& out, const net::Ipv6Prefix& prefix) {
    out.put(prefix.length);
    put_address(out, prefix.network().address);
}

void put_value(net::ByteWriter& out, const Owner& owner) {
    put_value(out, owner.prefix);
    put_address(out, owner.router.value_or(net::Ipv6Address{}));
    out.put(owner.epoch);
    out.put(owner.priority);
}

void PartOf::put(net::ByteWriter& out, const Sites& sites) const {
    put_head(out, tlv, sizeof(std::uint32_t));
    out.put(std::uint32_t{sites.part} << kPartBits | sites.parts);
}

Result<void> PartOf::take(const Values& in, Sites& sites) const {
    const auto value = in.number<std::uint32_t>(tlv);
    if (!value) return missing(tlv);
    sites.part = static_cast<std::uint16_t>(*value >> kPartBits);
    sites.parts = static_cast<std::uint16_t>(*value);
    if (sites.part >= sites.parts || sites.parts > kMaxParts) return malformed("no such part");
    return {};
}

void Runs::put(net::ByteWriter& out, const Sites& sites) const {
    std::span<const net::Ipv6Prefix> rest{sites.*member};
    while (!rest.empty()) {
        const auto other = std::find_if(rest.begin(), rest.end(), [&](const net::Ipv6Prefix& prefix) {
            return prefix.length != rest.front().length;
        });
        const auto run = rest.first(static_cast<std::size_t>(other - rest.begin()));
        rest = rest.subspan(run.size());
        net::ByteWriter value;
        put_run(value, run, sites.overlay);
        put_head(out, tlv, value.size());
        out.put(value.bytes());
    }
}

Result<void> Runs::take(const Values& in, Sites& sites) const {
    auto& list = sites.*member;
    for (const net::ByteReader& run : in.all(tlv)) {
        const std::size_t before = list.size();
        if (auto read = read_run(run, sites.overlay, list); !read) return read;
        if (before > 0 && list.at(before).length <= list.at(before - 1).length)
            return malformed("lists of sites are not in order");
    }
    return {};
}

}  // namespace ulagate::wg::control
