// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

// Instead of the library's: what was synced, in its order, by the name that it has then.
namespace {
std::vector<std::string> synced;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
}
extern "C" int fsync(int fd) {
    synced.push_back(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)));
    return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace ulagate::file_test {
namespace {

using testing::ElementsAre;
using testing::StartsWith;
namespace fs = std::filesystem;

// A folder of its own that goes with the test.
class File : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "ulagate-file-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    std::string path(const char* name) const { return folder_ + "/" + name; }
    std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator{folder_}) names.push_back(entry.path().filename());
        return names;
    }
    static unsigned mode(const std::string& path) {
        struct stat info {};
        EXPECT_EQ(::stat(path.c_str(), &info), 0);
        return info.st_mode & 07777U;
    }
    std::string folder_;
};

TEST_F(File, IsReadAsItWasWritten) {
    std::string content(100'000, '\0');
    for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7);
    ASSERT_TRUE(write_file_atomically(path("f"), content, 0600));
    EXPECT_EQ(read_file(path("f"), 100'000).value(), content);
    ASSERT_TRUE(write_file_atomically(path("f"), "", 0600));
    EXPECT_EQ(read_file(path("f"), 0).value(), "");
    EXPECT_THAT(files(), ElementsAre("f"));
}

TEST_F(File, IsSyncedWithItsFolderSoThatAPowerCutDoesNotBringTheOldOneBack) {
    ASSERT_TRUE(write_file_atomically(path("f"), "old", 0600));
    synced.clear();
    ASSERT_TRUE(write_file_atomically(path("f"), "new", 0600));
    EXPECT_THAT(synced, ElementsAre(path("f.new"), folder_))
        << "the content before the name, and then the name";
}

TEST_F(File, InTheCurrentFolderIsSyncedWithThat) {
    const fs::path before = fs::current_path();
    fs::current_path(folder_);
    synced.clear();
    EXPECT_TRUE(write_file_atomically("g", "new", 0600));
    fs::current_path(before);
    EXPECT_THAT(synced, ElementsAre(path("g.new"), folder_));
}

TEST_F(File, IsReplacedAsAWhole) {
    ASSERT_TRUE(write_file_atomically(path("f"), "the old content, which is longer", 0644));
    const auto before = fs::hard_link_count(path("f"));
    fs::create_hard_link(path("f"), path("old"));
    ASSERT_TRUE(write_file_atomically(path("f"), "new", 0600));
    EXPECT_EQ(read_file(path("f"), 100).value(), "new");
    EXPECT_EQ(read_file(path("old"), 100).value(), "the old content, which is longer");  // not written into
    EXPECT_EQ(fs::hard_link_count(path("f")), before);
}

TEST_F(File, HasTheModeWhateverTheUmaskOrALeftoverSays) {
    const mode_t umask = ::umask(077);
    EXPECT_TRUE(write_file_atomically(path("f"), "x", 0644));
    ::umask(0);
    EXPECT_TRUE(write_file_atomically(path("secret"), "x", 0600));
    ::umask(umask);
    EXPECT_EQ(mode(path("f")), 0644U);
    EXPECT_EQ(mode(path("secret")), 0600U);

    // A crash left the temporary file, readable for all.
    ASSERT_TRUE(write_file_atomically(path("secret.new"), "a longer leftover", 0666));
    ASSERT_TRUE(write_file_atomically(path("secret"), "y", 0600));
    EXPECT_EQ(mode(path("secret")), 0600U);
    EXPECT_EQ(read_file(path("secret"), 100).value(), "y");
}

TEST_F(File, ALinkInPlaceOfTheTemporaryFileIsNotFollowed) {
    ASSERT_TRUE(write_file_atomically(path("victim"), "precious", 0600));
    fs::create_symlink(path("victim"), path("f.new"));
    EXPECT_FALSE(write_file_atomically(path("f"), "x", 0600));
    EXPECT_EQ(read_file(path("victim"), 100).value(), "precious");
}

TEST_F(File, TooLargeIsRefused) {
    ASSERT_TRUE(write_file_atomically(path("f"), "12345", 0600));
    EXPECT_TRUE(read_file(path("f"), 5));
    const auto refused = read_file(path("f"), 4);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, std::errc::file_too_large);
    EXPECT_THAT(refused.error().text(), StartsWith("read " + path("f") + ": "));
    EXPECT_EQ(read_file("/dev/zero", 1'000'000).error().code, std::errc::file_too_large);  // without an end
}

TEST_F(File, ADirectoryOrNothingIsRefused) {
    EXPECT_EQ(read_file(folder_, 100).error().code, std::errc::is_a_directory);
    EXPECT_EQ(read_file(path("none"), 100).error().code, std::errc::no_such_file_or_directory);
    EXPECT_THAT(read_file(path("none"), 100).error().text(),
                StartsWith("open " + path("none") + ": No such file"));
}

// What is written ends in the middle, as on a full disk.
TEST_F(File, HalfOfAFileIsNeverSeen) {
    ASSERT_TRUE(write_file_atomically(path("f"), "the old content", 0600));
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit little{10'000, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &little);
    const auto written = write_file_atomically(path("f"), std::string(100'000, 'x'), 0600);
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, std::errc::file_too_large);
    EXPECT_EQ(read_file(path("f"), 100).value(), "the old content");
}

TEST_F(File, WhatCannotBeWrittenLeavesTheOldContent) {
    EXPECT_EQ(write_file_atomically(path("no/f"), "x", 0600).error().code,
              std::errc::no_such_file_or_directory);
    fs::create_directory(path("d"));
    EXPECT_FALSE(write_file_atomically(path("d"), "x", 0600));
    EXPECT_TRUE(fs::is_directory(path("d")));
}

}  // namespace
}  // namespace ulagate::file_test
