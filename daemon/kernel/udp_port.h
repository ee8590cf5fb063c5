// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

namespace ulagate {

// Whether a socket could be bound to the UDP port now, by IPv4 and by IPv6 where there is IPv6. Only asks.
bool udp_port_is_free(std::uint16_t port);

}  // namespace ulagate
