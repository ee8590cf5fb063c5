// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/control_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <string>

namespace ulagate::control_server_test {
namespace {

namespace asio = boost::asio;

// Other work that the loop has at every turn.
class BusyLoop {
public:
    explicit BusyLoop(asio::io_context& io) : io_(io) { work(); }
    [[nodiscard]] int turns() const { return turns_; }

private:
    void work() {
        asio::post(io_, [this] {
            ++turns_;
            work();
        });
    }

    asio::io_context& io_;
    int turns_ = 0;
};

std::string read_available(asio::local::stream_protocol::socket& client, bool& end) {
    std::string found;
    std::array<char, 65536> chunk{};
    boost::system::error_code error;
    while (!error) {
        const std::size_t length = client.read_some(asio::buffer(chunk), error);
        found.append(chunk.data(), length);
    }
    end = error == asio::error::eof;
    return found;
}

TEST(ControlServer, AnAnswerOfMegabytesNeedsFewTurnsOfABusyLoop) {
    const std::string path =
        (std::filesystem::temp_directory_path() / ("ulagate-control-" + std::to_string(::getpid()))).string();
    asio::io_context io;
    const std::string text(std::size_t{4} << 20, 'x');
    const auto server =
        ControlServer::listen(io, path, "", [&](const std::string&, const ControlServer::Reply& reply) {
            reply({{"text", text}});
        });
    ASSERT_TRUE(server) << server.error().text();
    asio::io_context client_io;
    asio::local::stream_protocol::socket client{client_io};
    client.connect(asio::local::stream_protocol::endpoint{path});
    asio::write(client, asio::buffer(std::string{"{\"command\": \"status\"}\n"}));
    client.non_blocking(true);

    const BusyLoop busy{io};
    std::string answer;
    bool end = false;
    while (!end && busy.turns() < 1000) {
        io.run_one();
        answer += read_available(client, end);
    }

    EXPECT_TRUE(end);
    EXPECT_EQ(answer, "{\"text\":\"" + text + "\"}\n");
    EXPECT_LT(busy.turns(), 32);  // a turn for each 64 KiB would be 64
}

}  // namespace
}  // namespace ulagate::control_server_test
