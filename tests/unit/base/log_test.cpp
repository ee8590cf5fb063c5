// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/base/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include "daemon/base/fd.h"

namespace ulagate::log_test {
namespace {

using ::testing::HasSubstr;

// Standard error is what the test says, as long as it lives.
class Redirected {
public:
    explicit Redirected(int fd) : before_(::dup(STDERR_FILENO)) { ::dup2(fd, STDERR_FILENO); }
    Redirected(const Redirected&) = delete;
    Redirected& operator=(const Redirected&) = delete;
    ~Redirected() { ::dup2(before_.get(), STDERR_FILENO); }

private:
    UniqueFd before_;
};

std::string read_all(int fd) {
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    std::string out;
    std::array<char, 4096> chunk{};
    for (;;) {
        const ssize_t n = ::read(fd, chunk.data(), chunk.size());
        if (n <= 0) return out;
        out.append(chunk.data(), static_cast<std::size_t>(n));
    }
}

// Blocks for ever where a write waits for room.
void expect_no_wait(int reader, int writer) {
    std::string after;
    {
        const Redirected redirected{writer};
        // write(): of lines of one kind the limit leaves out most, and these have to fill the pipe.
        for (int i = 0; i < 20'000; ++i)
            log::write(log::Level::warning, "test", fmt::format("a line that nobody reads, number {:05}", i));
        const std::string flood = read_all(reader);
        EXPECT_THAT(flood, HasSubstr("number 00000\n"));
        EXPECT_EQ(flood.find("number 19999\n"), std::string::npos);
        log::write(log::Level::warning, "test", std::string(20'000, 'x') + " and on");
        log::write(log::Level::warning, "test", "the reader is back");
        after = read_all(reader);
    }
    EXPECT_THAT(after, HasSubstr("lines were lost"));
    EXPECT_THAT(after, HasSubstr("the reader is back\n"));
}

TEST(Log, F07_APipeThatNobodyReadsDoesNotStopUs) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const UniqueFd reader{ends[0]};
    const UniqueFd writer{ends[1]};
    expect_no_wait(reader.get(), writer.get());
}

TEST(Log, F07_AJournalThatHangsDoesNotStopUs) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    const UniqueFd reader{ends[0]};
    const UniqueFd writer{ends[1]};
    expect_no_wait(reader.get(), writer.get());
}

TEST(Log, AClosedReaderIsNoReasonToCount) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    UniqueFd reader{ends[0]};
    const UniqueFd writer{ends[1]};
    reader.reset();
    const Redirected redirected{writer.get()};
    log::warning("test", "nobody is there");
}

}  // namespace
}  // namespace ulagate::log_test
