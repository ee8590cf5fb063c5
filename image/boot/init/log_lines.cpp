// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/boot/init/log_lines.h"

#include <algorithm>

namespace ulagate::init {
namespace {

constexpr int kNotice = 5;
constexpr int kDebug = 7;

LogLine line_of(std::string_view text) {
    LogLine line{kNotice, {}};
    if (text.size() >= 3 && text[0] == '<' && text[1] >= '0' && text[1] <= '0' + kDebug && text[2] == '>') {
        line.level = text[1] - '0';
        text.remove_prefix(3);
    }
    line.text = text;
    // Nothing that moves the cursor of a console.
    std::ranges::replace_if(
        line.text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
    return line;
}

}  // namespace

std::vector<LogLine> LineCutter::feed(std::string_view bytes) {
    std::vector<LogLine> lines;
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        const bool whole = end != std::string_view::npos;
        const std::string_view part = bytes.substr(0, end);
        const std::size_t room = kMaxLine - rest_.size();
        rest_ += part.substr(0, room);
        if (whole || part.size() >= room) {
            if (!rest_.empty()) lines.push_back(line_of(rest_));
            rest_.clear();
        }
        bytes.remove_prefix(std::min(part.size(), room));
        if (whole && part.size() <= room) bytes.remove_prefix(1);
    }
    return lines;
}

bool LogAllowance::take(TimePoint now, unsigned& skipped) {
    if (!budget_.take(1, now)) {
        ++skipped_;
        return false;
    }
    skipped = skipped_;
    skipped_ = 0;
    return true;
}

}  // namespace ulagate::init
