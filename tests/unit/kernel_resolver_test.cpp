// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <fstream>

#include "daemon/base/fd.h"
#include "daemon/resolver.h"
#include "tests/unit/kernel_namespace.h"

namespace ulagate::test {
namespace {

using namespace std::chrono_literals;

// A resolver and what a loop does with it.
class Client {
public:
    void request(const std::string& host) { resolver_->request(host); }
    std::vector<Resolver::Answer> wait(std::chrono::milliseconds patience = 60s) {
        pollfd ready{wake_.get(), POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(patience.count())) != 1) return {};
        std::uint64_t count = 0;
        EXPECT_EQ(::read(wake_.get(), &count, sizeof count), static_cast<ssize_t>(sizeof count));
        return resolver_->take();
    }

private:
    UniqueFd wake_{::eventfd(0, EFD_CLOEXEC)};
    std::unique_ptr<Resolver> resolver_ = std::make_unique<Resolver>([this] {
        const std::uint64_t one = 1;
        EXPECT_EQ(::write(wake_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
    });
};

class ResolverTest : public KernelTest {
protected:
    // A name server on the loopback, that we can make answer or not; the C library asks twice.
    static void with_name_server(const std::string& patience, const std::function<void(int server)>& body) {
        in_namespace([&] {
            char name[] = "/tmp/ulagate-resolver-XXXXXX";
            const UniqueFd file{::mkstemp(name)};
            const std::string text = "nameserver 127.0.0.1\noptions attempts:2 timeout:" + patience + "\n";
            ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
            const bool mounted = run(std::string("chmod 644 ") + name + " && mount --bind " + name +
                                     " \"$(readlink -f /etc/resolv.conf)\"");
            ::unlink(name);
            if (!mounted) GTEST_SKIP() << "cannot replace /etc/resolv.conf here";
            const UniqueFd server{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
            sockaddr_in at{};
            at.sin_family = AF_INET;
            at.sin_port = htons(53);
            at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            ASSERT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
            body(server.get());
        });
    }

    // Answers one question with this code (RFC 1035 section 4.1.1) and nothing else.
    static bool answer(int server, std::uint8_t code) {
        pollfd ready{server, POLLIN, 0};
        if (::poll(&ready, 1, 5000) != 1) return false;
        std::array<std::uint8_t, 512> message{};
        sockaddr_in from{};
        socklen_t from_size = sizeof from;
        auto* peer = reinterpret_cast<sockaddr*>(&from);
        const ssize_t size = ::recvfrom(server, message.data(), message.size(), 0, peer, &from_size);
        if (size < 12) return false;
        message[2] |= 0x80U;
        message[3] = static_cast<std::uint8_t>(0x80U | code);
        return ::sendto(server, message.data(), static_cast<std::size_t>(size), 0, peer, from_size) == size;
    }
};

TEST_F(ResolverTest, KnowsLocalhost) {
    Client client;
    client.request("localhost");
    const auto answers = client.wait();
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].host, "localhost");
    ASSERT_TRUE(answers[0].addresses) << answers[0].addresses.error().text();
    EXPECT_THAT(*answers[0].addresses, testing::Contains(testing::AnyOf(net::parse_ip("127.0.0.1").value(),
                                                                        net::parse_ip("::1").value())));
}

TEST_F(ResolverTest, TakesNumbersToo) {
    Client client;
    for (const char* number : {"192.0.2.7", "2001:db8::7"}) {
        client.request(number);
        const auto answers = client.wait();
        ASSERT_EQ(answers.size(), 1U);
        ASSERT_TRUE(answers[0].addresses) << answers[0].addresses.error().text();
        EXPECT_THAT(*answers[0].addresses, testing::ElementsAre(net::parse_ip(number).value()));
    }
}

TEST_F(ResolverTest, AnswersWithAnErrorForANameThatCannotExist) {
    Client client;
    client.request("nonexistent.invalid");
    const auto answers = client.wait();
    ASSERT_EQ(answers.size(), 1U);
    ASSERT_FALSE(answers[0].addresses);
    EXPECT_THAT(answers[0].addresses.error().text(), testing::StartsWith("resolve nonexistent.invalid: "));
}

TEST_F(ResolverTest, TellsNoSuchNameFromNoAnswer) {
    with_name_server("1", [](int server) {
        Client client;
        client.request("relay.test");
        std::thread helper([&] {
            for (int questions = 0; questions < 2; ++questions) EXPECT_TRUE(answer(server, 3));  // NXDOMAIN
        });
        auto answers = client.wait();
        helper.join();
        ASSERT_EQ(answers.size(), 1U);
        ASSERT_FALSE(answers[0].addresses);
        EXPECT_EQ(answers[0].addresses.error().code, std::errc::address_not_available)
            << answers[0].addresses.error().text();

        client.request("relay.test");  // the server is silent now
        answers = client.wait();
        ASSERT_EQ(answers.size(), 1U);
        ASSERT_FALSE(answers[0].addresses);
        EXPECT_EQ(answers[0].addresses.error().code, std::errc::resource_unavailable_try_again)
            << answers[0].addresses.error().text();
    });
}

TEST_F(ResolverTest, AsksForAHostOnceAtATime) {
    with_name_server("1", [](int) {
        Client client;
        for (int times = 0; times < 5; ++times) client.request("relay.test");
        client.request("localhost");
        std::vector<std::string> hosts;
        while (hosts.size() < 2) {
            const auto answers = client.wait();
            ASSERT_FALSE(answers.empty());
            for (const auto& answer : answers) hosts.push_back(answer.host);
        }
        EXPECT_THAT(hosts, testing::ElementsAre("relay.test", "localhost"));
        EXPECT_TRUE(client.wait(200ms).empty());
    });
}

TEST_F(ResolverTest, DoesNotHoldUpTheEnd) {
    with_name_server("20", [](int server) {
        const auto begin = std::chrono::steady_clock::now();
        {
            Client client;
            client.request("relay.test");
            pollfd asked{server, POLLIN, 0};
            ASSERT_EQ(::poll(&asked, 1, 5000), 1);  // the question is out, and nobody answers
        }
        EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s) << "less than the name server's time";
    });
}

TEST_F(ResolverTest, EndsRightAfterARequest) {
    for (int times = 0; times < 50; ++times) {
        Client client;
        client.request("localhost");
    }
    { const Client never_used; }
}

TEST_F(ResolverTest, LeavesSignalsToTheLoop) {
    in_namespace([] {
        Client client;
        client.request("localhost");
        ASSERT_EQ(client.wait().size(), 1U);
        sigset_t user;
        ::sigemptyset(&user);
        ::sigaddset(&user, SIGUSR1);
        sigset_t before;
        ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &user, &before), 0);
        EXPECT_EQ(::sigismember(&before, SIGUSR1), 0) << "the mask of the caller was put back";
        // Would end the process if the helper thread took it.
        ASSERT_EQ(::kill(::getpid(), SIGUSR1), 0);
        const timespec moment{5, 0};
        EXPECT_EQ(::sigtimedwait(&user, nullptr, &moment), SIGUSR1);
    });
}

}  // namespace
}  // namespace ulagate::test
