// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/cli/json_fields.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <chrono>

#include "daemon/base/text.h"

namespace ulagate {

namespace json = boost::json;

bool has(const json::value& object, const char* name) {
    const json::value* member = object.is_object() ? object.as_object().if_contains(name) : nullptr;
    return member != nullptr && !member->is_null();
}

std::string text_of(const json::value& object, const char* name) {
    const json::value* member = object.is_object() ? object.as_object().if_contains(name) : nullptr;
    return member != nullptr && member->is_string() ? std::string{member->as_string()} : std::string{};
}

std::uint64_t number_of(const json::value& object, const char* name) {
    const json::value* member = object.is_object() ? object.as_object().if_contains(name) : nullptr;
    json::error_code inexact;  // negative, broken or too large: 0
    return member != nullptr && member->is_number() ? member->to_number<std::uint64_t>(inexact) : 0;
}

bool flag_of(const json::value& object, const char* name) {
    const json::value* member = object.is_object() ? object.as_object().if_contains(name) : nullptr;
    return member != nullptr && member->is_bool() && member->as_bool();
}

const json::array& list_of(const json::value& object, const char* name) {
    static const json::array empty;
    const json::value* member = object.is_object() ? object.as_object().if_contains(name) : nullptr;
    return member != nullptr && member->is_array() ? member->as_array() : empty;
}

std::string ago_of(const json::value& object, const char* name) {
    const json::value* member = object.is_object() ? object.as_object().if_contains(name) : nullptr;
    if (member == nullptr || !member->is_number()) return "never";
    json::error_code inexact;
    return human_duration(std::chrono::milliseconds{member->to_number<std::int64_t>(inexact)}) + " ago";
}

std::string size_of(const json::value& object, const char* name) {
    const std::uint64_t bytes = number_of(object, name);
    if (bytes < 10'000) return fmt::format("{} B", bytes);
    if (bytes < 10'000'000) return fmt::format("{} kB", bytes / 1'000);
    if (bytes < 10'000'000'000) return fmt::format("{} MB", bytes / 1'000'000);
    return fmt::format("{} GB", bytes / 1'000'000'000);
}

std::string string_of(const json::value& item) {
    return item.is_string() ? std::string{item.as_string()} : std::string{};
}

}  // namespace ulagate
