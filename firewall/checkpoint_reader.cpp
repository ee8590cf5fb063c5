// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/checkpoint_reader.h"

#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "daemon/base/fd.h"
#include "daemon/base/file.h"
#include "firewall/render.h"

namespace ulagate::firewall {
namespace {

constexpr std::size_t kAnswerBuffer = std::size_t{64} * 1024;
constexpr std::size_t kMaxProcFile = 4096;
constexpr std::size_t kMaxLegacyTable = std::size_t{1} << 20U;

// Attributes of one level by their number, of those that have the type they should have.
template <std::size_t Count>
struct Attributes {
    std::array<const nlattr*, Count> found{};
    std::array<mnl_attr_data_type, Count> types{};

    static int take(const nlattr* attribute, void* data) {
        auto& self = *static_cast<Attributes*>(data);
        const unsigned type = mnl_attr_get_type(attribute);
        if (type >= Count || self.types[type] == MNL_TYPE_UNSPEC) return MNL_CB_OK;
        if (mnl_attr_validate(attribute, self.types[type]) == 0) self.found[type] = attribute;
        return MNL_CB_OK;
    }
    [[nodiscard]] std::string text(std::size_t type) const {
        return found.at(type) == nullptr ? "" : mnl_attr_get_str(found[type]);
    }
    [[nodiscard]] std::optional<std::uint32_t> number(std::size_t type) const {
        if (found.at(type) == nullptr) return std::nullopt;
        return be32toh(mnl_attr_get_u32(found[type]));
    }
};

std::string family_name(std::uint8_t family) {
    switch (family) {
        case NFPROTO_INET:
            return "inet";
        case NFPROTO_IPV4:
            return "ip";
        case NFPROTO_IPV6:
            return "ip6";
        case NFPROTO_BRIDGE:
            return "bridge";
        case NFPROTO_ARP:
            return "arp";
        case NFPROTO_NETDEV:
            return "netdev";
        default:
            return "";
    }
}

std::string hook_name(std::uint8_t family, std::uint32_t number) {
    if (family == NFPROTO_NETDEV) return number == 0 ? "ingress" : "egress";
    switch (number) {
        case NF_INET_PRE_ROUTING:
            return "prerouting";
        case NF_INET_LOCAL_IN:
            return "input";
        case NF_INET_FORWARD:
            return "forward";
        case NF_INET_LOCAL_OUT:
            return "output";
        case NF_INET_POST_ROUTING:
            return "postrouting";
        default:
            return "ingress";
    }
}

int take_counter(const void* message, void* data) {
    const auto* header = static_cast<const nlmsghdr*>(message);
    Attributes<NFTA_OBJ_MAX + 1> object;
    object.types[NFTA_OBJ_TABLE] = object.types[NFTA_OBJ_NAME] = MNL_TYPE_NUL_STRING;
    object.types[NFTA_OBJ_DATA] = MNL_TYPE_NESTED;
    if (mnl_attr_parse(header, sizeof(nfgenmsg), decltype(object)::take, &object) < 0) return MNL_CB_OK;
    if (object.text(NFTA_OBJ_TABLE) != kTable || object.found[NFTA_OBJ_DATA] == nullptr) return MNL_CB_OK;
    Attributes<NFTA_COUNTER_MAX + 1> counter;
    counter.types[NFTA_COUNTER_PACKETS] = MNL_TYPE_U64;
    if (mnl_attr_parse_nested(object.found[NFTA_OBJ_DATA], decltype(counter)::take, &counter) < 0)
        return MNL_CB_OK;
    if (counter.found[NFTA_COUNTER_PACKETS] == nullptr) return MNL_CB_OK;
    (*static_cast<std::map<std::string, std::uint64_t>*>(data))[object.text(NFTA_OBJ_NAME)] =
        be64toh(mnl_attr_get_u64(counter.found[NFTA_COUNTER_PACKETS]));
    return MNL_CB_OK;
}

int take_chain(const void* message, void* data) {
    auto& chains = *static_cast<std::vector<Chain>*>(data);
    const auto* header = static_cast<const nlmsghdr*>(message);
    if (mnl_nlmsg_get_payload_len(header) < sizeof(nfgenmsg)) return MNL_CB_OK;
    const std::uint8_t family = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(header))->nfgen_family;
    Attributes<NFTA_CHAIN_MAX + 1> found;
    found.types[NFTA_CHAIN_TABLE] = found.types[NFTA_CHAIN_NAME] = MNL_TYPE_NUL_STRING;
    found.types[NFTA_CHAIN_HOOK] = MNL_TYPE_NESTED;
    found.types[NFTA_CHAIN_POLICY] = MNL_TYPE_U32;
    if (mnl_attr_parse(header, sizeof(nfgenmsg), decltype(found)::take, &found) < 0) return MNL_CB_OK;
    Chain chain{family_name(family), found.text(NFTA_CHAIN_TABLE), found.text(NFTA_CHAIN_NAME), "", 0, false};
    if (chain.family == "inet" && chain.table == kTable) return MNL_CB_OK;
    chain.policy_drop = found.number(NFTA_CHAIN_POLICY) == std::uint32_t{NF_DROP};
    if (found.found[NFTA_CHAIN_HOOK] != nullptr) {
        Attributes<NFTA_HOOK_MAX + 1> hook;
        hook.types[NFTA_HOOK_HOOKNUM] = hook.types[NFTA_HOOK_PRIORITY] = MNL_TYPE_U32;
        if (mnl_attr_parse_nested(found.found[NFTA_CHAIN_HOOK], decltype(hook)::take, &hook) < 0)
            return MNL_CB_OK;
        if (const auto number = hook.number(NFTA_HOOK_HOOKNUM)) chain.hook = hook_name(family, *number);
        chain.priority = static_cast<std::int32_t>(hook.number(NFTA_HOOK_PRIORITY).value_or(0));
    }
    chains.push_back(std::move(chain));
    return chains.size() < CheckpointReader::kMostChains ? MNL_CB_OK : MNL_CB_STOP;
}

// A table without any has one entry for each hook, its policy, and one that ends it.
bool holds_rules(const std::string& table) {
    const UniqueFd socket{::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)};
    ip6t_getinfo info{};
    if (!socket || table.size() >= sizeof info.name) return true;
    std::memcpy(info.name, table.c_str(), table.size() + 1);
    socklen_t size = sizeof info;
    if (::getsockopt(socket.get(), IPPROTO_IPV6, IP6T_SO_GET_INFO, &info, &size) != 0) return true;
    return info.num_entries > static_cast<unsigned>(std::popcount(info.valid_hooks)) + 1;
}

}  // namespace

void CheckpointReader::Close::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

Result<CheckpointReader> CheckpointReader::open() {
    Socket socket{mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)};
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        return fail_errno("open a netlink socket for counters");
    // The kernel answers inside send(); this is only so that no bug of it can hang us.
    const timeval patience{2, 0};
    if (::setsockopt(mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) !=
        0)
        return fail_errno("set netlink timeout");
    return CheckpointReader{std::move(socket)};
}

Result<void> CheckpointReader::dump(unsigned message, std::uint8_t family, const char* table,
                                    int (*read)(const void*, void*), void* data, const char* what) {
    alignas(nlmsghdr) std::array<char, kAnswerBuffer> buffer{};
    nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8U) | message);
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = ++sequence_;
    auto* header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(nfgenmsg)));
    header->nfgen_family = family;
    header->version = NFNETLINK_V0;
    if (table != nullptr) mnl_attr_put_strz(request, NFTA_OBJ_TABLE, table);
    if (mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0) return fail_errno(what);
    struct Call {
        int (*read)(const void*, void*);
        void* data;
    } call{read, data};
    const auto pass = [](const nlmsghdr* each, void* to) {
        const auto& target = *static_cast<const Call*>(to);
        return target.read(each, target.data);
    };
    const unsigned port = mnl_socket_get_portid(socket_.get());
    for (;;) {
        const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fail_errno(what);
        const int more =
            mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), sequence_, port, pass, &call);
        if (more > 0) continue;
        if (more == 0) return {};
        if (errno == EPROTO || errno == ESRCH) continue;  // late, of a request that was given up
        if (errno == ENOENT) return {};
        return fail_errno(what);  // EINTR: the rules changed meanwhile
    }
}

Result<std::map<std::string, std::uint64_t>> CheckpointReader::counters() {
    std::map<std::string, std::uint64_t> counters;
    auto read =
        dump(NFT_MSG_GETOBJ, NFPROTO_INET, kTable, take_counter, &counters, "read the checkpoints' counters");
    if (!read) return tl::unexpected<Error>{std::move(read.error())};
    return counters;
}

Result<std::vector<Chain>> CheckpointReader::foreign_chains() {
    // With a socket of its own: a dump that is given up would be in the way of the next one.
    auto reader = open();
    if (!reader) return tl::unexpected<Error>{std::move(reader.error())};
    std::vector<Chain> chains;
    auto read = reader->dump(NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, nullptr, take_chain, &chains,
                             "list the chains of others");
    if (!read) return tl::unexpected<Error>{std::move(read.error())};
    return chains;
}

std::set<std::string> CheckpointReader::legacy_tables() {
    std::set<std::string> tables;
    const auto text = read_file("/proc/net/ip6_tables_names", kMaxProcFile);
    if (!text) return tables;  // no ip6_tables here
    std::string_view rest = *text;
    while (!rest.empty()) {
        const auto end = rest.find('\n');
        std::string name{rest.substr(0, end)};
        if (end != 0 && (name == "filter" || holds_rules(name))) tables.insert(std::move(name));
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    return tables;
}

// A chain begins with an entry whose target is "ERROR" and carries its name.
std::set<std::string> CheckpointReader::legacy_filter_chains() {
    std::set<std::string> names;
    const UniqueFd socket{::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)};
    if (!socket) return names;
    ip6t_getinfo info{};
    std::strcpy(info.name, "filter");
    socklen_t info_size = sizeof info;
    if (::getsockopt(socket.get(), IPPROTO_IPV6, IP6T_SO_GET_INFO, &info, &info_size) != 0) return names;
    if (info.size > kMaxLegacyTable) return names;
    std::vector<std::byte> answer(sizeof(ip6t_get_entries) + info.size);
    // ip6t_get_entries ends in an array without a size, which is an extension that no object of ours may
    // have.
    std::memcpy(answer.data() + offsetof(ip6t_get_entries, name), "filter", sizeof "filter");
    std::memcpy(answer.data() + offsetof(ip6t_get_entries, size), &info.size, sizeof info.size);
    auto answer_size = static_cast<socklen_t>(answer.size());
    if (::getsockopt(socket.get(), IPPROTO_IPV6, IP6T_SO_GET_ENTRIES, answer.data(), &answer_size) != 0)
        return names;
    // struct xt_entry_target, and behind it the chain's name.
    constexpr std::size_t kKindAt = sizeof(std::uint16_t);
    constexpr std::size_t kNameAt = sizeof(xt_entry_target);
    using Name = std::array<char, XT_FUNCTION_MAXNAMELEN>;
    using Kind = std::array<char, XT_EXTENSION_MAXNAMELEN>;
    const auto text = [](const auto& chars) {
        return std::string_view{chars.data(), ::strnlen(chars.data(), chars.size())};
    };
    const std::span table = std::span{answer}.subspan(sizeof(ip6t_get_entries));
    for (std::size_t at = 0; at + sizeof(ip6t_entry) <= table.size();) {
        ip6t_entry entry{};
        std::memcpy(&entry, table.data() + at, sizeof entry);
        if (entry.next_offset < sizeof entry || entry.next_offset > table.size() - at) break;
        if (entry.target_offset + kNameAt + sizeof(Name) <= entry.next_offset) {
            const auto target = table.subspan(at + entry.target_offset);
            Kind kind{};
            Name name{};
            std::memcpy(kind.data(), target.subspan(kKindAt).data(), kind.size());
            std::memcpy(name.data(), target.subspan(kNameAt).data(), name.size());
            if (text(kind) == XT_ERROR_TARGET) names.emplace(text(name));
        }
        at += entry.next_offset;
    }
    return names;
}

}  // namespace ulagate::firewall
