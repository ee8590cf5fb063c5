// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/names/resolver.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <set>
#include <string>

#include "daemon/base/fd.h"
#include "tests/unit/kernel/namespace.h"
#include "tests/unit/text_values.h"

namespace ulagate::test::resolver_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Bytes = std::vector<std::uint8_t>;

// A name server on one address of the loopback (RFC 1035 section 4.1). It answers when it is told to.
class NameServer {
public:
    enum class Says { nothing, addresses, no_addresses, no_such_name, refused };
    struct Mood {
        Says says = Says::nothing;
        std::uint8_t ttl = 0;
        Bytes address;
    };
    Mood a;
    Mood aaaa;
    std::string only;  // the name for which it says so; what else is asked for is refused. "": any
    unsigned questions = 0;
    std::set<std::string> names;
    std::chrono::seconds delay{0};  // of each answer

    explicit NameServer(const char* address) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(53);
        at.sin_addr.s_addr = ::inet_addr(address);
        EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    }
    // A link-local one.
    NameServer(const char* address, const char* interface)
        : socket_(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in6 at{};
        at.sin6_family = AF_INET6;
        at.sin6_port = htons(53);
        at.sin6_scope_id = ::if_nametoindex(interface);
        ::inet_pton(AF_INET6, address, &at.sin6_addr);
        EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    }

    void serve() {
        const auto now = std::chrono::steady_clock::now();
        std::array<std::uint8_t, 512> in{};
        sockaddr_storage from{};
        socklen_t from_size = sizeof from;
        auto* peer = reinterpret_cast<sockaddr*>(&from);
        const ssize_t size = ::recvfrom(socket_.get(), in.data(), in.size(), MSG_DONTWAIT, peer, &from_size);
        if (size >= 17) {
            ++questions;
            waiting_.push_back({now + delay, in, from, from_size});
        }
        while (!waiting_.empty() && now >= waiting_.front().due) {
            answer(waiting_.front());
            waiting_.erase(waiting_.begin());
        }
    }

private:
    struct Waiting {
        std::chrono::steady_clock::time_point due;
        std::array<std::uint8_t, 512> in;
        sockaddr_storage from;
        socklen_t from_size;
    };

    void answer(const Waiting& asked) {
        const auto& in = asked.in;
        std::string name;
        for (std::size_t at = 12; in.at(at) != 0; at += in.at(at) + 1U) {
            if (!name.empty()) name += '.';
            name.append(reinterpret_cast<const char*>(&in.at(at + 1)), in.at(at));
        }
        names.insert(name);
        std::size_t end = 12;
        while (in.at(end) != 0) end += in.at(end) + 1U;
        const bool wants_ipv6 = in.at(end + 2) == 28;
        Mood mood = wants_ipv6 ? aaaa : a;
        if (!only.empty() && name != only) mood = {Says::refused, 0, {}};
        if (mood.says == Says::nothing) return;
        Bytes out(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(end) + 5);
        out[2] = 0x81;
        out[3] = mood.says == Says::no_such_name ? 0x83 : mood.says == Says::refused ? 0x85 : 0x80;
        std::fill(out.begin() + 6, out.begin() + 12, std::uint8_t{0});
        if (mood.says == Says::addresses) {
            out[7] = 1;
            const auto length = static_cast<std::uint8_t>(mood.address.size());
            for (const std::uint8_t byte :
                 Bytes{0xc0, 12, 0, in.at(end + 2), 0, 1, 0, 0, 0, mood.ttl, 0, length})
                out.push_back(byte);
            out.insert(out.end(), mood.address.begin(), mood.address.end());
        }
        ::sendto(socket_.get(), out.data(), out.size(), 0, reinterpret_cast<const sockaddr*>(&asked.from),
                 asked.from_size);
    }

    std::vector<Waiting> waiting_;
    UniqueFd socket_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

// A resolver, and what a loop does with it.
class Client {
public:
    boost::asio::io_context io;
    std::vector<NameServer*> servers;
    std::vector<Resolver::Answer> answers;
    Resolver resolver{io, [this](const Resolver::Answer& answer) { answers.push_back(answer); }};

    void request(const std::string& host) {
        for (const IpFamily family : kIpFamilies) resolver.request(host, family);
    }
    bool wait(std::size_t count) {
        return run([&] { return answers.size() >= count; }, 60s);
    }
    bool run(const std::function<bool()>& done, std::chrono::milliseconds time) {
        const auto end = std::chrono::steady_clock::now() + time;
        while (!done() && std::chrono::steady_clock::now() < end) {
            io.restart();
            io.run_for(5ms);
            for (NameServer* server : servers) server->serve();
        }
        return done();
    }
    [[nodiscard]] const Resolver::Answer& of(IpFamily family) const {
        for (const auto& answer : answers) {
            if (answer.family == family) return answer;
        }
        throw std::runtime_error("no answer for this family");
    }
};

class ResolverTest : public KernelTest {
protected:
    static void replace(const char* path, const std::string& text) {
        char name[] = "/tmp/ulagate-resolver-XXXXXX";
        const UniqueFd file{::mkstemp(name)};
        ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
        const bool mounted = run(std::string("chmod 644 ") + name + " && mount --bind " + name +
                                 " \"$(readlink -f " + path + ")\"");
        ::unlink(name);
        if (!mounted) throw std::runtime_error(std::string("cannot replace ") + path);
    }
    static void with_files(const std::function<void()>& body) {
        in_namespace([&] {
            replace("/etc/resolv.conf", "nameserver 127.0.0.1\n");
            replace("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n192.0.2.7 seven\n");
            body();
        });
    }
};

TEST_F(ResolverTest, KnowsWhatTheHostsFileSays) {
    with_files([] {
        Client client;
        client.request("localhost");
        EXPECT_THAT(client.answers, IsEmpty()) << "never from within the request";
        ASSERT_TRUE(client.wait(2));
        EXPECT_THAT(*client.of(IpFamily::ipv4).addresses, ElementsAre(ip("127.0.0.1")));
        EXPECT_THAT(*client.of(IpFamily::ipv6).addresses, ElementsAre(ip("::1")));
    });
}

TEST_F(ResolverTest, AHostWithOneFamilyInTheFileHasNoOther) {
    with_files([] {
        NameServer server{"127.0.0.1"};
        server.aaaa = {NameServer::Says::addresses, 60, Bytes(16, 1)};
        Client client;
        client.servers = {&server};
        client.request("seven");
        ASSERT_TRUE(client.wait(2));
        EXPECT_THAT(*client.of(IpFamily::ipv4).addresses, ElementsAre(ip("192.0.2.7")));
        EXPECT_THAT(*client.of(IpFamily::ipv6).addresses, IsEmpty());
        EXPECT_EQ(server.questions, 0U);
    });
}

TEST_F(ResolverTest, TellsTheTimeToLive) {
    with_files([] {
        NameServer server{"127.0.0.1"};
        server.a = {NameServer::Says::addresses, 77, {192, 0, 2, 1}};
        server.aaaa = {
            NameServer::Says::addresses, 99, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
        Client client;
        client.servers = {&server};
        client.request("relay.test");
        ASSERT_TRUE(client.wait(2));
        EXPECT_THAT(*client.of(IpFamily::ipv4).addresses, ElementsAre(ip("192.0.2.1")));
        EXPECT_EQ(client.of(IpFamily::ipv4).ttl, 77s);
        EXPECT_THAT(*client.of(IpFamily::ipv6).addresses, ElementsAre(ip("2001:db8::1")));
        EXPECT_EQ(client.of(IpFamily::ipv6).ttl, 99s);
    });
}

TEST_F(ResolverTest, TellsNoAddressNoSuchNameAndNoAnswerApart) {
    with_files([] {
        NameServer server{"127.0.0.1"};
        Client client;
        client.servers = {&server};
        server.a = server.aaaa = {NameServer::Says::no_addresses, 0, {}};
        client.request("relay.test");
        ASSERT_TRUE(client.wait(2));
        for (const auto& answer : client.answers) {
            ASSERT_TRUE(answer.addresses) << answer.addresses.error().text();
            EXPECT_THAT(*answer.addresses, IsEmpty());
        }
        client.answers.clear();
        server.a = server.aaaa = {NameServer::Says::no_such_name, 0, {}};
        client.request("relay.test");
        ASSERT_TRUE(client.wait(2));
        for (const auto& answer : client.answers) {
            ASSERT_FALSE(answer.addresses);
            EXPECT_EQ(answer.addresses.error().code, std::errc::address_not_available);
        }
        client.answers.clear();
        server.a = server.aaaa = {};
        client.request("relay.test");
        ASSERT_TRUE(client.wait(2));
        for (const auto& answer : client.answers) {
            ASSERT_FALSE(answer.addresses);
            EXPECT_EQ(answer.addresses.error().code, std::errc::resource_unavailable_try_again);
            EXPECT_THAT(answer.addresses.error().text(), testing::StartsWith("resolve relay.test: "));
        }
    });
}

TEST_F(ResolverTest, WithoutAnyNameServerItFailsAtOnce) {
    with_files([] {
        Client client;  // nobody listens on 127.0.0.1
        client.request("relay.test");
        ASSERT_TRUE(client.run([&] { return client.answers.size() == 2; }, 10s));
        EXPECT_EQ(client.answers[0].addresses.error().code, std::errc::resource_unavailable_try_again);
    });
}

TEST_F(ResolverTest, ASilentFamilyDoesNotDelayTheOther) {
    with_files([] {
        NameServer server{"127.0.0.1"};
        server.a = {NameServer::Says::addresses, 60, {192, 0, 2, 1}};
        Client client;
        client.servers = {&server};
        client.request("relay.test");
        ASSERT_TRUE(client.wait(1));
        EXPECT_EQ(client.answers[0].family, IpFamily::ipv4);
        EXPECT_TRUE(client.answers[0].addresses);
    });
}

TEST_F(ResolverTest, AsksOnceAtATime) {
    with_files([] {
        NameServer server{"127.0.0.1"};
        Client client;
        client.servers = {&server};
        for (int times = 0; times < 5; ++times) client.request("relay.test");
        client.run([] { return false; }, 500ms);
        EXPECT_EQ(server.questions, 2U);
        server.a = server.aaaa = {NameServer::Says::no_addresses, 0, {}};
        client.resolver.start_again();
        ASSERT_TRUE(client.wait(2));
        client.run([] { return false; }, 100ms);
        EXPECT_EQ(client.answers.size(), 2U) << "one answer to each question";
    });
}

TEST_F(ResolverTest, AnotherResolvConfIsReadWhileAQuestionWaits) {
    with_files([] {
        NameServer silent{"127.0.0.1"};
        NameServer good{"127.0.0.2"};
        good.a = {NameServer::Says::addresses, 60, {192, 0, 2, 2}};
        good.aaaa = {NameServer::Says::no_addresses, 0, {}};
        Client client;
        client.servers = {&silent, &good};
        client.request("relay.test");
        client.run([&] { return silent.questions == 2; }, 60s);
        ASSERT_TRUE(test::run("echo nameserver 127.0.0.2 >/etc/resolv.conf"));
        ASSERT_TRUE(client.wait(2));
        EXPECT_THAT(*client.of(IpFamily::ipv4).addresses, ElementsAre(ip("192.0.2.2")));
        // And before the next one.
        ASSERT_TRUE(test::run("echo nameserver 127.0.0.1 >/etc/resolv.conf"));
        silent.a = silent.aaaa = {NameServer::Says::addresses, 60, {192, 0, 2, 1}};
        silent.aaaa.says = NameServer::Says::no_addresses;
        client.answers.clear();
        client.request("relay.test");
        ASSERT_TRUE(client.wait(2));
        EXPECT_THAT(*client.of(IpFamily::ipv4).addresses, ElementsAre(ip("192.0.2.1")));
    });
}

TEST_F(ResolverTest, F12_ASilentServerDelaysOnlyForAWhile) {
    with_files([] {
        ASSERT_TRUE(test::run("printf 'nameserver 127.0.0.1\\nnameserver 127.0.0.2\\n' >/etc/resolv.conf"));
        NameServer silent{"127.0.0.1"};
        NameServer good{"127.0.0.2"};
        good.a = {NameServer::Says::addresses, 60, {192, 0, 2, 2}};
        good.aaaa = {NameServer::Says::no_addresses, 0, {}};
        Client client;
        client.servers = {&silent, &good};
        client.request("relay.test");
        ASSERT_TRUE(client.wait(2));
        EXPECT_THAT(*client.of(IpFamily::ipv4).addresses, ElementsAre(ip("192.0.2.2")));
        EXPECT_EQ(silent.questions, 2U);
    });
}

TEST_F(ResolverTest, F12_AnAnswerThatComesLateIsTaken) {
    with_files([] {
        NameServer slow{"127.0.0.1"};
        slow.delay = 5s;
        slow.a = {NameServer::Says::addresses, 60, {192, 0, 2, 2}};
        slow.aaaa = {NameServer::Says::no_addresses, 0, {}};
        for (int times = 0; times < 2; ++times) {  // newer libraries learn to be impatient
            Client client;
            client.servers = {&slow};
            client.request("relay.test");
            ASSERT_TRUE(client.wait(2));
            ASSERT_TRUE(client.of(IpFamily::ipv4).addresses);
            EXPECT_THAT(*client.of(IpFamily::ipv4).addresses, ElementsAre(ip("192.0.2.2")));
        }
    });
}

TEST_F(ResolverTest, F12_SearchesTheDomainsOfTheFileAndNoDot) {
    with_files([] {
        ASSERT_TRUE(test::run("printf 'nameserver 127.0.0.1\\nsearch example.net .\\n' >/etc/resolv.conf"));
        NameServer server{"127.0.0.1"};
        server.a = {NameServer::Says::addresses, 60, {192, 0, 2, 2}};
        server.aaaa = {NameServer::Says::no_addresses, 0, {}};
        Client client;
        client.servers = {&server};
        client.request("relay");
        ASSERT_TRUE(client.wait(2));
        EXPECT_THAT(server.names, testing::Contains("relay.example.net"));
        EXPECT_THAT(*client.of(IpFamily::ipv4).addresses, ElementsAre(ip("192.0.2.2")));

        ASSERT_TRUE(test::run("printf 'nameserver 127.0.0.1\\nsearch .\\n' >/etc/resolv.conf"));
        server.a = server.aaaa = {NameServer::Says::no_such_name, 0, {}};
        client.answers.clear();
        client.request("nowhere.test");
        ASSERT_TRUE(client.wait(2));
        EXPECT_EQ(client.answers[0].addresses.error().code, std::errc::address_not_available);
    });
}

// What the C library does too: one that knows nothing of a domain in the list is not a reason to give up.
TEST_F(ResolverTest, F12_ADomainThatIsRefusedIsNotTheEnd) {
    with_files([] {
        ASSERT_TRUE(
            test::run("printf 'nameserver 127.0.0.1\\nsearch lan example.net\\noptions ndots:5\\n' "
                      ">/etc/resolv.conf"));
        NameServer server{"127.0.0.1"};
        server.only = "relay.example.org";
        server.a = {NameServer::Says::addresses, 60, {192, 0, 2, 2}};
        server.aaaa = {NameServer::Says::no_addresses, 0, {}};
        Client client;
        client.servers = {&server};
        client.request("relay.example.org");
        ASSERT_TRUE(client.wait(2));
        EXPECT_THAT(server.names, testing::Contains("relay.example.org.lan"));
        ASSERT_TRUE(client.of(IpFamily::ipv4).addresses)
            << client.of(IpFamily::ipv4).addresses.error().text();
        EXPECT_THAT(*client.of(IpFamily::ipv4).addresses, ElementsAre(ip("192.0.2.2")));
        ASSERT_TRUE(client.of(IpFamily::ipv6).addresses);
        EXPECT_THAT(*client.of(IpFamily::ipv6).addresses, IsEmpty());
    });
}

TEST_F(ResolverTest, F12_AsksALinkLocalServerOnItsInterface) {
    with_files([] {
        // Two providers' routers with the same address, of which one answers.
        for (const char* name : {"wan0", "wan1"}) {
            const std::string n{name};
            ASSERT_TRUE(test::run("ip link add " + n + " type veth peer name far" + n + " && ip link set " +
                                  n + " up && ip link set far" + n + " up && ip addr add fe80::53/64 dev " +
                                  n + " nodad && ip addr add fe80::54/64 dev " + n + " nodad"));
        }
        ASSERT_TRUE(test::run("echo nameserver fe80::53%wan1 >/etc/resolv.conf"));
        NameServer server{"fe80::53", "wan1"};
        NameServer other{"fe80::53", "wan0"};
        server.a = {NameServer::Says::addresses, 60, {192, 0, 2, 2}};
        server.aaaa = {NameServer::Says::no_addresses, 0, {}};
        Client client;
        client.servers = {&server, &other};
        client.request("relay.test");
        ASSERT_TRUE(client.wait(2));
        ASSERT_TRUE(client.of(IpFamily::ipv4).addresses)
            << client.of(IpFamily::ipv4).addresses.error().text();
        EXPECT_THAT(*client.of(IpFamily::ipv4).addresses, ElementsAre(ip("192.0.2.2")));
        EXPECT_EQ(other.questions, 0U);
    });
}

TEST_F(ResolverTest, F12_AsksByTcpWhereTheFileSaysSo) {
    with_files([] {
        ASSERT_TRUE(test::run("printf 'nameserver 127.0.0.1\\noptions use-vc\\n' >/etc/resolv.conf"));
        NameServer server{"127.0.0.1"};  // by UDP
        const UniqueFd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(53);
        at.sin_addr.s_addr = ::inet_addr("127.0.0.1");
        ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
        ASSERT_EQ(::listen(listener.get(), 8), 0);
        Client client;
        client.servers = {&server};
        client.request("relay.test");
        std::vector<UniqueFd> connections;
        client.run(
            [&] {
                UniqueFd one{::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
                if (one) connections.push_back(std::move(one));
                return connections.size() == 2;
            },
            10s);
        EXPECT_EQ(connections.size(), 2U);
        EXPECT_EQ(server.questions, 0U);
    });
}

TEST_F(ResolverTest, EndsWithQuestionsOpen) {
    with_files([] {
        NameServer server{"127.0.0.1"};
        for (int times = 0; times < 20; ++times) {
            Client client;
            client.request("relay.test");
            client.request("localhost");
            client.io.poll();
        }
        const Client never_used;
    });
}

}  // namespace
}  // namespace ulagate::test::resolver_test
