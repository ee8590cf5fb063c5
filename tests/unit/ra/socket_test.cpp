// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>

#include "tests/unit/ra/namespace.h"

// The socket against the kernel.
namespace ulagate::ra::socket_test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(RaSocket, R08_CarriesASolicitationAndItsAnswer) {
    in_namespaces([] {
        Socket router = open("router");
        Socket host = open("host");
        const auto nothing = router.receive();
        ASSERT_TRUE(nothing) << nothing.error().text();
        EXPECT_FALSE(*nothing);

        const RouterSolicitation question{net::MacAddress{{2, 0, 0, 0, 0, 1}}};
        ASSERT_EQ(why(host.send(kPeer, kAllRouters, build(question))), "sent");
        const auto asked = next(router);
        ASSERT_TRUE(asked);
        EXPECT_EQ(asked->info.source, kPeer);
        EXPECT_EQ(asked->info.destination, kAllRouters);
        EXPECT_EQ(asked->info.hop_limit, 255);
        EXPECT_EQ(parse_router_solicitation(asked->message, asked->info).value(), question);

        RouterAdvertisement answer;
        answer.options.emplace_back(RouteInformation{net::parse_ipv6_prefix("fd12:3456:789a::/48").value()});
        for (const auto& [from, to] :
             {std::pair{kRouter, kPeer}, std::pair{address("fe80::5eed"), kAllNodes}}) {
            ASSERT_EQ(why(router.send(from, to, build(answer))), "sent");
            const auto answered = next(host);
            ASSERT_TRUE(answered);
            EXPECT_EQ(answered->info.source, from);
            EXPECT_EQ(answered->info.destination, to);
            EXPECT_EQ(answered->info.hop_limit, 255);
            EXPECT_EQ(parse_router_advertisement(answered->message, answered->info).value(), answer);
        }
    });
}

TEST(RaSocket, R09_DoesNotHearItselfNorAnotherLink) {
    in_namespaces([] {
        Socket router = open("router");
        Socket other = open("other");
        Socket other_host = open("otherhost");
        ASSERT_EQ(why(router.send(kRouter, kAllNodes, build(RouterAdvertisement{}))), "sent");
        ASSERT_EQ(why(other_host.send(kPeer, kAllRouters, build(RouterSolicitation{}))), "sent");
        EXPECT_TRUE(next(other));
        EXPECT_FALSE(readable(router, 100ms));
    });
}

// R-19's other half: a host whose link-layer address nobody tells gets its answer otherwise.
TEST(RaSocket, R19_R41_TellsWhomItCouldNotResolveAndSendsOn) {
    in_namespaces([] {
        ASSERT_TRUE(write_file("/proc/sys/net/ipv6/neigh/router/retrans_time_ms", "20"));
        Socket router = open("router");
        Socket host = open("host");
        const net::Ipv6Address nobody = address("fe80::dead");
        EXPECT_THAT(router.unresolved(), ::testing::IsEmpty());
        ASSERT_EQ(why(router.send(kRouter, nobody, build(RouterAdvertisement{}))), "sent");
        pollfd p{router.native_handle(), POLLIN, 0};
        ASSERT_EQ(::poll(&p, 1, 10'000), 1);
        EXPECT_NE(p.revents & POLLERR, 0);
        ASSERT_EQ(why(router.send(kRouter, kAllNodes, build(RouterAdvertisement{}))), "sent");
        EXPECT_TRUE(next(host)) << "what failed before does not keep it back";
        auto nothing = router.receive();
        ASSERT_TRUE(nothing);
        EXPECT_FALSE(*nothing);
        EXPECT_THAT(router.unresolved(), ::testing::ElementsAre(nobody));
        EXPECT_THAT(router.unresolved(), ::testing::IsEmpty());
        EXPECT_FALSE(readable(router, 0ms)) << "or the loop would spin";
    });
}

TEST(RaSocket, HearsSolicitationsAndAdvertisementsOnly) {
    in_namespaces([] {
        Socket router = open("router");
        Socket host = open("host");
        for (const int type : {128, 129, 135, 136, 137, 143, 1, 3}) {
            std::vector<std::byte> message(24);
            message.front() = static_cast<std::byte>(type);
            ASSERT_EQ(why(host.send(kPeer, kRouter, message)), "sent");
        }
        ASSERT_EQ(why(host.send(kPeer, kRouter, build(RouterAdvertisement{}))), "sent");
        const auto heard = next(router);
        ASSERT_TRUE(heard);
        EXPECT_EQ(heard->message.front(), std::byte{134});
        EXPECT_FALSE(readable(router, 100ms));
    });
}

// The hop limit is read, not assumed.
TEST(RaSocket, R01_TellsTheHopLimit) {
    in_namespaces([] {
        Socket router = open("router");
        Socket host = open("host");
        const int hops = 64;
        ASSERT_EQ(::setsockopt(host.native_handle(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)),
                  0);
        ASSERT_EQ(why(host.send(kPeer, kAllRouters, build(RouterSolicitation{}))), "sent");
        const auto heard = next(router);
        ASSERT_TRUE(heard);
        EXPECT_EQ(heard->info.hop_limit, 64);
        EXPECT_FALSE(parse_router_solicitation(heard->message, heard->info));
    });
}

// What ICMPv6 puts into its checksum field (RFC 4443 section 2.3); `message` has a zero there and an even
// length.
std::uint16_t checksum(const net::Ipv6Address& from, const net::Ipv6Address& to,
                       const std::vector<unsigned char>& message) {
    std::vector<unsigned char> summed{from.bytes.begin(), from.bytes.end()};
    summed.insert(summed.end(), to.bytes.begin(), to.bytes.end());
    summed.insert(summed.end(), {0, 0, 0, static_cast<unsigned char>(message.size()), 0, 0, 0, 58});
    summed.insert(summed.end(), message.begin(), message.end());
    unsigned sum = 0;
    for (std::size_t i = 0; i < summed.size(); i += 2) sum += summed.at(i) * 256U + summed.at(i + 1);
    while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

TEST(RaSocket, R02_TheKernelDropsABadChecksum) {
    in_namespaces([] {
        Socket router = open("router");
        // A raw socket for the protocol number of an extension header writes what follows it as it is:
        // destination options (60) that are only padding, then ICMPv6 (58) with the checksum that we choose.
        UniqueFd raw{::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_DSTOPTS)};
        ASSERT_TRUE(raw) << std::strerror(errno);
        const int hops = 255;
        ASSERT_EQ(::setsockopt(raw.get(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops)), 0);
        sockaddr_in6 to{};
        to.sin6_family = AF_INET6;
        std::memcpy(&to.sin6_addr, kRouter.bytes.data(), 16);
        to.sin6_scope_id = ::if_nametoindex("host");
        const std::uint16_t good = checksum(kPeer, kRouter, {133, 0, 0, 0, 0, 0, 0, 0});
        for (const unsigned sum : {good ^ 1U, good + 0U}) {
            const auto high = static_cast<unsigned char>(sum >> 8U);
            const auto low = static_cast<unsigned char>(sum);
            const std::vector<unsigned char> packet{58, 0, 1, 4, 0, 0, 0, 0, 133, 0, high, low, 0, 0, 0, 0};
            ASSERT_EQ(::sendto(raw.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to),
                               sizeof(to)),
                      static_cast<ssize_t>(packet.size()))
                << std::strerror(errno);
            EXPECT_EQ(readable(router, sum == good ? 2s : 200ms), sum == good);
        }
        const auto heard = next(router);
        ASSERT_TRUE(heard);
        EXPECT_TRUE(parse_router_solicitation(heard->message, heard->info));
    });
}

TEST(RaSocket, R07_DropsWhatCameInFragments) {
    in_namespaces([] {
        Socket router = open("router");
        Socket host = open("host");
        RouterSolicitation question;
        auto fragmented = build(question);
        for (int i = 0; i < 100;
             ++i) {  // 100 unknown options of 24 bytes: longer than the link's MTU of 1500
            fragmented.insert(fragmented.end(), 24, std::byte{0});
            fragmented.at(fragmented.size() - 24) = std::byte{0xfe};
            fragmented.at(fragmented.size() - 23) = std::byte{3};
        }
        ASSERT_TRUE(parse_router_solicitation(fragmented, {kPeer, kAllRouters, 255}));
        ASSERT_EQ(why(host.send(kPeer, kAllRouters, fragmented)), "sent");
        ASSERT_EQ(why(host.send(kPeer, kAllRouters, build(question))), "sent");
        const auto heard = next(router);
        ASSERT_TRUE(heard);
        EXPECT_EQ(heard->message.size(), build(question).size());
        EXPECT_EQ(router.dropped(), 1U);
        EXPECT_FALSE(readable(router, 100ms));
    });
}

TEST(RaSocket, DropsWhatIsLongerThanAnyMessage) {
    in_namespaces([] {
        ASSERT_EQ(std::system("ip link set router mtu 20000 && ip link set host mtu 20000"), 0);
        Socket router = open("router");
        Socket host = open("host");
        ASSERT_EQ(why(host.send(kPeer, kRouter, std::vector<std::byte>(12000, std::byte{133}))), "sent");
        ASSERT_TRUE(readable(router, 2s));
        const auto received = router.receive();
        ASSERT_TRUE(received) << received.error().text();
        EXPECT_FALSE(*received);
        EXPECT_EQ(router.dropped(), 1U);
    });
}

// The membership is this socket's and ends with it.
TEST(RaSocket, R10_JoinsAllRoutersWhileItIsOpen) {
    in_namespaces([] {
        const auto joined = [] { return std::system("ip maddr show dev router | grep -q 'ff02::2$'") == 0; };
        EXPECT_FALSE(joined());
        {
            Socket router = open("router");
            EXPECT_TRUE(joined());
        }
        EXPECT_FALSE(joined());
    });
}

// An address that is not (or no longer) ours is refused by the kernel, and the next send works again.
TEST(RaSocket, R08_SendsOnlyFromAnAddressOfTheInterface) {
    in_namespaces([] {
        Socket router = open("router");
        Socket host = open("host");
        EXPECT_THAT(why(router.send(address("fe80::99"), kAllNodes, build(RouterAdvertisement{}))),
                    HasSubstr("send ICMPv6 from fe80::99 to ff02::1: "));
        ASSERT_EQ(why(router.send(kRouter, kAllNodes, build(RouterAdvertisement{}))), "sent");
        EXPECT_TRUE(next(host));
    });
}

// The last words from an address that is gone; no other message may come from there.
TEST(RaSocket, R38_SendsFromAFormerAddressWhenItIsToldTo) {
    in_namespaces([] {
        Socket router = open("router");
        Socket host = open("host");
        const net::Ipv6Address former = address("fe80::99");
        ASSERT_EQ(why(router.send(former, kAllNodes, build(RouterAdvertisement{}), Socket::From::former)),
                  "sent");
        const auto heard = next(host);
        ASSERT_TRUE(heard);
        EXPECT_EQ(heard->info.source, former);
        EXPECT_EQ(heard->info.hop_limit, 255);
        EXPECT_THAT(why(router.send(former, kAllNodes, build(RouterAdvertisement{}))),
                    HasSubstr("send ICMPv6"));
    });
}

// Puts a Router Solicitation on the wire of "host" as if it came from there.
void solicit_from(const net::Ipv6Address& source, const RouterSolicitation& solicitation) {
    std::vector<unsigned char> message;
    for (const std::byte b : build(solicitation)) message.push_back(std::to_integer<unsigned char>(b));
    const std::uint16_t sum = checksum(source, kAllRouters, message);
    message.at(2) = static_cast<unsigned char>(sum >> 8U);
    message.at(3) = static_cast<unsigned char>(sum);
    std::vector<unsigned char> packet{0x60, 0, 0, 0, 0, static_cast<unsigned char>(message.size()), 58, 255};
    packet.insert(packet.end(), source.bytes.begin(), source.bytes.end());
    packet.insert(packet.end(), kAllRouters.bytes.begin(), kAllRouters.bytes.end());
    packet.insert(packet.end(), message.begin(), message.end());

    const UniqueFd wire{::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    ASSERT_TRUE(wire) << std::strerror(errno);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ETH_P_IPV6);
    to.sll_ifindex = static_cast<int>(::if_nametoindex("host"));
    to.sll_halen = 6;
    const std::array<unsigned char, 6> all_routers{0x33, 0x33, 0, 0, 0, 2};
    std::copy(all_routers.begin(), all_routers.end(), std::begin(to.sll_addr));
    ASSERT_EQ(
        ::sendto(wire.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)),
        static_cast<ssize_t>(packet.size()))
        << std::strerror(errno);
}

// The neighbour cache is the kernel's, and a kernel that forwards keeps it as RFC 4861 section 6.2.6 wants.
TEST(RaSocket, R20_SolicitationsInTheNeighbourCache) {
    in_namespaces([] {
        ASSERT_TRUE(write_file("/proc/sys/net/ipv6/conf/router/forwarding", "1"));
        ASSERT_EQ(std::system("ip neigh add fe80::2 lladdr 02:00:00:00:00:09 dev router router nud stale"),
                  0);
        const auto cached = [](const std::string& pattern) {
            const std::string command = "ip -6 neigh show dev router | grep -qE '" + pattern + "'";
            return std::system(command.c_str()) == 0;  // NOLINT(cert-env33-c): the test's own text
        };
        ASSERT_TRUE(cached("^fe80::2 .*:09 router STALE"));
        Socket router = open("router");
        solicit_from({}, {});
        ASSERT_TRUE(next(router));  // the kernel looks first, so it has been there by now
        EXPECT_FALSE(cached("^:: ")) << "nobody is no neighbour";
        solicit_from(kPeer, {net::MacAddress{{2, 0, 0, 0, 0, 1}}});
        ASSERT_TRUE(next(router));
        const auto end = std::chrono::steady_clock::now() + 2s;
        while (!cached("^fe80::2 .*:01 +STALE") && std::chrono::steady_clock::now() < end) ::usleep(10'000);
        EXPECT_TRUE(cached("^fe80::2 .*:01 +STALE")) << "stale, and no router";
    });
}

TEST(RaSocket, SaysWhichInterfaceDoesNotExist) {
    in_namespaces([] {
        const auto socket = Socket::open("nowhere0", 99);
        ASSERT_FALSE(socket);
        EXPECT_THAT(socket.error().text(), HasSubstr("nowhere0: No such device"));
        EXPECT_FALSE(Socket::open("", 0));
        EXPECT_FALSE(Socket::open("a-name-longer-than-fifteen", 1));
    });
}

}  // namespace
}  // namespace ulagate::ra::socket_test
