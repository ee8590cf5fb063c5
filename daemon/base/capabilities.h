// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/capability.h>

#include <cstdint>

namespace ulagate {

// A set of Linux capabilities (capabilities(7)), one bit each.
class Capabilities {
public:
    constexpr Capabilities() = default;
    // CAP_NET_ADMIN and such.
    template <class... Numbers>
    constexpr explicit Capabilities(Numbers... numbers) : bits_{((std::uint64_t{1} << numbers) | ... | 0U)} {}
    static constexpr Capabilities all() {
        Capabilities out;
        out.bits_ = ~std::uint64_t{0};
        return out;
    }
    [[nodiscard]] constexpr bool contains(unsigned number) const { return ((bits_ >> number) & 1U) != 0; }
    [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }
    constexpr bool operator==(const Capabilities&) const = default;

private:
    std::uint64_t bits_ = 0;
};

// For a child between fork() and execve(), and for good: neither it nor what it starts, whatever that is,
// gets another capability than these (bounding, inheritable and ambient sets), and no file gives it more than
// its user has (no_new_privs). What the process has now stays until execve(). Allocates nothing. False: errno
// says why.
bool keep_only(Capabilities kept) noexcept;

// For a process of root's that starts others: these only are effective from now on, so that no slip of its
// own does more. The others it keeps in reserve (permitted): a child that got them anew by execve() would
// lose its parent-death signal (prctl(2), PR_SET_PDEATHSIG). False: errno says why.
bool use_only(Capabilities used) noexcept;

}  // namespace ulagate
