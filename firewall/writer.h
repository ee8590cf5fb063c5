// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ulagate::firewall {

// Writes nft's block language, one statement a line. Knows indentation and nothing of what the lines mean.
class Writer {
public:
    void open(std::string_view head) {
        line(std::string(head) + " {");
        ++depth_;
    }
    void close() {
        --depth_;
        line("}");
    }
    void line(std::string_view text) { text_.append(depth_, '\t').append(text).push_back('\n'); }
    // `text` with {} placeholders; nft's own braces are doubled.
    template <class... Args>
    void rule(fmt::format_string<Args...> text, Args&&... args) {
        line(fmt::format(text, std::forward<Args>(args)...));
    }
    // A set may be empty; then no packet is in it.
    void set(std::string_view name, std::string_view type, bool intervals,
             const std::vector<std::string>& elements) {
        open(fmt::format("set {}", name));
        rule("type {}", type);
        if (intervals) line("flags interval");
        if (!elements.empty()) {
            open("elements =");
            for (const std::string& element : elements) line(element + ",");
            close();
        }
        close();
    }
    // One that rules fill and time empties. Full, it takes nothing more, and the rest of the rule is not
    // looked at.
    void dynamic_set(std::string_view name, std::string_view type, unsigned size, std::string_view timeout) {
        open(fmt::format("set {}", name));
        line(type);
        rule("size {}", size);
        line("flags dynamic,timeout");
        rule("timeout {}", timeout);
        close();
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
    std::size_t depth_ = 0;
};

}  // namespace ulagate::firewall
