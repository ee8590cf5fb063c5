// SPDX-License-Identifier: GPL-2.0-or-later
#include "wg/control/socket.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/base/kernel_address.h"
#include "daemon/base/socket_message.h"

namespace ulagate::wg::control {
namespace {

constexpr int kHopLimit = 255;
constexpr std::size_t kBatch = 64;
// One call of receive() takes no more than this, so that it always comes back to the loop.
constexpr unsigned kMaxBatches = 4;
constexpr std::size_t kAncillaryBytes = 128;
// Ten thousand routers that all start at once; the kernel counts about 1 kB for a small datagram.
constexpr int kBuffer = 16 * 1024 * 1024;

sockaddr_in6 to_kernel(const net::Ipv6Address& address, std::uint16_t port) {
    sockaddr_in6 out{};
    out.sin6_family = AF_INET6;
    out.sin6_port = htons(port);
    out.sin6_addr = net::to_kernel(address);
    return out;
}

using net::set_option;

// Room for `mmsghdr`s and all they point at; prepare() before each call of the kernel.
struct ReceiveBatch {
    std::array<mmsghdr, kBatch> headers;
    std::array<iovec, kBatch> parts;
    std::array<sockaddr_in6, kBatch> senders;
    // A byte more than the longest message: what is longer still is cut, and refused for its length.
    std::array<std::array<std::byte, kMaxMessage + 1>, kBatch> bytes;
    struct alignas(cmsghdr) Control {
        std::array<std::byte, kAncillaryBytes> bytes;
    };
    std::array<Control, kBatch> controls;

    void prepare() {
        for (std::size_t i = 0; i < kBatch; ++i) {
            parts.at(i) = {bytes.at(i).data(), bytes.at(i).size()};
            headers.at(i) = {};
            msghdr& header = headers.at(i).msg_hdr;
            header.msg_name = &senders.at(i);
            header.msg_namelen = sizeof(sockaddr_in6);
            header.msg_iov = &parts.at(i);
            header.msg_iovlen = 1;
            header.msg_control = controls.at(i).bytes.data();
            header.msg_controllen = kAncillaryBytes;
        }
    }
};

// By which interface it came; nullopt: not with hop limit 255, or the kernel did not say.
std::optional<unsigned> interface_of(const msghdr& message) {
    const net::Ipv6Arrival arrival = net::arrival_of(message);
    if (!arrival.destination || arrival.hop_limit != kHopLimit) return std::nullopt;
    return arrival.interface;
}

// The names of interfaces by their indexes. Remembers for one call of receive() only, because an index may be
// given to another interface later.
class Names {
public:
    explicit Names(int fd) : fd_(fd) {}

    // "": there is no such interface any more.
    std::string_view of(unsigned index) {
        const auto [known, is_new] = known_.try_emplace(index);
        if (is_new) {
            ifreq request{};
            request.ifr_ifindex = static_cast<int>(index);
            if (::ioctl(fd_, SIOCGIFNAME, &request) == 0) known->second = request.ifr_name;
        }
        return known->second;
    }

private:
    int fd_;
    std::map<unsigned, std::string> known_;
};

}  // namespace

Result<ControlSocket> ControlSocket::open(const net::Ipv6Address& address, std::uint16_t port) {
    const std::string name = "control messages on " + net::to_string(address);
    UniqueFd fd{::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP)};
    if (!fd) return fail_errno("open a socket for " + name);
    if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1)) return fail_errno("keep IPv4 out of " + name);
    if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND, 1))
        return fail_errno("allow an address that is not there yet");
    if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, kHopLimit))
        return fail_errno("set the hop limit");
    if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)) return fail_errno("ask for hop limits");
    if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1))
        return fail_errno("ask for packet information");
    // Beyond the system's limit only with CAP_NET_ADMIN; without it, as far as that goes.
    if (!set_option(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, kBuffer) &&
        !set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, kBuffer)) {
        return fail_errno("set the receive buffer");
    }
    if (!set_option(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, kBuffer) &&
        !set_option(fd.get(), SOL_SOCKET, SO_SNDBUF, kBuffer)) {
        return fail_errno("set the send buffer");
    }
    const sockaddr_in6 local = to_kernel(address, port);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof(local)) != 0) {
        return fail_errno("receive " + name);
    }
    return ControlSocket{std::move(fd), port};
}

Result<std::vector<Received>> ControlSocket::receive(TimePoint now) {
    std::vector<Received> all;
    Names names{fd_.get()};
    ReceiveBatch batch;  // not initialized: prepare() does that
    for (unsigned i = 0; i < kMaxBatches; ++i) {
        batch.prepare();
        const int count = ::recvmmsg(fd_.get(), batch.headers.data(), kBatch, 0, nullptr);
        if (count < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return all;
            return fail_errno("receive control messages");
        }
        for (std::size_t m = 0; m < static_cast<std::size_t>(count); ++m) {
            ++counters_.received;
            mmsghdr& header = batch.headers.at(m);
            const auto interface = interface_of(header.msg_hdr);
            const net::Ipv6Address from = net::from_kernel(batch.senders.at(m).sin6_addr);
            if (!interface || !voices_.may_speak(from, names.of(*interface))) {
                ++counters_.elsewhere;
                continue;
            }
            const auto bytes = std::span{batch.bytes.at(m)}.first(header.msg_len);
            if (names_sites(bytes) && !voices_.may_list(from, now)) {
                ++counters_.too_many_lists;
                continue;
            }
            auto packet = parse(bytes);
            if (packet) {
                all.push_back({from, std::move(*packet)});
            } else if (packet.error().code == std::errc::protocol_not_supported) {
                ++counters_.unsupported;
            } else {
                ++counters_.malformed;
            }
        }
        if (static_cast<std::size_t>(count) < kBatch) break;
    }
    return all;
}

void ControlSocket::send(std::span<const Outgoing> packets) {
    while (!packets.empty()) {
        const auto part = packets.first(std::min(packets.size(), kBatch));
        packets = packets.subspan(part.size());
        send_batch(part);
    }
}

void ControlSocket::send_batch(std::span<const Outgoing> packets) {
    std::array<std::vector<std::byte>, kBatch> bytes;
    std::array<sockaddr_in6, kBatch> receivers{};
    std::array<iovec, kBatch> parts{};
    std::array<mmsghdr, kBatch> headers{};
    for (std::size_t i = 0; i < packets.size(); ++i) {
        bytes.at(i) = build(packets[i].packet);
        receivers.at(i) = to_kernel(packets[i].to, port_);
        parts.at(i) = {bytes.at(i).data(), bytes.at(i).size()};
        msghdr& header = headers.at(i).msg_hdr;
        header.msg_name = &receivers.at(i);
        header.msg_namelen = sizeof(sockaddr_in6);
        header.msg_iov = &parts.at(i);
        header.msg_iovlen = 1;
    }
    for (std::size_t done = 0; done < packets.size();) {
        const int count =
            ::sendmmsg(fd_.get(), &headers.at(done), static_cast<unsigned>(packets.size() - done), 0);
        if (count > 0) {
            done += static_cast<std::size_t>(count);
            counters_.sent += static_cast<std::uint64_t>(count);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            counters_.not_sent += packets.size() - done;
            return;
        } else if (errno != EINTR) {  // an error is of the first one left
            ++done;
            ++counters_.not_sent;
        }
    }
}

}  // namespace ulagate::wg::control
