// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/nft_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "firewall/nft_child.h"
#include "tests/unit/text_values.h"

namespace ulagate::firewall::nft_message_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

void append(Bytes& out, const void* data, std::size_t size) {
    const auto at = out.size();
    out.resize(at + NLMSG_ALIGN(size));
    if (size > 0) std::memcpy(out.data() + at, data, size);  // an empty one has no address
}

Bytes attribute(std::uint16_t type, std::string_view value) {
    Bytes out;
    const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), type};
    append(out, &header, sizeof header);
    append(out, value.data(), value.size());
    return out;
}
std::string_view text(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes message(unsigned what, std::uint8_t family, const Bytes& attributes) {
    Bytes out;
    nlmsghdr header{};
    header.nlmsg_type = static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8U) | what);
    header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + sizeof(nfgenmsg) + attributes.size());
    const nfgenmsg about{family, NFNETLINK_V0, 0};
    append(out, &header, sizeof header);
    append(out, &about, sizeof about);
    append(out, attributes.data(), attributes.size());
    return out;
}

std::vector<NftMessage> parse(const Bytes& datagram) {
    std::vector<NftMessage> out;
    each_nft_message(datagram, [&out](const NftMessage& each) {
        out.push_back(each);
        return true;
    });
    return out;
}

const std::string kOurs{"ulagate\0", 8};

TEST(NftMessage, KnowsOurTable) {
    EXPECT_TRUE(is_about_our_table(parse(message(NFT_MSG_NEWRULE, NFPROTO_INET, attribute(1, kOurs)))[0]));
    EXPECT_FALSE(is_about_our_table(parse(message(NFT_MSG_NEWRULE, NFPROTO_IPV6, attribute(1, kOurs)))[0]));
    for (const std::string& name : {std::string{"ulagate"}, std::string{"ulagate2\0", 9},
                                    std::string{"ulagat\0", 7}, std::string{"ulagate\0x", 9}, std::string{}})
        EXPECT_FALSE(
            is_about_our_table(parse(message(NFT_MSG_NEWRULE, NFPROTO_INET, attribute(1, name)))[0]));
}

TEST(NftMessage, KnowsGenerations) {
    const Bytes received = message(NFT_MSG_NEWGEN, 0, attribute(NFTA_GEN_ID, std::string{"\0\0\1\2", 4}));
    const auto parsed = parse(received);
    ASSERT_EQ(parsed.size(), 1U);
    EXPECT_TRUE(ends_transaction(parsed[0]));
    EXPECT_EQ(generation_of(parsed[0]), 258U);
    EXPECT_FALSE(generation_of(parse(message(NFT_MSG_NEWGEN, 0, attribute(NFTA_GEN_ID, "12345")))[0]));
    EXPECT_FALSE(generation_of(parse(message(NFT_MSG_NEWGEN, 0, {}))[0]));
}

Bytes elements() {
    const std::string key{"\xfd\x12\x34\x56\x78\x9a\0\x0a\0\0\0\0\0\0\0\1", 16};
    const Bytes value = attribute(NFTA_DATA_VALUE, key);
    const Bytes good = attribute(NFTA_LIST_ELEM, text(attribute(NFTA_SET_ELEM_KEY, text(value))));
    const Bytes other = attribute(
        NFTA_LIST_ELEM, text(attribute(NFTA_SET_ELEM_KEY, text(attribute(NFTA_DATA_VALUE, "1234")))));
    Bytes list = other;
    list.insert(list.end(), good.begin(), good.end());
    Bytes all = attribute(NFTA_SET_ELEM_LIST_TABLE, kOurs);
    const Bytes nested = attribute(NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, text(list));
    all.insert(all.end(), nested.begin(), nested.end());
    return message(NFT_MSG_NEWSETELEM, NFPROTO_INET, all);
}

TEST(NftMessage, ReadsElementsThatAreAddresses) {
    std::vector<net::Ipv6Prefix> sites;
    add_sites(parse(elements())[0], sites);
    EXPECT_THAT(sites, ElementsAre(prefix("fd12:3456:789a:a::/64")));
}

// Wherever it is cut, and whichever byte of it is wrong, nothing is read that is not there.
TEST(NftMessage, F07_CutAndBrokenMessagesAreRead) {
    const Bytes whole = elements();
    const auto read = [](const Bytes& datagram) {
        std::vector<net::Ipv6Prefix> sites;
        each_nft_message(datagram, [&](const NftMessage& each) {
            add_sites(each, sites);
            (void)is_about_our_table(each);
            (void)generation_of(each);
            (void)code_of(each);
            return true;
        });
        return sites.size();
    };
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_EQ(read(Bytes{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}), 0U);
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (const unsigned value : {0U, 1U, 3U, 4U, 127U, 255U}) {
            Bytes broken = whole;
            broken[at] = static_cast<std::byte>(value);
            EXPECT_LE(read(broken), 2U);
        }
    }
}

TEST(NftMessage, CodesAreErrnosOrNothing) {
    const auto code = [](std::int32_t value) {
        Bytes body;
        append(body, &value, sizeof value);
        NftMessage message;
        message.type = NLMSG_ERROR;
        message.body = body;
        return code_of(message);
    };
    EXPECT_EQ(code(0), 0);
    EXPECT_EQ(code(-ENOENT), ENOENT);
    EXPECT_EQ(code(std::numeric_limits<std::int32_t>::min()), 0);
    NftMessage empty;
    empty.type = NLMSG_ERROR;
    EXPECT_EQ(code_of(empty), EBADMSG);
    empty.type = NLMSG_DONE;
    EXPECT_EQ(code_of(empty), 0);
}

Bytes answer(RulesetAnswer head, const std::string& reason) {
    Bytes out(sizeof head + reason.size());
    std::memcpy(out.data(), &head, sizeof head);
    std::memcpy(out.data() + sizeof head, reason.data(), reason.size());
    return out;
}

TEST(NftMessage, F07_AChildsAnswerIsCheckedInEveryByte) {
    const auto good = parse_ruleset_answer(answer({1, 1, 0, 7}, ""));
    ASSERT_TRUE(good);
    EXPECT_TRUE(good->result);
    EXPECT_EQ(good->own_generation, 7U);
    EXPECT_FALSE(parse_ruleset_answer(answer({1, 0, 0, 7}, ""))->own_generation);
    const auto refused = parse_ruleset_answer(answer({0, 0, 3, 0}, "why"));
    ASSERT_TRUE(refused);
    EXPECT_THAT(refused->result.error().text(), HasSubstr("why"));
    EXPECT_FALSE(refused->own_generation);
    EXPECT_FALSE(parse_ruleset_answer({}));
    EXPECT_FALSE(parse_ruleset_answer(answer({2, 0, 0, 0}, "")));
    EXPECT_FALSE(parse_ruleset_answer(answer({1, 2, 0, 0}, "")));
    EXPECT_FALSE(parse_ruleset_answer(answer({0, 0, 4, 0}, "why")));
    EXPECT_FALSE(parse_ruleset_answer(answer({0, 0, 2, 0}, "why")));
    EXPECT_FALSE(parse_ruleset_answer(answer({0, 0, 1001, 0}, std::string(1001, 'x'))));
}

}  // namespace
}  // namespace ulagate::firewall::nft_message_test
