// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/cli/usage.h"

#include <fmt/format.h>

#include <span>

#include "daemon/base/text.h"

namespace ulagate::cli {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kTextAt = 24;

// `text` in lines that end before kColumns, each behind `indent` columns.
std::string wrapped(std::string_view text, std::size_t indent) {
    std::string out;
    std::size_t column = 0;
    while (!text.empty()) {
        const std::string_view word = take_word(text, ' ');
        if (column != 0 && column + 1 + word.size() > kColumns) {
            out += '\n';
            column = 0;
        }
        if (column == 0) {
            out.append(indent, ' ');
            column = indent;
        } else {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
    }
    return out + '\n';
}

std::string list(std::span<const Entry> entries, std::string_view before) {
    std::string out;
    for (const Entry& entry : entries) {
        const std::string synopsis = fmt::format("  {}{}", before, entry.synopsis);
        const std::string text = wrapped(entry.text, kTextAt);
        if (synopsis.size() < kTextAt - 1) {
            out += synopsis;
            out += text.substr(synopsis.size());
        } else {
            out += fmt::format("{}\n{}", synopsis, text);
        }
    }
    return out;
}

}  // namespace

std::string help() {
    return fmt::format("ulagate: {}.\n\nusage:\n{}\noptions:\n{}\n{}{}", kSummary,
                       list(kCommands, "ulagate "), list(kOptions, ""), wrapped(kPrivileges, 0),
                       wrapped("The configuration is explained in ulagate.toml(5) and in the reference files "
                               "edge.toml and relay.toml, which lie in /usr/share/doc/ulagate.",
                               0));
}

}  // namespace ulagate::cli
