// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ulagate::wg::key_file_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kBase64 = "cJ+YplAzqFbAk6MbOko1Q69ayGfIfMIfJKArBK9BMF0=";

class WgKeyFile : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = ::testing::TempDir() + "ulagate-key-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        path_ = folder_ + "/private.key";
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    void write(const std::string& content, mode_t mode = 0600) const {
        std::ofstream{path_, std::ios::binary} << content;
        ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    }
    std::string refusal() const {
        const auto key = load_private_key(path_);
        EXPECT_FALSE(key);
        if (key) return {};
        EXPECT_THAT(key.error().text(), Not(HasSubstr(std::string{kBase64}.substr(0, 10))));
        return key.error().text();
    }

    std::string folder_;
    std::string path_;
};

TEST_F(WgKeyFile, LoadsWhatEditorsAndToolsWrite) {
    for (const char* end : {"", "\n", "\r\n", "\n\n", " \n"}) {
        write(std::string{kBase64} + end);
        const auto key = load_private_key(path_);
        ASSERT_TRUE(key) << key.error().text();
        EXPECT_EQ(key->reveal_base64(), kBase64);
    }
    write(kBase64, 0400);
    EXPECT_TRUE(load_private_key(path_));
}

TEST_F(WgKeyFile, LoadsThroughASymbolicLink) {
    write(kBase64);
    const std::string link = folder_ + "/link";
    ASSERT_EQ(::symlink(path_.c_str(), link.c_str()), 0);
    EXPECT_TRUE(load_private_key(link));
}

TEST_F(WgKeyFile, RefusesWhatOthersMayReadAndSaysHowToMendIt) {
    for (const mode_t mode : {0644U, 0640U, 0660U, 0604U, 0610U, 0601U, 0602U}) {
        write(kBase64, mode);
        EXPECT_THAT(refusal(), HasSubstr("chmod 600 " + path_)) << mode;
    }
}

TEST_F(WgKeyFile, RefusesAForeignOwner) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
    write(kBase64);
    ASSERT_EQ(::chown(path_.c_str(), 4711, 4711), 0);
    EXPECT_THAT(refusal(), HasSubstr("belongs to user 4711"));
}

TEST_F(WgKeyFile, RefusesWhatIsNoKey) {
    const std::string key = kBase64;
    for (const std::string& content :
         {std::string{}, std::string{"\n"}, key.substr(1), key + key, key + "\n" + key, "PrivateKey = " + key,
          " " + key, std::string(44, '\0'), key + std::string(100, '\n'), std::string(1U << 20U, 'A')}) {
        write(content);
        EXPECT_THAT(refusal(), HasSubstr("wg genkey")) << content.substr(0, 50);
    }
}

TEST_F(WgKeyFile, RefusesWhatIsNoFile) {
    EXPECT_EQ(load_private_key(path_).error().code, std::errc::no_such_file_or_directory);
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    EXPECT_THAT(refusal(), HasSubstr("not an ordinary file"));  // and does not wait for a writer
    EXPECT_THAT(load_private_key(folder_).error().text(), HasSubstr("not an ordinary file"));
}

TEST_F(WgKeyFile, CreatesOnceAndForItsOwnerOnly) {
    const mode_t before = ::umask(0);
    const auto made = create_private_key(path_);
    ::umask(before);
    ASSERT_TRUE(made) << made.error().text();
    struct stat info {};
    ASSERT_EQ(::stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0600U);
    EXPECT_EQ(info.st_size, 45);
    const auto loaded = load_private_key(path_);
    ASSERT_TRUE(loaded) << loaded.error().text();
    EXPECT_EQ(*loaded, *made);

    const auto again = create_private_key(path_);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, std::errc::file_exists);
    EXPECT_EQ(*load_private_key(path_), *made);
}

TEST_F(WgKeyFile, NeverFollowsALinkWhenItCreates) {
    ASSERT_EQ(::symlink("/nowhere/at/all", path_.c_str()), 0);
    EXPECT_FALSE(create_private_key(path_));
    EXPECT_FALSE(create_private_key(folder_ + "/missing/private.key"));
}

}  // namespace
}  // namespace ulagate::wg::key_file_test
