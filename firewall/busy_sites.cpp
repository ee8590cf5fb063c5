// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/busy_sites.h"

#include <libmnl/libmnl.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "firewall/render.h"

namespace ulagate::firewall {
namespace {

constexpr std::size_t kBuffer = std::size_t{64} * 1024;
constexpr std::uint8_t kSite = 64;

struct FreeSet {
    void operator()(nftnl_set* set) const { nftnl_set_free(set); }
};
using Set = std::unique_ptr<nftnl_set, FreeSet>;

Set our_set() {
    Set set{nftnl_set_alloc()};
    if (!set) return nullptr;
    if (nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, kTable) != 0 ||
        nftnl_set_set_str(set.get(), NFTNL_SET_NAME, kBusySet) != 0) {
        return nullptr;
    }
    return set;
}

int add_element(nftnl_set_elem* element, void* data) {
    std::uint32_t size = 0;
    const void* key = nftnl_set_elem_get(element, NFTNL_SET_ELEM_KEY, &size);
    net::Ipv6Prefix site;
    if (key == nullptr || size != site.address.bytes.size()) return 0;
    std::memcpy(site.address.bytes.data(), key, size);
    site.length = kSite;
    static_cast<std::vector<net::Ipv6Prefix>*>(data)->push_back(site.network());
    return 0;
}

int on_message(const nlmsghdr* header, void* data) {
    const Set set = our_set();
    if (!set || nftnl_set_elems_nlmsg_parse(header, set.get()) != 0) return MNL_CB_OK;
    static_cast<void>(nftnl_set_elem_foreach(set.get(), add_element, data));
    return MNL_CB_OK;
}

}  // namespace

void BusySites::Close::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

Result<BusySites> BusySites::open() {
    std::unique_ptr<mnl_socket, Close> socket{mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)};
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        return fail_errno("open a netlink socket for set elements");
    // The kernel answers inside send(); this is only so that no bug of it can hang us.
    const timeval patience{2, 0};
    if (::setsockopt(mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) !=
        0)
        return fail_errno("set netlink timeout");
    return BusySites{std::move(socket)};
}

Result<std::vector<net::Ipv6Prefix>> BusySites::read() {
    alignas(nlmsghdr) std::array<char, kBuffer> buffer{};
    const Set set = our_set();
    if (!set) return fail("read the sites with traffic: no memory");
    nlmsghdr* request = nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETSETELEM, NFPROTO_INET,
                                              NLM_F_DUMP | NLM_F_ACK, ++sequence_);
    nftnl_set_elems_nlmsg_build_payload(request, set.get());
    if (mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0)
        return fail_errno("ask for the sites with traffic");
    std::vector<net::Ipv6Prefix> sites;
    const unsigned port = mnl_socket_get_portid(socket_.get());
    for (;;) {
        const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fail_errno("read the sites with traffic");
        const int more =
            mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), sequence_, port, on_message, &sites);
        if (more > 0) continue;
        if (more < 0 && (errno == EPROTO || errno == ESRCH)) continue;  // late, of a request that timed out
        if (more < 0 && errno != ENOENT) return fail_errno("read the sites with traffic");
        return sites;
    }
}

}  // namespace ulagate::firewall
