// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/neighbor_socket.h"

#include <gmock/gmock.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "ra/packet.h"
#include "tests/unit/ra/namespace.h"

// The claims' socket against the kernel.
namespace ulagate::ra::neighbor_socket_test {
namespace {

const net::MacAddress kTheirs{{2, 0xbb, 0, 0, 0, 1}};
constexpr net::MacAddress kAllNodesMac{{0x33, 0x33, 0, 0, 0, 1}};
const net::Ipv6Address kVirtual = address("fe80::5eed");

NeighborSocket open_claims(std::vector<net::Ipv6Address> addresses) {
    auto socket = NeighborSocket::open("router", ::if_nametoindex("router"));
    if (!socket) give_up(socket.error().text());
    if (auto listening = socket->listen_for(addresses); !listening) give_up(listening.error().text());
    return std::move(*socket);
}

// A frame of "host" (or another link) that comes from kTheirs.
void put(const std::vector<std::byte>& packet, const net::MacAddress& destination = kAllNodesMac,
         const char* link = "host") {
    const UniqueFd wire{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
    ASSERT_TRUE(wire) << std::strerror(errno);
    std::vector<std::byte> frame;
    for (const net::MacAddress& mac : {destination, kTheirs}) {
        const auto bytes = std::as_bytes(std::span{mac.bytes});
        frame.insert(frame.end(), bytes.begin(), bytes.end());
    }
    frame.push_back(std::byte{0x86});
    frame.push_back(std::byte{0xdd});
    frame.insert(frame.end(), packet.begin(), packet.end());
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(::if_nametoindex(link));
    ASSERT_EQ(
        ::sendto(wire.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)),
        static_cast<ssize_t>(frame.size()))
        << std::strerror(errno);
}

std::vector<std::byte> claim(const net::Ipv6Address& target) {
    return Wrapper{target, build(NeighborAdvertisement{false, false, true, target, kTheirs})}.to(kAllNodes);
}

std::vector<net::Ipv6Address> heard(NeighborSocket& socket) {
    std::vector<net::Ipv6Address> found;
    while (readable(socket.native_handle(), found.empty() ? 200ms : 0ms)) {
        const auto datagram = socket.receive();
        if (!datagram || !*datagram) break;
        EXPECT_EQ((*datagram)->info.link_source, kTheirs);
        found.push_back(parse_neighbor_advertisement((*datagram)->message, (*datagram)->info).value().target);
    }
    return found;
}

TEST(NeighborSocket, F03_HearsClaimsOfOurAddressesAndOfNoOthers) {
    in_namespaces([] {
        auto socket = open_claims({address("fd00::1"), kVirtual});
        put(claim(kPeer));
        put(claim(address("fe80::5eee")));
        put(claim(kVirtual), kAllNodesMac, "otherhost");
        put(claim(kVirtual), {{2, 0, 0, 0, 0, 9}});  // not to all
        put(Wrapper{kPeer, build(RouterAdvertisement{})}.to(kAllNodes));
        EXPECT_THAT(heard(socket), testing::IsEmpty());
        put(claim(kVirtual));
        put(claim(address("fd00::1")));
        EXPECT_THAT(heard(socket), testing::ElementsAre(kVirtual, address("fd00::1")));
    });
}

TEST(NeighborSocket, F03_HearsNothingUntilToldAndFollowsWhatIsTold) {
    in_namespaces([] {
        auto socket = open_claims({});
        put(claim(kVirtual));
        EXPECT_THAT(heard(socket), testing::IsEmpty());
        std::vector<net::Ipv6Address> many(NeighborSocket::kMaxAddresses + 3, kPeer);
        many[NeighborSocket::kMaxAddresses - 1] = kVirtual;
        EXPECT_TRUE(socket.listen_for(many));
        put(claim(kVirtual));
        EXPECT_THAT(heard(socket), testing::ElementsAre(kVirtual));
    });
}

TEST(NeighborSocket, F06_AFloodFillsASmallQueueOnly) {
    in_namespaces([] {
        auto socket = open_claims({kVirtual});
        for (int i = 0; i < 2000; ++i) put(claim(kVirtual));
        EXPECT_LT(heard(socket).size(), 100U);
        put(claim(kVirtual));
        EXPECT_THAT(heard(socket), testing::ElementsAre(kVirtual)) << "and hears on";
    });
}

TEST(NeighborSocket, F06_PassesOverWhatIsBroken) {
    in_namespaces([] {
        auto socket = open_claims({kVirtual});
        auto broken = claim(kVirtual);
        broken.back() ^= std::byte{1};
        put(broken);
        put(claim(kVirtual));
        EXPECT_THAT(heard(socket), testing::ElementsAre(kVirtual));
        EXPECT_EQ(socket.dropped(), 1U);
    });
}

}  // namespace
}  // namespace ulagate::ra::neighbor_socket_test
