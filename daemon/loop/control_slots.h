// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace ulagate {

// Who of the control socket's clients has a place. There are few; one more is root's alone, and when there is
// none left, whoever has said nothing yet makes room: first the oldest of the same user, for root the oldest
// of any. So clients that hold their places in silence lock nobody out but themselves. Pure.
class ControlSlots {
public:
    using Id = std::uint64_t;
    static constexpr std::size_t kForAll = 16;
    static constexpr std::size_t kForRoot = kForAll + 1;

    struct Admission {
        bool admitted = false;
        std::optional<Id> leaves;  // who makes room; it has no place any more
        bool operator==(const Admission&) const = default;
    };
    // `id`: ascending, of a client that has just connected.
    Admission admit(Id id, uid_t user);
    // Its request is there.
    void has_asked(Id id);
    void left(Id id);

private:
    struct Client {
        uid_t user = 0;
        bool silent = true;
    };
    std::map<Id, Client> clients_;
};

}  // namespace ulagate
