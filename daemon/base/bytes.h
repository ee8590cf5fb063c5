// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ulagate::net {

// Reads big-endian fields and never leaves its span. After one short read all later reads fail too (and give
// 0), so that a parser may read a whole header and ask ok() once.
class ByteReader {
public:
    explicit ByteReader(std::span<const std::byte> in) : rest_(in) {}

    template <std::unsigned_integral T>
    T read() {
        T value = 0;
        for (const std::byte b : take(sizeof(T))) {
            value =
                static_cast<T>((static_cast<std::uint64_t>(value) << 8U) | std::to_integer<std::uint64_t>(b));
        }
        return value;
    }

    // The next n bytes, or an empty span (and ok() == false) when there are fewer.
    std::span<const std::byte> take(std::size_t n) {
        if (!ok_ || rest_.size() < n) {
            ok_ = false;
            return {};
        }
        const auto head = rest_.first(n);
        rest_ = rest_.subspan(n);
        return head;
    }

    [[nodiscard]] std::size_t remaining() const { return ok_ ? rest_.size() : 0; }
    [[nodiscard]] bool ok() const { return ok_; }

private:
    std::span<const std::byte> rest_;
    bool ok_ = true;
};

// Appends big-endian fields to a buffer of its own.
class ByteWriter {
public:
    template <std::unsigned_integral T>
    void put(T value) {
        for (std::size_t i = sizeof(T); i-- > 0;) {
            bytes_.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8U * i)));
        }
    }
    void put(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    void zeros(std::size_t n) { bytes_.insert(bytes_.end(), n, std::byte{0}); }

    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }
    std::vector<std::byte> release() && { return std::move(bytes_); }

private:
    std::vector<std::byte> bytes_;
};

}  // namespace ulagate::net
