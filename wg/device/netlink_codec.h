// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ulagate::wg {

// The framing that all netlink messages share: a header, a fixed part, and attributes padded to four bytes.
// Numbers are in the byte order of the machine. Pure; knows no particular family.

inline constexpr std::size_t kNetlinkAlign = 4;
constexpr std::size_t netlink_aligned(std::size_t size) {
    return (size + kNetlinkAlign - 1) & ~(kNetlinkAlign - 1);
}

// What an attribute with this much payload takes in a message.
constexpr std::size_t attribute_size(std::size_t payload) { return 4 + netlink_aligned(payload); }

// Builds one message. Reserves its whole size at once, so that no copy of a key stays behind in memory.
class MessageBuilder {
public:
    MessageBuilder(std::uint16_t type, std::uint16_t flags, std::size_t reserve);

    template <class T>
    void fixed(const T& value) {
        static_assert(std::is_trivially_copyable_v<T>);
        append(std::as_bytes(std::span{&value, 1}));
    }
    void attribute(std::uint16_t type, std::span<const std::byte> payload);
    template <class T>
    void value(std::uint16_t type, const T& value) {
        static_assert(std::is_trivially_copyable_v<T>);
        attribute(type, std::as_bytes(std::span{&value, 1}));
    }
    void text(std::uint16_t type, std::string_view text);  // with the terminating zero

    // A nest is closed by the offset that opened it. Its length has 16 bits: keep messages below 64 KiB.
    std::size_t open_nest(std::uint16_t type);
    void close_nest(std::size_t nest);

    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    // With the length filled in; the sequence number is the socket's business.
    std::vector<std::byte> finish() &&;

private:
    void append(std::span<const std::byte> bytes);
    void pad();

    std::vector<std::byte> bytes_;
};

struct Attribute {
    std::uint16_t type = 0;  // without the nested and byte order flags
    std::span<const std::byte> payload;

    // Nothing when the payload has another size.
    template <class T>
    [[nodiscard]] std::optional<T> as() const {
        static_assert(std::is_trivially_copyable_v<T>);
        if (payload.size() != sizeof(T)) return std::nullopt;
        T out;
        std::memcpy(&out, payload.data(), sizeof(T));
        return out;
    }
};

// Hands out attributes one by one, and never anything outside its span.
class AttributeReader {
public:
    explicit AttributeReader(std::span<const std::byte> in) : rest_(in) {}
    // Nothing at the end, and at the first attribute that does not fit.
    std::optional<Attribute> next();
    // After the last one: was everything well formed?
    [[nodiscard]] bool ok() const { return ok_; }

private:
    std::span<const std::byte> rest_;
    bool ok_ = true;
};

// What stands behind the header and the family's fixed part (`skip` bytes); nothing when the message is
// shorter than that, or its length field disagrees with the span.
std::optional<std::span<const std::byte>> message_body(std::span<const std::byte> message, std::size_t skip);

// The first string in an attribute, without its terminating zero.
std::string_view attribute_text(const Attribute& attribute);

}  // namespace ulagate::wg
