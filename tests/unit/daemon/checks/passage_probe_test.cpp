// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checks/passage_probe.h"

#include <gtest/gtest.h>

#include "tests/unit/text_values.h"

namespace ulagate::passage_probe_test {
namespace {

const ProbeFrame kFrame{
    7, {{2, 0, 0, 0, 0, 1}}, address("fd12:3456:789a:a::1"), address("fd12:3456:789a:b::1"), 64};

// Addresses of both as in the frame above.
constexpr const char* kAddresses =
    "fd12 3456 789a 000a 0000 0000 0000 0001 fd12 3456 789a 000b 0000 0000 0000 0001";

TEST(PassageProbe, F03_TheFirstPacketOfAConnection) {
    EXPECT_EQ(tcp_probe(kFrame, 22), hex(std::string{"020000000001 00000007 0000 86dd"
                                                     "60000000 0014 06 40 "} +
                                         kAddresses + " f17b 0016 00000001 00000000 5002 0400 6632 0000"));
}

TEST(PassageProbe, F03_ADatagram) {
    EXPECT_EQ(udp_probe(kFrame, 443, 443), hex(std::string{"020000000001 00000007 0000 86dd"
                                                           "60000000 0008 11 40 "} +
                                               kAddresses + " 01bb 01bb 0008 a84a"));
}

// RFC 9568 section 5.2.8: with the right checksum the sum over all would be 0xffff.
TEST(PassageProbe, F03_NobodyBelievesItsVrrp) {
    EXPECT_EQ(vrrp_probe(kFrame),
              hex(std::string{"020000000001 00000007 0000 86dd"
                              "60000000 0018 70 40 "} +
                  kAddresses + " 31 00 00 01 0064 cfe4 fd12 3456 789a 000a 0000 0000 0000 0001"));
}

// RFC 4861 section 7.2.2: to the last three bytes of the address, with our own link-layer address.
TEST(PassageProbe, F03_ASolicitationAsAHostSendsIt) {
    EXPECT_EQ(solicitation_probe(kFrame, address("fe80::abcd:ef12:3456")),
              hex("3333ff123456 00000007 0000 86dd"
                  "60000000 0020 3a ff "
                  "fd12 3456 789a 000a 0000 0000 0000 0001 ff02 0000 0000 0000 0000 0001 ff12 3456"
                  "87 00 ee21 00000000 fe80 0000 0000 0000 0000 abcd ef12 3456 01 01 02756c677072"));
}

}  // namespace
}  // namespace ulagate::passage_probe_test
