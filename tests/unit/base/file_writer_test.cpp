// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/file_writer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "daemon/base/file.h"

namespace ulagate::file_writer_test {
namespace {

class FileWriterTest : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "ulagate-writer-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    [[nodiscard]] std::string path(const char* name) const { return folder_ + "/" + name; }
    [[nodiscard]] std::string content(const char* name) const {
        return read_file(path(name), 1'000'000).value_or("nothing");
    }
    std::string folder_;
};

TEST_F(FileWriterTest, AllIsWrittenBeforeItGoes) {
    {
        FileWriter writer;
        for (int i = 0; i <= 20; ++i) {
            writer.write(path("one"), std::to_string(i), 0600);
            writer.write(path("two"), std::string(100'000, 'x'), 0640);
        }
    }
    EXPECT_EQ(content("one"), "20") << "the last one";
    EXPECT_EQ(content("two").size(), 100'000U);
    struct stat info {};
    ASSERT_EQ(::stat(path("two").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0640U);
}

TEST_F(FileWriterTest, ItCanGoWithoutHavingWritten) { const FileWriter writer; }

// A pipe without a reader holds up who opens it, as a memory card that is busy would.
TEST_F(FileWriterTest, WhoWritesDoesNotWaitForTheDisk) {
    ASSERT_EQ(::mkfifo(path("slow.new").c_str(), 0600), 0);
    FileWriter writer;
    writer.write(path("slow"), "a", 0600);  // returns, although nobody reads
    EXPECT_TRUE(writer.take_failures().empty());
    EXPECT_EQ(content("slow.new"), "a");
    writer.finish();
    const auto failures = writer.take_failures();
    ASSERT_EQ(failures.size(), 1U);
    EXPECT_EQ(failures[0].path, path("slow"));
    EXPECT_EQ(failures[0].error.code, std::errc::invalid_argument) << "a pipe knows no fsync()";
}

TEST_F(FileWriterTest, WhatCouldNotBeWrittenIsTold) {
    FileWriter writer;
    EXPECT_TRUE(writer.take_failures().empty());
    writer.write(path("missing/file"), "", 0600);
    writer.finish();
    const auto failures = writer.take_failures();
    ASSERT_EQ(failures.size(), 1U);
    EXPECT_EQ(failures[0].path, path("missing/file"));
    EXPECT_EQ(failures[0].error.code, std::errc::no_such_file_or_directory);
    EXPECT_TRUE(writer.take_failures().empty());
    writer.write(path("file"), "and it goes on", 0600);
    writer.finish();
    EXPECT_EQ(content("file"), "and it goes on");
}

}  // namespace
}  // namespace ulagate::file_writer_test
