// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/config/config.h"

// The pages that people read: what they point to is there, and what they say of files is what the code says.
namespace ulagate::pages_test {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot{ULAGATE_SOURCE_DIR};
const std::vector<std::string> kFolders{".github",  "daemon", "ra",    "vrrp",
                                        "firewall", "wg",     "image", "tests"};

std::string text_of(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
}

std::vector<fs::path> files_in(const std::vector<std::string>& folders,
                               const std::set<std::string>& endings) {
    std::vector<fs::path> found;
    for (const std::string& folder : folders) {
        for (const auto& entry : fs::recursive_directory_iterator{kRoot / folder}) {
            if (entry.is_regular_file() && (endings.empty() || endings.contains(entry.path().extension())))
                found.push_back(entry.path());
        }
    }
    return found;
}

std::vector<fs::path> pages() {
    auto all = files_in(kFolders, {".md"});
    all.push_back(kRoot / "README.md");
    return all;
}

std::vector<std::string> all_matches(const std::string& text, const std::string& pattern) {
    const std::regex regex{pattern};
    std::vector<std::string> out;
    for (std::sregex_iterator found{text.begin(), text.end(), regex}, end; found != end; ++found)
        out.push_back((*found)[1]);
    return out;
}

// The name that GitHub gives a heading: small letters, hyphens for spaces, nothing for what is neither.
std::set<std::string> anchors_of(const fs::path& page) {
    std::set<std::string> anchors;
    for (const std::string& heading : all_matches("\n" + text_of(page), "\n#+ ([^\n]+)")) {
        std::string anchor;
        for (const char c : heading) {
            const auto byte = static_cast<unsigned char>(c);
            if (std::isalnum(byte) != 0 || c == '-' || c == '_')
                anchor += static_cast<char>(std::tolower(byte));
            if (c == ' ') anchor += '-';
        }
        anchors.insert(anchor);
    }
    return anchors;
}

TEST(Pages, EveryLinkLeadsSomewhere) {
    unsigned count = 0;
    for (const fs::path& page : pages()) {
        SCOPED_TRACE(page.native());
        for (const std::string& link : all_matches(text_of(page), R"(\]\(([^)\s]+)\))")) {
            if (link.find("://") != std::string::npos) continue;
            ++count;
            const std::string file = link.substr(0, link.find('#'));
            const fs::path target = file.empty() ? page : page.parent_path() / file;
            EXPECT_TRUE(fs::exists(target)) << link;
            if (link.find('#') == std::string::npos || !fs::exists(target)) continue;
            EXPECT_TRUE(anchors_of(target).contains(link.substr(link.find('#') + 1))) << link;
        }
    }
    EXPECT_GE(count, 40U);
}

// With or without the folders in front, so that a file may move without a change of every page.
TEST(Pages, SourceFilesThatTheyNameAreThere) {
    std::vector<std::string> paths;
    for (const fs::path& path : files_in(kFolders, {}))
        paths.push_back("/" + path.lexically_relative(kRoot).native());
    for (const fs::path& page : pages()) {
        SCOPED_TRACE(page.native());
        for (const std::string& name :
             all_matches(text_of(page), R"(`((?:[\w.-]+/)*[\w-]+\.(?:cpp|h|py|cmake))`)")) {
            const bool there = std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
                return path.ends_with("/" + name);
            });
            EXPECT_TRUE(there) << name;
        }
    }
}

TEST(Readme, IsShortAndItsMapComesEarly) {
    const std::string text = text_of(kRoot / "README.md");
    EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 150);
    const auto map = text.find("\n## What is where");
    ASSERT_NE(map, std::string::npos);
    EXPECT_LE(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(map), '\n'), 60);
    EXPECT_NE(text.find("\n    tests/demo\n"), std::string::npos);
    EXPECT_NE(text.find("\n    tests/run\n"), std::string::npos);
}

// The two files that a newcomer copies, with keys in the place of the hints.
TEST(Readme, ItsFilesAreGood) {
    const std::string text = text_of(kRoot / "README.md");
    const auto files = all_matches(text, "\n\n((?:    [^\n]*\n)+)\n");
    unsigned count = 0;
    for (std::string file : files) {
        if (!file.starts_with("    role = ")) continue;
        ++count;
        file = std::regex_replace(file, std::regex{"<public key of [a-z0-9]+>"},
                                  "YW4gZXhhbXBsZTogdGhlIGtleSBvZiByZWxheSByMS4=");
        const Loaded loaded = load_config(file);
        EXPECT_TRUE(loaded.config);
        for (const Finding& finding : loaded.findings) ADD_FAILURE() << to_string(finding, "README.md");
    }
    EXPECT_EQ(count, 2U);
}

// The names in the first column of the tables of files.md, below this folder.
std::set<std::string> documented(const std::string& folder) {
    const std::string page = text_of(kRoot / "daemon/docs/files.md");
    std::set<std::string> names;
    for (const std::string& name : all_matches(page, "\n\\| `" + folder + "/([a-z_.-]+)`"))
        names.insert(name);
    return names;
}

// What follows one of these in the sources, as "name".
std::set<std::string> in_code(const std::vector<std::string>& folders,
                              const std::vector<std::string>& before) {
    std::set<std::string> names;
    for (const fs::path& path : files_in(folders, {".cpp", ".h"})) {
        const std::string text = text_of(path);
        for (const std::string& each : before) {
            for (const std::string& name : all_matches(text, each + R"(/([a-z_.-]+)[\"/])"))
                names.insert(name);
        }
    }
    return names;
}

TEST(FilesPage, NamesWhatTheDaemonKeepsOnDisk) {
    const auto names = in_code({"daemon"}, {R"(state_directory\w*\)? \+ \")"});
    EXPECT_GE(names.size(), 6U);
    EXPECT_EQ(documented("/var/lib/ulagate"), names);
}

TEST(FilesPage, NamesWhatTheDaemonHasInItsRuntimeDirectory) {
    auto names = in_code({"daemon"}, {R"(runtime_directory\w* \+ \")", R"(return directory \+ \")"});
    EXPECT_GE(names.size(), 4U);
    EXPECT_EQ(documented("/run/ulagate"), names);
}

TEST(FilesPage, NamesWhatTheFirmwareHasInItsRuntimeDirectory) {
    const auto names =
        in_code({"image"}, {R"(\"/run/appliance)", R"(options_\.runtime \+ \")", R"(paths_\.runtime \+ \")"});
    EXPECT_GE(names.size(), 8U);
    EXPECT_THAT(documented("/run/appliance"), testing::IsSupersetOf(names));
}

}  // namespace
}  // namespace ulagate::pages_test
