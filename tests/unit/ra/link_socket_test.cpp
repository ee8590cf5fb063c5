// SPDX-License-Identifier: GPL-2.0-or-later
#include "ra/link_socket.h"

#include <gmock/gmock.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "ra/socket.h"
#include "tests/unit/ra/namespace.h"

// The packet socket against the kernel, on the same links as the ICMPv6 socket.
namespace ulagate::ra::link_socket_test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const net::MacAddress kHostMac{{2, 0, 0, 0, 0, 2}};
const RouterSolicitation kQuestion{kHostMac};
constexpr net::MacAddress kGroupMac{{0x33, 0x33, 0, 0, 0, 2}};

LinkSocket open_link(const char* interface) {
    auto socket = LinkSocket::open(interface, ::if_nametoindex(interface));
    if (!socket) give_up(socket.error().text());
    return std::move(*socket);
}

// What comes within `timeout`.
std::vector<PacketInfo> heard(LinkSocket& socket, std::chrono::milliseconds timeout) {
    std::vector<PacketInfo> found;
    if (!readable(socket.native_handle(), timeout)) return found;
    const auto packets = socket.receive();
    if (!packets) {
        ADD_FAILURE() << packets.error().text();
        return found;
    }
    for (const Packet& packet : *packets) {
        EXPECT_EQ(parse_router_solicitation(packet.message, packet.info).value(), kQuestion);
        found.push_back(packet.info);
    }
    return found;
}

// A frame on the wire of "host", from its address.
void put_on_wire(const std::vector<std::byte>& packet, const net::MacAddress& destination = kGroupMac) {
    const UniqueFd wire{::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    ASSERT_TRUE(wire) << std::strerror(errno);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ETH_P_IPV6);
    to.sll_ifindex = static_cast<int>(::if_nametoindex("host"));
    to.sll_halen = 6;
    std::copy(destination.bytes.begin(), destination.bytes.end(), std::begin(to.sll_addr));
    ASSERT_EQ(
        ::sendto(wire.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)),
        static_cast<ssize_t>(packet.size()))
        << std::strerror(errno);
}

std::vector<std::byte> question(const net::Ipv6Address& to = kAllRouters) {
    return Wrapper{kPeer, build(kQuestion)}.to(to);
}

// ICMPv6 behind destination options that are only padding.
std::vector<std::byte> question_behind_options() {
    const auto plain = question();
    std::vector<std::byte> rest{std::byte{58}, std::byte{0}, std::byte{1}, std::byte{4}};
    rest.insert(rest.end(), 4, std::byte{0});
    rest.insert(rest.end(), plain.begin() + 40, plain.end());
    return with_header({kPeer, kAllRouters, IPPROTO_DSTOPTS}, rest);
}

void set_host_mac() {
    ASSERT_EQ(std::system("ip link set host address 02:00:00:00:00:02"), 0);  // NOLINT(cert-env33-c)
}

TEST(RaLinkSocket, R42_TellsFromWhereASolicitationCame) {
    in_namespaces([] {
        set_host_mac();
        LinkSocket router = open_link("router");
        EXPECT_THAT(heard(router, 0ms), IsEmpty());
        Socket host = open("host");
        ASSERT_EQ(why(host.send(kPeer, kAllRouters, build(kQuestion))), "sent");
        const auto infos = heard(router, 2s);
        ASSERT_EQ(infos.size(), 1U);
        EXPECT_EQ(infos.at(0).source, kPeer);
        EXPECT_EQ(infos.at(0).destination, kAllRouters);
        EXPECT_EQ(infos.at(0).hop_limit, 255);
        EXPECT_EQ(infos.at(0).link_source, kHostMac);
    });
}

// What the one hears the other does not, so nothing is answered twice and nothing is left out.
TEST(RaLinkSocket, R42_SharesTheSolicitationsWithTheIcmpv6Socket) {
    in_namespaces([] {
        set_host_mac();
        LinkSocket link = open_link("router");
        Socket router = open("router");
        ASSERT_EQ(why(router.leave_solicitations_to_link_socket()), "sent");
        put_on_wire(question());
        EXPECT_EQ(heard(link, 2s).size(), 1U);
        EXPECT_FALSE(readable(router, 100ms));

        ASSERT_EQ(std::system("ip link set router address 02:00:00:00:00:01"), 0);  // NOLINT(cert-env33-c)
        const net::MacAddress unicast{{2, 0, 0, 0, 0, 1}};
        for (const auto& packet : {question(kRouter), question_behind_options()}) {
            put_on_wire(packet, unicast);
            const auto datagram = next(router);
            ASSERT_TRUE(datagram);
            EXPECT_EQ(parse_router_solicitation(datagram->message, datagram->info).value(), kQuestion);
            EXPECT_FALSE(readable(link.native_handle(), 100ms));
        }
        Socket host = open("host");
        ASSERT_EQ(why(host.send(kPeer, kAllNodes, build(RouterAdvertisement{}))), "sent");
        EXPECT_TRUE(next(router)) << "advertisements are the ICMPv6 socket's";
        EXPECT_FALSE(readable(link.native_handle(), 100ms));
    });
}

// One router's advertisements come by the packet socket, which hears them whatever the firewall does; others'
// do not.
TEST(RaLinkSocket, F01_HearsTheAdvertisementsOfTheRouterThatTheKernelShallNotBelieve) {
    in_namespaces([] {
        set_host_mac();
        const auto advertisement = build(RouterAdvertisement{});
        for (const bool partner : {true, false}) {
            const std::optional<net::Ipv6Address> named = partner ? kPeer : kRouter;
            auto link = LinkSocket::open("router", ::if_nametoindex("router"), named);
            ASSERT_TRUE(link) << link.error().text();
            Socket router = open("router");
            ASSERT_EQ(why(router.leave_solicitations_to_link_socket(named)), "sent");
            put_on_wire(Wrapper{kPeer, advertisement}.to(kAllNodes), {{0x33, 0x33, 0, 0, 0, 1}});
            ASSERT_TRUE(readable(partner ? link->native_handle() : router.native_handle(), 2s)) << partner;
            EXPECT_FALSE(readable(partner ? router.native_handle() : link->native_handle(), 100ms))
                << partner;
            if (!partner) continue;
            const auto packets = link->receive();
            ASSERT_TRUE(packets);
            ASSERT_EQ(packets->size(), 1U);
            EXPECT_EQ(packets->front().info.source, kPeer);
            EXPECT_EQ(packets->front().info.hop_limit, 255);
            EXPECT_EQ(parse_router_advertisement(packets->front().message, packets->front().info).value(),
                      RouterAdvertisement{});
            put_on_wire(question());
            EXPECT_EQ(heard(*link, 2s).size(), 1U);
        }
    });
}

TEST(RaLinkSocket, R02_PassesOverABadChecksum) {
    in_namespaces([] {
        LinkSocket router = open_link("router");
        auto wrong = question();
        wrong.back() ^= std::byte{1};
        put_on_wire(wrong);
        put_on_wire(question());
        ASSERT_TRUE(readable(router.native_handle(), 2s));
        std::size_t good = 0;
        while (readable(router.native_handle(), 100ms)) good += heard(router, 0ms).size();
        EXPECT_EQ(good, 1U);
        EXPECT_EQ(router.dropped(), 1U);
    });
}

TEST(RaLinkSocket, R09_DoesNotHearItselfNorAnotherLink) {
    in_namespaces([] {
        LinkSocket router = open_link("router");
        LinkSocket host = open_link("host");
        LinkSocket other = open_link("other");
        put_on_wire(question());
        EXPECT_EQ(heard(router, 2s).size(), 1U);
        EXPECT_FALSE(readable(host.native_handle(), 100ms));
        EXPECT_FALSE(readable(other.native_handle(), 0ms));
    });
}

TEST(RaLinkSocket, R08_R42_AnswersWithoutTheNeighbourCache) {
    in_namespaces([] {
        set_host_mac();
        LinkSocket router = open_link("router");
        Socket host = open("host");
        RouterAdvertisement answer;
        answer.options.emplace_back(RouteInformation{net::parse_ipv6_prefix("fd12:3456:789a::/48").value()});
        // More than go in one system call; the first hundred are elsewhere.
        std::vector<Neighbor> hosts;
        for (std::uint8_t n = 0; n < 100; ++n) hosts.push_back({kPeer, {{2, 0, 0, 0, 1, n}}});
        hosts.push_back({kPeer, kHostMac});
        const auto sent = router.send(kRouter, hosts, build(answer));
        ASSERT_TRUE(sent) << sent.error().text();
        EXPECT_EQ(*sent, 101U);
        const auto got = next(host);
        ASSERT_TRUE(got);
        EXPECT_EQ(got->info.source, kRouter);
        EXPECT_EQ(got->info.destination, kPeer);
        EXPECT_EQ(got->info.hop_limit, 255);
        EXPECT_EQ(parse_router_advertisement(got->message, got->info).value(), answer);
        EXPECT_FALSE(readable(host, 100ms)) << "one for this host";
        // NOLINTNEXTLINE(cert-env33-c): the test's own text
        EXPECT_NE(std::system("ip -6 neigh show dev router | grep -q fe80::2"), 0);
    });
}

TEST(RaLinkSocket, R42_ReachesAGroupWithoutTheNeighbourCache) {
    in_namespaces([] {
        LinkSocket router = open_link("router");
        Socket host = open("host");
        const auto packet = Wrapper{kRouter, build(RouterAdvertisement{})}.to(kAllNodes);
        ASSERT_EQ(why(router.send_to_group(kAllNodes, packet)), "sent");
        const auto got = next(host);
        ASSERT_TRUE(got);
        EXPECT_EQ(got->info.source, kRouter);
        EXPECT_EQ(got->info.destination, kAllNodes);
    });
}

// As the ICMPv6 socket: an address that is not (or no longer) ours is nobody's to speak from.
TEST(RaLinkSocket, R08_SendsOnlyFromAnAddressOfTheInterface) {
    in_namespaces([] {
        LinkSocket router = open_link("router");
        const std::vector<Neighbor> hosts{{kPeer, kHostMac}};
        const auto message = build(RouterAdvertisement{});
        EXPECT_TRUE(router.owns(address("fe80::5eed")));
        EXPECT_TRUE(router.send(address("fe80::5eed"), hosts, message));
        ASSERT_EQ(std::system("ip addr del fe80::5eed/128 dev router"), 0);  // NOLINT(cert-env33-c)
        EXPECT_FALSE(router.owns(address("fe80::5eed")));
        EXPECT_FALSE(router.owns(kPeer)) << "another interface's";
        const auto sent = router.send(address("fe80::5eed"), hosts, message);
        ASSERT_FALSE(sent);
        EXPECT_THAT(sent.error().text(), HasSubstr("send ICMPv6 from fe80::5eed: "));
        EXPECT_TRUE(router.send(kRouter, hosts, message)) << "and the next works";
    });
}

// As the macvlan of a virtual router does whenever another one is Active.
TEST(RaLinkSocket, ALinkThatGoesDownIsNoErrorAndIsHeardAgainWhenItIsUp) {
    in_namespaces([] {
        set_host_mac();
        LinkSocket router = open_link("router");
        ASSERT_EQ(std::system("ip link set router down"), 0);  // NOLINT(cert-env33-c)
        const auto down = router.receive();
        ASSERT_TRUE(down) << down.error().text();
        EXPECT_THAT(*down, IsEmpty());
        ASSERT_EQ(std::system("ip link set router up"), 0);  // NOLINT(cert-env33-c)
        Socket host = open("host");
        for (int i = 0; i < 20; ++i) {  // the link needs a moment
            ASSERT_EQ(why(host.send(kPeer, kAllRouters, build(kQuestion))), "sent");
            if (!heard(router, 100ms).empty()) return;
        }
        ADD_FAILURE() << "hears nothing any more";
    });
}

TEST(RaLinkSocket, SaysWhichInterfaceDoesNotExist) {
    in_namespaces([] {
        const auto socket = LinkSocket::open("nowhere0", 99);
        ASSERT_FALSE(socket);
        EXPECT_THAT(socket.error().text(), HasSubstr("nowhere0: No such device"));
    });
}

}  // namespace
}  // namespace ulagate::ra::link_socket_test
