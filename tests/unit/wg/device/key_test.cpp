// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace ulagate::wg::key_test {
namespace {

constexpr const char* kBase64 = "ANn/cx84YetBPi86eO40S8mDF9JSnYaTj40PL+GDJ3g=";

TEST(WgKey, PrintsWhatItParses) {
    const auto key = parse_public_key(kBase64);
    ASSERT_TRUE(key);
    EXPECT_EQ(key->bytes[0], 0x00);
    EXPECT_EQ(key->bytes[1], 0xd9);
    EXPECT_EQ(key->bytes[31], 0x78);
    EXPECT_EQ(to_string(*key), kBase64);
    EXPECT_EQ(short_name(*key), "ANn/cx84…");
}

TEST(WgKey, RefusesWhatIsNone) {
    const std::string good = kBase64;
    for (const std::string& text : {
             std::string{}, good.substr(0, 43),           // no padding
             good + "=",                                  // too long
             good + "\n",                                 //
             " " + good.substr(1),                        // not of the alphabet
             "-" + good.substr(1),                        // of the alphabet for URLs
             good.substr(0, 42) + "==",                   // 31 bytes
             good.substr(0, 43) + "A",                    // 33 bytes
             good.substr(0, 42) + "h=",                   // a bit behind the last byte
             good.substr(0, 20) + "\n" + good.substr(21)  // a line break inside
         }) {
        EXPECT_FALSE(parse_public_key(text)) << text;
        EXPECT_FALSE(Secret::parse(text)) << text;
        EXPECT_FALSE(PrivateKey::parse(text)) << text;
    }
}

TEST(WgKey, EveryBitBehindTheLastByteIsRefused) {
    // The last of 43 characters carries 4 bits of the key and 2 spare ones: one in four is canonical.
    const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    int accepted = 0;
    for (const char c : alphabet) {
        const std::string text = std::string{kBase64}.substr(0, 42) + c + "=";
        const auto key = parse_public_key(text);
        if (!key) continue;
        ++accepted;
        EXPECT_EQ(to_string(*key), text);
    }
    EXPECT_EQ(accepted, 16);
}

// RFC 7748 section 6.1.
TEST(WgKey, PublicKeyOfTheRfc) {
    const Secret::Bytes alice{0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
                              0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
                              0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a};
    const PublicKey expected{{0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d,
                              0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38,
                              0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a}};
    EXPECT_EQ(PrivateKey{alice}.public_key(), expected);
}

// Pairs from `wg genkey` and `wg pubkey`; the last three are not clamped.
TEST(WgKey, PublicKeyAsTheWgToolSaysIt) {
    const std::pair<const char*, const char*> pairs[] = {
        {"cJ+YplAzqFbAk6MbOko1Q69ayGfIfMIfJKArBK9BMF0=", "pYW0l1mUpjJ3sjbOsDqA3mfYVv1P3VzXcvLPh38dXDQ="},
        {"ANn/cx84YetBPi86eO40S8mDF9JSnYaTj40PL+GDJ3g=", "9VoIh1Kw/O9Kl4X5tgG/Jsz4tiFF6ysyZ1k0vnNc0ko="},
        {"//////////////////////////////////////////8=", "hHwNLDdSNPNl5mCVUYejc1oPdhPRYJ06ak2MU66qWiI="},
        {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8="},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q="}};
    for (const auto& [secret, expected] : pairs) {
        EXPECT_EQ(to_string(PrivateKey::parse(secret)->public_key()), expected);
    }
}

TEST(WgKey, GeneratedKeysAreClampedAndDiffer) {
    std::set<PublicKey> seen;
    for (int i = 0; i < 100; ++i) {
        const PrivateKey key = PrivateKey::generate();
        EXPECT_EQ(key.bytes().front() & 0x07U, 0U);
        EXPECT_EQ(key.bytes().back() & 0xc0U, 0x40U);
        EXPECT_TRUE(seen.insert(key.public_key()).second);
        EXPECT_EQ(*PrivateKey::parse(key.reveal_base64()), key);
    }
}

TEST(WgKey, SecretsCompareByContent) {
    const Secret a = *Secret::parse(kBase64);
    Secret b;
    EXPECT_NE(a, b);
    b = a;
    EXPECT_EQ(a, b);
}

TEST(WgKey, SecretIsWipedWhenItGoes) {
    alignas(Secret) std::array<std::byte, sizeof(Secret)> storage{};
    auto* secret = new (storage.data()) Secret{Secret::Bytes{1, 2, 3}};
    EXPECT_NE(storage, (std::array<std::byte, sizeof(Secret)>{}));
    secret->~Secret();
    EXPECT_EQ(storage, (std::array<std::byte, sizeof(Secret)>{}));
}

TEST(WgKey, WipeEmptiesTheBuffer) {
    std::string text = "0123456789012345678901234567890123456789";
    const char* const memory = text.data();
    wipe(text);
    EXPECT_TRUE(text.empty());
    EXPECT_EQ(text.data(), memory);
    EXPECT_EQ(memory[1], '\0');
}

}  // namespace
}  // namespace ulagate::wg::key_test
