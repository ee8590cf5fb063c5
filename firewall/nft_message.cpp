// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/nft_message.h"

#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "firewall/render.h"

namespace ulagate::firewall {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint8_t kSite = 64;

std::size_t aligned(std::size_t size) { return (size + NLMSG_ALIGNTO - 1) & ~std::size_t{NLMSG_ALIGNTO - 1}; }

template <class T>
std::optional<T> value_of(Bytes bytes) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (bytes.size() < sizeof(T)) return std::nullopt;
    T out{};
    std::memcpy(&out, bytes.data(), sizeof out);
    return out;
}

bool is_nf_tables(const NftMessage& message) { return (message.type >> 8U) == NFNL_SUBSYS_NFTABLES; }

bool is(const NftMessage& message, unsigned what) {
    return message.type == ((NFNL_SUBSYS_NFTABLES << 8U) | what);
}

Bytes attributes_of(const NftMessage& message) {
    return message.body.size() < sizeof(nfgenmsg) ? Bytes{} : message.body.subspan(sizeof(nfgenmsg));
}

template <class Each>
void each_attribute(Bytes bytes, Each each) {
    while (const auto header = value_of<nlattr>(bytes)) {
        if (header->nla_len < sizeof(nlattr) || header->nla_len > bytes.size()) return;
        each(header->nla_type & NLA_TYPE_MASK,
             bytes.subspan(sizeof(nlattr), header->nla_len - sizeof(nlattr)));
        bytes = bytes.subspan(std::min(aligned(header->nla_len), bytes.size()));
    }
}

// The last one of this type, as the kernel itself takes them.
std::optional<Bytes> attribute(Bytes bytes, int type) {
    std::optional<Bytes> found;
    each_attribute(bytes, [&](int is, Bytes value) {
        if (is == type) found = value;
    });
    return found;
}

// Number 1 is the table's name in every nf_tables message, and the number of the generation in NEWGEN.
static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 &&
              NFTA_SET_ELEM_LIST_TABLE == 1 && NFTA_OBJ_TABLE == 1 && NFTA_FLOWTABLE_TABLE == 1 &&
              NFTA_GEN_ID == 1);

}  // namespace

bool each_nft_message(Bytes datagram, const std::function<bool(const NftMessage&)>& each) {
    while (!datagram.empty()) {
        const auto header = value_of<nlmsghdr>(datagram);
        if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > datagram.size())
            return false;
        const NftMessage message{header->nlmsg_type, header->nlmsg_flags, header->nlmsg_seq,
                                 datagram.subspan(sizeof(nlmsghdr), header->nlmsg_len - sizeof(nlmsghdr))};
        if (!each(message)) return true;
        datagram = datagram.subspan(std::min(aligned(header->nlmsg_len), datagram.size()));
    }
    return true;
}

bool ends_transaction(const NftMessage& message) { return is(message, NFT_MSG_NEWGEN); }

std::optional<std::uint32_t> generation_of(const NftMessage& message) {
    if (!ends_transaction(message)) return std::nullopt;
    const auto number = attribute(attributes_of(message), NFTA_GEN_ID);
    if (!number || number->size() != sizeof(std::uint32_t)) return std::nullopt;
    return be32toh(*value_of<std::uint32_t>(*number));
}

bool is_about_our_table(const NftMessage& message) {
    const auto family = value_of<nfgenmsg>(message.body);
    if (!is_nf_tables(message) || !family || family->nfgen_family != NFPROTO_INET) return false;
    const auto name = attribute(attributes_of(message), NFTA_TABLE_NAME);
    if (!name) return false;
    const std::string_view text{reinterpret_cast<const char*>(name->data()), name->size()};
    return text.size() == std::string_view{kTable}.size() + 1 && text.starts_with(kTable) &&
           text.back() == '\0';
}

int code_of(const NftMessage& message) {
    const auto code = value_of<std::int32_t>(message.body);
    if (!code) return message.type == NLMSG_DONE ? 0 : EBADMSG;
    return *code < 0 && *code >= -4095 ? -*code : 0;  // MAX_ERRNO
}

void add_sites(const NftMessage& message, std::vector<net::Ipv6Prefix>& sites) {
    if (!is(message, NFT_MSG_NEWSETELEM)) return;
    const auto list = attribute(attributes_of(message), NFTA_SET_ELEM_LIST_ELEMENTS);
    if (!list) return;
    each_attribute(*list, [&](int, Bytes element) {
        const auto key = attribute(element, NFTA_SET_ELEM_KEY);
        const auto value = key ? attribute(*key, NFTA_DATA_VALUE) : std::nullopt;
        net::Ipv6Prefix site;
        if (!value || value->size() != site.address.bytes.size()) return;
        std::memcpy(site.address.bytes.data(), value->data(), value->size());
        site.length = kSite;
        sites.push_back(site.network());
    });
}

}  // namespace ulagate::firewall
