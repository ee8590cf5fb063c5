// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace ulagate {

// True when that was a change. A fact of 10,000 entries is compared in a millisecond, and copied in several.
template <class T>
bool assign(T& fact, const T& now) {
    if (fact == now) return false;
    fact = now;
    return true;
}

}  // namespace ulagate
