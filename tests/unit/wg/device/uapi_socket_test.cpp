// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/device/uapi_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <functional>
#include <thread>

#include "daemon/base/fd.h"

namespace ulagate::wg::uapi_socket_test {
namespace {

using namespace std::chrono_literals;

// Stands in for wireguard-go: takes one connection and does to it what the test says.
class WgUapiSocket : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = ::testing::TempDir() + "ulagate-uapi-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        path_ = folder_ + "/wg0.sock";
    }
    void TearDown() override {
        if (server_.joinable()) server_.join();
        std::filesystem::remove_all(folder_);
    }
    void listen() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
        listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
        ASSERT_EQ(::listen(listener_.get(), 1), 0);
    }
    void serve(std::function<void(int)> behave) {
        listen();
        server_ = std::thread{[this, behave = std::move(behave)] {
            const UniqueFd connection{::accept(listener_.get(), nullptr, nullptr)};
            behave(connection.get());
        }};
    }
    static void say(int fd, std::string_view text) {
        (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    }
    static void hear(int fd) {
        char byte = 0;
        (void)::recv(fd, &byte, 1, 0);
    }

    std::string folder_;
    std::string path_;
    UniqueFd listener_;
    std::thread server_;
};

TEST_F(WgUapiSocket, AnswerInPieces) {
    serve([](int fd) {
        hear(fd);
        for (const char* piece : {"listen_port=1\n", "errno", "=0\n", "\n"}) {
            say(fd, piece);
            std::this_thread::sleep_for(5ms);
        }
        std::this_thread::sleep_for(20ms);  // still open: the empty line is the end
    });
    EXPECT_EQ(uapi_exchange(path_, "get=1\n\n", Patience{2s}).value(), "listen_port=1\nerrno=0\n\n");
}

TEST_F(WgUapiSocket, AnErrorInTheMiddleOfALongRequestIsHeard) {
    serve([](int fd) {
        hear(fd);
        say(fd, "errno=-22\n\n");
        // and hangs up with megabytes unread
    });
    const auto answer = uapi_exchange(path_, std::string(8U << 20U, 'x'), Patience{2s});
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(*answer, "errno=-22\n\n");
}

TEST_F(WgUapiSocket, HangingUpWithoutAWord) {
    serve([](int fd) { hear(fd); });
    EXPECT_FALSE(uapi_exchange(path_, std::string(8U << 20U, 'x'), Patience{2s}));
}

TEST_F(WgUapiSocket, NobodyWaitsForEver) {
    listen();  // and never accepts
    EXPECT_EQ(uapi_exchange(path_, "get=1\n\n", Patience{50ms}).error().code, std::errc::timed_out);
    EXPECT_EQ(uapi_exchange(path_, std::string(8U << 20U, 'x'), Patience{50ms}).error().code,
              std::errc::timed_out);
    // Its queue is full now, so that connecting waits, too.
    EXPECT_EQ(uapi_exchange(path_, "get=1\n\n", Patience{50ms}).error().code, std::errc::timed_out);
}

TEST_F(WgUapiSocket, F07_WhoNeverStopsTalkingDoesNotAnswer) {
    serve([](int fd) {
        // A line each millisecond: there is always progress, and never an end.
        while (::send(fd, "rx_bytes=1\n", 11, MSG_NOSIGNAL) > 0) std::this_thread::sleep_for(1ms);
    });
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(uapi_exchange(path_, "get=1\n\n", Patience{100ms}).error().code, std::errc::timed_out);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 20s);
}

TEST_F(WgUapiSocket, F07_AFloodIsBounded) {
    serve([](int fd) {
        const std::string flood(1U << 20U, 'x');
        while (::send(fd, flood.data(), flood.size(), MSG_NOSIGNAL) > 0) continue;
    });
    EXPECT_EQ(uapi_exchange(path_, "get=1\n\n", Patience{60s}).error().code, std::errc::message_size);
}

TEST_F(WgUapiSocket, F07_WhoeverWaitsCanBeCalledOff) {
    listen();  // and never accepts
    std::atomic<bool> cancelled{false};
    std::thread caller{[&cancelled] {
        std::this_thread::sleep_for(50ms);
        cancelled = true;
    }};
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(uapi_exchange(path_, "get=1\n\n", Patience{60s, &cancelled}).error().code,
              std::errc::timed_out);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 30s);
    caller.join();
}

TEST_F(WgUapiSocket, TellsAbsentFromDead) {
    EXPECT_EQ(uapi_probe(path_, Patience{2s}).error().code, std::errc::no_such_file_or_directory);
    listen();
    EXPECT_TRUE(uapi_probe(path_, Patience{2s}));
    listener_.reset();
    EXPECT_EQ(uapi_probe(path_, Patience{2s}).error().code, std::errc::connection_refused);
    EXPECT_EQ(uapi_probe("/" + std::string(200, 'x'), Patience{2s}).error().code,
              std::errc::filename_too_long);
}

}  // namespace
}  // namespace ulagate::wg::uapi_socket_test
