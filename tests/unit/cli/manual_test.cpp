// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "daemon/base/file.h"
#include "daemon/base/text.h"
#include "daemon/cli/man_page.h"
#include "daemon/cli/usage.h"
#include "daemon/config/config.h"

// --help and the manual pages.
namespace ulagate::cli::manual_test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string reference(std::string_view name) {
    return read_file(fmt::format("{}/daemon/reference/{}.toml", ULAGATE_SOURCE_DIR, name), 1'000'000)
        .value_or("");
}

std::string commands() { return man_of_commands("1.2.3"); }
std::string configuration() { return man_of_configuration("1.2.3", reference("edge"), reference("relay")); }

// A page as man shows it, and before it what groff complains of.
std::string rendered(const std::string& page) {
    const std::string path = fmt::format("{}page-{}", testing::TempDir(), ::getpid());
    std::ofstream{path} << page;
    FILE* pipe =
        ::popen(fmt::format("groff -t -man -ww -K utf8 -T utf8 -P -c -rLL=100n {} 2>&1", path).c_str(), "r");
    std::string out;
    char part[4096];
    for (std::size_t count = 0; (count = std::fread(part, 1, sizeof part, pipe)) > 0;)
        out.append(part, count);
    EXPECT_EQ(::pclose(pipe), 0) << out;
    std::remove(path.c_str());
    return std::regex_replace(out, std::regex{".\b"}, "");  // bold is printed twice
}

// All keys and tables that the language has in this table, as the configuration's own error names them.
std::set<std::string> known_in(const std::string& text, const std::string& table) {
    std::string wrong = text;
    const auto at = wrong.find("\n" + table + "\n");
    EXPECT_NE(at, std::string::npos) << table;
    wrong.insert(table.empty() ? 0 : at + table.size() + 2, "no_such_key = 1\n");
    std::set<std::string> keys;
    for (const Finding& finding : load_config(wrong).findings) {
        const auto list = finding.text.find("known here: ");
        if (list == std::string::npos) continue;
        std::istringstream names{finding.text.substr(list + 12)};
        for (std::string name; names >> name;) keys.insert(name.substr(0, name.find(',')));
    }
    EXPECT_FALSE(keys.empty()) << table;
    return keys;
}

// With the tables that may be left out.
std::string complete(std::string_view name) {
    return std::regex_replace(reference(name), std::regex{"(^|\n)#    ([a-z0-9_]+ *=|\\[|#)"}, "$1$2");
}

TEST(Help, NamesEveryCommandAndOptionInLinesThatFitATerminal) {
    const std::string text = help();
    for (const Entry& entry : kCommands)
        EXPECT_THAT(text, HasSubstr(fmt::format("  ulagate {}", entry.synopsis)));
    for (const Entry& entry : kOptions) EXPECT_THAT(text, HasSubstr(fmt::format("\n  {} ", entry.synopsis)));
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        EXPECT_LE(line.size(), 100U) << line;
        EXPECT_FALSE(line.ends_with(' ')) << line;
    }
}

TEST(Manual, CommandsRenderWithoutAWarningAndAreComplete) {
    const std::string page = rendered(commands());
    EXPECT_TRUE(page.starts_with("ULAGATE(1)")) << page.substr(0, 300);
    for (const Entry& entry : kCommands) {
        EXPECT_THAT(page, HasSubstr(fmt::format("ulagate {}", entry.synopsis)));
        EXPECT_THAT(page, HasSubstr(fmt::format("\n       {}", entry.synopsis)));
    }
    for (const Entry& entry : kOptions)
        EXPECT_THAT(page, HasSubstr(fmt::format("\n       {}", entry.synopsis)));
    EXPECT_THAT(page, HasSubstr("1.2.3"));
}

TEST(Manual, ConfigurationRendersWithoutAWarningAndNamesEveryKeyOfEveryTable) {
    const std::string page = rendered(configuration());
    EXPECT_TRUE(page.starts_with("ULAGATE.TOML(5)")) << page.substr(0, 300);
    unsigned count = 0;
    for (const char* name : {"edge", "relay"}) {
        const std::string text = complete(name);
        const std::regex header{"(^|\n)(\\[+[a-z_.]+\\]+)(?=\n)"};
        std::set<std::string> tables{""};
        for (std::sregex_iterator found{text.begin(), text.end(), header}, end; found != end; ++found)
            tables.insert((*found)[2]);
        EXPECT_GE(tables.size(), 8U);
        for (const std::string& table : tables) {
            SCOPED_TRACE(fmt::format("{} {}", name, table));
            if (!table.empty()) {
                EXPECT_THAT(page, HasSubstr(table));
            }
            for (const std::string& key : known_in(text, table)) {
                ++count;
                const bool is_key = page.find(fmt::format("       {} = ", key)) != std::string::npos;
                const bool is_table = std::regex_search(page, std::regex{"\\[([a-z_.]+\\.)?" + key + "\\]"});
                EXPECT_TRUE(is_key || is_table) << key;
            }
        }
    }
    EXPECT_GE(count, 100U);
}

TEST(Manual, AKeyHasItsExplanationBelowItAndKeysThatShareOneStandTogether) {
    const std::string page = man_of_configuration("1",
                                                  "# Of all of it.\n\n# First.\nrole = \"edge\"\n\n"
                                                  "# A table.\n[t]\n# Both.\n# a = 1\n# b = 2\n\n"
                                                  "# May be there.\n#\n#    [u]\n#    # Third.\n#    c = 3\n",
                                                  "# Of all of it.\n");
    EXPECT_THAT(page, HasSubstr(".TP\n\\fBrole\\fR = \"edge\" (required)\nFirst.\n"));
    EXPECT_THAT(page, HasSubstr(".SS [t]\nA table.\n.TP\n\\fBa\\fR = 1\n.TQ\n\\fBb\\fR = 2\nBoth.\n"));
    EXPECT_THAT(page, HasSubstr(".SS [u]\nMay be there.\n.TP\n\\fBc\\fR = 3\nThird.\n"));
    EXPECT_THAT(page, Not(HasSubstr("Of all of it")));
}

// In the reference a second table of a kind is there to be copied.
TEST(Manual, ATableWithoutCommentsIsAnExample) {
    const std::string page = man_of_configuration(
        "1", "# Of all of it.\n\n[[r]]\n# One.\na = 1\n\n# Second.\n#\n#    [[r]]\n#    a = 2\n", "");
    EXPECT_THAT(page, HasSubstr(".PP\nSecond.\n.PP\n.EX\n[[r]]\na = 2\n.EE\n"));
}

TEST(Manual, NothingOfTheTextIsTakenForARequestOfGroff) {
    const std::string page = rendered(
        man_of_configuration("1", "# x\n\n# .so /etc/passwd\n# 'tis \\fBplain\\fR.\na = \"\\\\n\"\n", ""));
    EXPECT_THAT(page, HasSubstr(".so /etc/passwd"));
    EXPECT_THAT(page, HasSubstr("'tis \\fBplain\\fR."));
    EXPECT_THAT(page, HasSubstr("a = \"\\\\n\""));
}

}  // namespace
}  // namespace ulagate::cli::manual_test
