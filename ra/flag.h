// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ulagate::ra {

// One flag of a message or option. All that parser, builder, configuration and `show` have to know of it.
template <class T>
struct Flag {
    std::string_view key;  // in [lan.ra]; its default is the member's
    std::uint8_t bit = 0;  // in the byte of the flags
    bool T::*member = nullptr;
    std::string_view when_set = {};  // a line of `show ra`; "": it has a place of its own there
};

template <class T, std::size_t kCount>
void take_flags(const Flag<T> (&flags)[kCount], unsigned byte, T& out) {
    for (const Flag<T>& flag : flags) out.*flag.member = (byte & flag.bit) != 0;
}

template <class T, std::size_t kCount>
unsigned flag_bits(const Flag<T> (&flags)[kCount], const T& in) {
    unsigned byte = 0;
    for (const Flag<T>& flag : flags) byte |= in.*flag.member ? flag.bit : 0U;
    return byte;
}

}  // namespace ulagate::ra
