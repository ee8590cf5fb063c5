// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/log_limit.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

namespace ulagate::log {
namespace {

constexpr int kErrorLevel = 3;            // and what is worse
constexpr std::size_t kLongestKind = 80;  // bytes

// 12345 -> "12,345"
std::string grouped(std::uint64_t number) {
    std::string out = std::to_string(number);
    for (std::size_t at = out.size(); at > 3; at -= 3) out.insert(at - 3, ",");
    return out;
}

}  // namespace

std::string_view kind_of_line(std::string_view format, std::string_view text) {
    if (!format.starts_with("{}")) return format;
    const std::size_t first = text.find(' ');
    if (first == std::string_view::npos) return text;
    return text.substr(0, text.find(' ', first + 1));
}

std::string Limit::with_count(std::string_view text, std::uint64_t left_out) {
    if (left_out == 0) return std::string{text};
    return fmt::format("{} (and {} more like this)", text, grouped(left_out));
}

Limit::Kind& Limit::kind_of(std::string key, unsigned burst, TimePoint now) {
    const auto known = kinds_.find(key);
    if (known != kinds_.end()) return known->second;
    if (kinds_.size() >= kMostKinds) {
        // Whoever has all tokens again is no more than a name.
        std::erase_if(kinds_, [now](const auto& entry) {
            return entry.second.left_out == 0 && entry.second.bucket.full(now);
        });
    }
    if (kinds_.size() >= kMostKinds) return others_;
    return kinds_.try_emplace(std::move(key), burst).first->second;
}

bool Limit::is_new_error(int level, std::string_view place, std::string_view text) {
    if (level > kErrorLevel) return false;
    if (texts_.size() >= kMostTexts) texts_.clear();
    return texts_.insert(std::hash<std::string>{}(fmt::format("{}\n{}", place, text))).second;
}

std::optional<Limit::Line> Limit::admit(int level, std::string_view place, std::string_view kind,
                                        std::string_view text, TimePoint now) {
    Kind& known = kind_of(fmt::format("{} {} {}", level, place, kind.substr(0, kLongestKind)), kBurst, now);
    return admit(known, {level, std::string{place}, std::string{text}}, now);
}

std::optional<Limit::Line> Limit::admit_state(int level, std::string_view place, std::string_view subject,
                                              std::string_view text, TimePoint now) {
    Kind& known =
        kind_of(fmt::format("{} is {}", place, subject.substr(0, kLongestKind)), kBurstOfStates, now);
    return admit(known, {level, std::string{place}, std::string{text}}, now);
}

std::optional<Limit::Line> Limit::admit(Kind& known, Line line, TimePoint now) {
    const bool first = is_new_error(line.level, line.place, line.text);
    Budget& total = line.level <= kErrorLevel ? errors_ : all_;
    const bool room = total.has(1, now) && (known.bucket.has(1, now) || first);
    if (!room) {
        ++known.left_out;
        known.last = std::move(line);
        return std::nullopt;
    }
    total.take(1, now);
    known.bucket.take(1, now);  // a new error may be above its kind's limit
    line.text = with_count(line.text, std::exchange(known.left_out, 0));
    return line;
}

std::vector<Limit::Line> Limit::due(TimePoint now) {
    std::vector<Line> out;
    const auto look = [&](Kind& kind) {
        if (kind.left_out == 0 || !kind.bucket.take(1, now)) return;
        Line line = std::move(kind.last);
        line.text = with_count(line.text, std::exchange(kind.left_out, 0) - 1);
        out.push_back(std::move(line));
    };
    for (auto& [key, kind] : kinds_) look(kind);
    look(others_);
    return out;
}

std::vector<Limit::Line> Limit::rest() {
    std::vector<Line> out;
    const auto take = [&](Kind& kind) {
        if (kind.left_out == 0) return;
        Line line = std::move(kind.last);
        line.text = with_count(line.text, std::exchange(kind.left_out, 0) - 1);
        out.push_back(std::move(line));
    };
    for (auto& [key, kind] : kinds_) take(kind);
    take(others_);
    return out;
}

}  // namespace ulagate::log
