// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/nft_child.h"

#include <nftables/libnftables.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "daemon/base/fd.h"
#include "daemon/base/file.h"
#include "daemon/base/socket_message.h"
#include "firewall/nft_socket.h"

namespace ulagate::firewall {
namespace {

struct FreeContext {
    void operator()(nft_ctx* freed) const { nft_ctx_free(freed); }
};
using Context = std::unique_ptr<nft_ctx, FreeContext>;

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
std::string explain(nft_ctx* context, const std::string& path, std::string report) {
    nft_ctx_set_dry_run(context, true);
    const int result = nft_run_cmd_from_filename(context, path.c_str());
    nft_ctx_set_dry_run(context, false);
    const char* better = nft_ctx_get_error_buffer(context);
    if (result != 0 && better != nullptr && std::string_view(better).find(path) != std::string_view::npos)
        return first_reason(better);
    report.resize(report.find('\n') == std::string::npos ? report.size() : report.find('\n'));
    return report.empty() ? "no reason given" : first_reason(report);
}

struct Applied {
    RulesetAnswer answer;
    std::string reason;
};

// Every transaction of nf_tables makes a new generation of the ruleset. One step further, and it was ours.
// More, and somebody else came in between: then we claim nothing, which costs at worst one replacement of the
// table too many.
Applied apply(nft_ctx* context, NftSocket& kernel, int file) {
    Applied out;
    const std::string path = "/proc/self/fd/" + std::to_string(file);
    const auto ruleset = read_file(path, kMaxRuleset);
    if (!ruleset) {
        out.reason = ruleset.error().text();
        return out;
    }
    const auto before = kernel.generation();
    if (!before) {
        out.reason = before.error().text();
        return out;
    }
    if (nft_run_cmd_from_buffer(context, ruleset->c_str()) != 0) {
        const char* report = nft_ctx_get_error_buffer(context);
        out.reason = explain(context, path, report == nullptr ? "" : report);
        return out;
    }
    out.answer.applied = 1;
    const auto after = kernel.generation();
    if (after && *after == next_generation(*before)) {
        out.answer.alone = 1;
        out.answer.generation = *after;
    }
    return out;
}

// nullopt: the other end has closed, says something that we do not know, or has not said a word for a while.
// The next ruleset may be days away, and what a process keeps of itself is 2 MB of a card's memory.
std::optional<UniqueFd> next_ruleset() {
    pollfd waited{kNftChildSocket, POLLIN, 0};
    int ready = 0;
    do {
        ready = ::poll(&waited, 1, static_cast<int>(kNftChildIdle.count()));
    } while (ready < 0 && errno == EINTR);
    // From here on the other end is told (EPIPE) that it needs another process. What came before is still
    // served.
    if (ready == 0) ::shutdown(kNftChildSocket, SHUT_RD);
    char byte = 0;
    net::SocketMessage message{std::as_writable_bytes(std::span{&byte, 1})};
    ssize_t size = 0;
    do {
        size = ::recvmsg(kNftChildSocket, message.header(), MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size != 1) return std::nullopt;
    const auto file = net::control_value<int>(*message.header(), SOL_SOCKET, SCM_RIGHTS);
    if (!file) return std::nullopt;
    UniqueFd out{*file};
    if (byte != kApplyRuleset) return std::nullopt;
    return out;
}

int serve() {
    // It ends with us, also when it is lost in a library.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
#ifndef ULAGATE_SANITIZED
    // More than a ruleset of 10,000 sites takes; whoever wants more is out of his mind. Where a sandbox
    // forbids to say so, it has limits of its own.
    constexpr rlimit kMemory{1UL << 30U, 1UL << 30U};
    if (sizeof(void*) > 4) static_cast<void>(::setrlimit(RLIMIT_AS, &kMemory));
#endif
    auto kernel = NftSocket::open();
    if (!kernel) return EXIT_FAILURE;
    const Context context{nft_ctx_new(NFT_CTX_DEFAULT)};
    if (!context || nft_ctx_buffer_output(context.get()) != 0 || nft_ctx_buffer_error(context.get()) != 0)
        return EXIT_FAILURE;
    while (const auto file = next_ruleset()) {
        Applied applied = apply(context.get(), *kernel, file->get());
        applied.reason.resize(std::min(applied.reason.size(), kMaxReason));
        applied.answer.reason = static_cast<std::uint16_t>(applied.reason.size());
        std::array<char, sizeof(RulesetAnswer) + kMaxReason> datagram{};
        std::memcpy(datagram.data(), &applied.answer, sizeof applied.answer);
        std::memcpy(datagram.data() + sizeof applied.answer, applied.reason.data(), applied.reason.size());
        const std::size_t size = sizeof applied.answer + applied.reason.size();
        if (::send(kNftChildSocket, datagram.data(), size, MSG_NOSIGNAL) < 0) return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

}  // namespace

std::optional<int> run_nft_child(int argc, char** argv) {
    if (argc != 2 || std::string_view{argv[1]} != kNftChild) return std::nullopt;
    int type = 0;
    socklen_t size = sizeof type;
    // Somebody who types it has no such socket.
    if (::getsockopt(kNftChildSocket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET)
        return EXIT_FAILURE;
    return serve();
}

}  // namespace ulagate::firewall
