// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/key.h"

#include <sodium.h>

#include <stdexcept>

namespace ulagate::wg {
namespace {

constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
constexpr std::size_t kBase64Chars = 44;
constexpr std::size_t kShortChars = 8;

// libsodium refuses a wrong padding and set bits behind the last byte, and takes the same time for every key.
bool decode(std::string_view base64, std::array<std::uint8_t, kKeyBytes>& bytes) {
    if (base64.size() != kBase64Chars) return false;
    std::size_t length = 0;
    const char* end = nullptr;
    return ::sodium_base642bin(bytes.data(), bytes.size(), base64.data(), base64.size(), nullptr, &length,
                               &end, kVariant) == 0 &&
           length == bytes.size() && end == base64.data() + base64.size();
}

std::string encode(const std::array<std::uint8_t, kKeyBytes>& bytes) {
    std::string text(sodium_base64_ENCODED_LEN(kKeyBytes, kVariant), '\0');
    ::sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), kVariant);
    text.pop_back();  // the terminating zero counts in ENCODED_LEN
    return text;
}

}  // namespace

std::optional<PublicKey> parse_public_key(std::string_view base64) {
    PublicKey key;
    if (!decode(base64, key.bytes)) return std::nullopt;
    return key;
}

std::string to_string(const PublicKey& key) { return encode(key.bytes); }
std::string short_name(const PublicKey& key) { return encode(key.bytes).substr(0, kShortChars) + "…"; }

Secret::~Secret() { ::sodium_memzero(bytes_.data(), bytes_.size()); }

std::optional<Secret> Secret::parse(std::string_view base64) {
    Secret secret;
    if (!decode(base64, secret.bytes_)) return std::nullopt;
    return secret;
}

std::string Secret::reveal_base64() const { return encode(bytes_); }

bool Secret::operator==(const Secret& other) const {
    return ::sodium_memcmp(bytes_.data(), other.bytes_.data(), bytes_.size()) == 0;
}

PrivateKey PrivateKey::generate() {
    // Fails only without any source of randomness, and then nothing we could do would be safe.
    if (::sodium_init() < 0) throw std::runtime_error("no source of randomness");
    Bytes bytes{};
    ::randombytes_buf(bytes.data(), bytes.size());
    bytes.front() &= 0xf8U;  // RFC 7748 section 5
    bytes.back() = static_cast<std::uint8_t>((bytes.back() & 0x7fU) | 0x40U);
    PrivateKey key{bytes};
    ::sodium_memzero(bytes.data(), bytes.size());
    return key;
}

std::optional<PrivateKey> PrivateKey::parse(std::string_view base64) {
    auto secret = Secret::parse(base64);
    if (!secret) return std::nullopt;
    return PrivateKey{std::move(*secret)};
}

PublicKey PrivateKey::public_key() const {
    PublicKey key;
    // Clamps by itself, and cannot fail: the base point has no low order.
    (void)::crypto_scalarmult_base(key.bytes.data(), bytes().data());
    return key;
}

void wipe(std::string& text) {
    ::sodium_memzero(text.data(), text.size());
    text.clear();
}

void wipe(std::vector<std::byte>& bytes) {
    ::sodium_memzero(bytes.data(), bytes.size());
    bytes.clear();
}

}  // namespace ulagate::wg
