// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/kernel/rtnl/rows.h"

#include <gmock/gmock.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <span>
#include <vector>

namespace ulagate::rtnl::rows_test {
namespace {

// A message as the kernel would write it. Kept apart from the code under test, which is built on libnl.
class Written {
public:
    template <class Header>
    Written(std::uint16_t type, const Header& header) : bytes_(NLMSG_HDRLEN) {
        type_ = type;
        append(&header, sizeof header);
    }
    Written& with(std::uint16_t type, const void* data, std::size_t size) {
        const nlattr attribute{static_cast<std::uint16_t>(NLA_HDRLEN + size), type};
        append(&attribute, sizeof attribute);
        append(data, size);
        return *this;
    }
    Written& with(std::uint16_t type, std::uint32_t value) { return with(type, &value, sizeof value); }
    Written& with(std::uint16_t type, const net::Ipv6Address& address) {
        return with(type, address.bytes.data(), address.bytes.size());
    }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    // Only so many bytes of it, in memory of just that size: reading on is seen by the sanitizer.
    template <class Decode>
    auto read(Decode decode, std::size_t size) const {
        std::vector<std::byte> cut(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(size));
        nlmsghdr header{};
        header.nlmsg_len = static_cast<std::uint32_t>(size);
        header.nlmsg_type = type_;
        std::memcpy(cut.data(), &header, sizeof header);
        return decode(*reinterpret_cast<const nlmsghdr*>(cut.data()));
    }
    template <class Decode>
    auto read(Decode decode) const {
        return read(decode, size());
    }

private:
    void append(const void* data, std::size_t size) {
        const auto begin = bytes_.size();
        bytes_.resize(begin + NLMSG_ALIGN(size));
        std::memcpy(&bytes_.at(begin), data, size);
    }
    std::uint16_t type_ = 0;
    std::vector<std::byte> bytes_;
};

const net::Ipv6Address kAddress = net::parse_ipv6("fd12::1").value();

rtmsg route_header(std::uint8_t type, std::uint8_t protocol) {
    rtmsg header{};
    header.rtm_family = AF_INET6;
    header.rtm_dst_len = 128;
    header.rtm_table = RT_TABLE_MAIN;
    header.rtm_type = type;
    header.rtm_protocol = protocol;
    return header;
}

Written route(const rtmsg& header) {
    Written out{RTM_NEWROUTE, header};
    out.with(RTA_DST, kAddress).with(RTA_PRIORITY, 512).with(RTA_OIF, 7);
    return out;
}

TEST(RtnlRows, ARouteIsReadWhole) {
    const auto row = route(route_header(RTN_UNICAST, kRouteProtocol)).read(decode_route);
    ASSERT_TRUE(row);
    EXPECT_EQ(row->key, (RouteKey{{kAddress, 128}, 512, RT_TABLE_MAIN}));
    EXPECT_EQ(row->key.table, RT_TABLE_MAIN);
    EXPECT_EQ(row->protocol, kRouteProtocol);
    EXPECT_EQ(row->link, 7U);
    EXPECT_FALSE(row->mtu);
    EXPECT_TRUE(row->plain);
}

TEST(RtnlRows, ATableNumberAbove255StandsInAnAttribute) {
    rtmsg header = route_header(RTN_UNICAST, kRouteProtocol);
    header.rtm_table = RT_TABLE_COMPAT;
    EXPECT_EQ(route(header).with(RTA_TABLE, 1000).read(decode_route)->key.table, 1000U);
}

TEST(RtnlRows, ARouteOfAnotherShapeIsNotPlain) {
    const auto is_plain = [](const Written& written) { return written.read(decode_route)->plain; };
    EXPECT_TRUE(is_plain(route(route_header(RTN_UNREACHABLE, kRouteProtocol))));
    EXPECT_FALSE(is_plain(route(route_header(RTN_BLACKHOLE, kRouteProtocol))));
    EXPECT_TRUE(is_plain(route(route_header(RTN_UNICAST, kRouteProtocol)).with(RTA_GATEWAY, kAddress)));
    EXPECT_FALSE(is_plain(route(route_header(RTN_UNICAST, kRouteProtocol)).with(RTA_NH_ID, 3)));
    EXPECT_FALSE(is_plain(Written{RTM_NEWROUTE, route_header(RTN_UNICAST, kRouteProtocol)}))
        << "no interface";
}

TEST(RtnlRows, OtherMessagesAreNoRows) {
    rtmsg with_source = route_header(RTN_UNICAST, kRouteProtocol);
    with_source.rtm_src_len = 64;
    EXPECT_FALSE(route(with_source).read(decode_route));
    EXPECT_FALSE((Written{RTM_DELROUTE, route_header(RTN_UNICAST, kRouteProtocol)}.read(decode_route)));
    EXPECT_FALSE(route(route_header(RTN_UNICAST, kRouteProtocol)).read(decode_link));
    EXPECT_FALSE(route(route_header(RTN_UNICAST, kRouteProtocol)).read(decode_address));
}

TEST(RtnlRows, AnOptimisticAddressCanBeUsedAlready) {
    const auto state = [](std::uint32_t flags) {
        ifaddrmsg header{};
        header.ifa_family = AF_INET6;
        return Written{RTM_NEWADDR, header}
            .with(IFA_ADDRESS, kAddress)
            .with(IFA_FLAGS, flags)
            .read(decode_address)
            ->state;
    };
    EXPECT_EQ(state(IFA_F_PERMANENT), AddressState{});
    EXPECT_EQ(state(IFA_F_TENTATIVE), (AddressState{.tentative = true}));
    EXPECT_EQ(state(IFA_F_TENTATIVE | IFA_F_OPTIMISTIC), AddressState{});
    EXPECT_EQ(state(IFA_F_TENTATIVE | IFA_F_DADFAILED), (AddressState{.tentative = true, .duplicate = true}));
}

TEST(RtnlRows, ACutMessageIsNeverReadBeyondItsEnd) {
    ifaddrmsg address_header{};
    address_header.ifa_family = AF_INET6;
    const Written route_message = route(route_header(RTN_UNICAST, kRouteProtocol));
    Written address_message{RTM_NEWADDR, address_header};
    address_message.with(IFA_ADDRESS, kAddress).with(IFA_FLAGS, IFA_F_PERMANENT);
    Written link_message{RTM_NEWLINK, ifinfomsg{}};
    link_message.with(IFLA_IFNAME, "lan0", 5).with(IFLA_MTU, 1500).with(IFLA_AF_SPEC, "garbage", 7);
    const auto note = [](const nlmsghdr& message) {
        RtnlChanges out;
        note_change(message, out);
        return out.any();
    };
    for (std::size_t size = NLMSG_HDRLEN; size < route_message.size(); ++size) {
        const auto row = route_message.read(decode_route, size);
        EXPECT_EQ(row.has_value(), size >= NLMSG_HDRLEN + sizeof(rtmsg)) << size;
        EXPECT_EQ(route_message.read(note, size), row.has_value()) << size;
    }
    for (std::size_t size = NLMSG_HDRLEN; size < address_message.size(); ++size) {
        address_message.read(decode_address, size);
        address_message.read(note, size);
    }
    for (std::size_t size = NLMSG_HDRLEN; size <= link_message.size(); ++size) {
        link_message.read(decode_link, size);
        link_message.read(note, size);
    }
    EXPECT_EQ(link_message.read(decode_link)->name, "lan0");
}

TEST(Rows, F08_TheTableOfNeighboursIsReadFromWhatIsLongEnough) {
    ndtmsg header{};
    header.ndtm_family = AF_INET6;
    ndt_config config{};
    config.ndtc_entries = 1000;
    ndt_stats stats{};
    stats.ndts_table_fulls = 7;
    Written message{RTM_NEWNEIGHTBL, header};
    message.with(NDTA_THRESH3, 1024)
        .with(NDTA_CONFIG, &config, sizeof config)
        .with(NDTA_STATS, &stats, sizeof stats);
    EXPECT_EQ(message.read(decode_neighbour_table), (TableUse{1000, 1024, 7}));
    for (std::size_t size = NLMSG_HDRLEN; size < message.size(); ++size)
        EXPECT_FALSE(message.read(decode_neighbour_table, size)) << size;
    header.ndtm_family = AF_INET;  // that of ARP
    EXPECT_FALSE(Written(RTM_NEWNEIGHTBL, header)
                     .with(NDTA_THRESH3, 1024)
                     .with(NDTA_CONFIG, &config, sizeof config)
                     .with(NDTA_STATS, &stats, sizeof stats)
                     .read(decode_neighbour_table));
    // The part of one link has no configuration.
    header.ndtm_family = AF_INET6;
    EXPECT_FALSE(Written(RTM_NEWNEIGHTBL, header).with(NDTA_THRESH3, 1024).read(decode_neighbour_table));
}

}  // namespace
}  // namespace ulagate::rtnl::rows_test
