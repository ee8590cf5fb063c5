// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cerrno>
#include <string>
#include <system_error>
#include <tl/expected.hpp>
#include <utility>

namespace ulagate {

// Why something did not work: a code to decide by, and a sentence that says what we were doing. Each level
// that passes an error on may add its step with context(); it is logged once, where it is handled.
struct Error {
    std::error_code code;
    std::string context;

    // "set route fd12::/48: Operation not permitted"
    [[nodiscard]] std::string text() const { return code ? context + ": " + code.message() : context; }
};

// A value or an Error. A class and not an alias, because only then does the compiler refuse to drop it.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
public:
    using tl::expected<T, Error>::expected;
};

inline tl::unexpected<Error> fail(std::error_code code, std::string context) {
    return tl::unexpected<Error>{Error{code, std::move(context)}};
}

// For failures that have no errno: the sentence is all there is to say.
inline tl::unexpected<Error> fail(std::string context) { return fail(std::error_code{}, std::move(context)); }

// An errno of the call that has just failed; take it before anything else can change it.
inline tl::unexpected<Error> fail_errno(std::string context, int code = errno) {
    return fail(std::error_code{code, std::generic_category()}, std::move(context));
}

// Passes an error on with the caller's step in front: "start r1: open socket: Permission denied".
inline tl::unexpected<Error> fail(Error inner, const std::string& step) {
    inner.context = step + ": " + inner.context;
    return tl::unexpected<Error>{std::move(inner)};
}

}  // namespace ulagate
