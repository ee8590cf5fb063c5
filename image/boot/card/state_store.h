// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "daemon/base/fd.h"
#include "daemon/base/result.h"
#include "image/boot/card/state_record.h"

namespace ulagate::card {

// The state on a card (its fourth partition), or in a plain file. A save that a power cut interrupts loses
// itself and nothing older. Several processes may have it open: each save locks it and reads it anew.
class StateStore {
public:
    // `first_byte` and `bytes`: where the areas lie in it. What is blank or damaged opens as an empty state
    // (see problem()); an error is what cannot be opened, or is too small.
    static Result<StateStore> open(const std::string& device_or_file, std::uint64_t first_byte,
                                   std::uint64_t bytes);

    [[nodiscard]] const StateFiles& files() const { return files_; }
    // Why there is less than there was: "both areas of the state are damaged: ...". Empty when all is well,
    // and for a card that is new.
    [[nodiscard]] const std::string& problem() const { return problem_; }

    // Replaces everything. Whoever shares the state with others uses edit().
    Result<void> save(StateFiles files);
    // Reads what is there now, changes that and saves it (nothing is written when nothing changed): what
    // another process has saved in the meantime is kept.
    Result<void> edit(const std::function<void(StateFiles&)>& change);
    // save(), and nothing of what was there before can be read from the card any more: for a factory reset.
    Result<void> overwrite(StateFiles files);

private:
    struct Best {
        std::optional<StateRecord> record;
        std::size_t area = 0;         // of the record
        std::uint64_t last_used = 0;  // sequence number, also of an area whose payload is damaged
        std::string problem;
    };

    StateStore(UniqueFd fd, std::string name, std::uint64_t first_byte);
    [[nodiscard]] Best read() const;
    Result<void> write_area(std::size_t area, std::uint64_t sequence, std::span<const std::byte> payload,
                            bool to_the_end) const;
    Result<void> write_files(const Best& now, StateFiles files, bool everywhere);
    Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) const;

    UniqueFd fd_;
    std::string name_;
    std::uint64_t first_byte_ = 0;
    StateFiles files_;
    std::string problem_;
};

}  // namespace ulagate::card
