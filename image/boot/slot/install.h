// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "image/boot/slot/admission.h"
#include "image/boot/slot/disk.h"
#include "image/boot/slot/update_file.h"

namespace ulagate::slot {

// Where an update file comes from: fills the buffer as far as there is something; 0 = that was all.
using ReadPiece = std::function<Result<std::size_t>(std::span<std::byte>)>;

struct Rules {
    UpdateKey key{};
    Machine machine;
    bool allow_downgrade = false;
};

// Reads the whole file and says what is wrong with it, without writing anything.
Result<Manifest> check_update(const ReadPiece& read, const Rules& rules, std::uint64_t slot_bytes);

// Writes it as it comes, chunk after verified chunk. On an error the slot is left half-written, which nobody
// starts. `on_manifest`: called when the signature was good, before the first write.
Result<Manifest> write_update(const ReadPiece& read, const Rules& rules, SlotWriter& slot,
                              const std::function<void(const Manifest&)>& on_manifest);

}  // namespace ulagate::slot
