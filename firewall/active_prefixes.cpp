// SPDX-License-Identifier: GPL-2.0-or-later
#include "firewall/active_prefixes.h"

#include "firewall/render.h"

namespace ulagate::firewall {

Result<ActivePrefixes> ActivePrefixes::open() {
    auto socket = NftSocket::open();
    if (!socket) return tl::unexpected<Error>{std::move(socket.error())};
    return ActivePrefixes{std::move(*socket)};
}

Result<std::vector<net::Ipv6Prefix>> ActivePrefixes::read() { return socket_.sites(kActivePrefixesSet); }

}  // namespace ulagate::firewall
