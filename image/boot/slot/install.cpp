// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/slot/install.h"

#include <optional>
#include <utility>
#include <vector>

namespace ulagate::slot {
namespace {

constexpr std::size_t kPiece = 65'536;

using OnChunk = std::function<Result<void>(std::uint64_t, std::span<const std::byte>)>;

Result<Manifest> read_all(const ReadPiece& read, const Rules& rules, std::uint64_t slot_bytes,
                          const OnChunk& on_chunk, const std::function<void(const Manifest&)>& on_manifest) {
    std::optional<Manifest> manifest;
    UpdateReader reader{
        rules.key,
        {[&](const Manifest& found) -> Result<void> {
             if (auto admitted = admit(found, rules.machine, slot_bytes, rules.allow_downgrade); !admitted)
                 return admitted;
             manifest = found;
             on_manifest(found);
             return {};
         },
         on_chunk}};
    std::vector<std::byte> piece(kPiece);
    for (;;) {
        const auto n = read(piece);
        if (!n) return tl::unexpected(n.error());
        if (*n == 0) break;
        if (const auto taken = reader.take(std::span{piece}.first(*n)); !taken)
            return tl::unexpected(taken.error());
    }
    if (const auto finished = reader.finish(); !finished) return tl::unexpected(finished.error());
    return std::move(*manifest);
}

}  // namespace

Result<Manifest> check_update(const ReadPiece& read, const Rules& rules, std::uint64_t slot_bytes) {
    return read_all(
        read, rules, slot_bytes, [](std::uint64_t, std::span<const std::byte>) -> Result<void> { return {}; },
        [](const Manifest&) {});
}

Result<Manifest> write_update(const ReadPiece& read, const Rules& rules, SlotWriter& slot,
                              const std::function<void(const Manifest&)>& on_manifest) {
    return read_all(
        read, rules, slot.bytes(),
        [&](std::uint64_t offset, std::span<const std::byte> chunk) { return slot.write(offset, chunk); },
        on_manifest);
}

}  // namespace ulagate::slot
