// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/config/keys.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "daemon/base/file.h"
#include "daemon/config/ra.h"
#include "daemon/config/sections.h"

// The rows that the program reads a table by, beside the reference file that people read.
namespace ulagate::config_file::keys_test {
namespace {

using testing::HasSubstr;

std::string reference(std::string_view name) {
    const auto text = read_file(fmt::format("{}/daemon/reference/{}.toml", ULAGATE_SOURCE_DIR, name),
                                std::size_t{1} << 20U);
    EXPECT_TRUE(text) << text.error().text();
    return text.value_or("");
}

// From the header of a table to that of the next.
std::string table(const std::string& text, const std::string& header, const std::string& lead = "") {
    const auto begin = text.find("\n" + lead + header + "\n");
    EXPECT_NE(begin, std::string::npos) << header;
    if (begin == std::string::npos) return {};
    const auto first = begin + lead.size() + header.size() + 1;
    return text.substr(first, text.find("\n" + lead + "[", first) - first + 1);
}

// Each row has a line with its default, or its example, in a paragraph that says how far its range goes.
// Lines begin with `lead`, and `blank` is between paragraphs.
void expect_shown(const std::vector<KeyText>& rows, const std::string& text, const std::string& lead = "# ",
                  const std::string& blank = "\n\n") {
    std::set<std::string> seen;
    for (const KeyText& row : rows) {
        SCOPED_TRACE(row.line);
        EXPECT_TRUE(seen.insert(row.line.substr(0, row.line.find(' '))).second) << "two rows of one key";
        const std::string end = row.line.ends_with("= ") ? "" : "\n";
        const auto at = text.find("\n" + lead + row.line + end);
        EXPECT_NE(at, std::string::npos) << "the reference file shows another default, or not this key";
        if (at == std::string::npos || row.longest.empty()) continue;
        if (row.longest.ends_with("ms")) continue;  // of no round length; the file writes it in words
        const auto before = text.rfind(blank, at);
        const auto paragraph = before == std::string::npos ? 0 : before;
        EXPECT_THAT(text.substr(paragraph, at - paragraph), HasSubstr(row.longest));
    }
}

TEST(ConfigKeys, EveryRowOfLanRaIsInTheReferenceFileWithItsDefaultAndRange) {
    const auto rows = ra_keys();
    EXPECT_GE(rows.size(), 32U);
    expect_shown(rows, table(reference("edge"), "[lan.ra]"));
}

TEST(ConfigKeys, EveryRowOfLanVrrpIsInTheReferenceFileWithItsDefaultAndRange) {
    const auto rows = vrrp_keys();
    EXPECT_GE(rows.size(), 9U);
    expect_shown(rows, table(reference("edge"), "[lan.vrrp]", "#    "), "#    ", "\n#\n");
}

TEST(ConfigKeys, EveryRowOfFirewallIsInTheReferenceFilesWithItsDefault) {
    EXPECT_GE(firewall_keys(Role::edge).size(), 2U);
    EXPECT_EQ(firewall_keys(Role::relay).size(), firewall_keys(Role::edge).size() + 1) << "forward";
    expect_shown(firewall_keys(Role::edge), table(reference("edge"), "[firewall]"));
    expect_shown(firewall_keys(Role::relay), table(reference("relay"), "[firewall]"));
}

// And the other way round: a line of the file that no row reads would be an error to whoever uncomments it.
TEST(ConfigKeys, EveryLineOfLanRaInTheReferenceFileHasARow) {
    std::set<std::string> rows;
    for (const KeyText& row : ra_keys()) rows.insert(row.line);
    const std::string text = table(reference("edge"), "[lan.ra]");
    std::size_t lines = 0;
    for (std::size_t at = text.find("\n# "); at != std::string::npos; at = text.find("\n# ", at + 1)) {
        const std::string line = text.substr(at + 3, text.find('\n', at + 1) - at - 3);
        const auto equals = line.find(" = ");
        if (equals == std::string::npos ||
            line.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != equals)
            continue;
        ++lines;
        EXPECT_TRUE(rows.contains(line)) << line;
    }
    EXPECT_EQ(lines, rows.size());
}

}  // namespace
}  // namespace ulagate::config_file::keys_test
