// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "daemon/base/text.h"
#include "daemon/config/reader.h"
#include "daemon/config/values.h"

// Rows of the tables of the configuration language: one row says the name of a key, its default or an
// example, what may stand there, and where it goes. Reading a table is going through its rows; a unit test
// goes through the same rows and finds each of them in the reference file, with that default and within that
// range.
namespace ulagate::config_file {

// A row, for the test of the reference files.
struct KeyText {
    std::string line;     // as in the file: `min_interval = "10s"`; `id = ` where there is no default
    std::string longest;  // the end of its range, as the help beside it has to name it; "": none to name
};

// The upper bound of what a parser takes; "" when it has none that is one word.
template <class Parse>
std::string upper_bound(const Parse& parse) {
    if constexpr (requires { parse.max(); }) {
        return to_string(parse.max());
    } else {
        return {};
    }
}

// A text with a default, which is written as in the file.
template <class S, class Parse>
struct TextKey {
    std::string_view key;
    std::string_view fallback;
    Parse parse;
    Located<ParsedBy<Parse>> S::*place;

    void read(TableReader& table, S& out) const { out.*place = table.optional(key, fallback, parse); }
    [[nodiscard]] KeyText text() const {
        return {fmt::format("{} = \"{}\"", key, fallback), upper_bound(parse)};
    }
};
template <class S, class Parse>
TextKey(std::string_view, std::string_view, Parse, Located<ParsedBy<Parse>> S::*) -> TextKey<S, Parse>;

// A text without a default: not given, it stays empty.
template <class S, class Parse>
struct UnsetKey {
    std::string_view key;
    std::string_view example;
    Parse parse;
    Located<ParsedBy<Parse>> S::*place;

    void read(TableReader& table, S& out) const { out.*place = table.text(key, example, parse); }
    [[nodiscard]] KeyText text() const { return {fmt::format("{} = \"{}\"", key, example), {}}; }
};
template <class S, class Parse>
UnsetKey(std::string_view, std::string_view, Parse, Located<ParsedBy<Parse>> S::*) -> UnsetKey<S, Parse>;

// Texts; none when the key is left out.
template <class S, class Parse>
struct ListKey {
    std::string_view key;
    std::string_view example;
    Parse parse;
    std::vector<Located<ParsedBy<Parse>>> S::*place;

    void read(TableReader& table, S& out) const { out.*place = table.list_or_none(key, example, parse); }
    [[nodiscard]] KeyText text() const { return {fmt::format("{} = [\"{}\"]", key, example), {}}; }
};
template <class S, class Parse>
ListKey(std::string_view, std::string_view, Parse, std::vector<Located<ParsedBy<Parse>>> S::*)
    -> ListKey<S, Parse>;

template <class S>
struct FlagKey {
    std::string_view key;
    bool fallback;
    Located<bool> S::*place;

    void read(TableReader& table, S& out) const { out.*place = table.flag(key, fallback); }
    [[nodiscard]] KeyText text() const { return {fmt::format("{} = {}", key, fallback), {}}; }
};
template <class S>
FlagKey(std::string_view, bool, Located<bool> S::*) -> FlagKey<S>;

// Where 0 is below `min`, it is the default and stands for "not given".
template <class S, class Number>
struct NumberKey {
    std::string_view key;
    Number fallback;
    Number min;
    Number max;
    Located<Number> S::*place;
    Number example = fallback;  // that the reference file shows, when the default is "not given"

    void read(TableReader& table, S& out) const {
        out.*place = table.integer<Number>(key, fallback, min, max);
    }
    [[nodiscard]] KeyText text() const { return {fmt::format("{} = {}", key, example), std::to_string(max)}; }
};

// A number that must be there.
template <class S, class Number>
struct NeededNumberKey {
    std::string_view key;
    Number example;
    Number min;
    Number max;
    std::optional<Located<Number>> S::*place;

    void read(TableReader& table, S& out) const {
        out.*place = table.require_integer<Number>(key, example, min, max);
    }
    [[nodiscard]] KeyText text() const { return {fmt::format("{} = ", key), std::to_string(max)}; }
};

// A text that must be there.
template <class S, class Parse>
struct NeededTextKey {
    std::string_view key;
    std::string_view example;
    Parse parse;
    std::optional<Located<ParsedBy<Parse>>> S::*place;

    void read(TableReader& table, S& out) const { out.*place = table.require(key, example, parse); }
    [[nodiscard]] KeyText text() const { return {fmt::format("{} = ", key), {}}; }
};
template <class S, class Parse>
NeededTextKey(std::string_view, std::string_view, Parse, std::optional<Located<ParsedBy<Parse>>> S::*)
    -> NeededTextKey<S, Parse>;

// A table's keys, in their order.
template <class S, class... Rows>
void read_keys(TableReader& table, const std::tuple<Rows...>& rows, S& out) {
    std::apply([&](const auto&... row) { (row.read(table, out), ...); }, rows);
}

template <class... Rows>
std::vector<KeyText> texts_of(const std::tuple<Rows...>& rows) {
    return std::apply([](const auto&... row) { return std::vector<KeyText>{row.text()...}; }, rows);
}

}  // namespace ulagate::config_file
