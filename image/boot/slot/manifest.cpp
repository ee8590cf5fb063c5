// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/slot/manifest.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "daemon/base/text.h"

namespace ulagate::slot {
namespace {

constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kMaxRawBytes = 1ULL << 28U;
constexpr std::uint64_t kMinChunk = 4096;
constexpr std::uint64_t kMaxChunk = 4U << 20U;
constexpr std::uint64_t kLastSecond = 253'402'300'799;  // of the year 9999
constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxBoard = 32;
constexpr std::size_t kMaxCompatibles = 64;

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

// Hands out the lines in their order, and remembers the first thing that was wrong.
class Lines {
public:
    explicit Lines(std::string_view text) : rest_(text) {}

    // The value of the next line if that is `key`'s; else it is left alone.
    std::optional<std::string_view> take(std::string_view key) {
        if (!why_.empty()) return std::nullopt;
        const auto end = rest_.find('\n');
        if (end == std::string_view::npos || !rest_.starts_with(key) || rest_.substr(key.size(), 1) != "=")
            return std::nullopt;
        const auto value = rest_.substr(key.size() + 1, end - key.size() - 1);
        rest_.remove_prefix(end + 1);
        ++line_;
        return value;
    }
    std::string_view require(std::string_view key) {
        const auto value = take(key);
        if (!value) refuse(fmt::format("line {} is not {}=…", line_ + 1, key));
        return value.value_or("");
    }
    std::string name(std::string_view key, std::string_view value, std::size_t longest,
                     std::string_view more) {
        const bool good = !value.empty() && value.size() <= longest &&
                          std::all_of(value.begin(), value.end(), [more](char c) {
                              return kDigits.find(c) != std::string_view::npos ||
                                     kLower.find(c) != std::string_view::npos ||
                                     more.find(c) != std::string_view::npos;
                          });
        if (!good) refuse(fmt::format("line {}: {} is not a {}", line_, quote(value), key));
        return std::string{value};
    }
    std::uint64_t number(std::string_view key, std::uint64_t least, std::uint64_t most) {
        const auto text = require(key);
        std::uint64_t value = 0;
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool plain = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size() &&
                           (text.size() == 1 || text.front() != '0');
        if (!plain || value < least || value > most)
            refuse(fmt::format("line {}: {} is not a number from {} to {}", line_, quote(text), least, most));
        return value;
    }
    void refuse(std::string why) {
        if (why_.empty()) why_ = std::move(why);
    }
    void finish() {
        if (!rest_.empty()) refuse(fmt::format("line {} is unexpected", line_ + 1));
    }
    [[nodiscard]] const std::string& why() const { return why_; }
    [[nodiscard]] int line() const { return line_; }

private:
    std::string_view rest_;
    int line_ = 0;
    std::string why_;
};

std::optional<ChunkHash> parse_hash(std::string_view text) {
    ChunkHash hash{};
    if (text.size() != 2 * hash.size()) return std::nullopt;
    if (text.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
    for (std::size_t i = 0; i < hash.size(); ++i) {
        const char* two = text.data() + 2 * i;
        std::from_chars(two, two + 2, hash.at(i), 16);
    }
    return hash;
}

}  // namespace

ChunkHash hash_of(std::span<const std::byte> bytes) {
    ChunkHash hash{};
    // libsodium's bytes are unsigned char.
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                       bytes.size(), nullptr, 0);
    return hash;
}

std::size_t Manifest::length_of(std::size_t chunk) const {
    const std::uint64_t first = static_cast<std::uint64_t>(chunk) * chunk_bytes;
    return first >= raw_bytes
               ? 0
               : static_cast<std::size_t>(std::min<std::uint64_t>(chunk_bytes, raw_bytes - first));
}

Result<Manifest> parse_manifest(std::string_view text) {
    if (text.size() > kMaxManifestBytes) return fail("manifest: too long");
    Lines lines{text};
    Manifest out;
    const std::string letters = std::string{kUpper} + ".+~-";
    out.version = lines.name("version", lines.require("version"), kMaxName, letters);
    out.build_time = static_cast<std::int64_t>(lines.number("build_time", 0, kLastSecond));
    out.board = lines.name("board", lines.require("board"), kMaxBoard, "-");
    const std::string in_names = std::string{kUpper} + ",._+-";
    out.compatibles.push_back(lines.name("compatible", lines.require("compatible"), kMaxName, in_names));
    while (const auto more = lines.take("compatible")) {
        out.compatibles.push_back(lines.name("compatible", *more, kMaxName, in_names));
        if (out.compatibles.size() > kMaxCompatibles) lines.refuse("too many boards");
    }
    out.eeprom_time = static_cast<std::int64_t>(lines.number("eeprom_time", 0, kLastSecond));
    out.raw_bytes = lines.number("raw_bytes", kSector, kMaxRawBytes);
    if (out.raw_bytes % kSector != 0) lines.refuse("raw_bytes is not whole sectors");
    out.chunk_bytes = static_cast<std::uint32_t>(lines.number("chunk_bytes", kMinChunk, kMaxChunk));
    if ((out.chunk_bytes & (out.chunk_bytes - 1)) != 0) lines.refuse("chunk_bytes is not a power of two");
    while (const auto value = lines.take("chunk")) {
        const auto hash = parse_hash(*value);
        if (!hash) lines.refuse(fmt::format("line {}: {} is not a hash", lines.line(), quote(*value)));
        out.chunks.push_back(hash.value_or(ChunkHash{}));
    }
    lines.finish();
    if (!lines.why().empty()) return fail("manifest: " + lines.why());
    if (out.chunks.size() != (out.raw_bytes + out.chunk_bytes - 1) / out.chunk_bytes)
        return fail(fmt::format("manifest: {} hashes for {} bytes", out.chunks.size(), out.raw_bytes));
    return out;
}

std::string build_manifest(const Manifest& manifest) {
    std::string out = fmt::format("version={}\nbuild_time={}\nboard={}\n", manifest.version,
                                  manifest.build_time, manifest.board);
    for (const auto& name : manifest.compatibles) out += fmt::format("compatible={}\n", name);
    out += fmt::format("eeprom_time={}\nraw_bytes={}\nchunk_bytes={}\n", manifest.eeprom_time,
                       manifest.raw_bytes, manifest.chunk_bytes);
    for (const auto& hash : manifest.chunks) {
        out += "chunk=";
        for (const auto byte : hash) out += fmt::format("{:02x}", byte);
        out += '\n';
    }
    return out;
}

}  // namespace ulagate::slot
