// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/text.h"
#include "daemon/config/findings.h"

namespace ulagate::config_file {

// What a parser of values (text -> Result<T>) gives.
template <class Parse>
using ParsedBy = typename std::invoke_result_t<const Parse&, std::string_view>::value_type;

// One table of a TOML file, and which of its keys have been asked for. It reports what is missing, of another
// type, out of range or unknown, and always goes on with a value, so that one pass finds everything. Knows
// nothing of what the keys mean. Keys are literals or from keys(): it keeps views of them.
class TableReader {
public:
    // `path` is how messages call the table ("lan.ra"; empty for the file), `line` where it begins.
    TableReader(const toml::table& table, std::string path, unsigned line, Findings& findings);

    [[nodiscard]] bool has(std::string_view key) const;
    [[nodiscard]] unsigned line() const { return line_; }
    [[nodiscard]] unsigned line_of(std::string_view key) const;
    [[nodiscard]] std::string path_of(std::string_view key) const;
    [[nodiscard]] Findings& findings() { return *findings_; }

    // A text that must be there. `example` is a value that would be right; messages propose it.
    template <class Parse>
    std::optional<Located<ParsedBy<Parse>>> require(std::string_view key, std::string_view example,
                                                    const Parse& parse) {
        if (!has(key)) {
            missing(key, '"' + std::string{example} + '"');
            return std::nullopt;
        }
        auto found = text(key, example, parse);
        if (!found.usable()) return std::nullopt;
        return found;
    }

    // A text that may be left out. The default is written as in the file.
    template <class Parse>
    Located<ParsedBy<Parse>> optional(std::string_view key, std::string_view fallback, const Parse& parse) {
        auto found = text(key, fallback, parse);
        if (!found.given()) found.value = parse(fallback).value();
        return found;
    }

    // A text that may be left out and has no default; `value` is T{} then.
    template <class Parse>
    Located<ParsedBy<Parse>> text(std::string_view key, std::string_view example, const Parse& parse) {
        auto out = place<ParsedBy<Parse>>(key);
        if (!out.given()) return out;
        const std::string* content = string_at(key, '"' + std::string{example} + '"');
        read_into(out, content, parse);
        return out;
    }

    // Texts in an array. Left out: what `fallback` says.
    template <class Parse>
    std::vector<Located<ParsedBy<Parse>>> list(std::string_view key,
                                               const std::vector<std::string_view>& fallback,
                                               const Parse& parse) {
        std::vector<Located<ParsedBy<Parse>>> out;
        if (!has(key)) {
            for (const auto text : fallback) {
                out.push_back(place<ParsedBy<Parse>>(key));
                out.back().value = parse(text).value();
            }
        }
        for (const auto& [content, line] : strings_at(key, fallback)) {
            auto item = place<ParsedBy<Parse>>(key);
            item.line = line;
            read_into(item, &content, parse);
            if (item.usable()) out.push_back(std::move(item));
        }
        return out;
    }

    // Texts in an array that may be left out and is empty then.
    template <class Parse>
    std::vector<Located<ParsedBy<Parse>>> list_or_none(std::string_view key, std::string_view example,
                                                       const Parse& parse) {
        know(key);
        if (!has(key)) return {};
        return list(key, {example}, parse);
    }

    Located<bool> flag(std::string_view key, bool fallback);

    template <class Number>
    Located<Number> integer(std::string_view key, Number fallback, Number min, Number max) {
        auto out = place<Number>(key);
        out.value = fallback;
        if (!out.given()) return out;
        // Where 0 stands for "not given" it is not an example of what to write.
        if (const auto number = integer_at(key, min, max, fallback < min ? min : fallback)) {
            out.value = static_cast<Number>(*number);
        } else {
            out.origin = Located<Number>::Origin::broken;
        }
        return out;
    }

    // A number that must be there.
    template <class Number>
    std::optional<Located<Number>> require_integer(std::string_view key, Number example, Number min,
                                                   Number max) {
        if (!has(key)) {
            missing(key, std::to_string(example));
            return std::nullopt;
        }
        auto found = integer<Number>(key, example, min, max);
        if (!found.usable()) return std::nullopt;
        return found;
    }

    // In a table whose keys are names that the user chose. They are any text: quote() them in messages.
    [[nodiscard]] std::vector<std::string_view> keys() const;

    std::optional<TableReader> table(std::string_view key);       // [key]
    std::vector<TableReader> tables(std::string_view key);        // [[key]]
    [[nodiscard]] bool holds_tables(std::string_view key) const;  // [[key]] or [key]
    [[nodiscard]] bool is_empty_list(std::string_view key) const;

    // Says that something is missing, and what to write.
    void missing(std::string_view key, std::string_view example);
    // The key is known, but must not be here; whatever is in it is not looked at.
    void refuse(std::string_view key, std::string_view sentence);
    // The key is known and read by nobody.
    void ignore(std::string_view key) { know(key); }
    // Every key that nobody asked for is an error. To be called when all have been.
    void finish();

private:
    template <class T>
    Located<T> place(std::string_view key) {
        const bool found = has(key);
        know(key);
        using Origin = typename Located<T>::Origin;
        return {T{}, path_of(key), found ? line_of(key) : line_, found ? Origin::file : Origin::fallback};
    }

    template <class T, class Parse>
    void read_into(Located<T>& out, const std::string* content, const Parse& parse) {
        out.origin = Located<T>::Origin::broken;
        if (content == nullptr) return;
        auto parsed = parse(*content);
        if (!parsed) {
            complain(*findings_, out, parsed.error().context);
            return;
        }
        out.value = std::move(*parsed);
        out.origin = Located<T>::Origin::file;
    }

    void know(std::string_view key);
    // Nothing, and a finding, when the value is of another type.
    const std::string* string_at(std::string_view key, std::string_view example);
    std::vector<std::pair<std::string, unsigned>> strings_at(std::string_view key,
                                                             const std::vector<std::string_view>& example);
    std::optional<std::int64_t> integer_at(std::string_view key, std::int64_t min, std::int64_t max,
                                           std::int64_t example);
    void wrong_type(std::string_view key, const toml::node& node, std::string_view wanted,
                    std::string_view example);

    const toml::table* table_;
    std::string path_;
    unsigned line_;
    Findings* findings_;
    std::vector<std::string_view> known_;
};

// The one of `candidates` that `word` was probably meant to be: at most two typing errors away (a letter
// more, less, other, or two swapped) and not another word altogether. Empty when there is none.
std::string_view closest(std::string_view word, const std::vector<std::string_view>& candidates);

// Parser for one of a few words.
template <class T>
class OneOf {
public:
    OneOf(std::initializer_list<std::pair<std::string_view, T>> words) : words_(words) {}

    Result<T> operator()(std::string_view text) const {
        std::vector<std::string_view> names;
        for (const auto& [name, value] : words_) {
            if (name == text) return value;
            names.push_back(name);
        }
        return fail(none_of(text, names));
    }

private:
    static std::string none_of(std::string_view text, const std::vector<std::string_view>& names) {
        std::string all;
        for (const auto name : names) all += (all.empty() ? "" : ", ") + quote(name);
        const auto near = closest(text, names);
        return quote(text) + " is not one of " + all +
               (near.empty() ? std::string{} : "; did you mean " + quote(near) + "?");
    }

    std::vector<std::pair<std::string_view, T>> words_;
};

}  // namespace ulagate::config_file
