// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ulagate::wg {

inline constexpr std::size_t kKeyBytes = 32;  // X25519, and the preshared key alike

// A router's or relay's name in the eyes of WireGuard. Not secret.
struct PublicKey {
    std::array<std::uint8_t, kKeyBytes> bytes{};
    auto operator<=>(const PublicKey&) const = default;
};

// 44 characters as `wg` prints them. Nothing for any other length, alphabet or padding. Any 32 bytes are a
// key here: whether a key makes sense (all zero, another peer's) is the configuration's business.
std::optional<PublicKey> parse_public_key(std::string_view base64);
std::string to_string(const PublicKey& key);
// The first characters of a key and "…": for status and log lines, as `wg` users know it.
std::string short_name(const PublicKey& key);

// 32 secret bytes: wiped when it goes, compared in constant time, and without any way to print it by
// accident.
class Secret {
public:
    using Bytes = std::array<std::uint8_t, kKeyBytes>;

    Secret() = default;
    explicit Secret(const Bytes& bytes) : bytes_(bytes) {}
    Secret(const Secret&) = default;
    Secret& operator=(const Secret&) = default;
    Secret(Secret&&) noexcept = default;
    Secret& operator=(Secret&&) noexcept = default;
    ~Secret();

    static std::optional<Secret> parse(std::string_view base64);
    // For a key file and for nothing else.
    [[nodiscard]] std::string reveal_base64() const;
    [[nodiscard]] const Bytes& bytes() const { return bytes_; }
    bool operator==(const Secret& other) const;

private:
    Bytes bytes_{};
};

struct PrivateKey : Secret {
    using Secret::Secret;
    explicit PrivateKey(Secret secret) : Secret(std::move(secret)) {}

    // Clamped as X25519 wants it, from the system's random source.
    static PrivateKey generate();
    static std::optional<PrivateKey> parse(std::string_view base64);
    [[nodiscard]] PublicKey public_key() const;
};

using PresharedKey = Secret;

// Zeroes a buffer that held a secret, then empties it. It cannot reach the copies a buffer left behind while
// growing: reserve first.
void wipe(std::string& text);
void wipe(std::vector<std::byte>& bytes);

}  // namespace ulagate::wg
