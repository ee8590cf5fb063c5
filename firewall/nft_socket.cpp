// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/nft_socket.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "firewall/render.h"

namespace ulagate::firewall {
namespace {

constexpr std::size_t kBuffer = std::size_t{64} * 1024;
constexpr timeval kKernelPatience{2, 0};
constexpr std::size_t kMaxAnswerBytes = 64UL * 1024 * 1024;  // a set of 65,536 elements has 6 MB

template <class T>
void append(std::vector<std::byte>& out, const T& value) {
    const auto at = out.size();
    out.resize(at + sizeof value);
    std::memcpy(out.data() + at, &value, sizeof value);
}

std::vector<std::byte> request(unsigned message, std::uint8_t family, unsigned flags) {
    std::vector<std::byte> out;
    nlmsghdr header{};
    header.nlmsg_type = static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8U) | message);
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    append(out, header);
    append(out, nfgenmsg{family, NFNETLINK_V0, 0});
    return out;
}

void append_text(std::vector<std::byte>& out, std::uint16_t type, std::string_view text) {
    append(out, nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + text.size() + 1), type});
    const auto at = out.size();
    out.resize(at + NLMSG_ALIGN(text.size() + 1));  // with the zero at its end
    std::memcpy(out.data() + at, text.data(), text.size());
}

}  // namespace

NftSocket::NftSocket(UniqueFd fd) : fd_(std::move(fd)), buffer_(kBuffer) {}

Result<NftSocket> NftSocket::open() {
    UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)};
    if (!fd) return fail_errno("open netfilter netlink socket");
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kKernelPatience, sizeof kKernelPatience) != 0)
        return fail_errno("set netlink timeout");
    sockaddr_nl self{};
    self.nl_family = AF_NETLINK;
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&self), sizeof self) != 0)
        return fail_errno("bind netfilter netlink socket");
    return NftSocket{std::move(fd)};
}

Result<bool> NftSocket::ask(std::vector<std::byte> request, const char* what,
                            const std::function<void(const NftMessage&)>& row) {
    nlmsghdr header{};
    std::memcpy(&header, request.data(), sizeof header);
    header.nlmsg_len = static_cast<std::uint32_t>(request.size());
    header.nlmsg_seq = ++sequence_;
    header.nlmsg_flags |= NLM_F_ACK;  // so that each question has one end
    std::memcpy(request.data(), &header, sizeof header);
    const bool dump = (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
    while (::send(fd_.get(), request.data(), request.size(), 0) < 0) {
        if (errno != EINTR) return fail_errno(what);
    }
    std::optional<int> code;
    for (std::size_t total = 0; !code;) {
        sockaddr_nl from{};
        socklen_t from_size = sizeof from;
        const ssize_t size = ::recvfrom(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC,
                                        reinterpret_cast<sockaddr*>(&from), &from_size);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fail_errno(what, errno == EAGAIN ? ETIMEDOUT : errno);
        if (from.nl_pid != 0) continue;  // another process, not the kernel
        const auto length = static_cast<std::size_t>(size);
        total += length;
        if (length > buffer_.size() || total > kMaxAnswerBytes) return fail_errno(what, EMSGSIZE);
        each_nft_message(std::span<const std::byte>{buffer_}.first(length), [&](const NftMessage& message) {
            if (message.sequence != sequence_) return true;  // late, of a request that timed out
            if (message.type == NLMSG_ERROR || (dump && message.type == NLMSG_DONE)) {
                code = code_of(message);
                return false;
            }
            row(message);
            return true;
        });
    }
    if (*code == ENOENT) return false;
    if (*code != 0) return fail_errno(what, *code);
    return true;
}

Result<std::uint32_t> NftSocket::generation() {
    std::optional<std::uint32_t> number;
    const auto answered = ask(request(NFT_MSG_GETGEN, NFPROTO_UNSPEC, 0), "read nf_tables generation",
                              [&number](const NftMessage& message) { number = generation_of(message); });
    if (!answered) return tl::unexpected<Error>{answered.error()};
    if (!number) return fail("read nf_tables generation: no number in the answer");
    return *number;
}

Result<bool> NftSocket::table_exists() {
    auto question = request(NFT_MSG_GETTABLE, NFPROTO_INET, 0);
    append_text(question, NFTA_TABLE_NAME, kTable);
    return ask(std::move(question), "look up nftables table", [](const NftMessage&) {});
}

Result<std::vector<net::Ipv6Prefix>> NftSocket::sites(const std::string& set) {
    auto question = request(NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_DUMP);
    append_text(question, NFTA_SET_ELEM_LIST_TABLE, kTable);
    append_text(question, NFTA_SET_ELEM_LIST_SET, set);
    std::vector<net::Ipv6Prefix> out;
    const auto answered = ask(std::move(question), "read the sites with traffic",
                              [&out](const NftMessage& message) { add_sites(message, out); });
    if (!answered) return tl::unexpected<Error>{answered.error()};
    return out;
}

std::uint32_t next_generation(std::uint32_t generation) {
    return generation + 1 == 0 ? 1 : generation + 1;  // the kernel skips 0
}

}  // namespace ulagate::firewall
