// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/message.h"

#include <string>
#include <utility>

#include "daemon/base/bytes.h"
#include "wg/control/layout.h"

namespace ulagate::wg::control {
namespace {

tl::unexpected<Error> unsupported(std::string why) {
    return fail(std::make_error_code(std::errc::protocol_not_supported), std::move(why));
}

Result<void> check(const TlvRow& row, net::ByteReader value, std::size_t before) {
    const std::string name{row.name};
    if (row.most != 0 && before == row.most)
        return malformed(name + (row.most == 1 ? " comes twice" : " comes too often"));
    if (row.size != 0 && value.remaining() != row.size) return malformed(name + " has the wrong length");
    if (row.fault == nullptr) return {};
    const std::string_view fault = row.fault(value);
    if (!fault.empty()) return malformed(name + ": " + std::string{fault});
    return {};
}

Result<Values> read_values(net::ByteReader in) {
    Values values;
    while (in.remaining() != 0) {
        const auto type = in.read<std::uint16_t>();
        const std::size_t length = in.read<std::uint16_t>();
        const net::ByteReader value{in.take(length)};
        if (!in.ok()) return malformed("a TLV is longer than the rest of the message");
        const TlvRow* row = row_of(type);
        if (row == nullptr) continue;
        if (auto checked = check(*row, value, values.count(row->tlv)); !checked)
            return tl::unexpected<Error>{std::move(checked.error())};
        values.add(row->tlv, value);
    }
    return values;
}

template <class Row>
Result<Message> to_message(const Row& row, const Values& values) {
    typename Row::Message message;
    if (auto taken = take_all(row.fields, values, message); !taken)
        return tl::unexpected<Error>{std::move(taken.error())};
    return Message{std::move(message)};
}

Result<Message> to_message(std::uint8_t type, const Values& values) {
    Result<Message> message = unsupported("message of type " + std::to_string(type));
    const auto try_row = [&](const auto& row) {
        if (row.type != type) return false;
        message = to_message(row, values);
        return true;
    };
    std::apply([&](const auto&... row) { static_cast<void>((try_row(row) || ...)); }, kMessages);
    return message;
}

}  // namespace

std::string_view not_a_network(net::ByteReader value) {
    return read_prefix(value) ? "" : "not the prefix of a network";
}

std::string_view generation_zero(net::ByteReader value) {
    return value.read<std::uint64_t>() == 0 ? "generation 0 of the list of sites" : "";
}

Result<Packet> parse(std::span<const std::byte> datagram) {
    if (datagram.size() > kMaxMessage) return malformed("longer than 1200 bytes");
    net::ByteReader in{datagram};
    const auto magic = in.read<std::uint32_t>();
    const auto version = in.read<std::uint8_t>();
    const auto type = in.read<std::uint8_t>();
    const std::size_t length = in.read<std::uint16_t>();
    Packet packet;
    packet.sequence = in.read<std::uint32_t>();
    if (!in.ok()) return malformed("shorter than its header");
    if (magic != kMagic) return malformed("not the overlay control protocol");
    if (version > kVersion) return unsupported("version " + std::to_string(version));
    if (version != kVersion) return malformed("version 0");
    if (length != datagram.size()) return malformed("the length is not that of the datagram");

    const auto values = read_values(in);
    if (!values) return tl::unexpected<Error>{values.error()};
    auto message = to_message(type, *values);
    if (!message) return tl::unexpected<Error>{std::move(message.error())};
    packet.message = std::move(*message);
    return packet;
}

std::vector<std::byte> build(const Packet& packet) {
    net::ByteWriter body;
    const std::uint8_t type = std::visit(
        [&]<class M>(const M& message) {
            const auto& row = layout_of<M>();
            std::apply([&](const auto&... field) { (field.put(body, message), ...); }, row.fields);
            return row.type;
        },
        packet.message);
    net::ByteWriter out;
    out.put(kMagic);
    out.put(kVersion);
    out.put(type);
    out.put(static_cast<std::uint16_t>(kHeader + body.size()));
    out.put(packet.sequence);
    out.put(body.bytes());
    return std::move(out).release();
}

bool names_sites(std::span<const std::byte> datagram) {
    constexpr std::size_t kTypeAt = 5;  // behind the magic number and the version
    return datagram.size() > kTypeAt && datagram[kTypeAt] == std::byte{layout_of<Sites>().type};
}

std::string_view type_name(const Message& message) {
    return std::visit([]<class M>(const M& /*message*/) { return layout_of<M>().name; }, message);
}

bool is_stale(std::uint32_t last, std::uint32_t got) {
    constexpr std::uint32_t kWindow = 64;
    return last - got < kWindow;  // modulo 2^32
}

}  // namespace ulagate::wg::control
