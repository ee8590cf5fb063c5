// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/base/address.h"
#include "vrrp/time.h"

// How hosts learn which machine holds the virtual address now: unsolicited Neighbor Advertisements.
namespace ulagate::vrrp {

// ff02::1, where they go
inline constexpr net::Ipv6Address kAllNodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

// 00-00-5E-00-02-{VRID}, RFC 9568 section 7.3
net::MacAddress virtual_mac(std::uint8_t vrid);

// The ICMPv6 message from the virtual address to all nodes: "I am a router (R), and this link-layer address
// replaces what you know (O)" (RFC 4861 section 4.4, RFC 9568 section 6.4). With its checksum.
std::vector<std::byte> neighbor_advertisement(const net::Ipv6Address& virtual_address,
                                              const net::MacAddress& link_address);

// When the unsolicited ones go out: RFC 4861 section 7.2.6, three of them, RetransTimer (1 s) apart. No
// socket, clock or log.
class Announcer {
public:
    // The address is ours, or must be told again. True: send one now. When it had started before, the
    // next is not nearer than 1 s to the last.
    [[nodiscard]] bool start(TimePoint now);
    // It is not ours any more.
    void stop();
    // True: send one now. `now` may be late; earlier than deadline() it does nothing.
    [[nodiscard]] bool on_deadline(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const { return next_; }

private:
    std::optional<TimePoint> next_;
    std::optional<TimePoint> last_;
    unsigned left_ = 0;
};

}  // namespace ulagate::vrrp
