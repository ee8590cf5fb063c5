// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checks/frame_injector.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "daemon/kernel/rtnl/socket.h"
#include "daemon/kernel/rtnl/state.h"
#include "daemon/kernel/sysctl.h"

namespace ulagate {
namespace {

// Where in the frame the index of the interface is: the source address.
constexpr std::int32_t kIndexAt = ETH_ALEN;

constexpr bpf_insn instruction(std::uint8_t code, std::uint8_t to, std::uint8_t from, std::int32_t value) {
    bpf_insn out{};
    out.code = code;
    out.dst_reg = to & 0xfU;
    out.src_reg = from & 0xfU;
    out.imm = value;
    return out;
}

// return bpf_redirect(the four bytes at kIndexAt, BPF_F_INGRESS)
Result<UniqueFd> load_program() {
    const std::array<bpf_insn, 6> program{
        instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0),
        instruction(BPF_LD | BPF_ABS, 0, 0, kIndexAt),  // BPF_W, which is 0: a word
        instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_0, 0),
        instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, BPF_F_INGRESS),
        instruction(BPF_JMP | BPF_CALL, 0, 0, BPF_FUNC_redirect),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0),
    };
    static constexpr char kLicense[] = "GPL";
    bpf_attr attributes{};
    attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
    attributes.insn_cnt = program.size();
    attributes.insns = reinterpret_cast<std::uint64_t>(program.data());
    attributes.license = reinterpret_cast<std::uint64_t>(kLicense);
    UniqueFd fd{static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes))};
    if (!fd) return fail_errno("load the BPF program of the probes");
    return fd;
}

Result<UniqueFd> make_tap() {
    UniqueFd tap{::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)};
    if (!tap) return fail_errno("open /dev/net/tun");
    ifreq request{};
    std::strncpy(request.ifr_name, kProbeLink, sizeof request.ifr_name - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (::ioctl(tap.get(), TUNSETIFF, &request) != 0) return fail_errno(std::string{"make "} + kProbeLink);
    // Nobody lives there. On a kernel without IPv6 settings for it, all the better.
    const std::string settings = std::string{"net/ipv6/conf/"} + kProbeLink;
    static_cast<void>(write_sysctl(settings + "/disable_ipv6", "1"));
    static_cast<void>(write_sysctl(settings + "/accept_ra", "0"));
    const UniqueFd socket{::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!socket) return fail_errno("open a socket");
    request.ifr_flags = IFF_UP | IFF_NOARP;
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0)
        return fail_errno(std::string{"set up "} + kProbeLink);
    return tap;
}

tcmsg traffic_control(unsigned link, std::uint32_t parent, std::uint32_t handle, std::uint32_t info) {
    tcmsg out{};
    out.tcm_family = AF_UNSPEC;
    out.tcm_ifindex = static_cast<int>(link);
    out.tcm_parent = parent;
    out.tcm_handle = handle;
    out.tcm_info = info;
    return out;
}

Result<void> attach(unsigned link, int program) {
    constexpr int kBuffer = 32 * 1024;
    auto socket = rtnl::Socket::open(kBuffer);
    if (!socket) return fail(socket.error(), "attach the probes");
    rtnl::Message qdisc{RTM_NEWQDISC, NLM_F_CREATE,
                        traffic_control(link, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0), 0)};
    qdisc.put_text(TCA_KIND, "clsact");
    if (const auto made = socket->ask(qdisc); !made.ok())
        return rtnl::fail(made, "add clsact for the probes");
    constexpr std::uint32_t kPriority = 1;
    rtnl::Message filter{RTM_NEWTFILTER, NLM_F_CREATE,
                         traffic_control(link, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), 0,
                                         TC_H_MAKE(kPriority << 16U, htons(ETH_P_ALL)))};
    filter.put_text(TCA_KIND, "bpf");
    nlattr* options = filter.nest(TCA_OPTIONS);
    filter.put_u32(TCA_BPF_FD, static_cast<std::uint32_t>(program));
    filter.put_text(TCA_BPF_NAME, "ulagate");
    filter.put_u32(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    filter.end(options);
    if (const auto added = socket->ask(filter); !added.ok())
        return rtnl::fail(added, "add the filter of the probes");
    return {};
}

}  // namespace

Result<FrameInjector> FrameInjector::open() {
    auto program = load_program();
    if (!program) return tl::unexpected<Error>{std::move(program.error())};
    auto tap = make_tap();
    if (!tap) return tl::unexpected<Error>{std::move(tap.error())};
    if (auto attached = attach(::if_nametoindex(kProbeLink), program->get()); !attached)
        return tl::unexpected<Error>{std::move(attached.error())};
    return FrameInjector{std::move(*tap), std::move(*program)};
}

Result<void> FrameInjector::inject(std::span<const std::byte> frame) {
    if (::write(tap_.get(), frame.data(), frame.size()) < 0)
        return fail_errno("send a probe through ourselves");
    return {};
}

}  // namespace ulagate
