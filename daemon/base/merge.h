// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace ulagate {

// Walks two maps of the same key type once, in order: visit(in_first, in_second) with pointers to the
// entries, nullptr for the side that lacks the key. A lookup of each key would miss the cache each time.
template <class First, class Second, class Visit>
void merge(const First& first, const Second& second, Visit visit) {
    const auto less = first.key_comp();
    auto a = first.begin();
    auto b = second.begin();
    while (a != first.end() || b != second.end()) {
        const bool take_a = b == second.end() || (a != first.end() && !less(b->first, a->first));
        const bool take_b = a == first.end() || (b != second.end() && !less(a->first, b->first));
        visit(take_a ? &*a : nullptr, take_b ? &*b : nullptr);
        if (take_a) ++a;
        if (take_b) ++b;
    }
}

}  // namespace ulagate
