// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/socket.h"

#include <gmock/gmock.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstring>
#include <iostream>

#include "tests/unit/kernel/namespace.h"
#include "tests/unit/vrrp/bytes.h"
#include "vrrp/checksum.h"

// The sockets against the kernel: a veth pair in a network namespace of its own. "lan0" is our end, "far0"
// the other; "ulg-v0" is a macvlan with the virtual MAC on lan0.
namespace ulagate::vrrp::socket_test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const Advertisement kAdvertisement{51, 200, Centiseconds{10}, {kVip}};

template <class T, class... Args>
T open(const char* interface, Args... args) {
    auto opened = T::open(interface, ::if_nametoindex(interface), args...);
    if (!opened) throw std::runtime_error(opened.error().text());
    return std::move(*opened);
}

std::string why(const Result<void>& result) { return result ? "sent" : result.error().text(); }

bool readable(int fd, std::chrono::milliseconds timeout) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, static_cast<int>(timeout.count())) == 1;
}

// The next datagram within 2 s.
std::optional<Receiver::Datagram> next(Receiver& receiver) {
    if (!readable(receiver.native_handle(), 2s)) return std::nullopt;
    auto received = receiver.receive();
    if (!received) throw std::runtime_error(received.error().text());
    return *received;
}

// One IPv6 packet as it was on the wire.
struct Frame {
    net::MacAddress from;
    net::MacAddress to;
    unsigned traffic_class = 0;
    int next_header = 0;
    int hop_limit = 0;
    net::Ipv6Address source;
    net::Ipv6Address destination;
    Bytes payload;
};

// Sees all frames that arrive at an interface.
class Wire {
public:
    explicit Wire(const char* interface)
        : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IPV6))) {
        sockaddr_ll at{};
        at.sll_family = AF_PACKET;
        at.sll_protocol = htons(ETH_P_IPV6);
        at.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    }

    // The next one to `destination` within 2 s; others (the kernel's own reports of groups) are passed over.
    std::optional<Frame> next(const net::Ipv6Address& destination) {
        while (readable(fd_.get(), 2s)) {
            std::array<std::uint8_t, 2000> bytes{};
            const ssize_t size = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
            if (size < 54) continue;
            Frame frame;
            std::copy_n(bytes.data(), 6, frame.to.bytes.begin());
            std::copy_n(&bytes[6], 6, frame.from.bytes.begin());
            frame.traffic_class = (bytes[14] & 15U) << 4U | bytes[15] >> 4U;
            frame.next_header = bytes[20];
            frame.hop_limit = bytes[21];
            std::copy_n(&bytes[22], 16, frame.source.bytes.begin());
            std::copy_n(&bytes[38], 16, frame.destination.bytes.begin());
            for (ssize_t i = 54; i < size; ++i) {
                frame.payload.push_back(std::byte{bytes.at(static_cast<std::size_t>(i))});
            }
            if (frame.destination == destination) return frame;
        }
        return std::nullopt;
    }

private:
    UniqueFd fd_;
};

class VrrpSocket : public test::KernelTest {
protected:
    static void on_the_wire(const std::function<void()>& body) {
        in_namespace([&] {
            ASSERT_TRUE(test::run(R"(set -e
                ip link add lan0 address 02:00:00:00:00:01 type veth peer name far0 address 02:00:00:00:00:02
                ip link add other0 type veth peer name other1
                for link in lan0 far0 other0 other1; do
                    ip link set $link addrgenmode none
                    ip link set $link up
                done
                ip addr add fe80::1/64 dev lan0 nodad
                ip addr add fe80::2/64 dev far0 nodad
                ip addr add fe80::2/64 dev other1 nodad
                ip link add ulg-v0 link lan0 address 00:00:5e:00:02:33 type macvlan mode bridge
                ip link set ulg-v0 addrgenmode none
                ip link set ulg-v0 up)"));
            body();
        });
    }
};

// A raw socket of the test's own: sends what ours never would.
class Stranger {
public:
    explicit Stranger(const char* interface)
        : fd_(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, kProtocol)), index_(::if_nametoindex(interface)) {
        hops(255);
    }
    void hops(int limit) const {
        EXPECT_EQ(::setsockopt(fd_.get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &limit, sizeof(limit)), 0);
        EXPECT_EQ(::setsockopt(fd_.get(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, &limit, sizeof(limit)), 0);
    }
    void send(const net::Ipv6Address& destination, const Bytes& packet) const {
        sockaddr_in6 to{};
        to.sin6_family = AF_INET6;
        std::memcpy(&to.sin6_addr, destination.bytes.data(), 16);
        to.sin6_scope_id = index_;
        EXPECT_EQ(::sendto(fd_.get(), packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to),
                           sizeof(to)),
                  static_cast<ssize_t>(packet.size()))
            << std::strerror(errno);
    }

private:
    UniqueFd fd_;
    unsigned index_;
};

TEST_F(VrrpSocket, V01_CarriesAnAdvertisementFromLinkLocalToTheGroup) {
    on_the_wire([] {
        auto receiver = open<Receiver>("far0");
        auto sender = open<AdvertisementSender>("lan0");
        Wire wire{"far0"};
        const auto nothing = receiver.receive();
        ASSERT_TRUE(nothing) << nothing.error().text();
        EXPECT_FALSE(*nothing);

        ASSERT_EQ(why(sender.send(kAdvertisement, kSelf)), "sent");
        const auto heard = next(receiver);
        ASSERT_TRUE(heard);
        EXPECT_EQ(heard->info.source, kSelf);
        EXPECT_EQ(heard->info.destination, kAllVrrpRouters);
        EXPECT_EQ(heard->info.hop_limit, 255);
        EXPECT_EQ(parse(heard->packet, heard->info).value(), kAdvertisement);

        const auto frame = wire.next(kAllVrrpRouters);
        ASSERT_TRUE(frame);
        EXPECT_EQ(net::to_string(frame->from), "02:00:00:00:00:01");
        EXPECT_EQ(net::to_string(frame->to), "33:33:00:00:00:12");
        EXPECT_EQ(frame->next_header, 112);
        EXPECT_EQ(frame->hop_limit, 255);
        EXPECT_EQ(frame->traffic_class, 0xc0U);
    });
}

TEST_F(VrrpSocket, V01_TheSourceIsAnAddressOfTheInterface) {
    on_the_wire([] {
        auto receiver = open<Receiver>("far0");
        auto sender = open<AdvertisementSender>("lan0");
        EXPECT_THAT(why(sender.send(kAdvertisement, kVip)), HasSubstr("send from fe80::5eed to ff02::12: "));
        ASSERT_EQ(why(sender.send(kAdvertisement, kSelf)), "sent");
        EXPECT_TRUE(next(receiver));
        ASSERT_TRUE(test::run("ip addr del fe80::1/64 dev lan0"));
        EXPECT_NE(why(sender.send(kAdvertisement, kSelf)), "sent");
        ASSERT_TRUE(test::run("ip addr add fe80::1/64 dev lan0 nodad"));
        EXPECT_EQ(why(sender.send(kAdvertisement, kSelf)), "sent");
    });
}

// The macvlan has no address at all: the source is the link-local address of the link below it.
TEST_F(VrrpSocket, V40_AdvertisementsOfAVirtualMacComeFromIt) {
    on_the_wire([] {
        auto far = open<Receiver>("far0");
        auto near = open<Receiver>("lan0");
        EXPECT_NE(why(open<AdvertisementSender>("ulg-v0").send(kAdvertisement, kSelf)), "sent");
        auto sender = open<AdvertisementSender>("ulg-v0", AdvertisementSender::Source::link_below);
        Wire wire{"far0"};
        ASSERT_EQ(why(sender.send(kAdvertisement, kSelf)), "sent");
        const auto frame = wire.next(kAllVrrpRouters);
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->from, virtual_mac(51));
        EXPECT_EQ(frame->source, kSelf);
        EXPECT_EQ(frame->hop_limit, 255);
        EXPECT_EQ(frame->traffic_class, 0xc0U);
        const auto heard = next(far);
        ASSERT_TRUE(heard);
        EXPECT_EQ(parse(heard->packet, heard->info).value(), kAdvertisement);
        EXPECT_FALSE(readable(near.native_handle(), 100ms));  // not back to ourselves
    });
}

// What another router with the same virtual MAC sends reaches the link below the macvlan. Not so in the
// macvlan mode "private", which hands such a frame to the macvlan alone: two Active routers would never hear
// each other.
TEST_F(VrrpSocket, V40_HearsAnotherRouterThatHasTheSameVirtualMac) {
    on_the_wire([] {
        ASSERT_TRUE(
            test::run("ip link add ulg-v1 link far0 address 00:00:5e:00:02:33 type macvlan mode bridge "
                      "&& ip link set ulg-v1 addrgenmode none && ip link set ulg-v1 up"));
        auto receiver = open<Receiver>("lan0");
        auto sender = open<AdvertisementSender>("ulg-v1", AdvertisementSender::Source::link_below);
        ASSERT_EQ(why(sender.send(kAdvertisement, kOther)), "sent");
        const auto heard = next(receiver);
        ASSERT_TRUE(heard);
        EXPECT_EQ(heard->info.source, kOther);
    });
}

TEST_F(VrrpSocket, V02_TellsTheHopLimit) {
    on_the_wire([] {
        auto receiver = open<Receiver>("lan0");
        const Stranger stranger{"far0"};
        stranger.hops(64);
        stranger.send(kAllVrrpRouters, build(kAdvertisement, kOther));
        const auto heard = next(receiver);
        ASSERT_TRUE(heard);
        EXPECT_EQ(heard->info.hop_limit, 64);
        EXPECT_EQ(parse(heard->packet, heard->info).error(), Refusal::hop_limit);
    });
}

TEST_F(VrrpSocket, V17_HearsItsOwnLinkOnlyAndNotItself) {
    on_the_wire([] {
        auto receiver = open<Receiver>("lan0");
        auto other = open<Receiver>("other0");
        auto sender = open<AdvertisementSender>("lan0");
        auto elsewhere = open<AdvertisementSender>("other1");
        ASSERT_EQ(why(sender.send(kAdvertisement, kSelf)), "sent");
        ASSERT_EQ(why(elsewhere.send(kAdvertisement, kOther)), "sent");
        EXPECT_TRUE(next(other));
        EXPECT_FALSE(readable(receiver.native_handle(), 100ms));
    });
}

// Other groups that this machine has joined are not this socket's.
TEST_F(VrrpSocket, HearsItsOwnGroupOnly) {
    on_the_wire([] {
        auto receiver = open<Receiver>("lan0");
        const Stranger stranger{"far0"};
        for (const auto& destination : {address("ff02::1"), kSelf}) {
            stranger.send(destination, build(kAdvertisement, kOther, destination));
        }
        stranger.send(kAllVrrpRouters, build(kAdvertisement, kOther));
        const auto heard = next(receiver);
        ASSERT_TRUE(heard);
        EXPECT_EQ(heard->info.destination, kAllVrrpRouters);
        EXPECT_FALSE(readable(receiver.native_handle(), 100ms));
    });
}

TEST_F(VrrpSocket, V01_JoinsTheGroupWhileItIsOpen) {
    on_the_wire([] {
        const auto joined = [] { return test::run("ip maddr show dev lan0 | grep -q 'ff02::12$'"); };
        EXPECT_FALSE(joined());
        {
            auto receiver = open<Receiver>("lan0");
            EXPECT_TRUE(joined());
        }
        EXPECT_FALSE(joined());
    });
}

TEST_F(VrrpSocket, V04_DropsWhatIsCutOrCameInFragments) {
    on_the_wire([] {
        auto receiver = open<Receiver>("lan0");
        const Stranger stranger{"far0"};
        Advertisement many = kAdvertisement;
        many.addresses.assign(255, kVip);  // 4088 bytes over an MTU of 1500
        stranger.send(kAllVrrpRouters, build(many, kOther));
        ASSERT_TRUE(readable(receiver.native_handle(), 2s));
        EXPECT_FALSE(receiver.receive().value());
        EXPECT_EQ(receiver.dropped(), 1U);

        ASSERT_TRUE(test::run("ip link set lan0 mtu 9000 && ip link set far0 mtu 9000"));
        stranger.send(kAllVrrpRouters, build(many, kOther));
        const auto heard = next(receiver);
        ASSERT_TRUE(heard);
        EXPECT_EQ(parse(heard->packet, heard->info).value(), many);
        stranger.send(kAllVrrpRouters, Bytes(5000));
        ASSERT_TRUE(readable(receiver.native_handle(), 2s));
        EXPECT_FALSE(receiver.receive().value());
        EXPECT_EQ(receiver.dropped(), 2U);
    });
}

// A raw socket gets every packet of its protocol; a sender that nobody reads must not collect them.
TEST_F(VrrpSocket, ASenderReceivesNothing) {
    on_the_wire([] {
        auto receiver = open<Receiver>("lan0");
        auto sender = open<AdvertisementSender>("lan0");
        ASSERT_EQ(why(open<AdvertisementSender>("far0").send(kAdvertisement, kOther)), "sent");
        EXPECT_TRUE(next(receiver));
        EXPECT_FALSE(readable(sender.native_handle(), 100ms));
    });
}

TEST_F(VrrpSocket, V47_NeighborAdvertisementsGoToAllNodesWithHopLimit255) {
    on_the_wire([] {
        ASSERT_TRUE(test::run("ip addr add fe80::5eed/128 dev lan0 nodad"));
        auto sender = open<NeighborSender>("lan0");
        Wire wire{"far0"};
        const net::MacAddress mac{{0x02, 0, 0, 0, 0, 0x01}};
        ASSERT_EQ(why(sender.send(kVip, mac)), "sent");
        const auto frame = wire.next(kAllNodes);
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->from, mac);
        EXPECT_EQ(net::to_string(frame->to), "33:33:00:00:00:01");
        EXPECT_EQ(frame->source, kVip);
        EXPECT_EQ(frame->next_header, 58);
        EXPECT_EQ(frame->hop_limit, 255);
        EXPECT_EQ(frame->payload, neighbor_advertisement(kVip, mac));
    });
}

// The far end knows the address under an old MAC; one packet is enough to teach it the new one.
TEST_F(VrrpSocket, V47_AHostBelievesIt) {
    on_the_wire([] {
        ASSERT_TRUE(
            test::run("ip addr add fe80::5eed/128 dev lan0 nodad &&"
                      "ip neigh add fe80::5eed lladdr 02:00:00:00:00:99 nud reachable dev far0"));
        auto sender = open<NeighborSender>("lan0");
        ASSERT_EQ(why(sender.send(kVip, net::MacAddress{{0x02, 0, 0, 0, 0, 0x01}})), "sent");
        EXPECT_TRUE(test::eventually([] {
            const std::string entry = test::output("ip neigh show fe80::5eed dev far0");
            return entry.find("02:00:00:00:00:01 router") != std::string::npos;
        })) << test::output("ip neigh show dev far0");
    });
}

TEST_F(VrrpSocket, V42_FromTheVirtualMacNothingTellsThePhysicalOne) {
    on_the_wire([] {
        ASSERT_TRUE(test::run("ip addr add fe80::5eed/128 dev ulg-v0 nodad"));
        auto sender = open<NeighborSender>("ulg-v0");
        Wire wire{"far0"};
        ASSERT_EQ(why(sender.send(kVip, virtual_mac(51))), "sent");
        const auto frame = wire.next(kAllNodes);
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->from, virtual_mac(51));
        EXPECT_EQ(frame->payload, neighbor_advertisement(kVip, virtual_mac(51)));
    });
}

TEST_F(VrrpSocket, V24_OnlyWhoHoldsTheAddressCanAnnounceIt) {
    on_the_wire([] {
        auto sender = open<NeighborSender>("lan0");
        EXPECT_THAT(why(sender.send(kVip, virtual_mac(51))), HasSubstr("send from fe80::5eed to ff02::1: "));
    });
}

TEST_F(VrrpSocket, SaysWhichInterfaceDoesNotExist) {
    on_the_wire([] {
        const auto receiver = Receiver::open("nowhere0", 99);
        ASSERT_FALSE(receiver);
        EXPECT_THAT(receiver.error().text(), HasSubstr("on nowhere0: No such device"));
        EXPECT_FALSE(AdvertisementSender::open("", 0));
        EXPECT_FALSE(NeighborSender::open("a-name-longer-than-fifteen", 1));
    });
}

}  // namespace
}  // namespace ulagate::vrrp::socket_test
