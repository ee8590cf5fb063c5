// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <variant>
#include <vector>

#include "vrrp/checksum.h"
#include "vrrp/machine.h"

// Packets of anybody on the LAN, time, and changes of the own priority: whatever comes, the machine has the
// address exactly while it is Active, answers one packet with a few actions, and never wants its turn again
// at once.
using namespace ulagate;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

net::Ipv6Address link_local(std::uint8_t last) {
    return {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}};
}

class Router {
public:
    Router() : machine_(config()) { perform(machine_.start(at_)); }

    void hear(std::uint8_t from, std::vector<std::byte> packet) {
        const auto source = link_local(from);
        if (packet.size() >= 8) {
            packet[6] = packet[7] = std::byte{0};
            const auto sum = vrrp::checksum(source, vrrp::kAllVrrpRouters, vrrp::kProtocol, packet);
            packet[6] = static_cast<std::byte>(sum >> 8U);
            packet[7] = static_cast<std::byte>(sum);
        }
        const auto parsed = vrrp::parse(packet, {source, vrrp::kAllVrrpRouters, vrrp::kHopLimit});
        if (parsed) perform(machine_.on_advertisement(*parsed, source, link_local(2), at_));
    }
    void wait(vrrp::Duration time) {
        at_ += time;
        for (int turns = 0; machine_.deadline() && *machine_.deadline() <= at_; ++turns) {
            require(turns < 4);
            perform(machine_.on_deadline(at_));
        }
    }
    void set_priority(std::uint8_t priority) { perform(machine_.set_priority(priority, at_)); }
    void lose_lease() { perform(machine_.lease_lost(at_, "lost")); }
    void restart() {
        perform(machine_.stop(at_));
        perform(machine_.start(at_));
    }

private:
    static vrrp::Config config() {
        vrrp::Config out;
        out.vrid = 51;
        out.interval = vrrp::Centiseconds{10};
        out.address = link_local(0x5e);
        return out;
    }
    void perform(const vrrp::Actions& actions) {
        require(actions.size() <= 8);
        for (const auto& action : actions) {
            if (std::holds_alternative<vrrp::TakeAddress>(action)) {
                require(!has_address_);
                has_address_ = true;
            } else if (std::holds_alternative<vrrp::ReleaseAddress>(action)) {
                has_address_ = false;
            }
        }
        require(has_address_ == (machine_.state() == vrrp::State::active));
        require(machine_.transitions().size() <= 16);
        require(machine_.priority() >= 1);
    }

    vrrp::TimePoint at_{std::chrono::hours{1}};
    vrrp::Machine machine_;
    bool has_address_ = false;
};

}  // namespace

// One step: what to do (1 byte) and with what (1 byte); a packet is the 24 bytes that follow, with its
// checksum put right.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto input = std::span{data, size};
    Router router;
    while (input.size() >= 2) {
        const std::uint8_t what = input[0];
        const std::uint8_t with = input[1];
        input = input.subspan(2);
        switch (what % 8) {
            case 0:
                router.wait(std::chrono::milliseconds{with});
                break;
            case 1:
                router.wait(std::chrono::milliseconds{16} * with);
                break;
            case 2:
                router.set_priority(with);
                break;
            case 3:
                if (with % 2 == 0) {
                    router.lose_lease();
                } else {
                    router.restart();
                }
                break;
            default: {
                const auto packet = std::as_bytes(input.first(std::min<std::size_t>(input.size(), 24)));
                router.hear(with, {packet.begin(), packet.end()});
                input = input.subspan(packet.size());
            }
        }
    }
    return 0;
}
