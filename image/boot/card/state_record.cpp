// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/card/state_record.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>

#include "daemon/base/bytes.h"
#include "daemon/base/text.h"

namespace ulagate::card {
namespace {

constexpr std::uint64_t kMagic = 0x554c475354415445;  // "ULGSTATE"
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kDigestBytes = 32;

using Digest = std::array<std::byte, kDigestBytes>;

Digest blake2b(std::span<const std::byte> bytes) {
    Digest out{};
    // libsodium speaks of unsigned char. It fails for a digest of a wrong size only.
    ::crypto_generichash(reinterpret_cast<unsigned char*>(out.data()), out.size(),
                         reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr, 0);
    return out;
}

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span{text}); }

bool is_part(std::string_view part) {
    return !part.empty() && part != "." && part != ".." &&
           std::all_of(part.begin(), part.end(), [](char c) { return c > ' ' && c <= '~' && c != '\\'; });
}

}  // namespace

bool is_state_name(std::string_view name) {
    if (name.size() > kMaxStateName) return false;
    for (;;) {
        const auto slash = name.find('/');
        if (!is_part(name.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        name.remove_prefix(slash + 1);
    }
}

Result<std::vector<std::byte>> encode_files(const StateFiles& files) {
    if (files.size() > kMaxStateFiles) {
        return fail(fmt::format("state of {} files, at most {} fit", files.size(), kMaxStateFiles));
    }
    net::ByteWriter out;
    out.put(static_cast<std::uint16_t>(files.size()));
    for (const auto& [name, content] : files) {
        if (!is_state_name(name)) return fail("state file with the name " + quote(name) + " cannot be kept");
        if (content.size() > kMaxStatePayload) {
            return fail(fmt::format("state file {} of {} bytes does not fit", name, content.size()));
        }
        out.put(static_cast<std::uint8_t>(name.size()));
        out.put(bytes_of(name));
        out.put(static_cast<std::uint32_t>(content.size()));
        out.put(bytes_of(content));
        if (out.size() > kMaxStatePayload) {
            return fail(fmt::format("state of more than {} bytes does not fit", kMaxStatePayload));
        }
    }
    return std::move(out).release();
}

Result<StateFiles> decode_files(std::span<const std::byte> payload) {
    net::ByteReader in{payload};
    const auto count = in.read<std::uint16_t>();
    if (count > kMaxStateFiles) return fail("state with too many files");
    StateFiles files;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string name = text_of(in.take(in.read<std::uint8_t>()));
        std::string content = text_of(in.take(in.read<std::uint32_t>()));
        if (!in.ok()) return fail("state ends inside a file");
        if (!is_state_name(name)) return fail("state with a file name that cannot be");
        if (!files.empty() && files.rbegin()->first >= name)
            return fail("state whose names are not in order");
        files.emplace_hint(files.end(), name, std::move(content));
    }
    if (!in.ok()) return fail("state without a list of files");
    if (in.remaining() != 0) return fail("state with something behind its last file");
    return files;
}

StateHeader header_of(std::uint64_t sequence, std::span<const std::byte> payload) {
    return {sequence, static_cast<std::uint32_t>(payload.size()), blake2b(payload)};
}

std::vector<std::byte> encode_header(const StateHeader& header) {
    net::ByteWriter out;
    out.put(kMagic);
    out.put(kVersion);
    out.put(header.sequence);
    out.put(header.payload_bytes);
    out.put(header.digest);
    out.put(blake2b(out.bytes()));
    out.zeros(kSectorBytes - out.size());
    return std::move(out).release();
}

Result<StateHeader> decode_header(std::span<const std::byte> sector) {
    if (sector.size() != kSectorBytes) return fail("header that is not one sector");
    net::ByteReader in{sector};
    if (in.read<std::uint64_t>() != kMagic) return fail("no header");
    const auto version = in.read<std::uint32_t>();
    StateHeader header;
    header.sequence = in.read<std::uint64_t>();
    header.payload_bytes = in.read<std::uint32_t>();
    const auto digest = in.take(kDigestBytes);
    std::copy(digest.begin(), digest.end(), header.digest.begin());
    const Digest checksum = blake2b(sector.first(sector.size() - in.remaining()));
    const auto rest = in.take(in.remaining());
    if (!std::ranges::equal(rest.first(kDigestBytes), checksum)) return fail("header with a wrong checksum");
    if (!is_blank(rest.subspan(kDigestBytes))) return fail("header with something behind it");
    if (version != kVersion) return fail(fmt::format("header of version {}, not {}", version, kVersion));
    if (header.payload_bytes > kMaxStatePayload) return fail("header with an impossible length");
    return header;
}

bool is_blank(std::span<const std::byte> sector) {
    // Zeros as the image is written, or what an erased card returns.
    return std::ranges::all_of(sector, [](std::byte b) { return b == std::byte{0}; }) ||
           std::ranges::all_of(sector, [](std::byte b) { return b == std::byte{0xff}; });
}

Result<StateRecord> decode_area(std::span<const std::byte> area) {
    if (area.size() != kStateAreaBytes) return fail("area of a wrong size");
    const auto header = decode_header(area.first(kSectorBytes));
    if (!header) return tl::unexpected(header.error());
    const auto payload = area.subspan(kSectorBytes, header->payload_bytes);
    if (blake2b(payload) != header->digest) return fail("payload that is not the one of its header");
    auto files = decode_files(payload);
    if (!files) return tl::unexpected(files.error());
    return StateRecord{header->sequence, std::move(*files)};
}

}  // namespace ulagate::card
