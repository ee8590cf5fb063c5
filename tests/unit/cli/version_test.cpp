// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "daemon/base/file.h"

// daemon/base/version.cmake, run as the build does, on trees of its own.
namespace ulagate::version_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Version : public testing::Test {
protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "version-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        tree_ = folder_ / "tree";
        std::filesystem::create_directory(tree_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    static bool shell(const std::string& command) { return std::system(command.c_str()) == 0; }

    // A repository with one commit, of a moment that is the next day in the committer's time zone.
    void commit() {
        if (!shell("git --version >/dev/null 2>&1")) GTEST_SKIP() << "there is no git";
        ASSERT_TRUE(shell(
            fmt::format("cd {} && echo 1 >file && git init -q . && git add file && "
                        "GIT_COMMITTER_DATE='2026-11-30T01:00:00 +0300' git -c user.name=n -c user.email=e "
                        "-c commit.gpgsign=false commit -q --no-verify -m first",
                        tree_.native())));
    }
    // What the build writes; "": it was refused.
    [[nodiscard]] std::string made(const std::string& given = "") const {
        const std::string output = folder_ / "version.cpp";
        const bool done = shell(fmt::format(
            "cmake -DSOURCE={} -DNUMBER=1.2.3 -DGIVEN='{}' -DOUTPUT={} -P {}/daemon/base/version.cmake "
            ">{}/log 2>&1",
            tree_.native(), given, output, ULAGATE_SOURCE_DIR, folder_.native()));
        return done ? read_file(output, 10'000).value_or("") : "";
    }

    std::filesystem::path folder_;
    std::filesystem::path tree_;
};

TEST_F(Version, ATarballSaysTheNumberAlone) { EXPECT_THAT(made(), HasSubstr("kVersion = \"1.2.3\";")); }

TEST_F(Version, ARepositoryAddsTheDayInUtcAndTheCommit) {
    commit();
    if (IsSkipped()) return;
    EXPECT_THAT(made(), testing::ContainsRegex("kVersion = \"1\\.2\\.3\\+20261129\\.[0-9a-f]{10}\";"));
}

TEST_F(Version, ChangedFilesAreNamedAndNewOnesAreNot) {
    commit();
    if (IsSkipped()) return;
    ASSERT_TRUE(shell(fmt::format("echo 2 >{}/new", tree_.native())));
    EXPECT_THAT(made(), AllOf(HasSubstr("1.2.3+"), Not(HasSubstr("changed"))));
    ASSERT_TRUE(shell(fmt::format("echo 2 >{}/file", tree_.native())));
    EXPECT_THAT(made(), HasSubstr(".changed\";"));
}

TEST_F(Version, ATarballInsideAnotherRepositoryDoesNotNameThatOnesCommit) {
    commit();
    if (IsSkipped()) return;
    tree_ /= "unpacked";
    std::filesystem::create_directory(tree_);
    EXPECT_THAT(made(), HasSubstr("kVersion = \"1.2.3\";"));
}

// Otherwise each build would compile and link again.
TEST_F(Version, WhatIsTheSameIsNotWrittenAgain) {
    ASSERT_NE(made(), "");
    const auto output = folder_ / "version.cpp";
    const std::filesystem::file_time_type past{std::filesystem::file_time_type::duration{0}};
    std::filesystem::last_write_time(output, past);
    ASSERT_NE(made(), "");
    EXPECT_EQ(std::filesystem::last_write_time(output), past);
    ASSERT_NE(made("9.9.9"), "");
    EXPECT_NE(std::filesystem::last_write_time(output), past);
}

TEST_F(Version, WhoBuildsAnImageMaySayIt) {
    commit();
    if (IsSkipped()) return;
    EXPECT_THAT(made("1.2.3+20261129.0123456789"), HasSubstr("kVersion = \"1.2.3+20261129.0123456789\";"));
    EXPECT_EQ(made("1.2.3\"; evil"), "");
}

}  // namespace
}  // namespace ulagate::version_test
