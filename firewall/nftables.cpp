// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/nftables.h"

#include <endian.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "daemon/base/fd.h"
#include "firewall/render.h"

namespace ulagate::firewall {
namespace {

constexpr std::size_t kMessageBuffer = std::size_t{64} * 1024;  // more than the kernel puts into one event
constexpr int kEventBuffer = 4 * 1024 * 1024;  // a replaced table of 10,000 sites is about 2 MB of events
constexpr int kDrainLimit = 256;               // datagrams

constexpr std::uint16_t message_type(unsigned message) {
    return static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8U) | message);
}

// Number 1 is the table's name in every nf_tables message, and the number of the generation in NEWGEN.
static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 &&
              NFTA_SET_ELEM_LIST_TABLE == 1 && NFTA_OBJ_TABLE == 1 && NFTA_FLOWTABLE_TABLE == 1 &&
              NFTA_GEN_ID == 1);

const nlattr* first_attribute(const nlmsghdr& header, mnl_attr_data_type type) {
    struct Wanted {
        mnl_attr_data_type type;
        const nlattr* found;
    } wanted{type, nullptr};
    const auto look = [](const nlattr* attribute, void* data) {
        auto& w = *static_cast<Wanted*>(data);
        if (mnl_attr_get_type(attribute) == 1 && mnl_attr_validate(attribute, w.type) == 0)
            w.found = attribute;
        return MNL_CB_OK;
    };
    static_cast<void>(mnl_attr_parse(&header, sizeof(nfgenmsg), look, &wanted));
    return wanted.found;
}

bool is_about_our_table(const nlmsghdr& header) {
    if (mnl_nlmsg_get_payload_len(&header) < sizeof(nfgenmsg)) return false;
    if (static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(&header))->nfgen_family != NFPROTO_INET)
        return false;
    const nlattr* name = first_attribute(header, MNL_TYPE_NUL_STRING);
    return name != nullptr && std::string_view(mnl_attr_get_str(name)) == kTable;
}

std::optional<std::uint32_t> generation_of(const nlmsghdr& header) {
    const nlattr* number = first_attribute(header, MNL_TYPE_U32);
    if (number == nullptr) return std::nullopt;
    return be32toh(mnl_attr_get_u32(number));
}

std::uint32_t next_generation(std::uint32_t generation) {
    return generation + 1 == 0 ? 1 : generation + 1;  // the kernel skips 0
}

// As a difference, because generations wrap around.
bool is_after(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) > 0; }

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// nft writes "<file>:<line>:<columns>: Error: <why>", then the line in question and a row of ^^^. We keep the
// first reason and its line.
std::string first_reason(std::string_view report) {
    constexpr std::size_t kLongest = 160;
    constexpr std::string_view kMark = "Error: ";
    const auto mark = report.find(kMark);
    if (mark == std::string_view::npos) return std::string(trimmed(report.substr(0, kLongest)));
    report.remove_prefix(mark + kMark.size());
    const auto end = report.find('\n');
    std::string text{trimmed(report.substr(0, end))};
    if (end == std::string_view::npos) return text;
    report.remove_prefix(end + 1);
    const std::string_view line = trimmed(report.substr(0, report.find('\n')));
    if (!line.empty()) text.append(" in: ").append(line.substr(0, kLongest));
    return text;
}

// Why the ruleset was refused. For text in memory nft 1.0.6 shows the first line, whichever is at fault, so
// it gets the text once more as a file, as a dry run.
std::string explain(nft_ctx* context, const std::string& ruleset, std::string report) {
    const UniqueFd file{memfd_create("ruleset", MFD_CLOEXEC)};
    if (file && ::write(file.get(), ruleset.data(), ruleset.size()) == static_cast<ssize_t>(ruleset.size())) {
        const std::string path = fmt::format("/proc/self/fd/{}", file.get());
        nft_ctx_set_dry_run(context, true);
        const int result = nft_run_cmd_from_filename(context, path.c_str());
        nft_ctx_set_dry_run(context, false);
        const char* better = nft_ctx_get_error_buffer(context);
        if (result != 0 && better != nullptr &&
            std::string_view(better).find(path) != std::string_view::npos) {
            return first_reason(better);
        }
    }
    report.resize(report.find('\n') == std::string::npos ? report.size() : report.find('\n'));
    return report.empty() ? "no reason given" : first_reason(report);
}

}  // namespace

struct Nftables::Impl {
    struct SocketDeleter {
        void operator()(mnl_socket* closed) const { mnl_socket_close(closed); }
    };
    using Socket = std::unique_ptr<mnl_socket, SocketDeleter>;

    struct ContextDeleter {
        void operator()(nft_ctx* freed) const { nft_ctx_free(freed); }
    };

    Socket requests;
    Socket events;
    std::unique_ptr<nft_ctx, ContextDeleter> context;
    std::uint32_t sequence = 0;

    // Every transaction of nf_tables makes a new generation of the ruleset, and its events end with the
    // number of it. Numbers tell our transactions from others': the port of libnftables' socket is its
    // secret, and the process id in the event is that of the first PID namespace, which in a container is not
    // ours.
    std::set<std::uint32_t> own;  // made by apply(), events not yet read
    std::uint32_t seen = 0;       // the newest whose events were read
    bool touched = false;         // our table occurs in the events since
    alignas(nlmsghdr) std::array<char, kMessageBuffer> buffer{};

    static Result<Socket> open_socket(int flags);
    // Sends a request that has one answer and hands it to `read`; false when the thing asked for does not
    // exist.
    template <class Read>
    Result<bool> request(unsigned message, std::uint8_t family, const char* table, const char* what,
                         Read read);
    Result<std::uint32_t> generation();
    // What one event says: true when it ends a transaction of somebody else in which our table occurred.
    bool on_event(const nlmsghdr& header);
    // After events were lost: whether all transactions that can be among them were ours.
    bool lost_only_our_own();
};

Result<Nftables::Impl::Socket> Nftables::Impl::open_socket(int flags) {
    Socket socket{mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | flags)};
    if (!socket) return fail_errno("open netfilter netlink socket");
    if (mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
        return fail_errno("bind netfilter netlink socket");
    }
    return socket;
}

template <class Read>
Result<bool> Nftables::Impl::request(unsigned message, std::uint8_t family, const char* table,
                                     const char* what, Read read) {
    alignas(nlmsghdr) std::array<char, 1024> out{};
    nlmsghdr* header = mnl_nlmsg_put_header(out.data());
    header->nlmsg_type = message_type(message);
    header->nlmsg_flags = NLM_F_REQUEST;
    header->nlmsg_seq = ++sequence;
    auto* family_header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    family_header->nfgen_family = family;
    family_header->version = NFNETLINK_V0;
    if (table != nullptr) mnl_attr_put_strz(header, NFTA_TABLE_NAME, table);
    if (mnl_socket_sendto(requests.get(), header, header->nlmsg_len) < 0) return fail_errno(what);
    for (;;) {
        const ssize_t size = mnl_socket_recvfrom(requests.get(), buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return fail_errno(what);
        const auto* answer = reinterpret_cast<const nlmsghdr*>(buffer.data());
        int rest = static_cast<int>(size);
        for (; mnl_nlmsg_ok(answer, rest); answer = mnl_nlmsg_next(answer, &rest)) {
            if (answer->nlmsg_seq != sequence) continue;  // late, of a request that timed out
            if (answer->nlmsg_type == NLMSG_ERROR) {
                const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer));
                if (mnl_nlmsg_get_payload_len(answer) < sizeof(int))
                    return fail(std::string(what) + ": short");
                if (error->error == -ENOENT) return false;
                return fail_errno(what, -error->error);
            }
            read(*answer);
            return true;
        }
    }
}

Result<std::uint32_t> Nftables::Impl::generation() {
    std::optional<std::uint32_t> number;
    const auto answered = request(NFT_MSG_GETGEN, NFPROTO_UNSPEC, nullptr, "read nf_tables generation",
                                  [&number](const nlmsghdr& header) { number = generation_of(header); });
    if (!answered) return tl::unexpected<Error>{answered.error()};
    if (!number) return fail("read nf_tables generation: no number in the answer");
    return *number;
}

bool Nftables::Impl::on_event(const nlmsghdr& header) {
    if ((header.nlmsg_type >> 8U) != NFNL_SUBSYS_NFTABLES) return false;
    if (header.nlmsg_type != message_type(NFT_MSG_NEWGEN)) {
        touched = is_about_our_table(header) || touched;
        return false;
    }
    const auto number = generation_of(header);
    const bool foreign = touched && !(number && own.contains(*number));
    touched = false;
    if (number) {
        if (is_after(*number, seen)) seen = *number;
        std::erase_if(own, [&number](std::uint32_t n) { return !is_after(n, *number); });
    }
    return foreign;
}

bool Nftables::Impl::lost_only_our_own() {
    touched = false;
    const auto now = generation();
    if (!now) return false;
    bool ours = true;
    for (std::uint32_t number = seen; ours && number != *now;) {
        number = next_generation(number);
        ours = own.contains(number);
    }
    seen = *now;
    return ours;
}

Nftables::Nftables(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Nftables::~Nftables() = default;

Result<std::unique_ptr<Nftables>> Nftables::open() {
    auto impl = std::make_unique<Impl>();
    auto requests = Impl::open_socket(0);
    if (!requests) return tl::unexpected<Error>{std::move(requests.error())};
    impl->requests = std::move(*requests);
    // The kernel answers inside send(); this is only so that no bug of it can hang us.
    const timeval patience{2, 0};
    if (::setsockopt(mnl_socket_get_fd(impl->requests.get()), SOL_SOCKET, SO_RCVTIMEO, &patience,
                     sizeof patience) != 0) {
        return fail_errno("set netlink timeout");
    }

    auto events = Impl::open_socket(SOCK_NONBLOCK);
    if (!events) return tl::unexpected<Error>{std::move(events.error())};
    impl->events = std::move(*events);
    const int fd = mnl_socket_get_fd(impl->events.get());
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kEventBuffer, sizeof kEventBuffer) != 0) {
        static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kEventBuffer, sizeof kEventBuffer));
    }
    int group = NFNLGRP_NFTABLES;
    if (mnl_socket_setsockopt(impl->events.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
        return fail_errno("subscribe to nf_tables events");
    }
    const auto generation = impl->generation();
    if (!generation) return tl::unexpected<Error>{generation.error()};
    impl->seen = *generation;

    // Last, because libnftables ends the whole process when it gets no netlink socket; we just got two.
    impl->context.reset(nft_ctx_new(NFT_CTX_DEFAULT));
    if (!impl->context) return fail("create libnftables context");
    if (nft_ctx_buffer_output(impl->context.get()) != 0 || nft_ctx_buffer_error(impl->context.get()) != 0) {
        return fail("buffer libnftables output");
    }
    return std::unique_ptr<Nftables>(new Nftables(std::move(impl)));
}

Result<void> Nftables::apply(const std::string& ruleset) {
    if (ruleset.empty()) return {};
    const auto before = impl_->generation();
    if (!before) return tl::unexpected<Error>{before.error()};
    const int result = nft_run_cmd_from_buffer(impl_->context.get(), ruleset.c_str());
    if (result != 0) {
        const char* report = nft_ctx_get_error_buffer(impl_->context.get());
        return fail("nft: " + explain(impl_->context.get(), ruleset, report == nullptr ? "" : report));
    }
    // One step further, and it was ours. More, and somebody else came in between: then we claim nothing and
    // drain() tells about a foreign hand, which is at worst one replacement of the table too many.
    const auto after = impl_->generation();
    if (after && *after == next_generation(*before)) impl_->own.insert(*after);
    return {};
}

Result<bool> Nftables::table_exists() {
    return impl_->request(NFT_MSG_GETTABLE, NFPROTO_INET, kTable, "look up nftables table",
                          [](const nlmsghdr&) {});
}

int Nftables::event_handle() const { return mnl_socket_get_fd(impl_->events.get()); }

Result<bool> Nftables::drain() {
    bool foreign = false;
    const int fd = event_handle();
    for (int i = 0; i < kDrainLimit; ++i) {
        sockaddr_nl from{};
        socklen_t from_size = sizeof from;
        const ssize_t size = ::recvfrom(fd, impl_->buffer.data(), impl_->buffer.size(), MSG_TRUNC,
                                        reinterpret_cast<sockaddr*>(&from), &from_size);
        if (size < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) break;
            if (errno != ENOBUFS) return fail_errno("read nf_tables events");
            foreign = !impl_->lost_only_our_own() || foreign;
            continue;
        }
        if (from.nl_pid != 0) continue;  // not the kernel
        if (static_cast<std::size_t>(size) > impl_->buffer.size()) {
            foreign = true;  // longer than any event should be: we do not know what it says
            continue;
        }
        int rest = static_cast<int>(size);
        const auto* header = reinterpret_cast<const nlmsghdr*>(impl_->buffer.data());
        for (; mnl_nlmsg_ok(header, rest); header = mnl_nlmsg_next(header, &rest)) {
            foreign = impl_->on_event(*header) || foreign;
        }
    }
    return foreign;
}

}  // namespace ulagate::firewall
