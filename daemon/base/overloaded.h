// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace ulagate {

// One visitor made of a lambda for each alternative of a variant: std::visit(Overloaded{...}, value). Without
// a generic lambda (`auto`) it does not compile while an alternative is missing, so it is the way to decide
// something for every alternative.
template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // clang 14 does not deduce it by itself

}  // namespace ulagate
