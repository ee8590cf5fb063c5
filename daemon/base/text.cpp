// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <utility>

namespace ulagate {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kUnits{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

}  // namespace

std::string quote(std::string_view text, std::size_t max) {
    std::string out = "\"";
    for (const char c : text.substr(0, max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte > 0x7e) {
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
        } else {
            out += c;
        }
    }
    out += text.size() > max ? "\"..." : "\"";
    return out;
}

std::string_view take_word(std::string_view& text, char separator) {
    const std::string_view word = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    return word;
}

std::optional<milliseconds> parse_duration(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number > 1'000'000'000'000U) return std::nullopt;
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const auto& [name, scale] : kUnits) {
        if (unit != name) continue;
        if (number > static_cast<std::uint64_t>(milliseconds::max().count() / scale)) return std::nullopt;
        return milliseconds{static_cast<std::int64_t>(number) * scale};
    }
    return std::nullopt;
}

std::string to_string(milliseconds duration) {
    if (duration.count() == 0) return "0s";
    for (const auto& [name, scale] : kUnits) {
        if (duration.count() % scale == 0) return fmt::format("{}{}", duration.count() / scale, name);
    }
    return fmt::format("{}ms", duration.count());
}

std::string human_duration(milliseconds duration) {
    const std::int64_t ms = duration.count();
    if (ms < 1'000) return fmt::format("{} ms", ms);
    if (ms < 60'000) return fmt::format("{}.{} s", ms / 1'000, ms % 1'000 / 100);
    if (ms < 3'600'000) return fmt::format("{} min {} s", ms / 60'000, ms % 60'000 / 1'000);
    if (ms < 86'400'000) return fmt::format("{} h {} min", ms / 3'600'000, ms % 3'600'000 / 60'000);
    return fmt::format("{} d {} h", ms / 86'400'000, ms % 86'400'000 / 3'600'000);
}

}  // namespace ulagate
