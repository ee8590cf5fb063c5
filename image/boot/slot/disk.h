// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "daemon/base/fd.h"
#include "daemon/base/result.h"
#include "image/boot/card/card.h"
#include "image/boot/slot/boot_choice.h"
#include "image/boot/slot/manifest.h"

namespace ulagate::slot {

card::Part part_of(Slot slot);

// What autoboot.txt of the card says.
Result<Slot> usual_slot(const card::Card& card);

// The commit: one write of the one sector of autoboot.txt, in place, and read back.
Result<void> choose_slot(const card::Card& card, Slot usual);

// VERSION in ulagate-release of that slot, or why it cannot be told: "nothing that starts (...)".
std::string version_in(const card::Card& card, Slot slot);

// Writes a slot, and nothing outside of it.
class SlotWriter {
public:
    // Refuses the slot that runs, and refuses when it is not known which one runs.
    static Result<SlotWriter> open(const card::Card& card, Slot slot, const Boot& boot);

    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    Result<void> write(std::uint64_t offset, std::span<const std::byte> bytes);
    // Waits until all is on the card, and then reads it from there and compares.
    Result<void> read_back(const Manifest& manifest);

private:
    SlotWriter(UniqueFd fd, std::string name, std::uint64_t first_byte, std::uint64_t bytes)
        : fd_(std::move(fd)), name_(std::move(name)), first_byte_(first_byte), bytes_(bytes) {}

    UniqueFd fd_;
    std::string name_;
    std::uint64_t first_byte_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t waiting_ = 0;  // written since the last wait for the card
};

}  // namespace ulagate::slot
