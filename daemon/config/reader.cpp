// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ulagate::config_file {
namespace {

constexpr std::size_t kLongestComparedWord = 32;  // longer words are not compared with anything

// Typing errors between two words (optimal string alignment: a swap of neighbours counts once).
std::size_t distance(std::string_view a, std::string_view b) {
    using Row = std::array<std::size_t, kLongestComparedWord + 1>;
    Row before{};
    Row last{};
    Row row{};
    for (std::size_t j = 0; j <= b.size(); ++j) last.at(j) = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row.at(0) = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t other = a[i - 1] == b[j - 1] ? 0 : 1;
            row.at(j) = std::min({last.at(j) + 1, row.at(j - 1) + 1, last.at(j - 1) + other});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row.at(j) = std::min(row.at(j), before.at(j - 2) + 1);
            }
        }
        before = last;
        last = row;
    }
    return last.at(b.size());
}

std::string_view name_of(toml::node_type type) {
    switch (type) {
        case toml::node_type::table:
            return "a table";
        case toml::node_type::array:
            return "a list";
        case toml::node_type::string:
            return "a text";
        case toml::node_type::integer:
            return "a number";
        case toml::node_type::floating_point:
            return "a number with a fraction";
        case toml::node_type::boolean:
            return "true or false";
        case toml::node_type::date:
        case toml::node_type::time:
        case toml::node_type::date_time:
            return "a date or time";
        case toml::node_type::none:
            break;
    }
    return "nothing";
}

}  // namespace

std::string_view closest(std::string_view word, const std::vector<std::string_view>& candidates) {
    constexpr std::size_t kMaxErrors = 2;
    std::string_view best;
    std::size_t best_distance = kMaxErrors + 1;
    if (word.size() > kLongestComparedWord) return best;
    for (const auto candidate : candidates) {
        if (candidate.size() > kLongestComparedWord) continue;
        const std::size_t errors = distance(word, candidate);
        // With as many errors as letters it is not a typing error but another word.
        if (errors < best_distance && errors < candidate.size()) {
            best = candidate;
            best_distance = errors;
        }
    }
    return best;
}

TableReader::TableReader(const toml::table& table, std::string path, unsigned line, Findings& findings)
    : table_(&table), path_(std::move(path)), line_(line), findings_(&findings) {}

void TableReader::know(std::string_view key) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
}

bool TableReader::has(std::string_view key) const { return table_->contains(key); }

unsigned TableReader::line_of(std::string_view key) const {
    const auto found = table_->find(key);
    return found == table_->end() ? line_ : static_cast<unsigned>(found->first.source().begin.line);
}

std::string TableReader::path_of(std::string_view key) const {
    return path_.empty() ? std::string{key} : fmt::format("{}.{}", path_, key);
}

Located<bool> TableReader::flag(std::string_view key, bool fallback) {
    auto out = place<bool>(key);
    out.value = fallback;
    if (!out.given()) return out;
    const toml::node& node = *table_->get(key);
    if (const auto* value = node.as_boolean()) {
        out.value = value->get();
    } else {
        wrong_type(key, node, "true or false", fallback ? "true" : "false");
        out.origin = Located<bool>::Origin::broken;
    }
    return out;
}

std::vector<std::string_view> TableReader::keys() const {
    std::vector<std::string_view> out;
    for (auto&& [key, node] : *table_) out.push_back(key.str());
    return out;
}

std::optional<TableReader> TableReader::table(std::string_view key) {
    know(key);
    const toml::node* node = table_->get(key);
    if (node == nullptr) return std::nullopt;
    if (const auto* table = node->as_table()) {
        return TableReader{*table, path_of(key), line_of(key), *findings_};
    }
    if (node->is_array_of_tables()) {
        findings_->error(line_of(key), path_of(key),
                         fmt::format("there is only one; write [{}] in single brackets", path_of(key)));
    } else {
        findings_->error(line_of(key), path_of(key),
                         fmt::format("{} stands where a table belongs; write [{}] on a line of its own",
                                     name_of(node->type()), path_of(key)));
    }
    return std::nullopt;
}

std::vector<TableReader> TableReader::tables(std::string_view key) {
    know(key);
    std::vector<TableReader> out;
    const toml::node* node = table_->get(key);
    if (node == nullptr) return out;
    const auto* array = node->as_array();
    if (array == nullptr) {
        const std::string_view what = node->is_table()
                                          ? "a single table stands where a list of tables belongs"
                                          : "this must be a list of tables";
        findings_->error(line_of(key), path_of(key),
                         fmt::format("{}; write [[{}]] in double brackets", what, path_of(key)));
        return out;
    }
    for (const toml::node& item : *array) {
        const auto line = static_cast<unsigned>(item.source().begin.line);
        if (const auto* table = item.as_table()) {
            out.emplace_back(*table, path_of(key), line, *findings_);
        } else {
            findings_->error(line, path_of(key),
                             fmt::format("{} stands where a table belongs; write [[{}]] on a line of its own",
                                         name_of(item.type()), path_of(key)));
        }
    }
    return out;
}

bool TableReader::holds_tables(std::string_view key) const {
    const toml::node* node = table_->get(key);
    return node != nullptr && (node->is_table() || node->is_array());
}

bool TableReader::is_empty_list(std::string_view key) const {
    const toml::node* node = table_->get(key);
    return node != nullptr && node->is_array() && node->as_array()->empty();
}

void TableReader::missing(std::string_view key, std::string_view example) {
    know(key);
    findings_->error(line_, path_of(key), fmt::format("is missing; add {} = {}", key, example));
}

void TableReader::refuse(std::string_view key, std::string_view sentence) {
    know(key);
    if (has(key)) findings_->error(line_of(key), "", sentence);
}

void TableReader::finish() {
    for (auto&& [key, node] : *table_) {
        const std::string_view name = key.str();
        if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
        const auto near = closest(name, known_);
        std::string advice;
        if (!near.empty()) {
            advice = fmt::format("did you mean {}?", near);
        } else {
            advice = fmt::format("known here: {}", fmt::join(known_, ", "));
        }
        findings_->error(static_cast<unsigned>(key.source().begin.line), path_,
                         fmt::format("{} is not a known key; {}", quote(name), advice));
    }
}

const std::string* TableReader::string_at(std::string_view key, std::string_view example) {
    const toml::node& node = *table_->get(key);
    if (const auto* value = node.as_string()) return &value->get();
    wrong_type(key, node, "a text in quotes", example);
    return nullptr;
}

std::vector<std::pair<std::string, unsigned>> TableReader::strings_at(
    std::string_view key, const std::vector<std::string_view>& example) {
    know(key);
    std::vector<std::pair<std::string, unsigned>> out;
    const toml::node* node = table_->get(key);
    if (node == nullptr) return out;
    std::vector<std::string> quoted;
    quoted.reserve(example.size());
    for (const auto text : example) quoted.push_back(quote(text));
    const std::string whole = fmt::format("[{}]", fmt::join(quoted, ", "));
    const auto* array = node->as_array();
    if (array == nullptr) {
        wrong_type(key, *node, "a list of texts", whole);
        return out;
    }
    for (const toml::node& item : *array) {
        if (const auto* value = item.as_string()) {
            out.emplace_back(value->get(), static_cast<unsigned>(item.source().begin.line));
        } else {
            wrong_type(key, item, "a text in quotes", whole);
        }
    }
    return out;
}

std::optional<std::int64_t> TableReader::integer_at(std::string_view key, std::int64_t min, std::int64_t max,
                                                    std::int64_t example) {
    const toml::node& node = *table_->get(key);
    const auto* value = node.as_integer();
    if (value == nullptr) {
        wrong_type(key, node, "a whole number", std::to_string(example));
        return std::nullopt;
    }
    const std::int64_t number = value->get();
    if (number >= min && number <= max) return number;
    findings_->error(line_of(key), path_of(key),
                     fmt::format("{} is out of range; choose {} to {}", number, min, max));
    return std::nullopt;
}

// The value itself is not shown: it may be a key that lost its quotes.
void TableReader::wrong_type(std::string_view key, const toml::node& node, std::string_view wanted,
                             std::string_view example) {
    findings_->error(static_cast<unsigned>(node.source().begin.line), path_of(key),
                     fmt::format("{} stands where {} belongs; for example {} = {}", name_of(node.type()),
                                 wanted, key, example));
}

}  // namespace ulagate::config_file
